// Command loadtest measures a server of the Spring protocol from outside.
//
// It promises numbers that can be compared: floor is the least that any server
// must do to bring a line to N clients, and compare runs the same measurements
// against floor and against a teiserver binary on the same machine, one after
// the other. The measuring side is one process with one goroutine for each
// client, which reads in bulk and only counts; its own processor time is in
// every report, so that one can see when it was the bottleneck.
//
// Accounts are registered over the wire, so a server under test should run with
// serve --unlimited. Only loopback addresses are meant to be loaded with it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type options struct {
	JSON bool `help:"Print the report as JSON."`

	Floor    floorCommand    `cmd:"" help:"Run the bare fan-out server."`
	Fanout   fanoutCommand   `cmd:"" help:"N clients in channel main, lines at a rate or as fast as they go."`
	Login    loginCommand    `cmd:"" help:"N clients log in and stay; then the same again, when the server knows their passwords."`
	Idle10k  idleCommand     `cmd:"" name:"idle10k" help:"N clients stay while some chat; how fast is PING answered?"`
	Latency  latencyCommand  `cmd:"" help:"How long a channel line and a battle join take, on one node and across nodes."`
	Stampede stampedeCommand `cmd:"" help:"Kill a node and have its clients come to the others all at once."`
	Probe    probeCommand    `cmd:"" hidden:"" help:"Clients that are measured while others come."`
	Evening  eveningCommand  `cmd:"" help:"A server full of battles: what it costs at rest, and when an evening goes on in them."`
	Compare  compareCommand  `cmd:"" help:"Run fanout, login and idle10k against floor and a teiserver binary."`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "loadtest:", err)
		os.Exit(1)
	}
}

func run() error {
	if err := raiseFileLimit(); err != nil {
		return err
	}
	var o options
	parsed := kong.Parse(&o, kong.Name("loadtest"), kong.Description("Load for a server of the Spring lobby protocol."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	report := &Report{}
	if err := parsed.Run(report); err != nil {
		return err
	}
	if len(report.Sections) == 0 {
		return nil
	}
	if o.JSON {
		return report.writeJSON(os.Stdout)
	}
	return report.writeText(os.Stdout)
}

// raiseFileLimit allows as many connections as the system lets this user have.
func raiseFileLimit() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", limit.Max, err)
	}
	return nil
}

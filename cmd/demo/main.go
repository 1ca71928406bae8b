// Command demo shows a cluster surviving on one machine.
//
// It starts three teiserver processes on loopback, on one SQLite file, with bots that
// chat in channels and sit in battles, and draws twice a second who owns what. A key
// kills, pauses, cuts off or drains a node. Every line that a bot says has a number,
// so it is seen at once when a line is lost, doubled or out of order for somebody
// whose node was not touched.
//
// It promises to leave nothing behind: no process, no file, the terminal as it was.
// It knows the server from outside only: the protocol, the command line, /readyz. The
// links between the nodes run through proxies of the demo, which cut them; the database
// is never cut.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	Server string        `default:"bin/teiserver" help:"The teiserver binary."`
	Script string        `placeholder:"KEYS" help:"Plays keys with pauses instead of drawing, such as '5s d2; 10s u2; 5s k1; 8s r1; 5s q', and fails if bots on untouched nodes saw lines lost, doubled or out of order."`
	Dir    string        `placeholder:"FOLDER" help:"New folder for the database and the logs, which is kept; without it a temporary one is used and removed."`
	Pace   time.Duration `default:"1s" help:"How often each bot says a line in each of its rooms."`
}

// errSeen ends the demo when what the bots saw is not what was promised.
var errSeen = errors.New("bots on untouched nodes saw what they must not see")

func main() {
	var o options
	kong.Parse(&o, kong.Name("demo"), kong.Description("Three nodes, some bots, and keys to kill, pause, cut or drain."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	steps, err := parseScript(o.Script)
	if err != nil {
		return err
	}
	if o.Script == "" && !isTerminal(os.Stdin) {
		return errors.New("standard input is no terminal: use --script")
	}
	d, err := newDemo(o)
	if err != nil {
		return err
	}
	defer d.close()
	if o.Script != "" {
		d.journal.print(os.Stdout)
	}
	d.journal.note("starting %d nodes in %s", len(d.nodes), d.dir)
	if err := d.start(ctx); err != nil {
		return err
	}
	if o.Script != "" {
		d.play(ctx, steps)
	} else if err := d.show(ctx); err != nil {
		return err
	}
	d.settle(ctx)
	s := d.summary()
	if _, err := fmt.Fprint(os.Stdout, s.text()); err != nil {
		return err
	}
	if o.Script != "" && !s.good() {
		return errSeen
	}
	return nil
}

// Command teiserver is a lobby server for games of the Spring and Recoil engines,
// on one node or on a cluster, and the operator's commands beside it.
//
// It ends with 0, with 1 after an error, with 2 if the command line, environment
// or configuration file is wrong. An error is one line on standard error. SIGINT
// and SIGTERM ask for an orderly stop; a second one ends at once, with 130 or 143.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// What the process ends with.
const (
	exitError = 1
	exitUsage = 2
)

func run(args []string, stdout, stderr io.Writer) int {
	var c commands
	parser, err := kong.New(&c,
		kong.Name("teiserver"),
		kong.Description("A lobby server for games of the Spring and Recoil engines."),
		kong.Writers(stdout, stderr),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return fail(stderr, err, exitError)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fail(stderr, err, exitUsage)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer onSignals(cancel, os.Exit)()

	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	if err := command.Run(); err != nil {
		var stopped stopSignal
		if errors.As(context.Cause(ctx), &stopped) && errors.Is(err, context.Canceled) {
			return stopped.code()
		}
		return fail(stderr, err, exitError)
	}
	return 0
}

// fail prints an error as exactly one line.
func fail(stderr io.Writer, err error, code int) int {
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	_, _ = fmt.Fprintln(stderr, "teiserver: "+line) // nobody is left to tell
	return code
}

// stopSignal is why the context ended.
type stopSignal struct{ signal syscall.Signal }

func (s stopSignal) Error() string { return s.signal.String() }

// code is what a shell expects of a program that a signal ended.
func (s stopSignal) code() int { return 128 + int(s.signal) }

// onSignals cancels with the first signal and ends the process with the second,
// for the operator who does not want to wait. The returned function undoes it.
func onSignals(cancel context.CancelCauseFunc, exit func(code int)) (undo func()) {
	signals := make(chan os.Signal, 2)
	done, ended := make(chan struct{}), make(chan struct{})
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		defer close(ended)
		asked := false
		for {
			select {
			case s := <-signals:
				number, _ := s.(syscall.Signal)
				if asked {
					exit(stopSignal{number}.code())
					return
				}
				asked = true
				cancel(stopSignal{number})
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
		<-ended
	}
}

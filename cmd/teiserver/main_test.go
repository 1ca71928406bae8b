package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"teiserver": main})
}

// TestOneLine: whatever goes wrong, the operator reads one line.
func TestOneLine(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if code := fail(&b, errors.Join(errors.New("first\nsecond"), errors.New("third")), exitError); code != 1 {
		t.Errorf("code %d", code)
	}
	if got, want := b.String(), "teiserver: first; second; third\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSignalCodes(t *testing.T) {
	t.Parallel()
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		if got := (stopSignal{signal}).code(); got != want {
			t.Errorf("%v: %d, want %d", signal, got, want)
		}
	}
}

// TestSecondSignal: the first asks for an orderly stop, the second does not wait for it.
func TestSecondSignal(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	exited := make(chan int, 1)
	undo := onSignals(cancel, func(code int) { exited <- code })
	defer undo()
	send := func(s syscall.Signal) {
		if err := syscall.Kill(syscall.Getpid(), s); err != nil {
			t.Fatal(err)
		}
	}
	send(syscall.SIGINT)
	<-ctx.Done()
	var stopped stopSignal
	if !errors.As(context.Cause(ctx), &stopped) || stopped.code() != 130 {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	if len(exited) != 0 {
		t.Error("the first signal ended the process")
	}
	send(syscall.SIGTERM)
	if code := <-exited; code != 143 {
		t.Errorf("code %d", code)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run([]string{"version"}, &out, &errs); code != 0 || !strings.HasPrefix(out.String(), "teiserver ") || errs.Len() > 0 {
		t.Errorf("version: %d %q %q", code, out.String(), errs.String())
	}
}

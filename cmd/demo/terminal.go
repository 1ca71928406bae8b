package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// What is written to the terminal. The other screen of the terminal is used, so that
// what stood there before stands there after.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	home        = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// terminal is the user's, with keys read as they are typed.
type terminal struct {
	in, out *os.File
	before  unix.Termios
	keys    chan byte
	wake    [2]int // a pipe that ends the reader
	done    sync.WaitGroup
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	return err == nil
}

// openTerminal takes keys without waiting for a whole line and without showing them.
// Signals stay: Ctrl-C ends us as always.
func openTerminal(in, out *os.File) (*terminal, error) {
	before, err := unix.IoctlGetTermios(int(in.Fd()), getTermios)
	if err != nil {
		return nil, fmt.Errorf("read the mode of the terminal: %w", err)
	}
	t := &terminal{in: in, out: out, before: *before, keys: make(chan byte)}
	if err := unix.Pipe(t.wake[:]); err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	now := *before
	now.Lflag &^= unix.ICANON | unix.ECHO
	now.Cc[unix.VMIN], now.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(in.Fd()), setTermios, &now); err != nil {
		return nil, fmt.Errorf("set the mode of the terminal: %w", err)
	}
	if _, err := fmt.Fprint(out, enterScreen); err != nil {
		return nil, fmt.Errorf("write to the terminal: %w", err)
	}
	return t, nil
}

// read sends the keys until close or the end of ctx.
func (t *terminal) read(ctx context.Context) {
	t.done.Go(func() {
		defer close(t.keys)
		buf := make([]byte, 64)
		for {
			fds := []unix.PollFd{{Fd: int32(t.in.Fd()), Events: unix.POLLIN}, {Fd: int32(t.wake[0]), Events: unix.POLLIN}}
			if _, err := unix.Poll(fds, -1); err == unix.EINTR {
				continue
			} else if err != nil || fds[1].Revents != 0 {
				return
			}
			n, err := unix.Read(int(t.in.Fd()), buf)
			if err != nil || n == 0 {
				return
			}
			if buf[0] == 0x1b {
				continue // an arrow or another key that is no letter
			}
			for _, b := range buf[:n] {
				select {
				case t.keys <- b:
				case <-ctx.Done():
					return
				}
			}
		}
	})
}

// size returns columns and rows; an unknown size is that of an old terminal.
func (t *terminal) size() (columns, rows int) {
	w, err := unix.IoctlGetWinsize(int(t.out.Fd()), unix.TIOCGWINSZ)
	if err != nil || w.Col == 0 || w.Row == 0 {
		return 80, 24
	}
	return int(w.Col), int(w.Row)
}

// draw replaces what is shown. Lines are overwritten in place, so nothing flickers.
func (t *terminal) draw(lines []string) {
	columns, rows := t.size()
	var b strings.Builder
	b.WriteString(home)
	for i, line := range lines {
		if i == rows {
			break
		}
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(clip(line, columns))
		b.WriteString(clearLine)
	}
	b.WriteString(clearBelow)
	_, _ = t.out.WriteString(b.String()) // a terminal that is gone ends us by its signal
}

// close gives the terminal back as it was.
func (t *terminal) close() {
	_ = unix.Close(t.wake[1])
	t.done.Wait()
	_ = unix.Close(t.wake[0])
	_, _ = t.out.WriteString(leaveScreen)
	_ = unix.IoctlSetTermios(int(t.in.Fd()), setTermios, &t.before)
}

// clip cuts a line to the columns that are there. Colors take no room and are ended.
func clip(line string, columns int) string {
	var b strings.Builder
	used, escape, colored := 0, false, false
	for _, r := range line {
		switch {
		case escape:
			escape = r != 'm'
		case r == 0x1b:
			escape, colored = true, true
		case used == columns:
			continue // later colors still count
		default:
			used++
		}
		b.WriteRune(r)
	}
	if colored {
		b.WriteString(plain)
	}
	return b.String()
}

package spring

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(t *testing.T, r io.Reader, limit int) []string {
	t.Helper()
	l := newLineReader(r, limit)
	var got []string
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
	}
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", 70000)
	fits := strings.Repeat("y", 65000)
	in := "PING\nPI" + "NG\n\n" + fits + "\n" + long + "\nAFTER\r\nlast without end"
	want := []string{"PING", "PING", "", fits, "AFTER\r"}
	for name, r := range map[string]io.Reader{
		"at once":      strings.NewReader(in),
		"byte by byte": iotest.OneByteReader(strings.NewReader(in)),
		"halves":       iotest.HalfReader(strings.NewReader(in)),
	} {
		got := readAll(t, r, 65536)
		if len(got) != len(want) {
			t.Fatalf("%s: %d lines, want %d", name, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%s: line %d is %.40q (%d bytes), want %.40q", name, i, got[i], len(got[i]), want[i])
			}
		}
	}
}

func TestLineReaderGivesMemoryBack(t *testing.T) {
	l := newLineReader(strings.NewReader(strings.Repeat("z", 60000)+"\nPING\n"), 65536)
	for range 2 {
		if _, err := l.next(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := l.next()
	if !errors.Is(err, io.EOF) || len(l.buf) != readBytes {
		t.Errorf("after a long line the buffer has %d bytes (err %v), want %d", len(l.buf), err, readBytes)
	}
}

func TestLineReaderBoundsMemory(t *testing.T) {
	l := newLineReader(io.MultiReader(bytes.NewReader(bytes.Repeat([]byte("q"), 3<<20)), strings.NewReader("\nPING\n")), 65536)
	line, err := l.next()
	if err != nil || string(line) != "PING" {
		t.Fatalf("after 3 MB without line end: %q, %v", line, err)
	}
	if len(l.buf) > 65536+2*readBytes+65536 {
		t.Errorf("buffer grew to %d bytes", len(l.buf))
	}
}

func TestTelnetInterrupt(t *testing.T) {
	l := newLineReader(bytes.NewReader(telnetInterrupt), 65536)
	if _, err := l.next(); !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
}

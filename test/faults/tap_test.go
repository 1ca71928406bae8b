//go:build faults

package faults

import (
	"bytes"
	"net"
)

// tap tells of every line that is read from a connection, as it comes.
type tap struct {
	net.Conn
	seen func(line string)
	rest []byte
}

func (t *tap) Read(b []byte) (int, error) {
	n, err := t.Conn.Read(b)
	t.rest = append(t.rest, b[:n]...)
	for {
		line, rest, found := bytes.Cut(t.rest, []byte("\n"))
		if !found {
			return n, err
		}
		t.seen(string(line))
		t.rest = rest
	}
}

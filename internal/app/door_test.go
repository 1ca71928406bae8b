package app

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A node that cannot serve yet turns clients away, and afterwards takes them.
func TestTurnAway(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	s := &Server{listeners: map[string]net.Listener{"spring-listen": ln}}
	dial := func() net.Conn {
		nc, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = nc.Close() })
		return nc
	}
	stop := s.turnAway(t.Context())
	nc := dial()
	_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := nc.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read of who was turned away: %v", err)
	}
	stop()

	accepted := make(chan net.Conn, 1)
	go func() {
		nc, err := ln.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- nc
	}()
	dial()
	_ = (<-accepted).Close()
}

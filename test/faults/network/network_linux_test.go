//go:build faults

package network

import (
	"context"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"
)

func TestLinks(t *testing.T) {
	n, err := New("a", "b")
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	var ln net.Listener
	n.Host("a").Do(func() { ln, err = net.Listen("tcp", n.Host("a").Address+":4000") })
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := n.Host("b").Dial(ctx, "tcp", n.Host("a").Address+":4000")
	if err != nil {
		out, _ := exec.Command("ip", "route", "show", "table", "all").CombinedOutput()
		t.Fatal(err, string(out))
	}
	defer c.Close()
	echo := func(limit time.Duration) (time.Duration, error) {
		start := time.Now()
		_ = c.SetDeadline(start.Add(limit))
		if _, err := c.Write([]byte("hello")); err != nil {
			return 0, err
		}
		_, err := io.ReadFull(c, make([]byte, 5))
		return time.Since(start), err
	}
	if _, err := echo(10 * time.Second); err != nil {
		t.Fatal(err)
	}
	n.Set("b", "a", Rule{Delay: 100 * time.Millisecond})
	if d, err := echo(10 * time.Second); err != nil || d < 100*time.Millisecond {
		t.Fatal(d, err)
	}
	n.Set("b", "a", Rule{Cut: true})
	if _, err := echo(500 * time.Millisecond); err == nil {
		t.Fatal("an echo over a cut link")
	}
	n.Heal()
	// What was sent into the cut is sent again, and answered first.
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := echo(10 * time.Second); err != nil {
		t.Fatal(err)
	}
}

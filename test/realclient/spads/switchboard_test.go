//go:build realclient

package spads

import (
	"io"
	"net"
	"sync"
	"testing"
)

// switchboard is the TCP balancer before a cluster: it connects to the first node that
// answers, and when that has gone its clients are cut and come to the next.
type switchboard struct {
	addr  string
	nodes []string
	work  sync.WaitGroup
}

func balance(t *testing.T, nodes ...string) *switchboard {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &switchboard{addr: l.Addr().String(), nodes: nodes}
	done := make(chan struct{})
	b.work.Add(1)
	go func() {
		defer b.work.Done()
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			b.work.Add(1)
			go b.connect(in, done)
		}
	}()
	t.Cleanup(func() { _ = l.Close(); close(done); b.work.Wait() })
	return b
}

func (b *switchboard) connect(in net.Conn, done chan struct{}) {
	defer b.work.Done()
	defer func() { _ = in.Close() }()
	for _, node := range b.nodes {
		out, err := net.Dial("tcp", node)
		if err != nil {
			continue
		}
		ended := make(chan struct{}, 2)
		pass := func(to io.Writer, from io.Reader) {
			_, _ = io.Copy(to, from)
			ended <- struct{}{}
		}
		go pass(out, in)
		go pass(in, out)
		select {
		case <-ended:
		case <-done:
		}
		_ = out.Close()
		return
	}
}

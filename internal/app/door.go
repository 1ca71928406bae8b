package app

import (
	"context"
	"net"
	"sync"
	"time"
)

// patience is how long connections wait in the queue of the system while a node
// starts. After that they are turned away, so that clients try another node.
const patience = 2 * time.Second

// acceptPause follows a connection that could not be accepted.
const acceptPause = 50 * time.Millisecond

// turnAway ends whatever connects to the listeners of clients while the node starts
// and cannot serve yet, from patience on until the returned function is called. That
// waits until the listeners are free for whoever serves.
func (s *Server) turnAway(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for _, flag := range []string{"spring-listen", "spring-tls-listen"} {
		if ln, ok := s.listeners[flag].(*net.TCPListener); ok {
			all.Go(func() { refuseAll(ctx, ln) })
		}
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// refuseAll accepts and closes until ctx ends.
func refuseAll(ctx context.Context, ln *net.TCPListener) {
	wait := time.NewTimer(patience)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return
	}
	woken := make(chan struct{})
	unused := context.AfterFunc(ctx, func() {
		_ = ln.SetDeadline(time.Unix(1, 0))
		close(woken)
	})
	defer func() {
		if !unused() {
			<-woken
		}
		_ = ln.SetDeadline(time.Time{})
	}()
	for ctx.Err() == nil {
		nc, err := ln.Accept()
		if err == nil {
			_ = nc.Close()
			continue
		}
		select { // out of descriptors, or reset before it was accepted
		case <-time.After(acceptPause):
		case <-ctx.Done():
		}
	}
}

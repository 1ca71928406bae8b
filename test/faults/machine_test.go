//go:build faults

package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// The suite carries every packet, so a machine with too much else to do breaks links that
// no fault has touched. One byte goes back and forth between two hosts of ours; when it
// takes long that is noted, and nobody is blamed for what falls into it.
const (
	echoEvery = 200 * time.Millisecond
	echoLimit = time.Second
	// tooSlow is the part of a run of which a machine may have stood still, or the run
	// says nothing.
	tooSlow = 0.2
)

// watchMachine notes when the machine stands still, until stop is called.
func (r *rig) watchMachine() (stop func(), err error) {
	address := r.net.Host(operator).Address + ":7"
	var ln net.Listener
	r.net.Host(operator).Do(func() { ln, err = net.Listen("tcp", address) })
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c, err := r.net.Host(clients).Dial(ctx, "tcp", address)
	if err != nil {
		cancel()
		_ = ln.Close()
		return nil, err
	}
	var all sync.WaitGroup
	all.Go(func() {
		peer, err := ln.Accept()
		if err != nil {
			return
		}
		_, _ = io.Copy(peer, peer)
		_ = peer.Close()
	})
	all.Go(func() {
		tick := time.NewTicker(echoEvery)
		defer tick.Stop()
		last := now()
		for one := make([]byte, 1); ; {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			if _, err := c.Write(one); err != nil {
				return
			}
			if _, err := io.ReadFull(c, one); err != nil {
				return
			}
			if at := now(); time.Duration(at-last) > echoLimit {
				r.history.Add(Event{Kind: Fault, What: Slow, Start: last, At: at})
			}
			last = now()
		}
	})
	return func() {
		cancel()
		_ = c.Close()
		_ = ln.Close()
		all.Wait()
	}, nil
}

// judgeMachine says how long the machine stood still.
func (r *rig) judgeMachine(events []Event) {
	r.t.Helper()
	stood, times, longest := time.Duration(0), 0, time.Duration(0)
	for _, e := range events {
		if e.Kind == Fault && e.What == Slow {
			d := time.Duration(e.At - e.Start)
			stood, times, longest = stood+d, times+1, max(longest, d)
		}
	}
	if times == 0 {
		return
	}
	text := fmt.Sprintf("the machine stood still %d times for %.1f s of %.0f s, at most %.1f s", times, stood.Seconds(), time.Duration(now()-r.began).Seconds(), longest.Seconds())
	if stood.Seconds() > tooSlow*time.Duration(now()-r.began).Seconds() {
		r.t.Errorf("%s: it has too much else to do for this suite", text)
		return
	}
	r.t.Log(text)
}

package client

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"teiserver/internal/account"
)

// bomb is a user whose actions cannot be read without a panic.
const bomb = 13

// TestPanicsBeside: a panic in each of the parts that run beside the clients of a node is
// caught, and the part goes on for the others.
func TestPanicsBeside(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		n := r.nodes[0]
		caught := func(what string, more int64) {
			t.Helper()
			pass(5 * time.Second)
			if got := n.svc.Guard.Caught.Swap(0); got != more {
				t.Errorf("%s: %d panics caught, want %d", what, got, more)
			}
		}
		caught("nothing yet", 0)

		r.data.mu.Lock()
		r.data.bomb = bomb
		r.data.mu.Unlock()
		r.enter(n, bomb)
		a := r.enter(n, 2)
		caught("greeting", 1)
		r.data.mu.Lock()
		if !slices.Contains(r.data.looked, 2) {
			t.Error("the user behind the one whose greeting panicked is not greeted")
		}
		r.data.mu.Unlock()

		r.data.mu.Lock()
		r.data.slow = func(int) time.Duration { panic("a bug in relations") }
		r.data.mu.Unlock()
		n.svc.Changed(2)
		caught("user read again", 1)
		r.data.mu.Lock()
		r.data.slow = nil
		r.data.mu.Unlock()

		said := 0
		n.svc.parties.losses.add(func(time.Duration) { panic("a bug in a loss") })
		n.svc.parties.losses.add(func(time.Duration) { said++ })
		caught("party news", 1)
		if said != 1 {
			t.Errorf("said %d times behind the panic", said)
		}

		n.svc.sessions.mu.Lock()
		n.svc.sessions.held[99999] = heldSession{holder: &Client{user: &account.User{}}}
		n.svc.sessions.mu.Unlock()
		n.svc.queues.touch(false, 99999)
		caught("matchmaking news", 1)
		n.svc.sessions.mu.Lock()
		delete(n.svc.sessions.held, 99999)
		n.svc.sessions.mu.Unlock()
		r.queue(a, 1)
		if got := n.svc.queues.directory.Of(2).Queues; len(got) != 1 {
			t.Error("the queue is not followed after the panic: " + strconv.Itoa(len(got)))
		}
		caught("all goes on", 0)
	})
}

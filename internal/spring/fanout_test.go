//go:build !race

package spring

import (
	"net"
	"sync"
	"testing"
	"time"

	"teiserver/internal/client"
	"teiserver/internal/roster"
)

// TestFanOutAllocatesNothingPerRecipient: a line to a thousand connections that have nothing
// else to write costs what one to ten does: it is encoded once, queued and written without
// allocations of its own for each. Who finds the recipients is tested in package roster. Under
// the race detector the pools drop a part of what they are given.
func TestFanOutAllocatesNothingPerRecipient(t *testing.T) {
	few, many := fanOut(t, 10), fanOut(t, 1000)
	// A collection of garbage between two runs empties pools: less than one for ten is noise.
	if many-few > 99 {
		t.Errorf("a line costs %.0f allocations with 10 recipients, %.0f with 1000", few, many)
	}
}

// fanOut measures the allocations of one line to n connections, up to its being written.
func fanOut(t *testing.T, n int) float64 {
	t.Helper()
	var written sync.WaitGroup
	srv := &Server{}
	conns := make([]*conn, n)
	for i := range conns {
		conns[i] = &conn{srv: srv, out: client.NewOutbox(&drain{of: &written}, client.PlayerBytes, nil)}
	}
	said := roster.RoomSaid{User: &roster.User{ID: 1, Name: "Alice"}, Text: "a line that everybody in the room reads"}
	each := testing.AllocsPerRun(20, func() {
		written.Add(n)
		u := &roster.Update{Event: said}
		for _, c := range conns {
			c.Show(u)
		}
		written.Wait()
	})
	for _, c := range conns {
		c.out.Close(nil)
		<-c.out.Done()
	}
	return each
}

// drain is a connection that takes everything, and says so.
type drain struct {
	net.Conn
	of *sync.WaitGroup
}

func (d *drain) Write(b []byte) (int, error)      { d.of.Done(); return len(b), nil }
func (d *drain) SetWriteDeadline(time.Time) error { return nil }
func (d *drain) Close() error                     { return nil }

package bus_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/bus/bustest"
)

// TestAdvertise: a node that is reached at another address than it listens on says so,
// and who hears of it from a third node dials that address.
func TestAdvertise(t *testing.T) {
	a := open(t, bus.Options{Self: bus.Origin{Node: "a", Incarnation: 1}})
	var dialed atomic.Int64
	var nodes []bus.Bus
	for _, name := range []string{"b", "c"} {
		front, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		o := bus.Options{Self: bus.Origin{Node: name, Incarnation: 1}, Advertise: front.Addr().String(), Join: []string{a.Address()}}
		var done sync.WaitGroup
		t.Cleanup(done.Wait) // behind the end of the node, which ends what is carried
		b := open(t, o)
		forward(t, front, b.Address(), &done, &dialed)
		nodes = append(nodes, b)
	}
	bustest.Await(t, "b and c hear each other", func() bool { return len(nodes[0].Peers()) == 2 && len(nodes[1].Peers()) == 2 })
	if dialed.Load() == 0 {
		t.Error("they have found each other, but not at the address that was advertised")
	}
}

// forward is the way from the advertised address to the node.
func forward(t *testing.T, front net.Listener, back string, done *sync.WaitGroup, dialed *atomic.Int64) {
	t.Cleanup(func() { _ = front.Close() })
	done.Go(func() {
		for {
			in, err := front.Accept()
			if err != nil {
				return
			}
			dialed.Add(1)
			out, err := net.Dial("tcp", back)
			if err != nil {
				_ = in.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				done.Go(func() {
					_, _ = io.Copy(way[1], way[0])
					_ = way[1].Close()
				})
			}
		}
	})
}

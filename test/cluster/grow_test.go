package cluster

import (
	"fmt"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
	"teiserver/test/springclient"
)

// TestGrowAndShrink has a cluster of one become one of two and of three, and go back
// to one: those that stay are not restarted, and their people miss nothing.
func TestGrowAndShrink(t *testing.T) {
	t.Parallel()
	r := &rig{T: t, c: Prepare(t, Config{Binary: binary, Nodes: 3, Database: pgtest.URL(t)})}
	t.Cleanup(r.leave)
	r.c.StartNodes(t, 0)
	host, a, b := r.host(0), r.playerOn(0), r.playerOn(0)
	r.meet()
	battle := host.open("Grow")
	host.admit(a, battle)
	for _, p := range []*person{a, b} {
		p.join("grow")
	}
	r.mark()
	line := 0
	talk := func(p, q *person) {
		line++
		p.send("SAY grow line %d", line)
		q.want("SAID grow %s line %d", p.name, line)
		p.want("SAID grow %s line %d", p.name, line)
	}
	during := func(what string, do func() error) {
		done := make(chan error, 1)
		go func() { done <- do() }()
		for {
			select {
			case err := <-done:
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				return
			default:
				talk(a, b)
			}
		}
	}

	var guests []*person
	for node := 1; node < 3; node++ {
		during(fmt.Sprint("add node ", node+1), func() error { return r.c.Processes[node].Restart(t.Context()) })
		g := r.playerOn(node)
		g.join("grow")
		host.admit(g, battle)
		talk(g, a)
		talk(b, g)
		guests = append(guests, g)
	}
	for node := 2; node > 0; node-- {
		during(fmt.Sprint("stop node ", node+1), func() error {
			r.c.Processes[node].Stop()
			return r.c.Processes[node].err
		})
		gone := guests[node-1]
		for _, p := range []*person{host, a, b} {
			p.await(gone.name+" gone", func(m *springclient.Model) bool { return m.Users[gone.name] == nil })
		}
		talk(b, a)
	}
	// All is on the first node again, and the only node serves alone.
	r.living()
	for key, o := range r.owners() {
		if o.Node != r.c.Processes[0].Name && !asleep(o) {
			t.Errorf("%s is on %s", key, o.Node)
		}
	}
	if n := r.nodes()[r.c.Processes[0].Name]; n.State != lease.Serving || n.Incarnation != 1 {
		t.Errorf("the node that stayed is %+v", n)
	}
	host.admit(b, battle)
	host.open("Alone")
}

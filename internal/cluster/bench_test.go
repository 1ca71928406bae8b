package cluster_test

import (
	"context"
	"testing"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
)

type idle struct{}

func (idle) Apply(process.Command) (process.Outcome, error) { return process.Outcome{}, nil }
func (idle) View() any                                      { return clustertest.List{} }
func (idle) Snapshot() ([]byte, error)                      { return []byte("{}"), nil }
func (idle) Resume() []process.Timer                        { return nil }

func benchNode(b *testing.B, net *bus.Network, s *clustertest.Store, name string, single bool) *cluster.Node {
	n := cluster.New(cluster.Options{
		Name: name, Single: single, Leases: s, Owners: s, Sequences: s,
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) { return net.Join(self), nil },
	})
	n.Register(process.Kind{
		Name: "idle", Start: process.Explicit, Doubt: process.Freeze, Persist: true,
		Open: func(context.Context, string, []byte) (process.Machine, error) { return idle{}, nil },
	})
	if err := n.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Stop(context.Background()) })
	return n
}

// BenchmarkCall is a call as the domain makes it: to a process of the same node, on a
// node without and with a cluster, and to one on another node over the memory bus.
func BenchmarkCall(b *testing.B) {
	key := cluster.NewKey("idle", 1)
	var command any = clustertest.Read{}
	run := func(name string, single, remote bool) {
		b.Run(name, func(b *testing.B) {
			net, s := bus.NewNetwork(), clustertest.NewStore()
			owner := benchNode(b, net, s, "a", single)
			caller := owner
			if remote {
				caller = benchNode(b, net, s, "b", false)
			}
			if _, err := owner.Own(b.Context(), key, command); err != nil {
				b.Fatal(err)
			}
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := caller.Call(ctx, key, command); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("single", true, false)
	run("cluster/local", false, false)
	run("cluster/remote", false, true)
}

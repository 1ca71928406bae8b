package process_test

import (
	"context"
	"testing"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// nothing is a machine that does nothing: what is measured is the way to it and back.
type nothing struct{}

func (nothing) Apply(process.Command) (process.Outcome, error) { return process.Outcome{}, nil }
func (nothing) View() any                                      { return nil }
func (nothing) Snapshot() ([]byte, error)                      { return []byte("{}"), nil }
func (nothing) Resume() []process.Timer                        { return nil }

type silent struct{}

func (silent) Publish(any) feed.Version { return feed.Version{} }
func (silent) Restart() feed.Version    { return feed.Version{} }
func (silent) Base(any)                 {}
func (silent) Version() feed.Version    { return feed.Version{} }
func (silent) Close()                   {}

// BenchmarkCall is a command to a process on the same node: with the lease of a cluster
// node read before each effect, and alone.
func BenchmarkCall(b *testing.B) {
	for _, alone := range []bool{true, false} {
		name := map[bool]string{true: "alone", false: "cluster"}[alone]
		b.Run(name, func(b *testing.B) { benchmarkCall(b, alone, false) })
		b.Run(name+"/parallel", func(b *testing.B) { benchmarkCall(b, alone, true) })
	}
}

func benchmarkCall(b *testing.B, alone, parallel bool) {
	s := clustertest.NewStore()
	join := lease.Join
	if alone {
		join = lease.Alone
	}
	l, err := join(b.Context(), lease.Options{Candidate: lease.Candidate{Name: "a"}, Store: s})
	if err != nil {
		b.Fatal(err)
	}
	l.Start()
	defer l.Abandon()
	inc := l.Membership().Incarnation
	h := process.NewHost(process.Options{
		Incarnation: inc, Store: s, Trusted: l.Trusted, Volatile: alone,
		Kinds: map[string]*process.Kind{"nothing": {
			Name: "nothing", Doubt: process.Freeze,
			Open: func(context.Context, string, []byte) (process.Machine, error) { return nothing{}, nil },
		}},
		OpenFeed: func(string, int64, int64, feed.ViewFunc, ...feed.OpenOption) process.Publisher { return silent{} },
	})
	defer h.DropAll()
	key := registry.NewKey("nothing", 1)
	own, err := s.Claim(b.Context(), key, inc)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := h.Start(b.Context(), own, nil); err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	var body any = add{V: 1}
	n := int64(0)
	b.ReportAllocs()
	if parallel {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := h.Get(key).Call(ctx, process.Call{Body: body}); err != nil {
					b.Fatal(err)
				}
			}
		})
		return
	}
	for b.Loop() {
		n++
		if _, err := h.Get(key).Call(ctx, process.Call{Body: body, ID: process.ID{Incarnation: inc, N: n}}); err != nil {
			b.Fatal(err)
		}
	}
}

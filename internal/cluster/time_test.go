package cluster_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
)

// stamps is a machine that notes when its commands came. Its snapshot is its state.
type stamps struct{ Times []time.Time }

// stamp is its command, answered with all times.
type stamp struct{}

var (
	_ = message.Register[stamp]("clustertest.stamp")
	_ = message.Register[stamps]("clustertest.stamps")
)

func (s *stamps) view() stamps { return stamps{slices.Clone(s.Times)} }

func (s *stamps) Apply(c process.Command) (process.Outcome, error) {
	s.Times = append(s.Times, c.At)
	return process.Outcome{Reply: s.view()}, nil
}
func (s *stamps) View() any                 { return s.view() }
func (s *stamps) Snapshot() ([]byte, error) { return json.Marshal(s.view()) }
func (s *stamps) Resume() []process.Timer   { return nil }

var stampKind = process.Kind{
	Name: "stamps", Scope: process.PerID, Start: process.Explicit, Doubt: process.Freeze, Persist: true, Purpose: "tests",
	Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
		s := &stamps{}
		if snapshot == nil {
			return s, nil
		}
		return s, json.Unmarshal(snapshot, s)
	},
}

// TestRule26_TimesInsideAState: hosts are seconds and hours apart; the times inside a
// state are the store's, within the round trip of a renewal, whichever node owns it,
// and a takeover makes no jump.
func TestRule26_TimesInsideAState(t *testing.T) {
	for _, off := range []time.Duration{5 * time.Second, time.Hour} {
		t.Run(off.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const trip, ahead = 20 * time.Millisecond, 24 * time.Hour
				h := newHouse(t)
				h.store.Step(ahead) // of every host
				h.kinds = append(h.kinds, stampKind)
				h.store.OnAccess(func(x clustertest.Access) clustertest.Fault {
					if x.Op == "renew" && x.Incarnation%2 == 0 {
						return clustertest.Fault{Late: trip}
					}
					return clustertest.Fault{Delay: trip}
				})
				for name, by := range map[string]time.Duration{"a": off, "b": -off, "c": 0} {
					o := h.options(name)
					h.clock[name].ahead.Add(int64(by))
					h.with(o)
				}
				h.ready()
				slices.SortFunc(h.nodes, func(a, b *cluster.Node) int { return int(a.Self().Node[0]) - int(b.Self().Node[0]) })
				key := cluster.NewKey("stamps", 1)
				var sent []time.Time // by the store's clock
				note := func(n *cluster.Node) stamps {
					t.Helper()
					sent = append(sent, time.Now().Add(ahead))
					reply, err := n.Call(within(10*time.Second), key, stamp{})
					if err != nil {
						t.Fatal(err)
					}
					return reply.(stamps)
				}
				sent = append(sent, time.Now().Add(ahead))
				if _, err := h.nodes[0].Own(within(5*time.Second), key, stamp{}); err != nil {
					t.Fatal(err)
				}
				note(h.nodes[1])
				pass(2 * time.Second)
				h.kill(h.nodes[0]) // the one that is ahead
				pass(6 * time.Second)
				got := note(h.nodes[0])
				if runs := h.runs(key); len(runs) != 1 || runs[0] == "a" {
					t.Fatalf("runs on %v", runs)
				}
				got = note(h.nodes[1])
				if len(got.Times) != len(sent) {
					t.Fatalf("times %v, want %d", got.Times, len(sent))
				}
				for i, at := range got.Times {
					// An Own waits for its claim: the command comes one trip later.
					if late := at.Sub(sent[i]); late < -trip/2 || late > 2*trip {
						t.Errorf("command %d is stamped %v after it was sent", i, late)
					}
				}
			})
		})
	}
}

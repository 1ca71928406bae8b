package lobby

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

// shelf keeps what lobbies store in the store of a test, with its fences.
type shelf struct{ *clustertest.Store }

func (s shelf) CreateMatch(ctx context.Context, f registry.Fence, _ match.Match) error {
	return s.Write(ctx, f, "create")
}

func (s shelf) StartMatch(ctx context.Context, f registry.Fence, _ match.Start) error {
	return s.Write(ctx, f, "start")
}

func (s shelf) StopMatch(ctx context.Context, f registry.Fence, _ match.Stop) error {
	return s.Write(ctx, f, "stop")
}

func (s shelf) KeepState(ctx context.Context, f registry.Fence) error { return s.Write(ctx, f, "keep") }

// mute is a feed that nobody follows.
type mute struct{ v feed.Version }

func (m *mute) Publish(any) feed.Version { m.v.Seq++; return m.v }
func (m *mute) Restart() feed.Version    { m.v.Run++; return m.v }
func (m *mute) Base(any)                 {}
func (m *mute) Version() feed.Version    { return m.v }
func (m *mute) Close()                   {}

// TestOrdersOutliveTheirOwner: an order that keeps somebody out holds when the node of the
// lobby is killed right behind its echo; others are not stored one by one.
func TestOrdersOutliveTheirOwner(t *testing.T) {
	t.Parallel()
	outcast := Target{Word: "outsider", User: outsider, Name: "outsider"}
	for line, kept := range map[string]bool{
		"lobbyban outsider": true, "timeout outsider": true, "lock spectator": true, "speclock outsider": true,
		"gatekeeper friends": true, "reset-approval": true, "welcome-message hi": false, "roll 1": false, "unlock team": false,
	} {
		t.Run(line, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := clustertest.NewStore()
				key := registry.NewKey(Kind, 3)
				node := func(name string) (*process.Host, int64) {
					m, err := s.Join(t.Context(), lease.Candidate{Name: name, TTL: 24 * time.Hour})
					if err != nil {
						t.Fatal(err)
					}
					k := NewKind(shelf{s}, nil)
					h := process.NewHost(process.Options{
						Incarnation: m.Incarnation, Kinds: map[string]*process.Kind{Kind: &k}, Store: s,
						Trusted: func() bool { return true }, Rebuilt: func(registry.Key, int64) {},
						OpenFeed:   func(string, int64, int64, feed.ViewFunc, ...feed.OpenOption) process.Publisher { return &mute{} },
						IndexTopic: func(kind string) string { return kind + ".index" }, Log: slog.New(slog.DiscardHandler),
					})
					t.Cleanup(h.DropAll)
					return h, m.Incarnation
				}
				start := func(h *process.Host, incarnation int64, first any) *process.Process {
					own, err := s.Claim(t.Context(), key, incarnation)
					if err != nil {
						t.Fatal(err)
					}
					var c *process.Call
					if first != nil {
						c = &process.Call{Body: first, ID: process.ID{Incarnation: incarnation, N: 1}}
					}
					p, err := h.Start(t.Context(), own, c)
					if err != nil {
						t.Fatal(err)
					}
					return p
				}
				a, one := node("a")
				b, two := node("b")
				p := start(a, one, openCommand(""))
				if _, err := p.First(t.Context()); err != nil {
					t.Fatal(err)
				}
				var name, rest string
				_, _ = fmt.Sscan(line, &name, &rest)
				rights := facts(founder)
				rights.Moderator = true
				o := Order{Who: who(founder), Facts: rights, Name: name, Rest: rest, Targets: []Target{outcast}, Seed: 1}
				if _, err := p.Call(t.Context(), process.Call{Body: o, ID: process.ID{Incarnation: one, N: 2}}); err != nil {
					t.Fatal(err)
				}
				p.Drop() // and nothing more is written
				<-p.Done()
				if err := s.Leave(t.Context(), one); err != nil {
					t.Fatal(err)
				}
				if got := len(s.Facts()) == 2; got != kept {
					t.Errorf("stored: %+v", s.Facts())
				}
				f := facts(outsider)
				_, err := start(b, two, nil).Call(t.Context(), process.Call{
					Body: Join{Who: who(outsider), Facts: &f, Join: 1}, ID: process.ID{Incarnation: two, N: 1},
				})
				if out := name == "lobbyban" || name == "timeout"; refusal.Is(err, refusal.Banned) != out {
					t.Errorf("who was told to stay out: %v", err)
				}
			})
		})
	}
}

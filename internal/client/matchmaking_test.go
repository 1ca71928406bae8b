package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/lobby"
	"teiserver/internal/matchmaking"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
)

// rigQueues are the queues of a rig.
const rigQueues = "1 | Duel | 1v1 | Map\n2 | Team | 2v2"

// rigWorld is what queues and matches of a rig ask.
type rigWorld struct{ n *rigNode }

func (w rigWorld) Known() bool                               { return w.n.svc != nil }
func (w rigWorld) Site(ctx context.Context) matchmaking.Site { return w.n.svc.Site(ctx) }
func (w rigWorld) Claim(ctx context.Context, c matchmaking.Claim) matchmaking.Answer {
	return w.n.svc.Claim(ctx, c)
}

func (w rigWorld) Enter(ctx context.Context, user int64, match string, lobbyID int64) error {
	return w.n.svc.EnterMatch(ctx, user, match, lobbyID)
}
func (w rigWorld) Lobbies() []lobby.Summary { return w.n.roster.Summaries() }
func (w rigWorld) Order(ctx context.Context, host int64, lines ...string) {
	w.n.svc.Tell(ctx, 99, host, lines...)
}

func (w rigWorld) Call(ctx context.Context, key registry.Key, body any) (any, error) {
	return w.n.Call(ctx, key, body)
}

func (w rigWorld) Own(ctx context.Context, key registry.Key, first any) error {
	_, err := w.n.Own(ctx, key, first)
	return err
}

func (d *data) KeepState(context.Context, registry.Fence) error { return nil }

// queue has an actor join a queue.
func (r *rig) queue(a *actor, id int) {
	r.Helper()
	done, err := a.JoinQueue(context.Background(), id)
	done()
	if err != nil {
		r.Fatalf("user %d does not join queue %d: %v", a.user.ID, id, err)
	}
	synctest.Wait()
}

// matched takes what an actor was told of queues and matches.
func (a *actor) matched() (list []string) {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	list, a.queued = a.queued, nil
	return list
}

func (r *rig) told(a *actor, want ...string) {
	r.Helper()
	if got := a.matched(); !slices.Equal(got, want) {
		r.Errorf("user %d was told %q, want %q", a.user.ID, got, want)
	}
}

// toldToBeOut: of one queue after the other, or of all at once.
func (r *rig) toldToBeOut(a *actor) {
	r.Helper()
	if list := a.matched(); len(list) == 0 || list[len(list)-1] != "queues []" {
		r.Errorf("user %d was told %q", a.user.ID, list)
	}
}

func matchLine(e roster.Event) string {
	switch e := e.(type) {
	case roster.ReadyCheck:
		return fmt.Sprint("ready ", e.Queue)
	case roster.MatchCanceled:
		return fmt.Sprint("canceled ", e.Queue)
	case roster.QueuesSet:
		return fmt.Sprint("queues ", e.Queues)
	}
	return ""
}

func (r *rig) sits(a *actor, want ...int) {
	r.Helper()
	for _, n := range r.nodes {
		if got := n.svc.queues.directory.Of(a.user.ID).Queues; !slices.Equal(got, want) {
			r.Errorf("node %s: user %d waits in %v, want %v", n.Self().Node, a.user.ID, got, want)
		}
	}
}

// TestSilentPlayer: who does not answer is out of all queues and hears it; the other one
// keeps its place.
func TestSilentPlayer(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a, b := r.enter(r.nodes[0], 50, account.Bot), r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		r.open(host)
		r.queue(a, 1)
		r.queue(b, 2)
		r.queue(b, 1)
		pass(time.Second)
		r.told(a, "ready 1")
		r.told(b, "ready 1")
		if err := a.ReadyForMatch(context.Background()); err != nil {
			t.Fatal(err)
		}
		if !a.svc.Matchmaking(1) {
			t.Error("who is asked does not wait any more")
		}
		pass(130 * time.Second)
		r.told(a, "canceled 1")
		r.toldToBeOut(b)
		r.sits(a, 1)
		r.sits(b)
		done, err := a.LeaveQueues(context.Background())
		done()
		if err != nil {
			t.Error(err)
		}
		r.sits(a)
		r.told(a)
	})
}

// TestSeated: players of two nodes are brought into the room and seated; they do not wait
// any more, so that its consul lets them play.
func TestSeated(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a, b := r.enter(r.nodes[1], 50, account.Bot), r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		r.open(host)
		r.queue(a, 2)
		r.queue(a, 1)
		r.queue(b, 1)
		pass(time.Second)
		for _, x := range []*actor{a, b} {
			r.told(x, "ready 1")
			if err := x.ReadyForMatch(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		pass(2 * time.Second)
		for _, x := range []*actor{a, b} {
			if x.svc.Matchmaking(x.user.ID) {
				t.Errorf("user %d still waits", x.user.ID)
			}
			st := lobby.Status{Sync: 1, Player: true, Color: "0"}
			for _, in := range r.room(host).Members {
				if in.User == x.user.ID {
					st.Team, st.Ally = in.Status.Team, in.Status.Ally
				}
			}
			err := x.Command(context.Background(), func(w lobby.Who, _ lobby.Rights) any { return lobby.SetStatus{Who: w, Status: st} })
			if err != nil {
				t.Fatal(err)
			}
		}
		pass(5 * time.Second)
		v := r.room(host)
		sides := map[int]bool{}
		for _, m := range v.Members {
			if !m.Status.Player {
				t.Errorf("user %d does not play: %+v", m.User, m.Status)
			}
			sides[m.Status.Ally] = true
		}
		if len(v.Members) != 2 || len(sides) != 2 || v.Tags["server/match/queue_id"] != "1" {
			t.Errorf("the room is %+v", v)
		}
		want := []string{"!preset duel", "!bset startpostype 2", "!autobalance off", "!map Map", "!forcestart"}
		var got []string
		for _, line := range host.hears() {
			if order, private := strings.CutPrefix(line, "Coordinator: "); private {
				got = append(got, order)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("the host heard %q, want %q", got, want)
		}
		for _, x := range []*actor{a, b} {
			r.toldToBeOut(x)
			r.sits(x)
		}
	})
}

// TestPlaceOfTheLost: a place outlives a connection for as long as the site says, and a node.
func TestPlaceOfTheLost(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		a, b := r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		r.queue(a, 2)
		r.queue(b, 2)
		a.Lose(context.Background())
		pass(20 * time.Second)
		r.sits(a, 2)
		a = r.enter(r.nodes[1], 1)
		r.told(a, "queues [{2 Team}]")
		pass(20 * time.Second)
		r.sits(a, 2)
		a.Lose(context.Background())
		pass(40 * time.Second)
		r.sits(a)
		r.sits(b, 2)
		b.Close()
		pass(time.Second)
		r.sits(b)
	})
}

// TestBackBeforeTheNews: who is back on a node that has not heard of its place yet takes it over
// as soon as it has.
func TestBackBeforeTheNews(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		first := r.enter(r.nodes[0], 9)
		r.queue(first, 2) // it runs somewhere now
		var owner *rigNode
		var others []*rigNode
		for _, n := range r.nodes {
			here := false
			n.Local(matchmaking.KindQueue, func(cluster.Key) { here = true })
			if here {
				owner = n
			} else {
				others = append(others, n)
			}
		}
		a := r.enter(others[0], 1)
		pass(time.Second)
		r.net.Cut(owner.Self().Node, others[1].Self().Node)
		r.queue(a, 2)
		a.Lose(context.Background())
		a = r.enter(others[1], 1)
		if got := others[1].svc.queues.directory.Of(1).Queues; len(got) > 0 {
			t.Fatalf("it knows of %v", got)
		}
		r.net.Heal()
		pass(40 * time.Second)
		r.sits(a, 2)
	})
}

// TestQueueRefused: what a client is not let into.
func TestQueueRefused(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		bot, a := r.enter(r.nodes[0], 50, account.Bot), r.enter(r.nodes[0], 1)
		warned := r.enter(r.nodes[0], 2)
		warned.warned.Store(true)
		for name, tc := range map[string]struct {
			by   *actor
			id   int
			want refusal.Code
		}{
			"no such queue": {a, 7, refusal.NotFound},
			"no number":     {a, 0, refusal.NotFound},
			"a bot":         {bot, 1, refusal.Forbidden},
			"a warned one":  {warned, 1, refusal.Forbidden},
		} {
			done, err := tc.by.JoinQueue(context.Background(), tc.id)
			done()
			if !refusal.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", name, err, tc.want)
			}
		}
	})
}

// TestPartyInQueue: a party that has become another one waits no longer.
func TestPartyInQueue(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		a, b := r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		if err := r.nodes[0].svc.Put(context.Background(), 1, 2); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		r.queue(a, 2)
		r.told(a)
		r.told(b, "queues [{2 Team}]")
		r.sits(b, 2)
		done, err := b.LeaveParty(context.Background())
		done()
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		r.told(a, "queues []")
		r.told(b, "queues []")
		r.sits(a)
		r.sits(b)
	})
}

// TestClaims: of two matches one gets a player, until it is over.
func TestClaims(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		r.enter(r.nodes[0], 1)
		other := r.nodes[1].svc
		claims := func(c matchmaking.Claim, want matchmaking.Answer) {
			t.Helper()
			if got := other.Claim(context.Background(), c); got != want {
				t.Errorf("%+v: %s, want %s", c, got, want)
			}
		}
		one := matchmaking.Claim{User: 1, Match: "1-1", Users: []int64{1}}
		two := matchmaking.Claim{User: 1, Match: "2-1", Users: []int64{1}}
		claims(matchmaking.Claim{User: 9, Match: "1-1", Users: []int64{9}}, matchmaking.Away)
		claims(matchmaking.Claim{User: 1, Match: "1-1", Party: "p", Users: []int64{1, 2}}, matchmaking.Changed)
		claims(one, matchmaking.Free)
		claims(one, matchmaking.Free)
		claims(two, matchmaking.Busy)
		pass(claimFor)
		claims(two, matchmaking.Free)
	})
}

// TestNodeOfTheQueueLeaves: the node that runs a queue and its match goes while players are
// asked. Who has said that it is ready is not asked again, and the match is made.
func TestNodeOfTheQueueLeaves(t *testing.T) {
	t.Run("in order", func(t *testing.T) {
		queueMoves(t, func(r *rig, home *rigNode) { home.stop(r); pass(3 * time.Second) })
	})
	// Nobody hears it, so it gives way.
	t.Run("cut off", func(t *testing.T) {
		queueMoves(t, func(r *rig, home *rigNode) {
			for _, n := range r.nodes {
				if n != home {
					r.net.Cut(home.Self().Node, n.Self().Node)
				}
			}
			pass(30 * time.Second)
			home.stop(r)
			pass(20 * time.Second)
		})
	})
}

func queueMoves(t *testing.T, gone func(r *rig, home *rigNode)) {
	inCluster(t, 3, func(r *rig) {
		home := r.home(1)
		var others []*rigNode
		for _, n := range r.nodes {
			if n != home {
				others = append(others, n)
			}
		}
		host, a, b, c := r.enter(others[0], 50, account.Bot), r.enter(others[0], 1), r.enter(others[1], 2), r.enter(others[1], 3)
		r.open(host)
		r.queue(a, 1)
		r.queue(b, 1)
		r.queue(c, 1)
		pass(time.Second)
		r.told(a, "ready 1")
		r.told(b, "ready 1")
		if err := a.ReadyForMatch(context.Background()); err != nil {
			t.Fatal(err)
		}
		gone(r, home)
		r.nodes = others
		ran := 0
		for _, n := range others {
			n.Local(matchmaking.KindMatch, func(registry.Key) { ran++ })
		}
		if ran != 1 {
			t.Errorf("%d of the nodes that stay run the match", ran)
		}
		r.told(a)
		r.told(b)
		if err := b.ReadyForMatch(context.Background()); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		if v := r.room(host); len(v.Members) != 2 {
			t.Errorf("in the room are %+v", v.Members)
		}
		r.sits(c, 1)
	})
}

// home is the node of a queue in which somebody has waited.
func (r *rig) home(id int) (home *rigNode) {
	r.Helper()
	x := r.enter(r.nodes[0], 99)
	r.queue(x, id)
	x.Close()
	pass(time.Second)
	for _, n := range r.nodes {
		n.Local(matchmaking.KindQueue, func(key registry.Key) {
			if key == matchmaking.QueueKey(id) {
				home = n
			}
		})
	}
	if home == nil {
		r.Fatal("the queue runs nowhere")
	}
	return home
}

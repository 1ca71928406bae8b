package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/roster"
)

// TestPresenceInDoubt: while the store is away nobody is trusted, and still everybody
// sees who comes to a game, talks and goes.
func TestPresenceInDoubt(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		a, b := r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		for _, x := range []*actor{a, b} {
			if err := x.JoinChannel(r.Context(), "main"); err != nil {
				r.Fatal(err)
			}
		}
		pass(time.Second)
		r.away()
		pass(3 * time.Second)
		if r.nodes[1].Trusted() {
			r.Fatal("still trusted")
		}
		b.SetStatus(true, false)
		if err := b.Say(r.Context(), "main", "still here", false); err != nil {
			r.Errorf("say: %v", err)
		}
		pass(100 * time.Millisecond)
		if u, ok := r.nodes[0].roster.User(2); !ok || !u.InGame {
			r.Errorf("the other node sees %+v", u)
		}
		if a.saw("ChannelSaid") != 1 {
			r.Error("the line was not heard")
		}
		b.Close()
		pass(100 * time.Millisecond)
		if _, ok := r.nodes[0].roster.User(2); ok {
			r.Error("who has gone is still shown")
		}
		r.store.OnAccess(nil)
	})
}

// TestJoinWaitsForATakeOver: a channel whose owner is taken over just now can be joined,
// and an outage keeps nobody from his PING by waiting for one channel after the other.
func TestJoinWaitsForATakeOver(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		a := r.enter(r.nodes[0], 1)
		r.away()
		pass(2 * time.Second)
		back := time.AfterFunc(4*time.Second, func() { r.store.OnAccess(nil) })
		defer back.Stop()
		if err := a.JoinChannel(r.Context(), "main"); err != nil {
			r.Errorf("join: %v", err)
		}
		if a.trouble != (trouble{}) {
			r.Errorf("trouble stays: %+v", a.trouble)
		}
		pass(time.Second)
		r.away()
		pass(3 * time.Second)
		began := time.Now()
		for i := range 12 {
			if err := a.JoinChannel(r.Context(), fmt.Sprintf("other%d", i)); !errors.Is(err, cluster.ErrUnavailable) {
				r.Errorf("join %d: %v", i, err)
			}
		}
		if took := time.Since(began); took > 50*time.Second {
			r.Errorf("12 channels stood in the way for %v", took)
		}
		r.store.OnAccess(nil)
		pass(5 * time.Second)
	})
}

// TestNoLoginInDoubt: a node that may have been given up lets nobody in, and ends no
// session of another node by trying.
func TestNoLoginInDoubt(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		a := r.enter(r.nodes[0], 1)
		r.away()
		pass(3 * time.Second)
		accepted := false
		_, err := r.nodes[1].svc.Enter(context.Background(), &account.User{ID: 1, Name: "u1"}, Presence{}, &actor{node: r.nodes[1]}, func() { accepted = true })
		if accepted || !errors.Is(err, cluster.ErrUnavailable) {
			r.Errorf("accepted: %v, %v", accepted, err)
		}
		r.store.OnAccess(nil)
		pass(20 * time.Second)
		if a.ended != "" {
			r.Errorf("the session that there was has ended: %s", a.ended)
		}
	})
}

// TestNewestIgnoresCount: of two changes that come quickly, the second one stays,
// however long the first one took to be read.
func TestNewestIgnoresCount(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		a := r.enter(r.nodes[0], 1)
		first := r.data.calls + 1
		r.data.slow = func(call int) time.Duration {
			if call == first {
				return time.Second
			}
			return 0
		}
		r.data.ignore(1, 2)
		r.nodes[0].svc.userChanged(1)
		pass(100 * time.Millisecond)
		r.data.ignore(1, 2, 3)
		r.nodes[0].svc.userChanged(1)
		pass(5 * time.Second)
		if !a.Ignores(2) || !a.Ignores(3) {
			r.Errorf("ignores 2: %v, 3: %v", a.Ignores(2), a.Ignores(3))
		}
	})
}

// TestOneSession: of many logins of one user on several nodes one stays, also if no
// node hears of the others' claims.
func TestOneSession(t *testing.T) {
	for _, deaf := range []bool{false, true} {
		inCluster(t, 3, func(r *rig) {
			if deaf {
				r.net.Drop(func(_, _, topic string) bool { return topic == TopicSession })
			}
			actors := make([]*actor, 30)
			var all sync.WaitGroup
			for i := range actors {
				a := &actor{node: r.nodes[i%3]}
				actors[i] = a
				all.Go(func() {
					c, err := a.node.svc.Enter(context.Background(), &account.User{ID: 1, Name: "u1"}, Presence{}, a, func() {})
					if err == nil {
						a.Client = c
					}
				})
			}
			all.Wait()
			pass(auditEvery + time.Second)
			stayed := 0
			for _, a := range actors {
				switch {
				case a.Client == nil:
				case a.ended != "":
					a.Close()
				default:
					stayed++
				}
			}
			pass(time.Second)
			if stayed != 1 {
				r.Errorf("deaf %v: %d sessions stayed", deaf, stayed)
			}
			for _, n := range r.nodes {
				u, ok := n.roster.User(1)
				if !ok || u.Session != int64(len(actors)) {
					r.Errorf("deaf %v: %s shows %+v", deaf, n.Self().Node, u)
				}
			}
		})
	}
}

// TestSupersededWhileClaiming: a claim that is heard of between our claim and our
// session ends ours.
func TestSupersededWhileClaiming(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		r.data.slow = func(int) time.Duration { return time.Second } // between claim and session
		late := make(chan error)
		go func() {
			_, err := r.nodes[0].svc.Enter(context.Background(), &account.User{ID: 1, Name: "u1"}, Presence{}, &actor{}, func() {
				r.Error("accepted, though a newer session is there")
			})
			late <- err
		}()
		pass(100 * time.Millisecond)
		r.data.slow = nil
		a := r.enter(r.nodes[1], 1)
		if err := <-late; err == nil {
			r.Error("the older session entered")
		}
		if a.ended != "" || r.nodes[0].svc.Count() != 0 {
			r.Errorf("the newer one ended %q, %d of the older", a.ended, r.nodes[0].svc.Count())
		}
	})
}

// TestDeliverAcrossNodes: what is for one session arrives there, and ignores hold.
func TestDeliverAcrossNodes(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		r.data.ignore(2, 3)
		a, b, ignored := r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2), r.enter(r.nodes[0], 3)
		for _, from := range []*actor{a, ignored} {
			if err := from.SayPrivate(r.Context(), "u2", "hello"); err != nil {
				r.Fatal(err)
			}
			from.Ring(r.Context(), "u2", "")
		}
		pass(time.Second)
		if b.saw("PrivateSaid") != 1 || b.saw("Rang") != 1 {
			r.Errorf("saw %v", b.log)
		}
	})
}

// TestDeliverFollowsTheUser: the sender's node hears late that a user has logged in
// elsewhere; the message still arrives, once.
func TestDeliverFollowsTheUser(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		from, old := r.enter(r.nodes[0], 1), r.enter(r.nodes[1], 2)
		r.net.Delay(func(source, target string) time.Duration {
			if target == "a" && source != "a" {
				return 120 * time.Millisecond
			}
			return 0
		})
		now := r.enter(r.nodes[2], 2)
		old.Close()
		if err := from.SayPrivate(r.Context(), "u2", "hello"); err != nil {
			r.Fatal(err)
		}
		pass(time.Second)
		if now.saw("PrivateSaid") != 1 || old.saw("PrivateSaid") != 0 {
			r.Errorf("the new session saw %v, the old one %v", now.log, old.log)
		}
	})
}

var _ roster.Viewer = (*Client)(nil)

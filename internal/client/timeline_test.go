package client

import (
	"context"
	"slices"
	"testing"
	"time"

	"teiserver/internal/account"
)

// TestRule10_ClientsStay: the store is on another timeline, which lacks the last commits.
// Every client stays, nobody is seen to leave, lobby and channel go on, and the sessions are
// those of this timeline; but a session ends whose user has a newer one there.
func TestRule10_ClientsStay(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		a, b, c := r.nodes[0], r.nodes[1], r.nodes[2]
		host, player, watcher, old := r.enter(a, 1), r.enter(b, 2), r.enter(c, 3), r.enter(a, 4)
		id := r.open(host)
		r.ask(player, id)
		r.accept(host, player)
		for _, x := range []*actor{player, watcher} {
			if err := x.JoinChannel(r.Context(), "main"); err != nil {
				r.Fatal(err)
			}
		}
		pass(3 * time.Second)
		standby := r.store.Copy()

		// Lost: somebody has come, somebody has logged in again; and one has logged in
		// elsewhere since, of which the nodes have not heard.
		late := r.enter(b, 5)
		r.data.mu.Lock()
		delete(r.data.epochs, 5)
		claim := r.data.epochs[3]
		claim.Epoch--
		r.data.epochs[3] = claim
		claim = r.data.epochs[4]
		claim.Epoch, claim.Node, claim.Incarnation = claim.Epoch+1_000_000, "x", 99
		r.data.epochs[4] = claim
		r.data.mu.Unlock()
		all := []*actor{host, player, watcher, late, old}
		for _, x := range all {
			x.mu.Lock()
			x.log = nil
			x.mu.Unlock()
		}
		r.store.TakeOverBy(standby)
		pass(time.Second)
		if old.ended == "" {
			r.Error("the session stays of who has a newer one")
		}
		old.Close()
		if err := watcher.Say(r.Context(), "main", "still here", false); err != nil {
			r.Errorf("say: %v", err)
		}
		pass(30 * time.Second) // two audits
		for i, x := range all[:4] {
			if x.ended != "" {
				r.Errorf("client %d was ended: %s", i, x.ended)
			}
			for _, kind := range []string{"MemberWent", "LobbyClosed", "ChannelWent", "MemberCame", "UserCame"} {
				if n := x.saw(kind); n != 0 {
					r.Errorf("client %d saw %d %s", i, n, kind)
				}
			}
			if n := x.saw("UserWent"); n != 1 { // the one who has gone
				r.Errorf("client %d saw %d users leave", i, n)
			}
		}
		if player.saw("ChannelSaid") != 1 {
			r.Error("the line was not heard")
		}
		if err := player.SayLobby(r.Context(), "on we go", false, ""); err != nil {
			r.Errorf("say in the lobby: %v", err)
		}
		if got := host.hears(); !slices.Contains(got, "u2 on we go") {
			r.Errorf("the host hears %q", got)
		}
		for user, n := range map[int64]*rigNode{1: a, 2: b, 3: c, 5: b} {
			got := r.data.epochs[user]
			if got.Node != n.Self().Node || got.Incarnation != n.Membership().Incarnation {
				r.Errorf("the session of %d is %+v", user, got)
			}
		}
		// The newest wins as ever.
		again := r.enter(c, 2)
		pass(100 * time.Millisecond)
		if player.ended == "" || again.ended != "" {
			r.Errorf("after another login the first has ended %q, the second %q", player.ended, again.ended)
		}
	})
}

// TestRule10_LoginMeanwhile: a session that was claimed in the history before and begins in
// this one goes on as the others do.
func TestRule10_LoginMeanwhile(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		n := r.nodes[0]
		r.data.claiming = func(int64) {
			r.data.claiming = nil
			r.data.slow = func(int) time.Duration { return 4 * time.Second } // of what is read after the claim
		}
		x := &actor{node: n}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c, err := n.svc.Enter(context.Background(), &account.User{ID: 1, Name: "u1"}, Presence{}, x, func() {})
			if err != nil {
				r.Errorf("enter: %v", err)
				return
			}
			x.Client = c
		}()
		pass(100 * time.Millisecond)
		before := r.data.epochs[1]
		r.store.TakeOverBy(r.store.Copy())
		<-done
		pass(2 * auditEvery)
		if x.ended != "" {
			r.Errorf("ended: %s", x.ended)
		}
		if got := r.data.epochs[1]; got.Epoch != before.Epoch || got.Incarnation != n.Membership().Incarnation || before.Incarnation == got.Incarnation {
			r.Errorf("the session is %+v, it was %+v", got, before)
		}
	})
}

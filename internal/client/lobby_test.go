package client

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/lobby"
)

// TestJoinElsewhere: the lobby that was asked before is left, also one that has
// refused or thrown out, and the request to the new one stands.
func TestJoinElsewhere(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		first, second := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2, account.Bot)
		a := r.enter(r.nodes[0], 3)
		one, two := r.open(first), r.open(second)
		r.ask(a, one)
		if err := first.Answer(r.Context(), "u3", false, "no"); err != nil {
			r.Fatal(err)
		}
		r.ask(a, two)
		r.accept(second, a)
		r.ask(a, one)
		if v := r.room(second); len(v.Members) != 0 {
			r.Errorf("still in the lobby it has left: %+v", v.Members)
		}
		if err := a.LeaveLobby(r.Context()); err != nil {
			r.Errorf("take the request back: %v", err)
		}
		if v := r.room(first); len(v.Pending) != 0 {
			r.Errorf("the request stands: %+v", v.Pending)
		}
	})
}

// away makes the store answer nothing.
func (r *rig) away() {
	r.store.OnAccess(func(clustertest.Access) clustertest.Fault { return clustertest.Fault{Fail: clustertest.ErrLost} })
}

// TestJoinWithoutAnAnswer: a lobby that cannot be reached is not waited for without
// end, and nothing of the request stays when it is back.
func TestJoinWithoutAnAnswer(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.away()
		pass(3 * time.Second) // nobody is trusted any more
		began := time.Now()
		err := a.JoinLobby(r.Context(), id, "", "1")
		if !errors.Is(err, cluster.ErrUnavailable) {
			r.Errorf("join: %v", err)
		}
		if took := time.Since(began); took > 2*waitFor {
			r.Errorf("the reader stood still for %v", took)
		}
		r.store.OnAccess(nil)
		pass(10 * time.Second)
		if v := r.room(host); len(v.Pending)+len(v.Members) != 0 {
			r.Errorf("the request that failed stands: %+v", v.Pending)
		}
		r.ask(a, id)
		r.accept(host, a)
		if a.saw("Entered") != 1 {
			r.Errorf("did not enter: %v", a.log)
		}
		pass(time.Minute)
		if v := r.room(host); len(v.Members) != 1 {
			r.Error("a late end of the request that failed ended the one after it")
		}
	})
}

// TestFailedJoinIsNotSeen: a join is taken, and neither the answer nor the lobby's feed
// is heard, so the client is told that it failed. The host lets it in afterwards. It must
// not be shown to be in, nor stay in, unless it asks again.
func TestFailedJoinIsNotSeen(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		if err := a.node.roster.Enter(r.Context(), a, id); err != nil {
			r.Fatal(err)
		}
		var unheard, mute atomic.Bool
		r.net.Drop(func(from, _, topic string) bool {
			return from == "a" && unheard.Load() || from == "b" && mute.Load() && topic == "cluster.call"
		})
		unheard.Store(true)
		failed := make(chan error)
		go func() { failed <- a.JoinLobby(r.Context(), id, "", "1") }()
		pass(100 * time.Millisecond)
		if v, _ := host.node.roster.Room(id); len(v.Pending) != 1 {
			r.Fatalf("pending %+v", v.Pending)
		}
		mute.Store(true)
		if err := <-failed; !errors.Is(err, cluster.ErrUnavailable) {
			r.Fatalf("join: %v", err)
		}
		r.accept(host, a)
		unheard.Store(false)
		pass(5 * time.Second)
		if v, _ := host.node.roster.Room(id); len(v.Members) != 1 {
			r.Fatalf("members %+v", v.Members)
		}
		mute.Store(false)
		pass(5 * time.Second)
		if v := r.room(host); len(v.Members)+len(v.Pending) != 0 {
			r.Errorf("the join that failed stands: %+v", v)
		}
		if a.saw("Entered") != 0 || a.saw("MemberWent") != 0 {
			r.Errorf("the join that failed was seen: %v", a.log)
		}
		r.ask(a, id)
		r.accept(host, a)
		if a.saw("Entered") != 1 {
			r.Errorf("did not enter when it asked again: %v", a.log)
		}
	})
}

// TestJoinWhoseAnswerIsLost: the feed tells that the lobby has taken the request, so the
// client is not told that it failed.
func TestJoinWhoseAnswerIsLost(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		inCluster(t, 2, func(r *rig) {
			host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
			id := r.open(host)
			if err := a.node.roster.Enter(r.Context(), a, id); err != nil {
				r.Fatal(err)
			}
			r.net.Drop(func(from, _, topic string) bool { return from == "a" && topic == "answer" })
			answered := make(chan error)
			go func() { answered <- a.JoinLobby(r.Context(), id, "", "1") }()
			pass(100 * time.Millisecond)
			if accepted {
				r.accept(host, a)
			}
			if err := <-answered; err != nil {
				r.Errorf("accepted %v: %v", accepted, err)
			}
			r.net.Drop(nil)
			if !accepted {
				r.accept(host, a)
			}
			pass(5 * time.Second)
			if v := r.room(host); len(v.Members) != 1 || a.saw("Entered") != 1 {
				r.Errorf("accepted %v: members %+v, seen %v", accepted, v.Members, a.log)
			}
		})
	}
}

// TestCommandsBehindOpening: who sends them without waiting for the answer means the
// lobby that it opens.
func TestCommandsBehindOpening(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		if err := host.OpenLobby(r.Context(), lobby.Info{Title: "t"}, ""); err != nil {
			r.Fatal(err)
		}
		for _, tag := range []string{"a", "b"} {
			err := host.Command(r.Context(), func(w lobby.Who, rights lobby.Rights) any {
				return lobby.SetTags{Who: w, Rights: rights, Tags: map[string]string{"game/x": tag}}
			})
			if err != nil {
				r.Error(err)
			}
		}
		if v := r.room(host); v.Tags["game/x"] != "b" {
			r.Errorf("tags %v", v.Tags)
		}
	})
}

// TestLeaveIsNotRepeatedTooLate: a leave that could not be answered is repeated, but
// ends only what was before it.
func TestLeaveIsNotRepeatedTooLate(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.ask(a, id)
		r.accept(host, a)
		late := a.leaving()
		r.ask(a, id)
		r.accept(host, a)
		_, err := r.nodes[1].Call(r.Context(), lobbyKey(id), late)
		if err == nil {
			r.Error("a leave of the join before was taken")
		}
		if v := r.room(host); len(v.Members) != 1 {
			r.Errorf("members %+v", v.Members)
		}
	})
}

// TestCloseLeavesEverything: a seat that this node learns of only after the call for
// it has failed is left all the same.
func TestCloseLeavesEverything(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.ask(a, id)
		r.accept(host, a)
		a.asked = 0 // as after an answer that was lost
		if err := a.JoinChannel(r.Context(), "main"); err != nil {
			r.Fatal(err)
		}
		a.Close()
		a.Close()
		pass(100 * time.Millisecond) // long before any audit
		v, _ := host.node.roster.Room(id)
		if len(v.Members) != 0 {
			r.Errorf("members %+v", v.Members)
		}
		if _, online := r.nodes[0].roster.User(2); online {
			r.Error("is still shown")
		}
		if n := r.nodes[1].svc.Count(); n != 0 {
			r.Errorf("%d sessions", n)
		}
	})
}

// TestOpenWithoutAnAnswer: a lobby whose opening had no clear outcome is not left
// behind.
func TestOpenWithoutAnAnswer(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		ctx, cancel := context.WithCancel(r.Context())
		r.data.opening = func() {
			cancel() // the answer is not waited for
			<-time.After(time.Second)
		}
		if err := host.OpenLobby(ctx, lobby.Info{Title: "t"}, ""); err == nil {
			r.Error("opened, though its context had ended")
		}
		pass(5 * time.Second)
		if ids := r.nodes[1].roster.LobbyIDs(); len(ids) != 0 {
			r.Errorf("lobbies %v", ids)
		}
	})
}

// TestLongOutage: a take-over is waited for, an outage is not: PING comes behind the
// commands of its connection.
func TestLongOutage(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.ask(a, id)
		r.accept(host, a)
		say := func(x *actor) (took time.Duration, err error) {
			began := time.Now()
			err = x.SayLobby(r.Context(), "hello", false, "")
			return time.Since(began), err
		}
		r.away()
		pass(3 * time.Second)
		for _, x := range []*actor{host, a} {
			took, err := say(x)
			if err == nil || took < time.Second {
				r.Errorf("the first line waited %v, %v", took, err)
			}
		}
		pass(longTrouble)
		for _, x := range []*actor{host, a} {
			began := time.Now()
			for range 50 {
				if _, err := say(x); err == nil {
					r.Error("said in doubt")
				}
			}
			if took := time.Since(began); took > 20*time.Second {
				r.Errorf("50 lines stood in the way for %v", took)
			}
		}
		r.store.OnAccess(nil)
		pass(5 * time.Second)
		for _, x := range []*actor{host, a} {
			if _, err := say(x); err != nil {
				r.Errorf("after the outage: %v", err)
			}
			if x.trouble != (trouble{}) {
				r.Errorf("trouble stays: %+v", x.trouble)
			}
		}
	})
}

// lateOwner is a node whose clients learn last that the lobby they open is there.
type lateOwner struct{ cluster.Runtime }

func (l lateOwner) Own(ctx context.Context, key cluster.Key, first any) (any, error) {
	reply, err := l.Runtime.Own(ctx, key, first)
	pass(100 * time.Millisecond)
	return reply, err
}

// TestHostIsShownItsLobbyEarly: a lobby that is shown before the node knows that it has
// opened it holds nobody up.
func TestHostIsShownItsLobbyEarly(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		host.svc.Runtime = lateOwner{host.svc.Runtime}
		began := time.Now()
		r.open(host)
		if took := time.Since(began); took >= waitFor {
			r.Errorf("the host was held up for %s", took)
		}
	})
}

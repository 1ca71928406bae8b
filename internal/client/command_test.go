package client

import (
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/lobby"
)

// TestOrders: what is typed in a lobby with a "$" is not shown, and answered once,
// by the lobby or by the Coordinator, on whichever nodes they are.
func TestOrders(t *testing.T) {
	everywhere(t, func(r *rig) {
		host := r.enter(r.last(), 1, account.Bot)
		id := r.open(host)
		a, b := r.enter(r.nodes[0], 2), r.enter(r.last(), 3)
		for _, who := range []*actor{a, b} {
			r.ask(who, id)
			r.accept(host, who)
		}
		pass(4 * time.Second)
		for _, who := range []*actor{host, a, b} {
			who.hears()
		}
		for _, step := range []struct {
			name, text string
			private    bool // told the Coordinator
			mine       []string
			room       []string // what the others hear, and the speaker too, before the rest
		}{
			{"unknown", "$nosuch", false, []string{"* Coordinator No command of name 'nosuch'"}, nil},
			{"not mine", "$lock team", false, []string{"* Coordinator You are not allowed to use the 'lock' command (host only)"}, nil},
			{"queue", "$joinq", false, []string{
				"* Coordinator You are now in the join-queue at position 1. Use $status to check on the queue.",
				"* Coordinator u2 You were at the front of the queue, you are now a player.",
			}, nil},
			{"the old word for it", "!joinq", false, []string{"* Coordinator You are already a player, you can't join the queue!"}, nil},
			{"in private", "$leaveq", true, []string{}, nil},
			{"password", "$password?", false, []string{"* Coordinator This lobby has no password set"}, nil},
			{"plain", "$ not a command", false, nil, []string{"u2 $not a command"}},
			{"lone", "$", false, nil, []string{"u2 $"}},
			{"for hosts only", "!specafk x", false, nil, nil},
			{"somebody's place", "!cv joinas u3", false, nil, []string{"u2 !cv joinas spec"}},
			{"the Coordinator's", "$coc pausing", false, []string{
				"Coordinator: 2.4 - Pausing at inappropriate moments or unpausing when someone is disconnected",
			}, nil},
			{"help is shown", "$help status", false, []string{"Coordinator: $status", "Coordinator: Status info about the battle lobby."}, []string{"u2 $help status"}},
			{"help is not shown", "$%help status", false, []string{"Coordinator: $status", "Coordinator: Status info about the battle lobby."}, nil},
			{"present", "hello", true, []string{"Coordinator: Thank you, you've been marked as present."}, nil},
			{"no name of a command", "$what's up", false, nil, nil},
		} {
			say := func() error { return a.SayLobby(r.Context(), step.text, false, "") }
			if step.private {
				say = func() error { return a.SayPrivate(r.Context(), "Coordinator", step.text) }
			}
			if err := say(); err != nil {
				r.Errorf("%s: %v", step.name, err)
			}
			pass(time.Second)
			r.Log(step.name)
			if step.name == "in private" { // what the consul says of it is its own matter
				a.hears()
				b.hears()
				continue
			}
			expectHeard(r.T, a, append(append([]string(nil), step.room...), step.mine...)...)
			expectHeard(r.T, b, step.room...)
		}
	})
}

// TestTargets: a word of an order is a number, a number behind "#", or a whole name.
func TestTargetsOutsideAccounts(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		a := r.enter(r.nodes[0], 2)
		got, err := a.target(r.Context(), "who")
		if err != nil || got != (lobby.Target{Word: "who"}) {
			r.Errorf("%+v, %v", got, err)
		}
	})
}

// TestFacts: a lobby's orders come with what is known of the sender, and a new owner is
// told again.
func TestFacts(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		id := r.open(host)
		a := r.enter(r.nodes[0], 2, account.Moderator, account.VIP)
		if _, known := a.Facts(); known {
			r.Error("known before it was told")
		}
		r.ask(a, id)
		f, known := a.Facts()
		if !known || f.Name != "u2" || !f.Moderator || f.Admin || !f.VIP || f.Bot {
			r.Errorf("facts %+v, %v", f, known)
		}
		if f, known := host.Facts(); !known || !f.Bot || f.Name != "u1" {
			r.Errorf("facts of the host %+v, %v", f, known)
		}
		if err := a.SayPrivate(r.Context(), "Coordinator", "$unmodme"); err != nil {
			r.Error(err)
		}
		r.accept(host, a)
		if err := a.SayPrivate(r.Context(), "Coordinator", "$status"); err != nil {
			r.Error(err)
		}
		if f, _ := a.Facts(); f.Moderator {
			r.Error("still a moderator to lobbies")
		}
	})
}

// TestBroadcast: what an administrator says to all is said in every lobby, once, as the
// administrator's words.
func TestBroadcast(t *testing.T) {
	everywhere(t, func(r *rig) {
		hosts := []*actor{r.enter(r.nodes[0], 1, account.Bot), r.enter(r.last(), 2, account.Bot)}
		for _, h := range hosts {
			r.open(h)
		}
		admin := r.enter(r.last(), 3, account.Admin)
		for _, h := range hosts {
			h.hears()
		}
		if err := admin.SayPrivate(r.Context(), "Coordinator", "$broadcast restart at ten"); err != nil {
			r.Error(err)
		}
		pass(time.Second)
		for _, h := range hosts {
			expectHeard(r.T, h, "u3 restart at ten")
		}
		expectHeard(r.T, admin)
	})
}

// TestRingFlood: who rings too much is warned, and then out.
func TestRingFlood(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		id := r.open(host)
		a := r.enter(r.nodes[0], 2)
		r.ask(a, id)
		r.accept(host, a)
		for range 5 {
			if err := a.SayLobby(r.Context(), "!ring u1", false, ""); err != nil {
				r.Error(err)
			}
		}
		pass(time.Second)
		if a.mu.Lock(); a.ended != "Ring flood" {
			r.Errorf("ended with %q", a.ended)
		}
		a.mu.Unlock()
		if n := a.saw("Expelled"); n != 0 {
			r.Error("its screen was shown that it is expelled")
		}
	})
}

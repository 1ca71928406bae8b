package client

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
	"teiserver/internal/coordinator"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// parrot is a resident that says what it hears, in the place of one that the roster knows.
func parrot(data *data) process.Kind {
	return resident.Kind(98, resident.Account{Name: "Parrot"}, process.Kind{
		Name: "match_monitor", Doubt: process.Continue,
		Open: resident.Answers(func(d resident.Direct) []string {
			data.mu.Lock()
			defer data.mu.Unlock()
			data.parroted = append(data.parroted, d.Text)
			return []string{d.FromName + " says", d.Text}
		}).Open,
	})
}

// parrotChat is a talk with it that somebody is in.
func parrotChat() process.Kind {
	return process.Kind{
		Name: "parrot_chat", Scope: process.PerID, Start: process.Explicit, Doubt: process.Continue,
		Open: resident.Answers(func(d resident.Direct) []string {
			return []string{"again: " + d.Text}
		}).Open,
	}
}

func expectHeard(t *testing.T, a *actor, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, a.hears()); diff != "" {
		t.Errorf("%s hears (-want +got):\n%s", a.User().Name, diff)
	}
}

// everywhere runs a test on one node and on three.
func everywhere(t *testing.T, test func(r *rig)) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprint(nodes), func(t *testing.T) { inCluster(t, nodes, test) })
	}
}

func (r *rig) last() *rigNode { return r.nodes[len(r.nodes)-1] }

// TestTell: lines of a resident arrive in order, each once, wherever the user is, from
// whichever node they are sent; and nobody is deaf to them.
func TestTell(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.data.ignore(2, 99)
		a := r.enter(r.last(), 2)
		for i, n := range r.nodes {
			n.svc.Tell(r.Context(), 99, 2, fmt.Sprint("first ", i), "", fmt.Sprint("last ", i))
		}
		var want []string
		for i := range r.nodes {
			want = append(want, fmt.Sprint("Coordinator: first ", i), "Coordinator: ", fmt.Sprint("Coordinator: last ", i))
		}
		expectHeard(r.T, a, want...)
		r.nodes[0].svc.Ring(r.Context(), 98, 2)
		expectHeard(r.T, a, "Parrot rings")
		r.nodes[0].svc.Tell(r.Context(), 99, 2)
		r.nodes[0].svc.Tell(r.Context(), 99, 3, "nobody is there")
		r.nodes[0].svc.Tell(r.Context(), 99, 98, "nor among us")
		expectHeard(r.T, a)
		if s := r.nodes[0].svc; !s.Online(2) || !s.Online(99) || s.Online(3) {
			r.Errorf("online: %v %v %v", s.Online(2), s.Online(99), s.Online(3))
		}
	})
}

// TestResidentsAnswer: each resident answers for itself, commands are the Coordinator's.
func TestResidentsAnswer(t *testing.T) {
	everywhere(t, func(r *rig) {
		a := r.enter(r.last(), 2)
		for _, step := range []struct {
			to, text string
			want     []string
		}{
			{"Parrot", "hi", []string{"Parrot: u2 says", "Parrot: hi"}},
			{"Parrot", "$coc pausing", []string{"Coordinator: 2.4 - Pausing at inappropriate moments or unpausing when someone is disconnected"}},
			{"Coordinator", "$nosuch", []string{"Coordinator: No command of name 'nosuch'"}},
			{"Coordinator", "hi", []string{"Coordinator: I don't currently handle messages, sorry u2"}},
			{"Coordinator", "hello", nil},
			{"Coordinator", "$status", nil},
			{"Coordinator", "$whois u2", []string{
				"Coordinator: ---------------------------", "Coordinator: Found u2", "Coordinator: Profile link: https://localhost/profile/2",
				"Coordinator: Chevron level: 1", "Coordinator: Ratings:", "Coordinator: No moderation restrictions applied.",
				"Coordinator: ---------------------------",
			}},
		} {
			if err := a.SayPrivate(r.Context(), step.to, step.text); err != nil {
				r.Errorf("%s to %s: %v", step.text, step.to, err)
			}
			expectHeard(r.T, a, step.want...)
		}
	})
}

// TestHostsAreHeardOverADeath: what a host tells the monitor while the monitor's node has
// died and nobody has taken over is heard by the next one: hosts say it once.
func TestHostsAreHeardOverADeath(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		key := resident.Key("match_monitor")
		var home *rigNode
		var others []*rigNode
		for _, n := range r.nodes {
			runs := false
			n.Local(key.Kind, func(cluster.Key) { runs = true })
			if runs {
				home = n
			} else {
				others = append(others, n)
			}
		}
		if home == nil {
			t.Fatal("it runs nowhere")
		}
		host := r.enter(others[0], 50, account.Bot)
		for _, n := range others {
			r.net.Cut(home.Self().Node, n.Self().Node)
		}
		r.store.OnAccess(func(a clustertest.Access) (f clustertest.Fault) {
			if a.Incarnation == home.Self().Incarnation {
				f.Fail = clustertest.ErrLost
			}
			return f
		})
		r.nodes = others
		if err := host.SayPrivate(r.Context(), "Parrot", "the end"); err != nil {
			t.Error(err)
		}
		pass(30 * time.Second)
		if diff := cmp.Diff([]string{"the end"}, r.data.parroted); diff != "" {
			t.Errorf("heard (-want +got):\n%s", diff)
		}
		r.store.OnAccess(nil)
		home.stop(r)
	})
}

// TestTalk: who is in a talk with a resident is answered by that talk.
func TestTalk(t *testing.T) {
	everywhere(t, func(r *rig) {
		a, b := r.enter(r.last(), 2), r.enter(r.nodes[0], 3)
		first := resident.Direct{From: 2, FromName: "u2", Text: "begin"}
		if _, err := r.nodes[0].Own(r.Context(), cluster.NewKey("parrot_chat", 2), first); err != nil {
			r.Fatal(err)
		}
		for _, who := range []*actor{a, b} {
			if err := who.SayPrivate(r.Context(), "Parrot", "1"); err != nil {
				r.Error(err)
			}
		}
		expectHeard(r.T, a, "Parrot: again: 1")
		expectHeard(r.T, b, "Parrot: u3 says", "Parrot: 1")
	})
}

// TestModerator: rights that are dropped are dropped for this session, on all nodes.
func TestModerator(t *testing.T) {
	everywhere(t, func(r *rig) {
		m, a := r.enter(r.last(), 2, account.Moderator), r.enter(r.nodes[0], 3)
		shown := func() bool {
			pass(time.Second)
			u, _ := r.nodes[0].roster.User(2)
			return u.Moderator
		}
		say := func(who *actor, text string) {
			r.Helper()
			if err := who.SayPrivate(r.Context(), "Coordinator", text); err != nil {
				r.Error(err)
			}
		}
		if say(m, "$unmodme"); shown() {
			r.Error("the moderator's bit is still shown")
		}
		say(m, "$unmodme")
		expectHeard(r.T, m, "Coordinator: No command of name 'unmodme'")
		if say(m, "$modme"); !shown() {
			r.Error("the moderator's bit is not shown again")
		}
		say(a, "$modme")
		if u, _ := r.nodes[0].roster.User(3); u.Moderator {
			r.Error("somebody became a moderator")
		}
	})
}

// TestGreeting: who logs in is told once what there is to tell, a while later.
func TestGreeting(t *testing.T) {
	everywhere(t, func(r *rig) {
		r.data.actions[2] = []coordinator.Action{{Reason: "Griefing", Restrictions: []string{coordinator.RestrictWarning}}}
		host := r.enter(r.nodes[0], 1, account.Bot)
		id := r.open(host)
		a := r.enter(r.last(), 2)
		r.ask(a, id)
		r.accept(host, a)
		pass(time.Second)
		if _, in := a.Lobby(); !in {
			r.Fatal("not in the lobby")
		}
		expectHeard(r.T, a)
		pass(2 * time.Second)
		const begin, end = "Coordinator: This is a reminder that you", "Coordinator: Acknowledge this by typing 'I acknowledge this' to resume play"
		said := a.hears()
		if len(said) != 5 || said[0][:len(begin)] != begin || said[1] != "Coordinator:  - Griefing" || said[4] != end {
			r.Errorf("hears %q", said)
		}
		pass(time.Second)
		if in, inside := a.Lobby(); inside {
			r.Errorf("still in lobby %d", in.Info.ID)
		}
		err := a.JoinLobby(r.Context(), id, "", "1")
		if no, refused := refusal.As(err); !refused || no.Message != textWarned {
			r.Errorf("join: %v", err)
		}
		if err := a.SayPrivate(r.Context(), "Coordinator", "i acknowledge this"); err != nil {
			r.Error(err)
		}
		expectHeard(r.T, a, "Coordinator: Thank you")
		r.ask(a, id)
		r.accept(host, a)
		pass(time.Second)
		if _, in := a.Lobby(); !in {
			r.Error("not in the lobby after the acknowledgement")
		}
		pass(10 * time.Second)
		expectHeard(r.T, a)
		expectHeard(r.T, host)
	})
}

// TestMove: a user is taken to another lobby without the host being asked, from any node,
// and leaves the one it was in.
func TestMove(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, other := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.last(), 2, account.Bot)
		from, to := r.open(host), r.open(other)
		a := r.enter(r.nodes[len(r.nodes)/2], 3)
		r.ask(a, from)
		r.accept(host, a)
		pass(time.Second)
		for _, n := range r.nodes {
			for _, lobbyID := range []int64{to, from} {
				if err := n.svc.Move(r.Context(), 3, lobbyID); err != nil {
					r.Fatalf("move to %d: %v", lobbyID, err)
				}
				pass(time.Second)
				if in, inside := a.Lobby(); !inside || in.Info.ID != lobbyID {
					r.Errorf("in %v %v, want %d", in, inside, lobbyID)
				}
			}
		}
		if got := other.saw("JoinRequested"); got != 0 {
			r.Errorf("the host was asked %d times", got)
		}
		if seats := r.room(host).Members; len(seats) != 1 || len(r.room(other).Members) != 0 {
			r.Errorf("members %v", seats)
		}
		if err := r.nodes[0].svc.Move(r.Context(), 3, 999); !refusal.Is(err, refusal.Forbidden) {
			r.Errorf("to no lobby: %v", err)
		}
		if err := r.nodes[0].svc.Move(r.Context(), 7, to); err == nil {
			r.Error("nobody was moved")
		}
	})
}

// TestTurn: what the server does for a client waits for the command that is under way.
func TestTurn(t *testing.T) {
	c := &Client{turn: make(chan struct{}, 1)}
	done, err := c.Turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Turn(ctx); err == nil {
		t.Error("two have the turn")
	}
	done()
	if done, err = c.Turn(t.Context()); err != nil {
		t.Error(err)
	}
	done()
}

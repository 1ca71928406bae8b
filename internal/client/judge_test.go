package client

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/coordinator"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

func (d *data) Standing(_ context.Context, user int64) (*moderation.Standing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away > 0 {
		d.away--
		return nil, errors.New("away")
	}
	if st := d.standings[user]; st != nil {
		return st, nil
	}
	return &moderation.Standing{User: user}, nil
}

func (d *data) Report(_ context.Context, r moderation.Report) (moderation.Report, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Target == 0 {
		return r, refusal.New(refusal.Forbidden, "permission denied")
	}
	d.reports = append(d.reports, r)
	return r, nil
}

func (d *data) Unbridge(_ context.Context, user int64, by moderation.Actor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unbridged = append(d.unbridged, []int64{user, by.User})
	return nil
}

func (d *data) Severity(_ context.Context, text string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phrases[text]
}

func (d *data) Silence(_ context.Context, user int64, by moderation.Actor) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silenced = append(d.silenced, []int64{user, by.User})
	return nil
}

func (d *data) Now() time.Time { return time.Now() }

// judge has a user stand like this, and tells all nodes as a change does.
func (r *rig) judge(st moderation.Standing) {
	r.Helper()
	r.data.mu.Lock()
	if r.data.standings == nil {
		r.data.standings = map[int64]*moderation.Standing{}
	}
	r.data.standings[st.User] = &st
	r.data.actions[st.User] = nil
	for _, a := range st.Actions {
		r.data.actions[st.User] = append(r.data.actions[st.User], coordinator.Action{Reason: a.Reason, Restrictions: a.Restrictions})
	}
	r.data.mu.Unlock()
	for _, n := range r.nodes {
		n.svc.Changed(st.User)
	}
	pass(100 * time.Millisecond)
}

// act is restricting a user with actions that are numbered from 1.
func (r *rig) act(user int64, each ...[]string) {
	r.Helper()
	st := moderation.Standing{User: user}
	for i, names := range each {
		st.Actions = append(st.Actions, moderation.Action{ID: int64(i + 1), User: user, Reason: "why", Restrictions: names, Created: time.Now()})
	}
	r.judge(st)
}

// reason is why the connection has ended, empty if it has not.
func (a *actor) reason() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

const reminded = "Coordinator: This is a reminder that you received one or more formal moderation actions as listed below:"

// battle is a lobby with a host on the first node and a player on the last.
func (r *rig) battle() (host, a *actor, id int64) {
	r.Helper()
	host, a = r.enter(r.nodes[0], 1, account.Bot), r.enter(r.last(), 2)
	id = r.open(host)
	r.ask(a, id)
	r.accept(host, a)
	pass(5 * time.Second) // and was greeted
	return host, a, id
}

// TestBanned: who is banned while online is out at once, whichever node decided, and the
// host is told; a login meets the text, also one that passed the check of its account.
func TestBanned(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, _ := r.battle()
		r.act(2, []string{moderation.Login})
		if a.reason() != "Banned" {
			r.Errorf("ended: %q", a.reason())
		}
		expectHeard(r.T, host, "Coordinator: !gkick u2")
		expectHeard(r.T, a)
		a.Close()
		pass(time.Second)
		_, err := r.nodes[0].svc.Enter(r.Context(), a.User(), Presence{}, a, func() { r.Error("accepted") })
		if no, _ := refusal.As(err); no == nil || no.Message != moderation.TextSuspended || no.Code != refusal.Banned {
			r.Errorf("login: %v", err)
		}
		if r.nodes[0].svc.Has(2) {
			r.Error("the session stays")
		}
		r.judge(moderation.Standing{User: 2})
		r.enter(r.last(), 2)
	})
}

// TestMarkedAlt: an account that belongs to somebody else ends, by hand and by a ban.
func TestMarkedAlt(t *testing.T) {
	everywhere(t, func(r *rig) {
		a, b := r.enter(r.last(), 2), r.enter(r.last(), 3)
		r.judge(moderation.Standing{User: 2, Alt: 7})
		r.judge(moderation.Standing{User: 3, Alt: 7, AltBan: 1})
		if diff := cmp.Diff([]string{"Marked as smurf", "Banned"}, []string{a.reason(), b.reason()}); diff != "" {
			r.Error(diff)
		}
	})
}

// TestBannedInTheMiddle: a ban that comes between the claim of a session and its check.
func TestBannedInTheMiddle(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		r.data.claiming = func(user int64) {
			r.data.claiming = nil
			r.data.mu.Lock()
			r.data.standings = map[int64]*moderation.Standing{user: {User: user, Actions: []moderation.Action{{ID: 1, Restrictions: []string{moderation.Login, moderation.Permanent}}}}}
			r.data.mu.Unlock()
		}
		u := &account.User{ID: 2, Name: "u2"}
		_, err := r.nodes[0].svc.Enter(r.Context(), u, Presence{}, &actor{}, func() { r.Error("accepted") })
		if no, _ := refusal.As(err); no == nil || no.Message != moderation.TextBanned {
			r.Errorf("login: %v", err)
		}
	})
}

// TestMuted: nobody hears who is muted, in any place, but the server does; and the host is
// told once, however often it is looked at.
func TestMuted(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, _ := r.battle()
		b := r.enter(r.nodes[0], 3)
		for _, x := range []*actor{a, b} {
			if err := x.JoinChannel(r.Context(), "main"); err != nil {
				r.Fatal(err)
			}
		}
		pass(time.Second)
		say := func() {
			r.Helper()
			for what, err := range map[string]error{
				"channel": a.Say(r.Context(), "main", "hello", false), "private": a.SayPrivate(r.Context(), "u3", "hello"),
				"lobby": a.SayLobby(r.Context(), "hello", false, ""), "emote": a.SayLobby(r.Context(), "waves", true, ""),
				"whisper": a.SayLobby(r.Context(), "psst", true, "u1"), "explain": a.SayLobby(r.Context(), "$explain myself", false, ""),
			} {
				if err != nil {
					r.Errorf("%s: %v", what, err)
				}
			}
			pass(time.Second)
		}
		r.act(2, []string{moderation.AllChat})
		expectHeard(r.T, host, "Coordinator: !mute u2")
		if said := a.hears(); len(said) != 4 || said[0] != reminded {
			r.Errorf("told %q", said)
		}
		r.act(2, []string{moderation.AllChat}) // the same again
		channel := b.saw("ChannelSaid")
		say()
		expectHeard(r.T, host)
		expectHeard(r.T, b)
		if b.saw("ChannelSaid") != channel {
			r.Error("heard in the channel")
		}
		for _, line := range []string{"!y", "!cv resign", "$password?"} {
			if err := a.SayLobby(r.Context(), line, false, ""); err != nil {
				r.Error(err)
			}
		}
		pass(time.Second)
		expectHeard(r.T, host, "u2 !y", "u2 !cv resign")
		a.hears()
		if err := a.SayPrivate(r.Context(), "Coordinator", "hi"); err != nil {
			r.Error(err)
		}
		expectHeard(r.T, a, "Coordinator: I don't currently handle messages, sorry u2")
		// It is lifted: nothing is said about that.
		r.judge(moderation.Standing{User: 2})
		expectHeard(r.T, a)
		say()
		if heard := host.hears(); len(heard) != 4 {
			r.Errorf("the host hears %q", heard)
		}
		if heard := b.hears(); !slices.Contains(heard, "u2: hello") || b.saw("ChannelSaid") != channel+1 {
			r.Errorf("b hears %q, %d", heard, b.saw("ChannelSaid"))
		}
	})
}

// TestRunsOut: a restriction ends at its time, without anybody being told.
func TestRunsOut(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, _ := r.battle()
		r.judge(moderation.Standing{User: 2, Actions: []moderation.Action{{
			ID: 1, Reason: "why", Restrictions: []string{moderation.LobbyChat}, Expires: time.Now().Add(time.Minute),
		}}})
		host.hears()
		for _, want := range []int{0, 1} {
			if err := a.SayLobby(r.Context(), "hello", false, ""); err != nil {
				r.Error(err)
			}
			pass(time.Second)
			if heard := host.hears(); len(heard) != want {
				r.Errorf("heard %q", heard)
			}
			pass(time.Minute)
		}
	})
}

// TestOutOfLobbies: who may be in none is taken out and comes into none, by whatever way.
func TestOutOfLobbies(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, id := r.battle()
		r.act(2, []string{moderation.AllLobbies})
		expectHeard(r.T, host, "Coordinator: !bkick u2")
		if in, inside := a.Lobby(); inside {
			r.Errorf("still in %d", in.Info.ID)
		}
		if said := a.hears(); len(said) != 4 || said[0] != reminded {
			r.Errorf("told %q", said)
		}
		for what, err := range map[string]error{
			"join": a.JoinLobby(r.Context(), id, "", "1"), "move": r.nodes[0].svc.Move(r.Context(), 2, id),
			"open": a.OpenLobby(r.Context(), lobby.Info{Title: "t"}, ""),
		} {
			if no, _ := refusal.As(err); no == nil || no.Message != textLobbies {
				r.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestWarned: a warning that comes while one is online takes it out of the lobby until it
// is acknowledged; one that is revoked does not.
func TestWarned(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, id := r.battle()
		host.hears()
		warn := func() error {
			r.Helper()
			r.act(2, []string{moderation.Warning})
			if _, inside := a.Lobby(); inside {
				r.Error("still in the lobby")
			}
			if said := a.hears(); len(said) != 5 || said[0] != reminded || said[4] != "Coordinator: Acknowledge this by typing 'I acknowledge this' to resume play" {
				r.Errorf("told %q", said)
			}
			return a.JoinLobby(r.Context(), id, "", "1")
		}
		if no, _ := refusal.As(warn()); no == nil || no.Message != textWarned {
			r.Errorf("join: %v", no)
		}
		if err := a.SayPrivate(r.Context(), "Coordinator", " I ACKNOWLEDGE this"); err != nil {
			r.Error(err)
		}
		expectHeard(r.T, a, "Coordinator: Thank you")
		r.ask(a, id)
		r.accept(host, a)
		pass(time.Second)
		r.judge(moderation.Standing{User: 2})
		if no, _ := refusal.As(warn()); no == nil || no.Message != textWarned {
			r.Errorf("join: %v", no)
		}
		r.judge(moderation.Standing{User: 2}) // revoked
		r.ask(a, id)
		expectHeard(r.T, a)
	})
}

// TestWarnedOnce: who was greeted with a warning that is new, and has acknowledged it, is not
// taken out of the lobby again when its node learns that there is one.
func TestWarnedOnce(t *testing.T) {
	everywhere(t, func(r *rig) {
		warning := moderation.Action{ID: 1, User: 2, Reason: "why", Restrictions: []string{moderation.Warning}}
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.last(), 2)
		id := r.open(host)
		r.data.mu.Lock()
		r.data.actions[2] = []coordinator.Action{{Reason: "why", Restrictions: warning.Restrictions}}
		r.data.mu.Unlock()
		warning.Created = time.Now()
		pass(5 * time.Second)
		if said := a.hears(); len(said) != 5 || said[0] != reminded {
			r.Errorf("told %q", said)
		}
		if err := a.SayPrivate(r.Context(), "Coordinator", "I acknowledge this"); err != nil {
			r.Error(err)
		}
		r.ask(a, id)
		r.accept(host, a)
		pass(time.Second)
		r.judge(moderation.Standing{User: 2, Actions: []moderation.Action{warning}})
		if _, inside := a.Lobby(); !inside || a.warned.Load() {
			r.Error("warned again of what it has acknowledged")
		}
		warning.ID, warning.Created = 2, time.Now()
		r.judge(moderation.Standing{User: 2, Actions: []moderation.Action{warning}})
		if _, inside := a.Lobby(); inside || !a.warned.Load() {
			r.Error("not warned of what is new")
		}
	})
}

// TestShadowbanned: it is heard nowhere and comes in nowhere, and is told nothing.
func TestShadowbanned(t *testing.T) {
	everywhere(t, func(r *rig) {
		host, a, _ := r.battle()
		r.judge(moderation.Standing{User: 2, Shadowbanned: true})
		if err := a.SayLobby(r.Context(), "!y", false, ""); err != nil {
			r.Error(err)
		}
		pass(time.Second)
		expectHeard(r.T, host)
		expectHeard(r.T, a)
		other := r.enter(r.nodes[0], 5, account.Bot)
		err := a.JoinLobby(r.Context(), r.open(other), "", "1")
		if no, _ := refusal.As(err); no == nil || no.Message != "Err" {
			r.Errorf("join: %v", err)
		}
	})
}

// TestJudgedLater: what could not be read is read again.
func TestJudgedLater(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		a := r.enter(r.nodes[0], 2)
		r.data.mu.Lock()
		r.data.away = 3
		r.data.mu.Unlock()
		r.act(2, []string{moderation.Login})
		if a.reason() != "" {
			r.Errorf("ended %q while the store was away", a.reason())
		}
		pass(5 * time.Second)
		if a.reason() != "Banned" {
			r.Errorf("ended %q", a.reason())
		}
	})
}

// TestFlagged: a flagged word is heard, and noted; that of who is noted already is not.
func TestFlagged(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		r.nodes[0].svc.Settings = setting.Fixed(map[string]string{"lobby.flagged_words": "curse"})
		host, a, _ := r.battle()
		b := r.enter(r.nodes[0], 3)
		say := func() {
			if err := errors.Join(a.SayLobby(r.Context(), "a CUR53!", false, ""), a.SayPrivate(r.Context(), "u3", "curse you"),
				a.SayLobby(r.Context(), "cursed", false, ""), host.SayLobby(r.Context(), "curse", false, "")); err != nil {
				r.Error(err)
			}
			pass(time.Second)
		}
		say()
		expectHeard(r.T, b, "u2: curse you")
		if heard := host.hears(); len(heard) != 3 {
			r.Errorf("heard %q", heard)
		}
		if diff := cmp.Diff([][]int64{{2, 99}, {2, 99}}, r.data.unbridged); diff != "" {
			r.Errorf("noted (-want +got):\n%s", diff)
		}
		r.data.unbridged = nil
		r.act(2, []string{moderation.Bridging})
		say()
		if len(r.data.unbridged) != 0 {
			r.Errorf("noted again: %v", r.data.unbridged)
		}
	})
}

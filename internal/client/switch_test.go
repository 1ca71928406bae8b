package client

import (
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// TestPartiesOff: while parties are switched off nobody comes into one, who is in one may
// leave it, and it does not count.
func TestPartiesOff(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		id := r.open(host)
		a, b := r.enter(r.nodes[0], 2), r.enter(r.nodes[0], 3)
		r.ask(a, id)
		party, done, err := a.CreateParty(r.Context())
		done()
		if err != nil {
			r.Fatal(err)
		}
		pass(time.Second)
		count := func() string {
			f, err := a.gather(r.Context())
			if err != nil {
				r.Fatal(err)
			}
			return f.Party
		}
		if got := count(); got != party {
			r.Errorf("party %q, want %q", got, party)
		}
		r.nodes[0].svc.Settings = setting.Fixed(map[string]string{"addon.parties": "off"})
		if got := count(); got != "" {
			r.Errorf("party %q counts", got)
		}
		_, done, err = b.CreateParty(r.Context())
		done()
		if !refusal.Is(err, refusal.Forbidden) {
			r.Errorf("made: %v", err)
		}
		done, err = a.InviteToParty(r.Context(), "u3")
		done()
		if !refusal.Is(err, refusal.Forbidden) {
			r.Errorf("invited: %v", err)
		}
		done, err = b.AcceptParty(r.Context(), party)
		done()
		if !refusal.Is(err, refusal.Forbidden) {
			r.Errorf("accepted: %v", err)
		}
		done, err = a.LeaveParty(r.Context())
		done()
		if err != nil {
			r.Errorf("left: %v", err)
		}
	})
}

// TestLobbyCommandsOff: while commands in lobbies are switched off, members are told so, and
// moderators' are carried out.
func TestLobbyCommandsOff(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		id := r.open(host)
		a, mod := r.enter(r.nodes[0], 2), r.enter(r.nodes[0], 3, account.Moderator)
		r.ask(a, id)
		r.accept(host, a)
		r.ask(mod, id)
		r.accept(host, mod)
		r.nodes[0].svc.Settings = setting.Fixed(map[string]string{"addon.lobby_commands": "off"})
		for _, who := range []*actor{host, a, mod} {
			who.hears()
		}
		if err := a.SayPrivate(r.Context(), "Coordinator", "$status"); err != nil {
			r.Error(err)
		}
		pass(time.Second)
		expectHeard(r.T, a, "Coordinator: Commands are switched off in lobbies")
		expectHeard(r.T, mod)
		if err := mod.SayPrivate(r.Context(), "Coordinator", "$status"); err != nil {
			r.Error(err)
		}
		pass(time.Second)
		if len(mod.hears()) < 5 {
			r.Error("a moderator's command is not carried out")
		}
	})
}

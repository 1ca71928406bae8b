package account

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/refusal"
)

// verdict refuses what it has a text for, and notes what it was asked.
type verdict struct {
	try, login, register, rename error
	asked                        []string
}

func (v *verdict) MayTry(context.Context, int64) error {
	v.asked = append(v.asked, "try")
	return v.try
}

func (v *verdict) MayLogIn(_ context.Context, _ *User, ip string) error {
	v.asked = append(v.asked, "login from "+ip)
	return v.login
}

func (v *verdict) MayRegister(_ context.Context, ip string) error {
	v.asked = append(v.asked, "register from "+ip)
	return v.register
}

func (v *verdict) MayRename(context.Context, int64) error { return v.rename }

func (v *verdict) MadeBot(by int64, bot *User) *Act {
	v.asked = append(v.asked, "bot "+bot.Name)
	return &Act{Action: "bot", User: by, Details: map[string]any{"user_id": bot.ID}}
}

// TestVerdicts: where moderators are asked, before what, and that their texts are heard.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	v := &verdict{}
	s := newSite(t, nil, func(o *Options) { o.Verdicts = v; o.Unlimited = true })
	u := s.add(t, "Alice")
	m := s.add(t, "Mod", Moderator)
	check(t, "allowed", s.login(t, "Alice", pass), "")
	check(t, "wrong password", s.login(t, "Alice", "wrong!"), badPass)
	v.login = refusal.New(refusal.Banned, "Suspended")
	check(t, "suspended", s.login(t, "Alice", pass), "Suspended")
	check(t, "suspended, wrong password", s.login(t, "Alice", "wrong!"), badPass)
	v.try = refusal.New(refusal.Banned, "Alt")
	check(t, "alt", s.login(t, "Alice", "wrong!"), "Alt")
	check(t, "alt in another case", s.login(t, "alice", "wrong!"), "Alt")
	check(t, "unknown", s.login(t, "Nobody", "x"), "No user found for 'Nobody'")
	v.try = errors.New("away")
	if err := s.login(t, "Alice", pass); err == nil || refusal.Is(err, refusal.Banned) {
		t.Errorf("not decided: %v", err)
	}
	v.register = refusal.New(refusal.Banned, "Banned")
	check(t, "register", s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "b@y.z", IP: "192.0.2.1"}), "Banned")
	v.rename = refusal.New(refusal.Forbidden, "Muted")
	check(t, "rename", s.Rename(t.Context(), u.ID, "Carol"), "Muted")
	if err := s.CreateBot(t.Context(), m.ID, "MyBot"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]Act{{Action: "bot", User: m.ID, Details: map[string]any{"user_id": int64(3)}}}, s.store.acts); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"try", "login from 10.0.0.1", "try", "try", "login from 10.0.0.1", "try", "try", "try", "try", "register from 192.0.2.1", "bot MyBot",
	}
	if diff := cmp.Diff(want, v.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

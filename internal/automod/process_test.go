package automod

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/process"
	"teiserver/internal/moderation"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

func apply(t *testing.T, s *state, at time.Time, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body, At: at})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func machine(t *testing.T) *state {
	t.Helper()
	s, err := open(nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var ticks = []process.Timer{{After: tickEvery, Body: tick{}}}

// TestMachine: each login is checked when it is due, once, the first one first; one that
// waits is not put off by another login, and one that failed comes again.
func TestMachine(t *testing.T) {
	t.Parallel()
	s := machine(t)
	due := noon.Add(2 * time.Minute)
	out := apply(t, s, noon, Seen{[]Login{{7, due}, {8, due.Add(-time.Second)}}})
	if diff := cmp.Diff(process.Outcome{Timers: ticks}, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out := apply(t, s, noon, Seen{[]Login{{7, due.Add(time.Hour)}, {9, due.Add(time.Hour)}}}); len(out.Timers) != 0 {
		t.Errorf("ticks twice: %v", out.Timers)
	}
	for _, step := range []struct {
		at   time.Time
		want process.Outcome
	}{
		{noon, process.Outcome{Timers: ticks}},
		{due, process.Outcome{Effects: []any{check{[]int64{8, 7}}}, Timers: ticks}},
		{due, process.Outcome{Timers: ticks}},
	} {
		if diff := cmp.Diff(step.want, apply(t, s, step.at, tick{}), cmp.AllowUnexported(check{})); diff != "" {
			t.Errorf("at %v (-want +got):\n%s", step.at, diff)
		}
	}
	apply(t, s, due, failed{[]int64{7}})
	if out := apply(t, s, due.Add(again), tick{}); len(out.Effects) != 1 || out.Effects[0].(check).Users[0] != 7 {
		t.Errorf("after a failure: %v", out.Effects)
	}
	if out := apply(t, s, due.Add(2*time.Hour), tick{}); len(out.Timers) != 0 || len(s.waiting) != 0 {
		t.Errorf("nobody waits: %v", out)
	}
	if _, err := s.Apply(process.Command{Body: 5}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
}

// TestManyAtOnce: a storm is checked in pieces.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	s := machine(t)
	var all Seen
	for i := range int64(2*atOnce + 1) {
		all.Logins = append(all.Logins, Login{i + 1, noon})
	}
	apply(t, s, noon, all)
	for _, want := range []int{atOnce, atOnce, 1} {
		if out := apply(t, s, noon, tick{}); len(out.Effects[0].(check).Users) != want {
			t.Errorf("%d at once, want %d", len(out.Effects[0].(check).Users), want)
		}
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	s := machine(t)
	apply(t, s, noon, Seen{[]Login{{7, noon}}})
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	again, err := open(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.waiting, again.waiting); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ticks, again.Resume()); diff != "" || again.View() != any(View{1}) {
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
	if _, err := open([]byte("x")); err == nil {
		t.Error("a broken snapshot was read")
	}
}

// desk is everything that a Desk asks.
type desk struct {
	users   map[int64]*account.User
	stands  map[int64]*moderation.Standing
	matches map[int64]*moderation.Ban
	keys    int
	asked   int
	enacted []int64
	err     error
}

func (d *desk) UserByID(_ context.Context, id int64) (*account.User, error) { return d.users[id], nil }
func (d *desk) Bans(context.Context) (*moderation.Bans, error) {
	return &moderation.Bans{Keys: d.keys}, d.err
}

func (d *desk) Match(_ context.Context, users []int64) (list []*moderation.Ban, _ error) {
	d.asked++
	for _, u := range users {
		list = append(list, d.matches[u])
	}
	return list, d.err
}

func (d *desk) Standing(_ context.Context, user int64) (*moderation.Standing, error) {
	if st := d.stands[user]; st != nil {
		return st, nil
	}
	return &moderation.Standing{User: user}, nil
}

func (d *desk) Enact(_ context.Context, b *moderation.Ban, user int64, by moderation.Actor) (bool, error) {
	if by.User != 99 {
		return false, errors.New("in whose name?")
	}
	for _, u := range d.enacted {
		if u == user {
			return false, nil
		}
	}
	d.enacted = append(d.enacted, user)
	return true, nil
}

func newDesk(settings map[string]string) (*Desk, *desk) {
	ban := &moderation.Ban{ID: 1}
	d := &desk{
		keys: 1, users: map[int64]*account.User{}, stands: map[int64]*moderation.Standing{}, matches: map[int64]*moderation.Ban{},
	}
	for id, role := range map[int64]account.Role{
		1: account.Verified, 2: account.Bot, 3: account.Moderator, 4: account.Contributor, 5: account.Trusted, 6: account.Verified, 7: account.Verified, 8: account.VIP,
	} {
		d.users[id] = &account.User{ID: id, Roles: []account.Role{role}}
		d.matches[id] = ban
	}
	delete(d.matches, 7)
	d.matches[9] = ban
	d.stands[6] = &moderation.Standing{User: 6, Actions: []moderation.Action{{ID: 1, Restrictions: []string{moderation.Login}}}}
	return &Desk{Store: d, Judge: d, Users: d, Settings: setting.Fixed(settings), Coordinator: 99, Log: slog.New(slog.DiscardHandler)}, d
}

// TestCheck: who is banned, and who is let alone.
func TestCheck(t *testing.T) {
	t.Parallel()
	d, _ := newDesk(nil)
	for _, tc := range []struct {
		user int64
		want string
	}{
		{1, Banned}, {1, NoAction}, {2, BotAccount}, {3, Moderator}, {4, Developer}, {5, Trusted}, {6, AlreadyBanned}, {7, NoAction}, {8, Trusted}, {9, NoUser},
	} {
		if got, err := d.Check(t.Context(), tc.user); got != tc.want || err != nil {
			t.Errorf("%d: %q %v, want %q", tc.user, got, err, tc.want)
		}
	}
}

// TestCheckAll: many with one look; none while automod is off or nothing is banned.
func TestCheckAll(t *testing.T) {
	t.Parallel()
	all := []int64{1, 2, 3, 4, 5, 6, 7, 8, 9}
	for name, tc := range map[string]struct {
		settings map[string]string
		keys     int
		asked    int
		enacted  []int64
	}{
		"on":       {nil, 1, 1, []int64{1}},
		"off":      {map[string]string{"addon.automod": "false"}, 1, 0, nil},
		"no bans":  {nil, 0, 0, nil},
		"database": {nil, -1, 0, nil},
	} {
		d, made := newDesk(tc.settings)
		made.keys = tc.keys
		if tc.keys < 0 {
			made.err = errors.New("away")
		}
		err := d.CheckAll(t.Context(), all)
		if (err != nil) != (tc.keys < 0) || made.asked != tc.asked {
			t.Errorf("%s: %v, asked %d times", name, err, made.asked)
		}
		if diff := cmp.Diff(tc.enacted, made.enacted); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestKind: what could not be checked comes back.
func TestKind(t *testing.T) {
	t.Parallel()
	d, made := newDesk(nil)
	var none *Desk
	now := &none
	k := NewKind(func() *Desk { return *now })
	due := check{[]int64{1}}
	if diff := cmp.Diff(any(failed{[]int64{1}}), k.Do(t.Context(), Key, due)); diff != "" {
		t.Errorf("before there is a desk (-want +got):\n%s", diff)
	}
	*now = d
	made.err = errors.New("away")
	if got := k.Do(t.Context(), Key, due); got == nil {
		t.Error("a failed check is forgotten")
	}
	made.err = nil
	if got := k.Do(t.Context(), Key, due); got != nil || len(made.enacted) != 1 {
		t.Errorf("%v, enacted %v", got, made.enacted)
	}
	if k.Do(t.Context(), Key, 5) != nil || k.Scope != process.PerCluster {
		t.Error("another effect, or another scope")
	}
}

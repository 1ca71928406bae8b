package matchmaking

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/lobby"
	"teiserver/internal/refusal"
)

// world answers effects as a test wants, and notes what it was asked.
type world struct {
	site    Site
	answers map[int64]Answer
	lobbies []lobby.Summary
	// reply answers calls; nil: all is well.
	reply func(key registry.Key, body any) (any, error)

	mu    sync.Mutex
	asked []string
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, fmt.Sprintf(format, args...))
}

func (w *world) Known() bool               { return true }
func (w *world) Site(context.Context) Site { return w.site }
func (w *world) Lobbies() []lobby.Summary  { return w.lobbies }

func (w *world) Claim(_ context.Context, c Claim) Answer {
	w.note("claim %d", c.User)
	if a, ok := w.answers[c.User]; ok {
		return a
	}
	return Free
}

func (w *world) Enter(_ context.Context, user int64, _ string, lobby int64) error {
	w.note("enter %d %d", user, lobby)
	return nil
}

func (w *world) Order(_ context.Context, host int64, lines ...string) {
	for _, l := range lines {
		w.note("%d %s", host, l)
	}
}

func (w *world) Call(_ context.Context, key registry.Key, body any) (any, error) {
	w.note("%s %T", key, body)
	if w.reply == nil {
		return nil, nil
	}
	return w.reply(key, body)
}

func (w *world) Own(_ context.Context, key registry.Key, _ any) error {
	w.note("own %s", key)
	return nil
}

func room(id int64, title string) lobby.Summary {
	return lobby.Summary{Info: lobby.Info{ID: id, Title: title, Founder: lobby.Who{User: 10 * id}}}
}

func newWorld() *world {
	return &world{site: Site{Queues: []Spec{{ID: 1}, {ID: 2}, {ID: 3}}, Ready: time.Second, Room: time.Minute}, lobbies: []lobby.Summary{room(5, "A")}}
}

func TestClaims(t *testing.T) {
	t.Parallel()
	away := errors.New("no answer")
	no := refusal.New(refusal.NotFound, "no")
	good := claimed{Fates: map[string]Fate{}, Ready: time.Second, Room: time.Minute}
	fate := func(group string, f Fate) claimed {
		return claimed{Fates: map[string]Fate{group: f}, Ready: time.Second, Room: time.Minute}
	}
	for name, tc := range map[string]struct {
		change func(w *world)
		want   claimed
		asked  []string
	}{
		"all are free":     {func(*world) {}, good, []string{"claim 1", "claim 2", "claim 3", "claim 4"}},
		"one is busy":      {func(w *world) { w.answers = map[int64]Answer{3: Busy} }, fate("p", FateLater), []string{"claim 1", "claim 2", "claim 3"}},
		"one is away":      {func(w *world) { w.answers = map[int64]Answer{1: Away} }, fate("a", FateLater), []string{"claim 1"}},
		"no answer":        {func(w *world) { w.answers = map[int64]Answer{1: ""} }, fate("a", FateLater), []string{"claim 1"}},
		"a changed party":  {func(w *world) { w.answers = map[int64]Answer{2: Changed} }, fate("p", FateOut), []string{"claim 1", "claim 2"}},
		"unknown to it":    {func(w *world) { w.reply = func(registry.Key, any) (any, error) { return nil, no } }, claimed{Unknown: true}, nil},
		"the queue is off": {func(w *world) { w.reply = func(registry.Key, any) (any, error) { return nil, away } }, claimed{Unclear: true}, nil},
		"there is no room": {func(w *world) { w.lobbies = nil },
			claimed{Fates: map[string]Fate{"a": FateLater, "b": FateLater, "p": FateLater}, Ready: time.Second, Room: time.Minute}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			tc.change(w)
			got := doMatch(t.Context(), w, claim{two()})
			if diff := cmp.Diff(any(tc.want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{"matchmaking_queue/1 matchmaking.Confirm"}, tc.asked...), w.asked); diff != "" {
				t.Errorf("asked (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSeek: only an empty room that is open to all and so called is taken, and the next one
// if another match was faster.
func TestSeek(t *testing.T) {
	t.Parallel()
	full, locked, private := room(1, "EU 1"), room(2, "EU 2"), room(3, "EU 3")
	full.Seats = []lobby.Seat{{}}
	locked.Info.Locked, private.Info.Passworded = true, true
	w := newWorld()
	w.site.Rooms = []string{"EU "}
	w.lobbies = []lobby.Summary{full, locked, private, room(4, "US 4"), room(5, "EU 5"), room(6, "EU 6")}
	w.reply = func(key registry.Key, _ any) (any, error) {
		if key.ID == "5" {
			return nil, refusal.New(refusal.Taken, "no")
		}
		return nil, nil
	}
	b := two()
	b.Spec.Maps = []string{"M"}
	if got := doMatch(t.Context(), w, seek{b}); got != any(sought{Lobby: 6, Host: 60, Map: "M"}) {
		t.Errorf("found %+v", got)
	}
	w.lobbies = w.lobbies[:5]
	if got := doMatch(t.Context(), w, seek{b}); got != any(sought{}) {
		t.Errorf("found %+v", got)
	}
}

// TestFurnish: the host is told once, who is missing is brought, and it is done when nobody
// lacks anything.
func TestFurnish(t *testing.T) {
	t.Parallel()
	missing := []int64{1, 4}
	w := newWorld()
	w.reply = func(_ registry.Key, body any) (any, error) {
		if f, ok := body.(lobby.Furnish); ok {
			if len(f.Places) != 4 || *f.Places[3].Ally != 1 || *f.Places[3].Team != 3 || f.Tags[tagQueue] != "1" {
				t.Errorf("%+v", f)
			}
			defer func() { missing = nil }()
			return lobby.Furnished{Missing: missing, Unready: []int64{2}}, nil
		}
		return nil, nil
	}
	f := furnish{Begin: two(), Lobby: 5, Host: 50, Map: "M"}
	got := doMatch(t.Context(), w, f).(furnished)
	if diff := cmp.Diff(furnished{Lacking: []int64{2}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	asked := w.asked
	slices.Sort(asked)
	want := []string{
		"50 !autobalance off", "50 !bset startpostype 2", "50 !map M", "50 !preset team", "enter 1 5", "enter 4 5",
		"lobby/5 lobby.Furnish", "lobby/5 lobby.Furnish", "lobby/5 lobby.Reserve",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	w.reply = func(_ registry.Key, body any) (any, error) { return lobby.Furnished{}, nil }
	if got := doMatch(t.Context(), w, f).(furnished); got.Done {
		t.Error("done before the host can have prepared the room")
	}
	w.asked, f.Briefed = nil, true
	if got := doMatch(t.Context(), w, f).(furnished); !got.Done || len(w.asked) != 2 {
		t.Errorf("%+v, asked %q", got, w.asked)
	}
	w.reply = func(registry.Key, any) (any, error) { return nil, cluster.ErrNone }
	if got := doMatch(t.Context(), w, f).(furnished); !got.NoRoom {
		t.Errorf("the room is gone: %+v", got)
	}
	w.reply = func(registry.Key, any) (any, error) { return nil, cluster.ErrUnavailable }
	if got := doMatch(t.Context(), w, f).(furnished); got.NoRoom || got.Done {
		t.Errorf("nobody knows: %+v", got)
	}
}

// TestReport: who plays is out of the other queues before its own knows of it, and it is said
// again until all know.
func TestReport(t *testing.T) {
	t.Parallel()
	w := newWorld()
	r := report{Queue: 2, Settle: Settle{Match: "2-1", Made: true}, Host: 50, Gone: []int64{1, 2}}
	if got := doMatch(t.Context(), w, r); got != any(reported{OK: true, Told: true}) {
		t.Errorf("%+v", got)
	}
	if n := len(w.asked); n != 4 || w.asked[0] != "50 !forcestart" || w.asked[3] != "matchmaking_queue/2 matchmaking.Settle" {
		t.Errorf("asked %q", w.asked)
	}
	for _, silent := range []string{"1", "2", "3"} {
		w.reply = func(key registry.Key, _ any) (any, error) {
			if key.ID == silent {
				return nil, cluster.ErrUnavailable
			}
			return nil, nil
		}
		if got := doMatch(t.Context(), w, r); got != any(reported{Told: true}) {
			t.Errorf("queue %s is silent: %+v", silent, got)
		}
	}
}

package accolade

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

func restored(t testing.TB, b *Bot) *Bot {
	t.Helper()
	raw, err := b.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next, err := RestoreBot(raw)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

// TestMatchOnce: a match is asked about once, however often and late it is told of.
func TestMatchOnce(t *testing.T) {
	t.Parallel()
	b := NewBot()
	over := Over{Match: 5, Finished: epoch}
	want := process.Outcome{Record: Kept{}, Effects: []any{askAbout{5}}}
	if diff := cmp.Diff(want, apply(t, b, time.Minute, over)); diff != "" {
		t.Errorf("over (-want +got):\n%s", diff)
	}
	none := process.Outcome{}
	if diff := cmp.Diff(none, apply(t, b, time.Minute, over)); diff != "" {
		t.Errorf("told twice:\n%s", diff)
	}
	b = restored(t, b) // its owner has died: what was not asked is
	if diff := cmp.Diff(process.Outcome{Effects: []any{askAbout{5}}}, apply(t, b, time.Minute, look{})); diff != "" {
		t.Errorf("the next owner:\n%s", diff)
	}
	if diff := cmp.Diff(none, apply(t, b, time.Minute, look{})); diff != "" {
		t.Errorf("asked twice at a time:\n%s", diff)
	}
	if out := apply(t, b, time.Minute, askedAbout{Match: 5, Again: true}); len(out.Timers) != 1 {
		t.Errorf("it did not work out: %+v", out)
	}
	if out := apply(t, b, time.Minute, look{}); len(out.Effects) != 1 {
		t.Errorf("is not tried again: %+v", out)
	}
	apply(t, b, time.Minute, askedAbout{Match: 5})
	b = restored(t, b)
	for _, at := range []time.Duration{time.Minute, LastGame, LastGame + time.Second, 24 * time.Hour} {
		if diff := cmp.Diff(none, apply(t, b, at, over)); diff != "" {
			t.Errorf("told again after %v:\n%s", at, diff)
		}
	}
	// What is long over is forgotten, and not asked about for that.
	apply(t, b, 3*LastGame, Over{Match: 6, Finished: epoch.Add(3 * LastGame)})
	if _, kept := b.known[5]; kept {
		t.Error("an old match is remembered for ever")
	}
	if diff := cmp.Diff(none, apply(t, b, 3*LastGame, over)); diff != "" {
		t.Errorf("told of a match that is forgotten:\n%s", diff)
	}
}

// TestNotForEver: who cannot be asked for an hour is not asked.
func TestNotForEver(t *testing.T) {
	t.Parallel()
	b := NewBot()
	apply(t, b, 0, Over{Match: 5, Finished: epoch})
	apply(t, b, LastGame, askedAbout{Match: 5, Again: true})
	if out := apply(t, b, LastGame+1, look{}); len(out.Effects) != 0 || len(b.pending) != 0 {
		t.Errorf("%+v, pending %v", out, b.pending)
	}
}

func TestStray(t *testing.T) {
	t.Parallel()
	b := NewBot()
	if got := lines(apply(t, b, 0, direct("1")).Reply); len(got) != 1 || got[0] != textNoChat {
		t.Errorf("answered %q", got)
	}
	if got := lines(apply(t, b, 0, resident.Direct{From: 1, Rights: resident.Rights{Bot: true}, Text: "1"}).Reply); len(got) != 0 {
		t.Errorf("a bot is told %q", got)
	}
	if b.View() != any(resident.View{Online: true}) {
		t.Errorf("view %v", b.View())
	}
	if _, err := b.Apply(process.Command{Body: 7}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := RestoreBot([]byte("no")); err == nil {
		t.Error("a broken snapshot is read")
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	all := []player{
		{User: 1, Name: "a"}, {User: 2, Name: "b"}, {User: 3, Name: "c", Barred: true}, {User: 4}, {User: 5, Name: "e"},
		{User: 6, Name: "f", Team: 1},
	}
	var got []int64
	for _, p := range candidates(all[0], all, []int64{5}) {
		got = append(got, p.User)
	}
	if diff := cmp.Diff([]int64{2}, got); diff != "" { // not itself, not barred, not gone, not lately, not the others
		t.Error(diff)
	}
	if got := candidates(all[5], all, nil); len(got) != 0 {
		t.Errorf("alone in a team: %v", got)
	}
}

func TestOffered(t *testing.T) {
	t.Parallel()
	types := []BadgeType{
		{Badge: Badge{ID: 1}}, {Badge: Badge{ID: 2}, Restriction: Enemy}, {Badge: Badge{ID: 3}, Restriction: Ally}, {Badge: Badge{ID: 4}, Retired: true},
	}
	if diff := cmp.Diff([]Badge{{ID: 1}, {ID: 3}}, offered(types)); diff != "" {
		t.Error(diff)
	}
}

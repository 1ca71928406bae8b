package monitor

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

var epoch = time.UnixMilli(1_700_000_000_000).UTC()

func apply(t testing.TB, s *State, at time.Time, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body, At: at})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

func launch(host, line, lobby int64) Heard {
	return Heard{From: host, Session: 1, Line: line, Lobby: lobby, Text: saysLaunching}
}

// deedsOf are those that an outcome has done.
func deedsOf(out process.Outcome) (list []Deed) {
	for _, e := range out.Effects {
		if b, ok := e.(batch); ok {
			list = append(list, b.Deeds...)
		}
	}
	return list
}

func TestReportIsStoredBeforeItIsAnswered(t *testing.T) {
	t.Parallel()
	s := NewState()
	out := apply(t, s, epoch, launch(7, 1, 3))
	want := process.Outcome{
		Reply:   resident.Says{Lines: []string{}},
		Record:  kept{},
		Effects: []any{batch{[]Deed{{Seq: epoch.UnixMilli() + 1, At: epoch, Host: 7, What: Start, Lobby: 3}}}},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
	// The snapshot that goes with the record has it; the next owner does it.
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next, err := RestoreState(b)
	if err != nil {
		t.Fatal(err)
	}
	if timers := next.Resume(); len(timers) != 2 {
		t.Errorf("timers %+v", timers)
	}
	if diff := cmp.Diff(deedsOf(out), deedsOf(apply(t, next, epoch, look{}))); diff != "" {
		t.Errorf("the next owner's deeds:\n%s", diff)
	}
	if out := apply(t, next, epoch, launch(7, 1, 3)); out.Record != nil {
		t.Error("a report that was stored is stored again")
	}
}

func TestTwiceAndLate(t *testing.T) {
	t.Parallel()
	s := NewState()
	at := func(session, line int64) Heard {
		return Heard{From: 7, Session: session, Line: line, Lobby: 3, Text: saysStopped + ": 1s)"}
	}
	for _, tc := range []struct {
		h    Heard
		want bool
	}{
		{at(2, 5), true}, {at(2, 5), false}, {at(2, 4), false}, {at(1, 9), false}, {at(2, 6), true}, {at(3, 1), true}, {at(2, 7), false},
	} {
		if out := apply(t, s, epoch, tc.h); (out.Record != nil) != tc.want {
			t.Errorf("session %d line %d: %+v", tc.h.Session, tc.h.Line, out)
		}
	}
	if v := s.View().(View); v.Pending != 3 {
		t.Errorf("view %+v", v)
	}
}

func TestOneBatchAtATime(t *testing.T) {
	t.Parallel()
	s := NewState()
	first := deedsOf(apply(t, s, epoch, launch(7, 1, 3)))
	if more := deedsOf(apply(t, s, epoch, launch(8, 1, 4))); more != nil {
		t.Errorf("beside the first batch: %+v", more)
	}
	apply(t, s, epoch, launch(7, 2, 3))
	// 7 has to wait: 8 goes on, and 7's second report stays behind its first.
	out := apply(t, s, epoch, done{Later: []int64{7}})
	if got := deedsOf(out); len(got) != 1 || got[0].Host != 8 {
		t.Errorf("while 7 waits: %+v", got)
	}
	out = apply(t, s, epoch, done{Seqs: []int64{deedsOf(out)[0].Seq}})
	if got := deedsOf(out); got != nil || len(out.Timers) != 1 {
		t.Errorf("only 7 is left: %+v", out)
	}
	if again := apply(t, s, epoch, launch(8, 2, 4)); len(deedsOf(again)) != 1 {
		t.Errorf("8 again: %+v", again)
	}
	out = apply(t, s, epoch.Add(retryAfter), done{Seqs: []int64{s.seq}})
	if got := deedsOf(out); len(got) != 2 || got[0].Seq != first[0].Seq || got[1].Host != 7 {
		t.Errorf("after a second: %+v", got)
	}
	out = apply(t, s, epoch.Add(giveUpAfter+time.Minute), done{Later: []int64{7}})
	if len(out.Effects) != 1 || len(out.Effects[0].(lost).Deeds) != 2 || len(s.pending) != 0 {
		t.Errorf("after an hour: %+v", out)
	}
}

// TestSaidEarlier: a report that had to wait for the monitor counts from when it was
// said, is tried for as long as any other, and is numbered like the rest.
func TestSaidEarlier(t *testing.T) {
	t.Parallel()
	s := NewState()
	now := epoch.Add(50 * time.Minute)
	h := launch(7, 1, 3)
	h.At = epoch
	out := apply(t, s, now, h)
	want := []Deed{{Seq: now.UnixMilli() + 1, At: epoch, Taken: now, Host: 7, What: Start, Lobby: 3}}
	if diff := cmp.Diff(want, deedsOf(out)); diff != "" {
		t.Errorf("deeds (-want +got):\n%s", diff)
	}
	if out := apply(t, s, epoch.Add(giveUpAfter+time.Minute), done{Later: []int64{7}}); len(s.pending) != 1 {
		t.Errorf("given up after %s: %+v", 11*time.Minute, out)
	}
	if apply(t, s, now.Add(giveUpAfter+time.Minute), done{Later: []int64{7}}); len(s.pending) != 0 {
		t.Error("not given up after an hour")
	}
	h = launch(7, 2, 3)
	h.At = now.Add(time.Second) // a clock that is ahead
	apply(t, s, now, h)
	if d := s.pending[0]; !d.At.Equal(now) || !d.Taken.IsZero() {
		t.Errorf("said in the future: %+v", d)
	}
}

// TestToldTwice: private messages with numbers are known again, in one order with the
// lines of the room; others are taken as they come.
func TestToldTwice(t *testing.T) {
	t.Parallel()
	s := NewState()
	private := func(session, line int64, text string) bool {
		t.Helper()
		out := apply(t, s, epoch, resident.Direct{From: 7, Rights: resident.Rights{Bot: true}, Text: text, Session: session, Line: line})
		return out.Record != nil
	}
	for i, tc := range []struct {
		session, line int64
		text          string
		want          bool
	}{
		{1, 1, "match-event <Al> <x> <1>", true}, {1, 1, "match-event <Al> <x> <1>", false}, {1, 2, "what", false},
		{1, 2, "match-event <Al> <x> <1>", true}, {2, 1, "broken_connection Al", true}, {1, 3, "broken_connection Al", false},
		{0, 0, "broken_connection Al", true}, {0, 0, "broken_connection Al", true},
	} {
		if got := private(tc.session, tc.line, tc.text); got != tc.want {
			t.Errorf("%d: %v", i, got)
		}
	}
	if out := apply(t, s, epoch, Heard{From: 7, Session: 2, Line: 1, Lobby: 3, Text: saysLaunching}); out.Record != nil {
		t.Error("a line of the room with a number that was")
	}
}

// A monitor that has lost its state gives no number again.
func TestNumbersRise(t *testing.T) {
	t.Parallel()
	s := NewState()
	apply(t, s, epoch, launch(7, 1, 3))
	last := s.seq
	fresh := NewState()
	apply(t, fresh, epoch.Add(time.Second), launch(7, 1, 3))
	if fresh.seq <= last {
		t.Errorf("%d after %d", fresh.seq, last)
	}
	apply(t, s, epoch.Add(-time.Hour), launch(7, 2, 3)) // the store's clock was set back
	if s.seq != last+1 {
		t.Errorf("%d after %d", s.seq, last)
	}
}

func TestTooMuch(t *testing.T) {
	t.Parallel()
	s := NewState()
	for i := range int64(mostPending) {
		s.pending = append(s.pending, Deed{Seq: i})
	}
	if _, err := s.Apply(process.Command{Body: launch(7, 1, 3), At: epoch}); !refusal.Is(err, refusal.Unavailable) {
		t.Errorf("one more: %v", err)
	}
	if len(s.heard) != 0 || len(s.pending) != mostPending {
		t.Error("what was refused has changed something")
	}
	if _, err := s.Apply(process.Command{Body: 7}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestForgetsHosts(t *testing.T) {
	t.Parallel()
	s := NewState()
	for host := range int64(forgetFrom + 10) {
		apply(t, s, epoch, launch(host+1, 1, 3))
	}
	apply(t, s, epoch.Add(forgetAfter+time.Hour), launch(5, 2, 3))
	if len(s.heard) != 1 {
		t.Errorf("%d hosts are remembered", len(s.heard))
	}
}

// keeper notes what is kept.
type keeper struct{ fences []registry.Fence }

func (k *keeper) KeepState(_ context.Context, f registry.Fence) error {
	k.fences = append(k.fences, f)
	return nil
}

func TestKind(t *testing.T) {
	t.Parallel()
	store := &keeper{}
	k := NewKind(5, store, func() *Desk { return nil })
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Indexed}
	if diff := cmp.Diff([]any{"match_monitor", process.PerCluster, process.Ensured, process.Freeze, true, true}, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	m, err := k.Open(t.Context(), resident.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := account.Resident{ID: 5, Name: "AutohostMonitor", Country: "GB", Client: "Teiserver Internal Client"}
	if got := m.(process.Summarizer).Summary(); got != want {
		t.Errorf("summary %+v", got)
	}
	out, err := m.Apply(process.Command{Body: launch(7, 1, 3), At: epoch})
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Write(t.Context(), registry.Fence{Epoch: 9, Snapshot: b}, out.Record); err != nil || len(store.fences) != 1 {
		t.Errorf("write: %v", err)
	}
	if err := k.Write(t.Context(), registry.Fence{}, "x"); err == nil {
		t.Error("a record of another kind is written")
	}
	// Without a desk deeds wait.
	if got := k.Do(t.Context(), registry.NewKey(Kind, "main"), out.Effects[0]); !cmp.Equal(got, any(done{Later: []int64{7}})) {
		t.Errorf("done %+v", got)
	}
	if again, err := k.Open(t.Context(), resident.ID, b); err != nil || again.View().(View).Pending != 1 {
		t.Errorf("opened again: %v", err)
	}
	if _, err := k.Open(t.Context(), resident.ID, []byte("{")); err == nil {
		t.Error("a broken snapshot is opened")
	}
	if raw, err := message.Encode(m.View()); err != nil {
		t.Errorf("view %v, %v", raw, err)
	}
	u := account.User{Roles: Account.Roles}
	if !u.IsBot() || u.Moderates() {
		t.Errorf("roles %v", u.Roles)
	}
}

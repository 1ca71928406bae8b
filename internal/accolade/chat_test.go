package accolade

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

var epoch = time.UnixMilli(1_700_000_000_000).UTC()

var badges = []Badge{{ID: 12, Name: "Cool head", Description: "stayed calm"}, {ID: 7, Name: "Good teammate", Description: "was there"}}

func apply(t testing.TB, m process.Machine, at time.Duration, body any) process.Outcome {
	t.Helper()
	out, err := m.Apply(process.Command{Body: body, At: epoch.Add(at)})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

func question1() Ask {
	return Ask{Match: 5, Giver: 1, Recipient: 2, Name: "Bob", Badges: badges, Answer: 10 * time.Minute}
}

// asking is a chat whose question was heard.
func asking(t testing.TB) *Chat {
	t.Helper()
	s := &Chat{}
	out := apply(t, s, 0, question1())
	want := process.Outcome{
		Record: Asked{Match: 5, Giver: 1, Recipient: 2}, Effects: []any{say{question1()}},
		Timers: []process.Timer{{After: 10 * time.Minute, Body: look{}}},
	}
	if diff := cmp.Diff(want, out, cmp.AllowUnexported(say{})); diff != "" {
		t.Fatalf("ask (-want +got):\n%s", diff)
	}
	if out := apply(t, s, time.Second, said{Match: 5, First: true, Heard: true}); out.Close || out.Record != nil {
		t.Fatalf("said: %+v", out)
	}
	return s
}

// again is the chat as its next owner has it.
func again(t testing.TB, s *Chat) *Chat {
	t.Helper()
	b, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	next, err := RestoreChat(b)
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func direct(text string) resident.Direct {
	return resident.Direct{From: 1, FromName: "Alice", Text: text}
}

func lines(reply any) []string {
	says, _ := reply.(resident.Says)
	return says.Lines
}

// TestQuestion: the words are those that players know.
func TestQuestion(t *testing.T) {
	t.Parallel()
	want := []string{
		"-------------------------------------------------",
		"You have an opportunity to leave feedback on one of the players in your last game. We have selected Bob",
		"Which of the following accolades do you feel they most deserve (if any)?",
		"N - No accolade for this player at all",
		"0 - No accolade this time, ask again later",
		"1 - Cool head, stayed calm",
		"2 - Good teammate, was there",
		".",
		"Reply to this message with the number corresponding to the Accolade you feel is most appropriate for this player for this match.",
	}
	if diff := cmp.Diff(want, question("Bob", badges)); diff != "" {
		t.Error(diff)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	answered := func(o Outcome, badge int64, miss int) *Answered {
		return &Answered{Match: 5, Giver: 1, Recipient: 2, Outcome: o, Badge: badge, Miss: miss}
	}
	for _, tc := range []struct {
		text  string
		reply string
		want  *Answered
	}{
		{"n", textNothing, answered(Declined, 0, 3)},
		{"N", textNothing, answered(Declined, 0, 3)},
		{" N ", textNothing, answered(Declined, 0, 3)},
		{"0", textNothing, answered(Later, 0, 3)},
		{"1", textGiven, answered(Given, 12, -5)},
		{"2", textGiven, answered(Given, 7, -5)},
		{"02", textGiven, answered(Given, 7, -5)},
		{"3", textNoBadge, nil},
		{"-1", textNoBadge, nil},
		{"99999999999999999999", textNoBadge, nil},
		{"two", textNoNumber, nil},
		{"1 please", textNoNumber, nil},
		{"1.0", textNoNumber, nil},
		{"", textNoNumber, nil},
		{"-", textNoNumber, nil},
		{"--1", textNoNumber, nil},
		{"nn", textNoNumber, nil},
	} {
		s := asking(t)
		out := apply(t, s, time.Minute, direct(tc.text))
		if diff := cmp.Diff([]string{tc.reply}, lines(out.Reply)); diff != "" {
			t.Errorf("%q: %s", tc.text, diff)
		}
		var got *Answered
		if a, ok := out.Record.(Answered); ok {
			got = &a
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q: record (-want +got):\n%s", tc.text, diff)
		}
		if ends := tc.want != nil && tc.want.Outcome != Given; out.Close != ends {
			t.Errorf("%q: closed %v", tc.text, out.Close)
		}
		if open := s.asked != nil; open != (tc.want == nil) {
			t.Errorf("%q: still open %v", tc.text, open)
		}
	}
}

// TestNotice: the recipient is told half a minute later, once, and only then the chat ends;
// meanwhile another question may come.
func TestNotice(t *testing.T) {
	t.Parallel()
	s := asking(t)
	out := apply(t, s, time.Minute, direct("2"))
	if out.Close || len(out.Timers) != 1 || out.Timers[0].After != noticeAfter {
		t.Fatalf("given: %+v", out)
	}
	if got := lines(apply(t, s, time.Minute, direct("2")).Reply); len(got) != 1 || got[0] != textNoChat {
		t.Errorf("said twice: %q", got)
	}
	s = again(t, s)
	if out := apply(t, s, time.Minute+noticeAfter-1, look{}); out.Record != nil || out.Close || len(out.Timers) != 1 || out.Timers[0].After != 1 {
		t.Errorf("too early: %+v", out)
	}
	busy := again(t, s)
	out = apply(t, s, time.Minute+noticeAfter, look{})
	if diff := cmp.Diff(process.Outcome{Record: Kept{}, Effects: []any{tell{2}}, Close: true}, out); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}

	next := question1()
	next.Match = 6
	apply(t, busy, 80*time.Second, next)
	out = apply(t, busy, 2*time.Minute, look{})
	if out.Close || out.Record == nil || len(out.Effects) != 1 || out.Effects[0] != any(tell{2}) {
		t.Errorf("notice beside a question: %+v", out)
	}
}

// TestDeadline: silence counts once, when the time has come, wherever the chat is.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s := again(t, asking(t))
	if out := apply(t, s, 10*time.Minute-time.Second, look{}); len(out.Effects) != 0 || len(out.Timers) != 1 || out.Timers[0].After != time.Second {
		t.Fatalf("before the deadline: %+v", out)
	}
	if out := apply(t, s, 10*time.Minute, look{}); len(out.Effects) != 1 || out.Effects[0] != any(late{5}) || out.Close {
		t.Fatalf("deadline: %+v", out)
	}
	if out := apply(t, s, 10*time.Minute, look{}); len(out.Effects) != 0 {
		t.Errorf("the deadline comes twice: %+v", out)
	}
	if out := apply(t, s, 10*time.Minute, lapsed{Match: 5, Again: true}); len(out.Timers) != 1 || s.ending {
		t.Errorf("not known yet: %+v", out)
	}
	if out := apply(t, s, 10*time.Minute, lapsed{Match: 4, Counts: true}); out.Record != nil {
		t.Errorf("of another match: %+v", out)
	}
	out := apply(t, s, 10*time.Minute, lapsed{Match: 5, Counts: true})
	want := process.Outcome{Record: Answered{Match: 5, Giver: 1, Recipient: 2, Outcome: Missed, Miss: 10}, Close: true}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("missed (-want +got):\n%s", diff)
	}
	if out := apply(t, s, 10*time.Minute, lapsed{Match: 5, Counts: true}); out.Record != nil {
		t.Errorf("missed twice: %+v", out)
	}
}

// TestNothingMissed: who has not heard the question, or while accolades are off, misses
// nothing.
func TestNothingMissed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		said   said
		counts bool
	}{
		"off":       {said{Match: 5, First: true, Heard: true}, false},
		"not there": {said{Match: 5, First: true}, true},
	} {
		s := &Chat{}
		apply(t, s, 0, question1())
		apply(t, s, 0, tc.said)
		apply(t, s, 10*time.Minute, look{})
		out := apply(t, s, 10*time.Minute, lapsed{Match: 5, Counts: tc.counts})
		if a, _ := out.Record.(Answered); a.Outcome != Missed || a.Miss != 0 || !out.Close {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// TestSaidOnce: a question whose words were given already is dropped; one that the owner
// before may have put waits without a word, and misses nothing.
func TestSaidOnce(t *testing.T) {
	t.Parallel()
	double := &Chat{}
	apply(t, double, 0, question1())
	if out := apply(t, double, 0, said{Match: 5}); !out.Close || out.Record != nil {
		t.Errorf("a second chat about a match: %+v", out)
	}

	s := &Chat{}
	apply(t, s, 0, question1())
	s = again(t, s) // its owner has died before it knew
	out := apply(t, s, time.Second, look{})
	if diff := cmp.Diff([]any{say{question1()}}, out.Effects, cmp.AllowUnexported(say{})); diff != "" {
		t.Errorf("the next owner says (-want +got):\n%s", diff)
	}
	if out := apply(t, s, time.Second, look{}); len(out.Effects) != 0 {
		t.Errorf("says it twice: %+v", out)
	}
	if out := apply(t, s, time.Second, said{Match: 5, Again: true}); len(out.Timers) != 1 {
		t.Errorf("not known yet: %+v", out)
	}
	if out := apply(t, s, 2*time.Second, look{}); len(out.Effects) != 1 {
		t.Errorf("is not tried again: %+v", out)
	}
	if out := apply(t, s, time.Second, said{Match: 5}); out.Close || s.asked == nil {
		t.Fatalf("the question of an owner before: %+v", out)
	}
	apply(t, s, 10*time.Minute, look{})
	if a, _ := apply(t, s, 10*time.Minute, lapsed{Match: 5, Counts: true}).Record.(Answered); a.Miss != 0 {
		t.Errorf("misses what it may not have heard: %+v", a)
	}
}

func TestOneQuestionAtATime(t *testing.T) {
	t.Parallel()
	s := asking(t)
	other := question1()
	other.Match = 6
	if _, err := s.Apply(process.Command{Body: other, At: epoch}); !refusal.Is(err, refusal.Taken) {
		t.Errorf("a second question: %v", err)
	}
	if s.View() != any(View{Match: 5}) {
		t.Errorf("view %+v", s.View())
	}
	if _, err := s.Apply(process.Command{Body: 7}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := RestoreChat([]byte("no")); err == nil {
		t.Error("a broken snapshot is read")
	}
}

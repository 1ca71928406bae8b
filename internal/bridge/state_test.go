package bridge

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

var start = time.Unix(1_700_000_000, 0).UTC()

func terms() Terms {
	return Terms{
		Read: true, On: true, FromDiscord: true, FromServer: true, Numbers: true, Notify: true,
		Rooms: map[string]string{"main": "11", "promote": "12"}, Posts: map[string]string{"server-updates": "21"}, Flagged: []string{"badword"},
	}
}

// rig is a machine that is kept as a process keeps it: each command is applied to what was
// read from the snapshot of the one before.
type rig struct {
	t  *testing.T
	s  *State
	at time.Time
}

func newRig(t *testing.T, terms Terms) *rig {
	r := &rig{t: t, s: NewState(), at: start}
	r.s.Resume()
	r.apply(again{})
	r.apply(speakAgain{})
	r.apply(terms)
	return r
}

func (r *rig) apply(body any) process.Outcome {
	r.t.Helper()
	out, err := r.s.Apply(process.Command{Body: body, At: r.at})
	if err != nil {
		r.t.Fatalf("%T: %v", body, err)
	}
	return out
}

// restore is a takeover: what the owner had under way is not known.
func (r *rig) restore() []process.Timer {
	r.t.Helper()
	b, err := r.s.Snapshot()
	if err != nil {
		r.t.Fatal(err)
	}
	if r.s, err = RestoreState(b); err != nil {
		r.t.Fatal(err)
	}
	return r.s.Resume()
}

func posts(out process.Outcome) (list []post) {
	for _, e := range out.Effects {
		if s, ok := e.(send); ok {
			list = append(list, s.Posts...)
		}
	}
	return list
}

func spokenLines(out process.Outcome) (list []string) {
	for _, e := range out.Effects {
		if s, ok := e.(speak); ok {
			for _, l := range s.Lines {
				list = append(list, l.Room+" "+l.Text)
			}
		}
	}
	return list
}

// TestOutward: what is carried to Discord, and how.
func TestOutward(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		h    Heard
		want string
	}{
		"plain":       {Heard{Room: "main", FromName: "Erin", Text: " hello "}, "11 **Erin**: hello"},
		"markup":      {Heard{Room: "main", FromName: "[a]_b*", Text: "x"}, `11 **[a]\_b\***: x`},
		"nobody rung": {Heard{Room: "main", FromName: "Erin", Text: "@everyone look"}, "11 **Erin**:  at everyone look"},
		"emoji":       {Heard{Room: "main", FromName: "Erin", Text: "fine :D"}, "11 **Erin**: fine 😄"},
		"order":       {Heard{Room: "main", FromName: "Erin", Text: "!status"}, ""},
		"dollar":      {Heard{Room: "main", FromName: "Erin", Text: "$whoami"}, ""},
		"slash":       {Heard{Room: "main", FromName: "Erin", Text: "/me"}, ""},
		"link":        {Heard{Room: "main", FromName: "Erin", Text: "see HTTPS://x.y"}, ""},
		"flagged":     {Heard{Room: "main", FromName: "Erin", Text: "such a BadWord"}, ""},
		"blank":       {Heard{Room: "main", FromName: "Erin", Text: "  "}, ""},
		"other room":  {Heard{Room: "cave", FromName: "Erin", Text: "hello"}, ""},
		"bot":         {Heard{Room: "main", FromName: "Host", Bot: true, Text: "hello"}, ""},
		"bot looks for players": {Heard{Room: "main", FromName: "Host", Bot: true, Text: "3 player(s) needed for battle \"x\""},
			"12 **Host**: 3 player(s) needed for battle \"x\""},
		"bot in promote": {Heard{Room: "promote", FromName: "Host", Bot: true, Text: "come"}, "12 **Host**: come"},
		"plus":           {Heard{Room: "main", FromName: "Erin", Text: "+3"}, "12 **Erin**: +3"},
		"more":           {Heard{Room: "main", FromName: "Erin", Text: "1 more for 4v4"}, "12 **Erin**: 1 more for 4v4"},
		"outside":        {Heard{Room: "cave", FromName: "Erin", Text: "+3"}, ""},
	} {
		terms := terms()
		got := ""
		if channel, text, ok := terms.outward(&tc.h); ok {
			got = channel + " " + text
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		terms.FromServer = false
		if _, _, ok := terms.outward(&tc.h); ok {
			t.Errorf("%s: carried, though that is off", name)
		}
	}
}

// TestFlagged: who says what is not carried is not carried anymore; in rooms that are
// nobody's business nothing happens.
func TestFlagged(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	out := r.apply(Heard{From: 5, Session: 1, Line: 1, Room: "main", Text: "a BADWORD"})
	if diff := cmp.Diff([]any{unbridge{5}}, out.Effects); diff != "" || len(r.s.posts) != 0 {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	for _, h := range []Heard{
		{From: 5, Session: 1, Line: 2, Room: "cave", Text: "a BADWORD"},
		{From: 6, Session: 1, Line: 2, Room: "main", Bot: true, Text: "a BADWORD"},
	} {
		if out := r.apply(h); len(out.Effects) != 0 {
			t.Errorf("%+v: %v", h, out.Effects)
		}
	}
}

// TestInward: what is carried from Discord, and how.
func TestInward(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		c    Came
		room string
		want []string
	}{
		"plain":       {Came{Channel: "11", Name: "Zoe", Text: "hello"}, "main", []string{"Zoe: hello"}},
		"rows":        {Came{Channel: "12", Name: "Zoe\n", Text: "one\r\n\ntwo 🙂"}, "promote", []string{"Zoe: one", "Zoe: two :)"}},
		"other":       {Came{Channel: "99", Name: "Zoe", Text: "hello"}, "", nil},
		"notices":     {Came{Channel: "21", Name: "Zoe", Text: "hello"}, "", nil},
		"bot":         {Came{Channel: "11", Name: "Zoe", Text: "hello", Bot: true}, "", nil},
		"attachments": {Came{Channel: "11", Name: "Zoe", Text: "hello", Files: true}, "", nil},
		"link":        {Came{Channel: "11", Name: "Zoe", Text: "http://x"}, "", nil},
		"flagged":     {Came{Channel: "11", Name: "Zoe", Text: "badword"}, "", nil},
		"long":        {Came{Channel: "11", Name: "Zoe", Text: fmt.Sprintf("%0101d", 1)}, "", nil},
		"as long":     {Came{Channel: "11", Name: "Z", Text: fmt.Sprintf("%0100d", 1)}, "main", []string{"Z: " + fmt.Sprintf("%0100d", 1)}},
	} {
		terms := terms()
		room, lines := terms.inward(&tc.c)
		if diff := cmp.Diff(tc.want, lines); room != tc.room || diff != "" {
			t.Errorf("%s: %q (-want +got):\n%s", name, room, diff)
		}
		terms.FromDiscord = false
		if room, _ := terms.inward(&tc.c); room != "" {
			t.Errorf("%s: carried, though that is off", name)
		}
	}
}

// TestOnceEachWay: what came before, or late, is not carried again; nor is anything after
// a takeover that was done before it, and what was under way keeps its nonce.
func TestOnceEachWay(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	h := Heard{From: 5, FromName: "Erin", Session: 2, Line: 7, Room: "main", Text: "hello"}
	first := posts(r.apply(h))
	if len(first) != 1 || first[0].Text != "**Erin**: hello" {
		t.Fatalf("posts %v", first)
	}
	for _, again := range []Heard{h, {From: 5, Session: 2, Line: 6, Room: "main", Text: "late"}, {From: 5, Session: 1, Line: 9, Room: "main", Text: "older"}} {
		r.apply(again)
	}
	if len(r.s.posts) != 1 {
		t.Errorf("%d posts wait, not one", len(r.s.posts))
	}
	r.restore()
	if out := r.apply(again{}); len(posts(out)) != 1 || nonce(posts(out)[0].Key) != nonce(first[0].Key) {
		t.Errorf("after a takeover: %v", posts(out))
	}
	r.apply(sent{Done: []int64{first[0].Seq}})
	r.restore()
	r.apply(h)
	if out := r.apply(again{}); len(posts(out)) != 0 || len(r.s.posts) != 0 {
		t.Errorf("said again: %v", r.s.posts)
	}

	c := Came{ID: "1000", Channel: "11", Name: "Zoe", Text: "hi"}
	r.apply(speakAgain{})
	if got := spokenLines(r.apply(c)); len(got) != 1 {
		t.Errorf("spoken %v", got)
	}
	seq := r.s.lines[0].Seq
	r.apply(c)
	r.apply(Came{ID: "999", Channel: "11", Name: "Zoe", Text: "older"})
	if len(r.s.lines) != 1 {
		t.Errorf("lines %v", r.s.lines)
	}
	r.restore()
	if got := spokenLines(r.apply(speakAgain{})); len(got) != 1 || r.s.lines[0].Seq != seq {
		t.Errorf("after a takeover: %v %v", got, r.s.lines)
	}
	r.apply(spoken{Done: []int64{seq}})
	if r.apply(c); len(r.s.lines) != 0 {
		t.Errorf("said again: %v", r.s.lines)
	}
}

// TestNumbersRise: a bridge that lost its state gives no number that listeners know.
func TestNumbersRise(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	last := int64(0)
	for range 3 {
		for i := range 50 {
			r.apply(Came{ID: fmt.Sprint(r.at.UnixNano() + int64(i)), Channel: "11", Name: "Z", Text: "x"})
		}
		for _, l := range r.s.lines {
			if l.Seq <= last {
				t.Fatalf("%d after %d", l.Seq, last)
			}
			last = l.Seq
		}
		at := r.at.Add(time.Second)
		r = newRig(t, terms())
		r.at = at
	}
}

// TestBounded: what waits is bounded, chat goes before notices, and old chat goes.
func TestBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	r.apply(Notice{Key: "a", To: "server-updates", Text: "up"})
	for i := range int64(mostPosts + 100) {
		r.apply(Heard{From: 5, Session: 1, Line: i + 1, Room: "main", Text: "x"})
	}
	if len(r.s.posts) != mostPosts || !r.s.posts[0].Notice || r.s.dropped != 101 {
		t.Errorf("%d posts, %d dropped", len(r.s.posts), r.s.dropped)
	}
	for i := range mostLines + 10 {
		r.apply(Came{ID: fmt.Sprint(1000 + i), Channel: "11", Name: "Z", Text: "x"})
	}
	if len(r.s.lines) != mostLines || r.s.dropped != 111 {
		t.Errorf("%d lines, %d dropped", len(r.s.lines), r.s.dropped)
	}
	r.apply(sent{})
	r.at = r.at.Add(chatLife + time.Second)
	if out := posts(r.apply(again{})); len(out) != 1 || !out[0].Notice || len(r.s.posts) != 1 {
		t.Errorf("after a while %d posts, sent %v", len(r.s.posts), out)
	}
	for i := range int64(forgetFrom + 10) {
		r.apply(Heard{From: 100 + i, Session: 1, Line: 1, Room: "main", Text: "!x"})
	}
	r.at = r.at.Add(forgetAfter + time.Second)
	if r.apply(Heard{From: 1, Session: 1, Line: 1, Room: "main", Text: "!x"}); len(r.s.heard) != 1 {
		t.Errorf("%d speakers remembered", len(r.s.heard))
	}
}

// TestPauses: what does not work is tried again after pauses that grow, and when Discord
// says so.
func TestPauses(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	r.apply(Heard{From: 5, Session: 1, Line: 1, Room: "main", Text: "x"})
	pause := func(out process.Outcome) time.Duration {
		if len(out.Timers) != 1 || len(posts(out)) != 0 {
			t.Fatalf("outcome %+v", out)
		}
		return out.Timers[0].After
	}
	var got []time.Duration
	for range 8 {
		got = append(got, pause(r.apply(sent{})))
		if out := r.apply(Heard{From: 6, Session: 1, Line: int64(len(got)), Room: "cave"}); len(posts(out)) != 0 {
			t.Fatal("posted in a pause")
		}
		if len(posts(r.apply(again{}))) != 1 {
			t.Fatal("not tried again")
		}
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
	if d := pause(r.apply(sent{After: 3 * time.Second})); d != 3*time.Second {
		t.Errorf("told to wait 3s: %v", d)
	}
}

// TestNotices: a notice is stored before it is answered, and its key counts once; before
// the settings were read its sender is to try again.
func TestNotices(t *testing.T) {
	t.Parallel()
	if _, err := NewState().Apply(process.Command{Body: Notice{Key: "k", To: "server-updates"}, At: start}); !refusal.Is(err, refusal.Unavailable) {
		t.Errorf("before the settings were read: %v", err)
	}
	r := newRig(t, terms())
	n := Notice{Key: "k", To: "server-updates", Text: "up"}
	out := r.apply(n)
	if _, stored := out.Record.(kept); !stored || len(posts(out)) != 1 || posts(out)[0].Channel != "21" {
		t.Errorf("outcome %+v", out)
	}
	r.restore()
	if out := r.apply(n); out.Record != nil || len(r.s.posts) != 1 {
		t.Errorf("again: %+v", out)
	}
	if out := r.apply(Notice{Key: "k", To: "main", Text: "up"}); out.Record == nil {
		t.Errorf("to another channel: %+v", out)
	}
	if out := r.apply(Notice{Key: "k", To: "nowhere", Text: "up"}); out.Record != nil {
		t.Errorf("to nowhere: %+v", out)
	}
	if out := r.apply(Notify{Key: "q", User: 9, Text: "you play"}); out.Record == nil || r.s.posts[len(r.s.posts)-1].User != 9 {
		t.Errorf("to a user: %+v", out)
	}
	off := terms()
	off.Notify = false
	r.apply(off)
	if out := r.apply(Notify{Key: "r", User: 9, Text: "you play"}); out.Record != nil {
		t.Errorf("to a user, though that is off: %+v", out)
	}
}

// TestSwitch: DiscordBridge is online while the bridge is on; off, nothing is taken, chat
// that waits is gone, and people here are answered all the same.
func TestSwitch(t *testing.T) {
	t.Parallel()
	r := newRig(t, Terms{Read: true})
	if !r.s.Away() || r.s.View() != any(resident.View{}) {
		t.Error("online, though off")
	}
	r.apply(Heard{From: 5, Session: 1, Line: 1, Room: "main", Text: "x"})
	r.apply(Came{ID: "1", Channel: "11", Text: "x"})
	r.apply(Notice{Key: "k", To: "main"})
	if len(r.s.posts)+len(r.s.lines) != 0 {
		t.Errorf("taken, though off: %v %v", r.s.posts, r.s.lines)
	}
	out := r.apply(terms())
	if diff := cmp.Diff([]any{resident.Moved{}}, out.Events); diff != "" || r.s.Away() {
		t.Errorf("on (-want +got):\n%s", diff)
	}
	if out := r.apply(terms()); len(out.Events) != 0 {
		t.Errorf("on again: %v", out.Events)
	}
	r.apply(Heard{From: 5, Session: 1, Line: 2, Room: "main", Text: "x"})
	r.apply(Came{ID: "2", Channel: "11", Text: "x"})
	r.apply(Notice{Key: "l", To: "main", Text: "up"})
	out = r.apply(Terms{Read: true})
	if diff := cmp.Diff([]any{resident.Moved{Away: true}}, out.Events); diff != "" || !r.s.Away() || len(r.s.posts) != 1 || len(r.s.lines) != 0 {
		t.Errorf("off: %v %v (-want +got):\n%s", r.s.posts, r.s.lines, diff)
	}
	if got := r.apply(resident.Direct{FromName: "Erin", Text: "hi"}).Reply; cmp.Diff(resident.Says{Lines: []string{"I don't currently handle messages, sorry Erin"}}, got) != "" {
		t.Errorf("answer %v", got)
	}
	if got := r.apply(resident.Direct{FromName: "Host", Rights: resident.Rights{Bot: true}}).Reply; cmp.Diff(resident.Says{Lines: []string{}}, got) != "" {
		t.Errorf("answer to a bot %v", got)
	}
	if _, err := r.s.Apply(process.Command{Body: 5}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
}

// TestDirect: private messages on Discord.
func TestDirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	out := r.apply(Came{ID: "5", Channel: "d", Author: "77", Name: "Zoe", Text: "$discord 12-345678", Direct: true})
	if diff := cmp.Diff([]any{link{Message: "5", Person: "77", User: 12, Code: "345678"}}, out.Effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	for id, tc := range map[string][2]string{"6": {"$help", textHelp}, "7": {"$discord", textHelp}, "8": {"hello", "I don't currently handle messages, sorry Zoe"}} {
		r := newRig(t, terms())
		got := posts(r.apply(Came{ID: id, Author: "77", Name: "Zoe", Text: tc[0], Direct: true}))
		if len(got) != 1 || got[0].Text != tc[1] || got[0].Person != "77" {
			t.Errorf("%s: %v", tc[0], got)
		}
		if r.apply(Came{ID: id, Author: "77", Text: tc[0], Direct: true}); len(r.s.posts) != 1 {
			t.Errorf("%s: answered twice", tc[0])
		}
	}
	if got := posts(r.apply(linked{Message: "5", Person: "77", Text: textLinked})); len(got) != 1 || got[0].Key != "direct/5" {
		t.Errorf("answer %v", got)
	}
}

// TestCounts: channels are named every ten minutes, also over a takeover.
func TestCounts(t *testing.T) {
	t.Parallel()
	r := newRig(t, terms())
	named := 0
	for range 121 { // twenty minutes of looks
		for _, e := range r.apply(look{}).Effects {
			if _, is := e.(name); is {
				named++
			}
		}
		r.at = r.at.Add(lookEvery)
		r.restore()
	}
	if named != 3 {
		t.Errorf("named %d times", named)
	}
}

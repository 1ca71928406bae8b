package chat

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

func member(user int64) Member {
	return Member{User: user, Session: 10 * user, Incarnation: 100 * user}
}

func must(t testing.TB, s process.Machine, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

func refused(t testing.TB, s process.Machine, body any, code refusal.Code) {
	t.Helper()
	before := encoded(t, s.View())
	if _, err := s.Apply(process.Command{Body: body}); !refusal.Is(err, code) {
		t.Fatalf("%T: got %v, want a refusal %s", body, err, code)
	}
	if after := encoded(t, s.View()); after != before {
		t.Fatalf("%T: refused, but the state changed from %s to %s", body, before, after)
	}
}

func want(t testing.TB, got process.Outcome, reply any, events ...any) {
	t.Helper()
	if diff := cmp.Diff(reply, got.Reply); diff != "" {
		t.Fatalf("reply (-want +got):\n%s", diff)
	}
	if len(events) == 0 && len(got.Events) == 0 {
		return
	}
	if diff := cmp.Diff(events, got.Events); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// overBus checks that a value arrives as it was sent.
func overBus(t testing.TB, v any) {
	t.Helper()
	raw, err := message.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := message.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, back); diff != "" {
		t.Errorf("%s changes on the bus (-sent +got):\n%s", raw.Type, diff)
	}
}

const alice, bob, carol = 1, 2, 3

// The conversation of a channel as it was recorded, as events.
func TestRecordedChannel(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "testroom"})
	out := must(t, s, Join{Member: member(alice), Name: "Alice"})
	want(t, out, Seated{}, Authored{Author: alice, AuthorName: "Alice"}, Joined{member(alice)})
	if diff := cmp.Diff(any(Channel{Name: "testroom", Author: alice, AuthorName: "Alice"}), out.Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
	out = must(t, s, Join{Member: member(bob), Name: "Bob"})
	want(t, out, Seated{}, Joined{member(bob)})
	if out.Record != nil {
		t.Error("the channel is recorded twice")
	}
	want(t, must(t, s, Say{Member: member(alice), Text: "hello all"}), nil, Said{Member: member(alice), Text: "hello all"})
	want(t, must(t, s, Say{Member: member(bob), Text: "waves", Emote: true}), nil, Said{Member: member(bob), Text: "waves", Emote: true})
	refused(t, s, Say{Member: member(carol), Text: "from outside"}, refusal.Forbidden)
	want(t, must(t, s, Join{Member: member(alice), Name: "Alice"}), Seated{Again: true})
	long := strings.Repeat("x", 300)
	want(t, must(t, s, Say{Member: member(alice), Text: long}), nil, Said{Member: member(alice), Text: long[:257]})
	want(t, must(t, s, Leave{Member: member(bob)}), nil, Left{member(bob)})
	refused(t, s, Say{Member: member(bob), Text: "after leave"}, refusal.Forbidden)
	refused(t, s, Leave{Member: member(bob)}, refusal.NotFound)
	want(t, must(t, s, Join{Member: member(bob), Name: "Bob"}), Seated{}, Joined{member(bob)})
	want(t, must(t, s, Leave{Member: member(alice)}), nil, Left{member(alice)})
	if diff := cmp.Diff(any(View{Name: "testroom", Author: alice, AuthorName: "Alice", Members: []Member{member(bob)}}), s.View()); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	want(t, must(t, s, Leave{Member: member(bob)}), nil, Left{member(bob)})
	// The author stays, also of an empty channel.
	want(t, must(t, s, Join{Member: member(carol), Name: "Carol"}), Seated{}, Joined{member(carol)})
	if diff := cmp.Diff(any(Summary{Name: "testroom", Members: 1}), s.Summary()); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

// TestSpokenIntoBeing: the join of a new channel has found no answer, and its user speaks.
// The channel has an author all the same before anybody is told of it.
func TestSpokenIntoBeing(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "room"})
	out := must(t, s, Say{Member: member(alice), Name: "Alice", Join: 1, Text: "hello"})
	want(t, out, nil, Authored{Author: alice, AuthorName: "Alice"}, Joined{member(alice)}, Said{Member: member(alice), Text: "hello"})
	if diff := cmp.Diff(any(Channel{Name: "room", Author: alice, AuthorName: "Alice"}), out.Record); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "main", AuthorName: "Coordinator"})
	must(t, s, Join{Member: member(alice), Name: "Alice"})
	for in, out := range map[string]string{
		" hi there ":                       "hi there",
		strings.Repeat("ä", 257):           strings.Repeat("ä", 257),
		strings.Repeat("ä", 258):           strings.Repeat("ä", 257),
		strings.Repeat("x", 256) + " yz":   strings.Repeat("x", 256),
		"  " + strings.Repeat("日本", 200):   strings.Repeat("日本", 128) + "日",
		"$ not a command to the channel  ": "$ not a command to the channel",
	} {
		want(t, must(t, s, Say{Member: member(alice), Text: in}), nil, Said{Member: member(alice), Text: out})
	}
	refused(t, s, Say{Member: member(alice), Text: " \t "}, refusal.Invalid)
}

func TestSessions(t *testing.T) {
	t.Parallel()
	old, now, young := member(alice), member(alice), member(alice)
	old.Session--
	young.Session++
	joined := func() *State {
		s := NewState(Channel{Name: "main", AuthorName: "Coordinator"})
		must(t, s, Join{Member: now, Name: "Alice"})
		must(t, s, Join{Member: member(bob), Name: "Bob"})
		return s
	}
	s := joined()
	for _, body := range []any{Join{Member: old}, Leave{Member: old}, Say{Member: old, Text: "x"}} {
		refused(t, s, body, refusal.Superseded)
	}
	want(t, must(t, s, Join{Member: young, Name: "Alice"}), Seated{}, Joined{young})
	refused(t, s, Leave{Member: now}, refusal.Superseded)
	if diff := cmp.Diff([]Member{young, member(bob)}, s.View().(View).Members); diff != "" {
		t.Errorf("a taken over seat has moved (-want +got):\n%s", diff)
	}
	want(t, must(t, joined(), Say{Member: young, Text: "x"}), nil, Joined{young}, Said{Member: young, Text: "x"})
	want(t, must(t, joined(), Leave{Member: young}), nil, Left{now})
}

func TestGoneAndRepeat(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "main", AuthorName: "Coordinator"})
	var all []Member
	for user := int64(1); user <= 20; user++ {
		m := Member{User: user, Session: 1, Incarnation: user % 2}
		all = append(all, m)
		must(t, s, Join{Member: m})
	}
	var even []any
	for _, m := range all {
		if m.Incarnation == 0 {
			even = append(even, Left{m})
		}
	}
	want(t, must(t, s, Gone{Incarnation: 0}), nil, even...)
	want(t, must(t, s, Gone{Incarnation: 0}), nil)

	stale, young := all[0], all[2]
	stale.Session--
	young.Session++
	want(t, must(t, s, Repeat{Members: []Member{stale, all[1], all[1], young, all[4]}}), nil, Joined{all[1]}, Joined{young})
	if n := s.Summary().(Summary).Members; n != 11 {
		t.Errorf("%d members", n)
	}
}

func TestSummaryChanged(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "main"})
	for _, e := range []any{Joined{}, Left{}} {
		if !s.SummaryChanged([]any{e}) {
			t.Errorf("%T does not change the summary", e)
		}
	}
	if s.SummaryChanged([]any{Said{}, Authored{}}) || s.SummaryChanged(nil) {
		t.Error("the summary changes with what is said")
	}
	refused(t, s, struct{}{}, refusal.Invalid)
}

func TestCleanName(t *testing.T) {
	t.Parallel()
	for raw, name := range map[string]string{
		"main": "main", "#main": "main", "my-room": "my", "bad-name": "bad", "TestRoom_2": "TestRoom_2",
		"  spaced out": "spaced", "#": "", "": "", "--": "", "\xff\xfe": "", "_": "_",
		"комната №1": "комната", "部屋": "部屋", "\xffroom": "room", "room\tkey": "room",
	} {
		got, ok := CleanName(raw)
		if got != name || ok != (name != "") {
			t.Errorf("CleanName(%q) = %q, %v; want %q", raw, got, ok, name)
		}
	}
}

var seed = flag.Uint64("seed", 0, "seed of the random sequences; 0 takes the clock")

func TestRandomCommandsKeepTheInvariants(t *testing.T) {
	t.Parallel()
	start := *seed
	if start == 0 {
		start = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", start)
	for i := range uint64(10) {
		channelLife(t, rand.New(rand.NewPCG(start, i)), fmt.Sprintf("seed %d, life %d", start, i))
	}
}

func channelLife(t *testing.T, r *rand.Rand, name string) {
	t.Helper()
	s := NewState(Channel{Name: "room"})
	follower := s.View().(View)
	replica := NewReplica(follower)
	kept, then := []View{follower}, []string{encoded(t, follower)}
	for n := range 100 {
		user := 1 + r.Int64N(6)
		m := Member{User: user, Session: r.Int64N(3), Incarnation: user % 3}
		body := []any{
			Join{Member: m, Name: "X"}, Join{Member: m, Name: "Y"}, Leave{Member: m}, Say{Member: m, Text: "hi"},
			Gone{Incarnation: r.Int64N(12)}, Repeat{Members: []Member{m, {User: 1 + r.Int64N(6), Session: 1}}},
		}[r.IntN(6)]
		at := fmt.Sprintf("%s, command %d: %T %s", name, n, body, encoded(t, body))
		before := encoded(t, s.View())
		out, err := s.Apply(process.Command{Body: body})
		if err != nil && encoded(t, s.View()) != before {
			t.Fatalf("%s: refused, but the state changed", at)
		}
		for _, e := range out.Events {
			overBus(t, e)
			follower = follower.Apply(e)
			replica.Apply(e)
		}
		v := s.View().(View)
		overBus(t, v)
		if diff := cmp.Diff(v, follower); diff != "" {
			t.Fatalf("%s: a follower differs (-owner +follower):\n%s", at, diff)
		}
		if diff := cmp.Diff(v, replica.View()); diff != "" {
			t.Fatalf("%s: a replica differs (-owner +replica):\n%s", at, diff)
		}
		in := map[int64]bool{}
		for _, m := range v.Members {
			if in[m.User] {
				t.Fatalf("%s: user %d is in twice", at, m.User)
			}
			in[m.User] = true
		}
		kept, then = append(kept, v), append(then, encoded(t, v))
		b, err := s.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		if s, err = RestoreState(b); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(v), s.View()); diff != "" {
			t.Fatalf("%s: the snapshot differs:\n%s", at, diff)
		}
	}
	for i := range kept {
		if encoded(t, kept[i]) != then[i] {
			t.Fatalf("%s: a view that was handed out changed", name)
		}
	}
}

func BenchmarkSay(b *testing.B) {
	for _, n := range []int64{16, 5000} {
		b.Run(fmt.Sprint(n, "members"), func(b *testing.B) {
			s := NewState(Channel{Name: "main", AuthorName: "Coordinator"})
			for user := range n {
				must(b, s, Join{Member: member(user + 1)})
			}
			c := process.Command{Body: Say{Member: member(n), Text: "hello everybody in this room"}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Apply(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJoinLeave(b *testing.B) {
	s := NewState(Channel{Name: "main", AuthorName: "Coordinator"})
	for user := range int64(5000) {
		must(b, s, Join{Member: member(user + 1)})
	}
	b.ReportAllocs()
	for b.Loop() {
		must(b, s, Leave{Member: member(1)})
		must(b, s, Join{Member: member(1)})
	}
}

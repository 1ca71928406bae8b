package bus

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/message"
	"teiserver/internal/refusal"
)

type word struct {
	N int `json:"n"`
}

var _ = message.Register[word]("bus.test.word")

func joined(t *testing.T, n *Network, names ...string) []*core {
	t.Helper()
	var list []*core
	for i, name := range names {
		c := n.Join(Origin{Node: name, Incarnation: int64(i + 1)}).(*core)
		t.Cleanup(func() { c.Close() })
		list = append(list, c)
	}
	synctest.Wait()
	return list
}

func TestSilentPeerIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		c := joined(t, n, "a", "b", "c")
		if got := c[0].Peers(); len(got) != 2 {
			t.Fatalf("heard at once: %v", got)
		}
		n.CutOneWay("b", "a")
		await(t, 2500*time.Millisecond)
		if got := c[0].Peers(); len(got) != 2 {
			t.Errorf("two beats lost: %v", got)
		}
		await(t, 1500*time.Millisecond)
		if diff := cmp.Diff([]Origin{c[2].self}, c[0].Peers()); diff != "" {
			t.Errorf("b is silent: %s", diff)
		}
		if got := c[1].Peers(); len(got) != 2 {
			t.Errorf("b hears still: %v", got)
		}
		n.Heal()
		await(t, time.Second)
		if got := c[0].Peers(); len(got) != 2 {
			t.Errorf("after the cut: %v", got)
		}
	})
}

func await(t *testing.T, d time.Duration) {
	t.Helper()
	<-time.After(d)
	synctest.Wait()
}

// A link that was blocked for a minute releases old requests: none is executed.
// A new one is. Clocks of the hosts do not matter: uptimes differ by an hour.
func TestLateRequestIsNotExecuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		b := joined(t, n, "b")[0]
		<-time.After(time.Hour)
		a := joined(t, n, "a")[0]
		ran := 0
		b.Serve("count", func(context.Context, Origin, any) (any, error) { ran++; return nil, nil })
		ask := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := a.Request(ctx, "b", "count", word{1})
			return err
		}
		if err := ask(); err != nil || ran != 1 {
			t.Fatalf("ran %d times, %v", ran, err)
		}
		n.Delay(func(from, _ string) time.Duration {
			if from == "a" {
				return time.Minute
			}
			return 0
		})
		if err := ask(); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("blocked: %v", err)
		}
		n.Delay(nil)
		await(t, 2*time.Minute)
		if ran != 1 || b.Stats().Late != 1 {
			t.Errorf("ran %d times, late %d", ran, b.Stats().Late)
		}
		if err := ask(); err != nil || ran != 2 {
			t.Errorf("released: ran %d times, %v", ran, err)
		}
	})
}

func TestLatency(t *testing.T) {
	var l latency
	at := Origin{Node: "a", Incarnation: 1}
	second := time.Second
	for i, step := range []struct{ sent, now, want time.Duration }{
		{100 * second, 5 * second, 0},
		{101 * second, 9 * second, 3 * second},               // held up
		{102 * second, 6*second + second/2, 0},               // faster than the first: it was slow itself
		{103 * second, 9 * second, second + second/2},        // against the fastest
		{104 * second, 1000 * second, 991*second + second/2}, // silence does not forget
		{1100 * second, 1005*second + second/2, second},      // nor does the window behind it
	} {
		if got := l.note(at, step.sent, step.now); got != step.want {
			t.Errorf("step %d: held for %s, want %s", i, got, step.want)
		}
	}
	// A clock that runs 100 µs a second slow for a day is not late for it.
	drift := Origin{Node: "b", Incarnation: 1}
	for s := time.Duration(0); s < 24*time.Hour; s += second {
		if held := l.note(drift, s-s/10000, s); held > 100*time.Millisecond {
			t.Fatalf("after %s held for %s by drift alone", s, held)
		}
	}
	for i := range 3 * latencyPeers {
		l.note(Origin{Node: "x", Incarnation: int64(i)}, 0, 0)
	}
	if len(l.peers) > latencyPeers {
		t.Errorf("%d incarnations remembered", len(l.peers))
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		c := joined(t, n, "a", "b")
		release := make(chan struct{})
		c[1].Serve("slow", func(context.Context, Origin, any) (any, error) { <-release; return nil, nil })
		results := make(chan error, requestsAtOnce+1)
		for range requestsAtOnce + 1 {
			go func() {
				_, err := c[0].Request(t.Context(), "b", "slow", nil)
				results <- err
			}()
		}
		if err := <-results; !refusal.Is(err, refusal.Unavailable) {
			t.Errorf("one too many: %v", err)
		}
		close(release)
		for range requestsAtOnce {
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		c := joined(t, n, "a", "b")
		var mu sync.Mutex
		var list []int
		c[1].Subscribe("news", func(m Message) {
			mu.Lock()
			defer mu.Unlock()
			list = append(list, m.Body.(word).N)
		})
		heard := func(want ...int) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(list, want) {
				t.Errorf("heard %v, want %v", list, want)
			}
		}
		say := func(i int) {
			if err := c[0].Publish("news", word{i}); err != nil {
				t.Error(err)
			}
			synctest.Wait()
		}
		say(1)
		n.Cut("a", "b")
		say(2)
		n.Heal()
		n.Drop(func(from, to, topic string) bool { return from == "a" && to == "b" && topic == "news" })
		say(3)
		n.Drop(nil)
		n.Copies(func(string, string, string) int { return 1 })
		say(4)
		n.Copies(nil)
		n.Delay(func(string, string) time.Duration { return time.Second })
		say(5)
		n.Delay(nil)
		say(6) // may not overtake
		heard(1, 4, 4)
		await(t, time.Second)
		heard(1, 4, 4, 5, 6)
	})
}

func TestReceiveCountsWhatItDrops(t *testing.T) {
	c := newCore(Origin{Node: "a", Incarnation: 1}, nil, func() time.Duration { return 0 })
	delivered := 0
	c.Subscribe("news", func(Message) { delivered++ })
	for _, text := range []string{
		``, `{`, `[]`, `{"n":""}`, `{"n":"b","i":-1}`, `{"n":"b","i":1,"t":"bus.test.word","b":"text"}`,
		`{"n":"b","i":1,"t":"from.the.future","b":{}}`,
		`{"n":"a","i":1,"t":"bus.test.word","b":{}}`, // our own
		`{"n":"b","i":1,"t":"bus.test.word","b":{"n":1,"new":true},"z":[1]}`,
	} {
		c.receive(frame{kind: published, name: "news", data: []byte(text)})
	}
	if s := c.Stats(); s.Malformed != 6 || s.Unknown != 1 || delivered != 1 {
		t.Errorf("%+v, %d delivered", s, delivered)
	}
}

func FuzzEnvelope(f *testing.F) {
	for _, e := range []envelope{
		{Node: "a", Incarnation: 1, Sent: 5, Type: "bus.test.word", Body: []byte(`{"n":1}`)},
		{Node: "node \"two\"\n", Incarnation: 1 << 60, Left: 3000, Type: "x"},
		{Node: "ü", Code: "locked", Error: "no"},
	} {
		f.Add(e.append(nil))
	}
	f.Add([]byte(`{"n":"a","i":1e99}`))
	f.Add([]byte(`{"n":"a","b":nul`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := newCore(Origin{Node: "self", Incarnation: 1}, nil, func() time.Duration { return 0 })
		c.Subscribe("news", func(Message) {})
		c.receive(frame{kind: published, name: "news", data: data})
		c.receive(frame{kind: answered, id: 1, data: data})
		e, err := openEnvelope(data)
		if err != nil {
			return
		}
		back, err := openEnvelope(e.append(nil))
		if err != nil {
			t.Fatalf("%+v does not come back: %v", e, err)
		}
		if diff := cmp.Diff(e.origin(), back.origin()); diff != "" || e.Sent != back.Sent || e.Left != back.Left || e.Type != back.Type {
			t.Fatalf("%+v came back as %+v", e, back)
		}
	})
}

func TestTokens(t *testing.T) {
	seen := map[string]string{}
	for _, s := range []string{"", "=", "a", "a.b", "a=2eb", "*", ">", " ", "ü", "A-Z_9", "="} {
		tok := token(s)
		if other, dup := seen[tok]; dup && other != s {
			t.Errorf("%q and %q are both %q", s, other, tok)
		}
		seen[tok] = s
		if back, ok := untoken(tok); !ok || back != s {
			t.Errorf("%q is %q is %q", s, tok, back)
		}
	}
	for _, bad := range []string{"a=", "a=2", "=zz"} {
		if _, ok := untoken(bad); ok {
			t.Errorf("%q accepted", bad)
		}
	}
}

func TestTopicsAreListedOnce(t *testing.T) {
	list := Topics()
	if !slices.ContainsFunc(list, func(i TopicInfo) bool { return i.Name == HeartbeatTopic && i.Purpose != "" }) {
		t.Errorf("%s is missing in %v", HeartbeatTopic, list)
	}
	defer func() {
		if recover() == nil {
			t.Error("registered twice")
		}
	}()
	RegisterTopic(HeartbeatTopic, "again")
}

func BenchmarkPublish(b *testing.B) {
	for name, subscribers := range map[string]int{"0 subscribers": 0, "1 subscriber": 1, "100 subscribers": 100} {
		b.Run("alone "+name, func(b *testing.B) {
			c := newCore(Origin{Node: "a", Incarnation: 1}, nil, bootUptime)
			for range subscribers {
				c.Subscribe("news", func(Message) {})
			}
			var body any = word{1}
			b.ReportAllocs()
			for b.Loop() {
				_ = c.Publish("news", body)
			}
		})
	}
}

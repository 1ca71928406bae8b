// Package bustest holds the promises of a bus as one suite of tests, which the
// bus over NATS and the one in memory must both pass.
package bustest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/refusal"
)

// Note is the body that the suite sends.
type Note struct {
	From string `json:"from"`
	N    int    `json:"n"`
	Text string `json:"text,omitempty"`
}

type unregistered struct{ N int }

var _ = message.Register[Note]("bustest.note")

// patience bounds every wait of the suite; nothing waits for it when all is well.
const patience = 10 * time.Second

// Run runs the suite. open returns one connected bus for each name, in order, and
// closes them when the test ends; one name means a node that is alone.
func Run(t *testing.T, open func(t *testing.T, names ...string) []bus.Bus) {
	for name, test := range map[string]func(*testing.T, func(*testing.T, ...string) []bus.Bus){
		"every subscriber on every node":      everyNode,
		"order over topics":                   order,
		"no echo to oneself":                  noEcho,
		"local stays local":                   localOnly,
		"unsubscribe":                         unsubscribe,
		"any text is a topic":                 oddTopics,
		"unregistered bodies are refused":     unregisteredBody,
		"request and answer":                  request,
		"messages come before a later answer": answerAfterMessages,
		"refusals and errors travel":          refusals,
		"unreachable":                         unreachable,
		"a caller may give up":                givingUp,
		"deadline travels":                    deadline,
		"peers":                               peers,
		"a large message":                     large,
		"many at once":                        manyAtOnce,
		"closed":                              closed,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// Await polls until ok; the test fails if that takes too long.
func Await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// inbox collects what a subscription receives.
type inbox struct {
	mu   sync.Mutex
	list []bus.Message
	more chan struct{}
}

func collect(b bus.Bus, topics ...string) *inbox {
	in := &inbox{more: make(chan struct{}, 1)}
	for _, topic := range topics {
		b.Subscribe(topic, func(m bus.Message) {
			if note, ok := m.Body.(Note); ok && note.Text == "probe" {
				return
			}
			in.mu.Lock()
			in.list = append(in.list, m)
			in.mu.Unlock()
			select {
			case in.more <- struct{}{}:
			default:
			}
		})
	}
	return in
}

func (in *inbox) all() []bus.Message {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]bus.Message(nil), in.list...)
}

func (in *inbox) await(t *testing.T, n int) []bus.Message {
	t.Helper()
	late := time.After(patience)
	for {
		if list := in.all(); len(list) >= n {
			return list
		}
		select {
		case <-in.more:
		case <-late:
			t.Fatalf("%d of %d messages within %s", len(in.all()), n, patience)
		}
	}
}

// linked waits until what from publishes on topic reaches to: interest needs a
// moment to be known.
func linked(t *testing.T, from, to bus.Bus, topic string) {
	t.Helper()
	heard := make(chan struct{}, 1)
	stop := to.Subscribe(topic, func(m bus.Message) {
		if m.Origin == from.Self() {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for {
		publish(t, from, topic, Note{Text: "probe"})
		select {
		case <-heard:
			return
		case <-tick.C:
		case <-late:
			t.Fatalf("%s does not hear %s on %q within %s", to.Self().Node, from.Self().Node, topic, patience)
		}
	}
}

func publish(t *testing.T, b bus.Bus, topic string, body any) {
	t.Helper()
	if err := b.Publish(topic, body); err != nil {
		t.Fatalf("publish on %s: %v", topic, err)
	}
}

// flushed waits until everything published by from has been handled on to.
func flushed(t *testing.T, from, to bus.Bus) {
	t.Helper()
	linked(t, from, to, "bustest.flush")
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func everyNode(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b", "c")
	var in []*inbox
	for _, b := range nodes {
		in = append(in, collect(b, "news"), collect(b, "news"))
		linked(t, nodes[0], b, "news")
	}
	publish(t, nodes[0], "news", Note{From: "a", N: 1})
	want := []bus.Message{{Topic: "news", Origin: nodes[0].Self(), Body: Note{From: "a", N: 1}}}
	for i, in := range in {
		if diff := cmp.Diff(want, in.await(t, 1)); diff != "" {
			t.Errorf("subscriber %d: %s", i, diff)
		}
	}
}

func order(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b", "c")
	topics := []string{"one", "two", "three", "four.4", "five"}
	in := collect(nodes[2], topics...)
	for _, topic := range topics {
		linked(t, nodes[0], nodes[2], topic)
		linked(t, nodes[1], nodes[2], topic)
	}
	const count = 2000
	var wg sync.WaitGroup
	for _, b := range nodes[:2] {
		wg.Go(func() {
			for i := range count {
				if err := b.Publish(topics[i*7%len(topics)], Note{From: b.Self().Node, N: i}); err != nil {
					t.Errorf("publish: %v", err)
				}
			}
		})
	}
	wg.Wait()
	next := map[string]int{}
	for _, m := range in.await(t, 2*count) {
		note := m.Body.(Note)
		if m.Topic != topics[note.N*7%len(topics)] {
			t.Fatalf("message %d arrived on topic %s", note.N, m.Topic)
		}
		if note.N != next[note.From] {
			t.Fatalf("from %s message %d, want %d", note.From, note.N, next[note.From])
		}
		next[note.From]++
	}
}

func noEcho(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	in := collect(nodes[0], "news")
	other := collect(nodes[1], "news")
	linked(t, nodes[0], nodes[1], "news")
	direct := false
	nodes[0].Subscribe("news", func(bus.Message) { direct = true })
	publish(t, nodes[0], "news", Note{N: 1})
	if !direct {
		t.Error("local subscriber not called before Publish returned")
	}
	other.await(t, 1)
	flushed(t, nodes[1], nodes[0])
	if got := in.all(); len(got) != 1 {
		t.Errorf("publisher's own subscriber got %d messages, want 1", len(got))
	}
}

func localOnly(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	here, there := collect(nodes[0], "news"), collect(nodes[1], "news")
	linked(t, nodes[0], nodes[1], "news")
	nodes[0].PublishLocal("news", unregistered{1}) // never encoded
	if len(here.all()) != 1 {
		t.Error("local subscriber not called")
	}
	flushed(t, nodes[0], nodes[1])
	if got := there.all(); len(got) != 0 {
		t.Errorf("left the node: %v", got)
	}
}

func unsubscribe(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	var mu sync.Mutex
	count := 0
	handle := func(bus.Message) { mu.Lock(); count++; mu.Unlock() }
	stop := nodes[1].Subscribe("news", handle)
	stay := collect(nodes[1], "news")
	linked(t, nodes[0], nodes[1], "news")
	stop()
	stop() // twice is allowed
	mu.Lock()
	count = 0
	mu.Unlock()
	publish(t, nodes[0], "news", Note{N: 1})
	publish(t, nodes[1], "news", Note{N: 2})
	stay.await(t, 2)
	mu.Lock()
	defer mu.Unlock()
	if count != 0 {
		t.Errorf("%d messages after unsubscribe", count)
	}
}

func oddTopics(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "node one", "node.two")
	for _, topic := range []string{"channel.#main", "a b", "x.*", ">", ".", "a..b", "ünï", "=", "=2e", "", "t\n"} {
		in := collect(nodes[1], topic)
		linked(t, nodes[0], nodes[1], topic)
		publish(t, nodes[0], topic, Note{N: 1})
		if got := in.await(t, 1)[0].Topic; got != topic {
			t.Errorf("topic %q arrived as %q", topic, got)
		}
		nodes[1].Serve(topic, func(_ context.Context, _ bus.Origin, body any) (any, error) { return body, nil })
		if _, err := nodes[0].Request(within(t), "node.two", topic, Note{N: 1}); err != nil {
			t.Errorf("service %q: %v", topic, err)
		}
	}
}

func unregisteredBody(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	in := collect(nodes[0], "news")
	if err := nodes[0].Publish("news", unregistered{1}); err == nil {
		t.Error("published a type without a name")
	}
	if len(in.all()) != 0 {
		t.Error("a refused message was delivered")
	}
	if _, err := nodes[0].Request(within(t), "b", "echo", unregistered{1}); err == nil {
		t.Error("sent a type without a name")
	}
	nodes[1].Serve("bad", func(context.Context, bus.Origin, any) (any, error) { return unregistered{1}, nil })
	if _, err := nodes[0].Request(within(t), "b", "bad", nil); err == nil || !strings.Contains(err.Error(), "not registered") {
		t.Errorf("answer without a name: %v", err)
	}
}

func request(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b", "c")
	for _, b := range nodes {
		b.Serve("echo", func(_ context.Context, from bus.Origin, body any) (any, error) {
			if body == nil {
				return nil, nil
			}
			note := body.(Note)
			return Note{From: from.Node, N: note.N + 1, Text: b.Self().Node}, nil
		})
	}
	for _, from := range nodes {
		for _, to := range nodes {
			got, err := from.Request(within(t), to.Self().Node, "echo", Note{N: 41})
			if err != nil {
				t.Fatalf("%s asks %s: %v", from.Self().Node, to.Self().Node, err)
			}
			want := Note{From: from.Self().Node, N: 42, Text: to.Self().Node}
			if diff := cmp.Diff(any(want), got); diff != "" {
				t.Error(diff)
			}
			if got, err := from.Request(within(t), to.Self().Node, "echo", nil); got != nil || err != nil {
				t.Errorf("nothing in, nothing out: %v, %v", got, err)
			}
		}
	}
}

func answerAfterMessages(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	in := collect(nodes[0], "news")
	linked(t, nodes[1], nodes[0], "news")
	nodes[1].Serve("speak", func(context.Context, bus.Origin, any) (any, error) {
		for i := range 10 {
			publish(t, nodes[1], "news", Note{N: i})
		}
		return nil, nil
	})
	for round := range 50 {
		if _, err := nodes[0].Request(within(t), "b", "speak", nil); err != nil {
			t.Fatal(err)
		}
		if got := len(in.all()); got != 10*(round+1) {
			t.Fatalf("%d messages handled when the answer came, want %d", got, 10*(round+1))
		}
	}
}

func refusals(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	for _, b := range nodes {
		b.Serve("no", func(context.Context, bus.Origin, any) (any, error) {
			return nil, fmt.Errorf("join: %w", refusal.New(refusal.Locked, "the lobby is locked"))
		})
		b.Serve("broken", func(context.Context, bus.Origin, any) (any, error) {
			return Note{N: 1}, errors.New("the disk is on fire")
		})
	}
	for _, to := range []string{"a", "b"} {
		_, err := nodes[0].Request(within(t), to, "no", nil)
		no, ok := refusal.As(err)
		if !ok || no.Code != refusal.Locked || no.Message != "the lobby is locked" {
			t.Errorf("from %s: %v", to, err)
		}
		got, err := nodes[0].Request(within(t), to, "broken", nil)
		if err == nil || err.Error() != "the disk is on fire" {
			t.Errorf("from %s: %v, %v", to, got, err)
		}
	}
}

func unreachable(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	for _, to := range []string{"nobody", "b"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := nodes[0].Request(ctx, to, "missing", nil)
		cancel()
		if !errors.Is(err, bus.ErrUnreachable) {
			t.Errorf("%s: %v, want ErrUnreachable", to, err)
		}
	}
	if _, err := nodes[0].Request(within(t), "a", "missing", nil); !errors.Is(err, bus.ErrUnreachable) {
		t.Errorf("own node: %v, want ErrUnreachable", err)
	}
	// A service that appears while somebody asks for it is found.
	found := make(chan error, 1)
	ctx := within(t)
	go func() {
		_, err := nodes[0].Request(ctx, "b", "late", nil)
		found <- err
	}()
	nodes[1].Serve("late", func(context.Context, bus.Origin, any) (any, error) { return nil, nil })
	if err := <-found; err != nil {
		t.Errorf("service that came late: %v", err)
	}
}

func givingUp(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	entered := make(chan struct{})
	nodes[1].Serve("slow", func(ctx context.Context, _ bus.Origin, _ any) (any, error) {
		close(entered)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	go func() { <-entered; cancel() }()
	if _, err := nodes[0].Request(ctx, "b", "slow", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func deadline(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	ended := make(chan error, 1)
	nodes[1].Serve("slow", func(ctx context.Context, _ bus.Origin, _ any) (any, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	})
	nodes[1].Serve("ready", func(context.Context, bus.Origin, any) (any, error) { return nil, nil })
	if _, err := nodes[0].Request(within(t), "b", "ready", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := nodes[0].Request(ctx, "b", "slow", nil); err == nil {
		t.Error("an answer from a server that has none")
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("server's context ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the server still works for a caller who has gone")
	}
}

func peers(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b", "c")
	Await(t, "everybody heard", func() bool {
		return len(nodes[0].Peers()) == 2 && len(nodes[1].Peers()) == 2 && len(nodes[2].Peers()) == 2
	})
	want := []bus.Origin{nodes[1].Self(), nodes[2].Self()}
	if diff := cmp.Diff(want, nodes[0].Peers()); diff != "" {
		t.Error(diff)
	}
	if err := nodes[2].Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	Await(t, "the one that left is gone", func() bool { return len(nodes[0].Peers()) == 1 })

	alone := open(t, "alone")[0]
	if !alone.Alone() || nodes[0].Alone() {
		t.Error("who is alone is not known")
	}
	if got := alone.Peers(); len(got) != 0 {
		t.Errorf("alone with %v", got)
	}
}

func large(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b")
	in := collect(nodes[1], "news")
	linked(t, nodes[0], nodes[1], "news")
	nodes[1].Serve("echo", func(_ context.Context, _ bus.Origin, body any) (any, error) { return body, nil })
	note := Note{Text: strings.Repeat("all work and no play ", 200_000)} // 4 MB
	publish(t, nodes[0], "news", note)
	if diff := cmp.Diff(any(note), in.await(t, 1)[0].Body); diff != "" {
		t.Error("published text differs")
	}
	got, err := nodes[0].Request(within(t), "b", "echo", note)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(note), got); diff != "" {
		t.Error("answered text differs")
	}
}

func manyAtOnce(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	nodes := open(t, "a", "b", "c")
	for _, b := range nodes {
		b.Serve("echo", func(_ context.Context, _ bus.Origin, body any) (any, error) { return body, nil })
	}
	ctx := within(t)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			from, to := nodes[i%3], nodes[(i+1+i/3%2)%3]
			for n := range 50 {
				stop := from.Subscribe(fmt.Sprint("busy.", n%5), func(bus.Message) {})
				want := Note{N: n, From: fmt.Sprint(i)}
				got, err := from.Request(ctx, to.Self().Node, "echo", want)
				if err != nil || got != any(want) {
					t.Errorf("%v, %v; want %v", got, err, want)
				}
				if err := from.Publish(fmt.Sprint("busy.", n%5), want); err != nil {
					t.Errorf("publish: %v", err)
				}
				stop()
			}
		})
	}
	wg.Wait()
}

func closed(t *testing.T, open func(*testing.T, ...string) []bus.Bus) {
	for _, b := range []bus.Bus{open(t, "a", "b")[0], open(t, "alone")[0]} {
		waiting := make(chan error, 1)
		go func() {
			_, err := b.Request(context.WithoutCancel(t.Context()), "nobody", "missing", nil)
			waiting <- err
		}()
		if err := b.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("close again: %v", err)
		}
		if err := <-waiting; !errors.Is(err, bus.ErrClosed) && !errors.Is(err, bus.ErrUnreachable) {
			t.Errorf("request during close: %v", err)
		}
		if err := b.Publish("news", Note{}); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("publish after close: %v, want ErrClosed", err)
		}
		if _, err := b.Request(t.Context(), "b", "echo", nil); !errors.Is(err, bus.ErrClosed) {
			t.Errorf("request after close: %v, want ErrClosed", err)
		}
	}
}

package mail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/job"
)

// memory is a store of one process.
type memory struct {
	Store // the rest panics

	mu      sync.Mutex
	letters []*row
	fail    error // the next notes meet it, once each
	away    bool
}

type row struct {
	Letter
	due, expires time.Time
}

func (m *memory) put(l Letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l.ID, l.Made = int64(len(m.letters)+1), time.Now()
	m.letters = append(m.letters, &row{l, time.Now(), time.Now().Add(l.Life)})
}

func (m *memory) TakeLetters(_ context.Context, most int, hold time.Duration) (list []Letter, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errors.New("away")
	}
	for _, r := range m.letters {
		if r.Done.IsZero() && !r.due.After(time.Now()) && len(list) < most {
			r.Tries++
			r.due = time.Now().Add(hold)
			r.Late = !r.expires.After(time.Now())
			list = append(list, r.Letter)
		}
	}
	return list, nil
}

func (m *memory) LettersDue(context.Context) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.letters {
		if r.Done.IsZero() && !r.due.After(time.Now()) {
			return true, nil
		}
	}
	return false, nil
}

func (m *memory) EndLetter(_ context.Context, l Letter, outcome, text string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fail; err != nil {
		m.fail = nil
		return false, err
	}
	r := m.letters[l.ID-1]
	if r.Tries != l.Tries || !r.Done.IsZero() {
		return false, nil
	}
	r.Done, r.Outcome, r.Error, r.Text = time.Now(), outcome, text, ""
	return true, nil
}

func (m *memory) DelayLetter(_ context.Context, l Letter, pause time.Duration, text string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r := m.letters[l.ID-1]; r.Tries == l.Tries {
		r.due, r.Error = time.Now().Add(pause), text
	}
	return nil
}

func (m *memory) SentTo(_ context.Context, address string, within time.Duration) (n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.letters {
		if r.To == address && r.Outcome == Sent && r.Done.After(time.Now().Add(-within)) {
			n++
		}
	}
	return n, nil
}

func (m *memory) HasOldLetters(context.Context, time.Duration) (bool, error) { return true, nil }

func (m *memory) outcomes() (list []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.letters {
		list = append(list, r.Outcome)
	}
	return list
}

// senderFunc is a Sender.
type senderFunc func(ctx context.Context, l Letter) error

func (f senderFunc) Send(ctx context.Context, l Letter) error { return f(ctx, l) }

// box counts what has left, by key.
type box struct {
	mu   sync.Mutex
	sent map[string]int
}

func (b *box) Send(_ context.Context, l Letter) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sent == nil {
		b.sent = map[string]int{}
	}
	b.sent[l.Key]++
	return nil
}

// TestNodesTogether: of many nodes each letter leaves by one.
func TestNodesTogether(t *testing.T) {
	t.Parallel()
	m, b := &memory{}, &box{}
	const letters = 50
	want := map[string]int{}
	for i := range letters {
		key := fmt.Sprint("letter-", i)
		want[key] = 1
		m.put(Letter{Key: key, Life: time.Hour})
	}
	var all sync.WaitGroup
	for range 5 {
		p := New(Options{Store: m, Sender: b})
		all.Go(func() {
			if err := p.Deliver(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if diff := cmp.Diff(want, b.sent); diff != "" {
		t.Error(diff)
	}
}

// TestNodeDies: what a node has taken and not sent is sent by the next, when the hold is
// over and not before; what it has sent is not sent again.
func TestNodeDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := &memory{}, &box{}
		m.put(Letter{Key: "sent", Life: time.Hour})
		one, two := New(Options{Store: m, Sender: b}), New(Options{Store: m, Sender: b})
		if err := one.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.put(Letter{Key: "taken", Life: time.Hour})
		if _, err := m.TakeLetters(t.Context(), 1, hold); err != nil { // and dies
			t.Fatal(err)
		}
		for range 5 {
			if err := two.Deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(map[string]int{"sent": 1}, b.sent); diff != "" {
			t.Error(diff)
		}
		<-time.After(hold)
		if err := two.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]int{"sent": 1, "taken": 1}, b.sent); diff != "" {
			t.Error(diff)
		}
	})
}

// TestTriesEnd: a try is over long before its letter is free for others, also when the mail
// server says nothing.
func TestTriesEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.put(Letter{Key: "slow", Life: time.Hour})
		began := time.Now()
		p := New(Options{Store: m, Sender: senderFunc(func(ctx context.Context, _ Letter) error {
			<-ctx.Done()
			return ctx.Err()
		})})
		if err := p.Deliver(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > hold/2 {
			t.Errorf("%v", took)
		}
		if r := m.letters[0]; !r.Done.IsZero() || r.Error == "" {
			t.Errorf("%+v", r)
		}
	})
}

// TestRetry: what fails for now is tried again with growing pauses until it is of no use.
func TestRetry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.put(Letter{Key: "a", Life: 5 * time.Hour, Text: "the code is 123456"})
		var log bytes.Buffer
		began := time.Now()
		var tried []time.Duration
		p := New(Options{Store: m, Log: slog.New(slog.NewTextHandler(&log, nil)), Sender: senderFunc(func(context.Context, Letter) error {
			tried = append(tried, time.Since(began))
			return errors.New("greylisted")
		})})
		for m.outcomes()[0] == "" {
			if err := p.Deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Minute) // the job of each minute
		}
		minutes := []int{0, 1, 3, 7, 15, 31, 63, 123, 183, 243}
		var want []time.Duration
		for _, n := range minutes {
			want = append(want, time.Duration(n)*time.Minute)
		}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Error(diff)
		}
		if r := m.letters[0]; r.Outcome != Late || r.Text != "" || r.Error != "greylisted" {
			t.Errorf("%+v", r)
		}
		if strings.Contains(log.String(), "123456") {
			t.Error(log.String())
		}
	})
}

func TestRefusedAndPanics(t *testing.T) {
	t.Parallel()
	m := &memory{}
	for _, key := range []string{"refused", "panics", "good"} {
		m.put(Letter{Key: key, Life: time.Hour})
	}
	p := New(Options{Store: m, Sender: senderFunc(func(_ context.Context, l Letter) error {
		switch l.Key {
		case "refused":
			return fmt.Errorf("%w: no such user", ErrRefused)
		case "panics":
			panic("a library")
		}
		return nil
	})})
	if err := p.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{Failed, "", Sent}, m.outcomes()); diff != "" {
		t.Error(diff)
	}
	if p.Counters.Failed.Load() != 1 || p.Counters.Sent.Load() != 1 || p.Counters.Delayed.Load() != 1 {
		t.Error("counted wrong")
	}
}

// TestMost: an address gets so many letters in a day, those that are exempt besides.
func TestMost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p := New(Options{Store: m, Most: func(_ context.Context, l Letter) int {
			return map[string]int{"code": 2}[l.Purpose]
		}})
		write := func(purpose, to string) {
			t.Helper()
			m.put(Letter{Key: fmt.Sprint(len(m.letters)), Purpose: purpose, To: to, Life: time.Hour})
			if err := p.Deliver(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 {
			write("code", "a")
		}
		write("notice", "a")
		write("code", "b")
		<-time.After(25 * time.Hour)
		write("code", "a")
		if diff := cmp.Diff([]string{Sent, Sent, Failed, Sent, Sent, Sent}, m.outcomes()); diff != "" {
			t.Error(diff)
		}
		if n := p.Counters.Many.Load(); n != 1 {
			t.Errorf("%d were too many", n)
		}
	})
}

// TestNoteAgain: that it was sent is noted although the store was away for a moment, and
// although the node is stopping.
func TestNoteAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{fail: errors.New("away")}
		m.put(Letter{Key: "a", Life: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		p := New(Options{Store: m, Sender: senderFunc(func(context.Context, Letter) error {
			cancel()
			return nil
		})})
		if err := p.Deliver(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{Sent}, m.outcomes()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestMay: a node that is not ready, or has no lease, takes nothing.
func TestMay(t *testing.T) {
	t.Parallel()
	m, b := &memory{}, &box{}
	m.put(Letter{Key: "a", Life: time.Hour})
	p := New(Options{Store: m, Sender: b, May: func() bool { return false }})
	if err := p.Deliver(t.Context()); err != nil || len(b.sent) != 0 || m.letters[0].Tries != 0 {
		t.Error(err, b.sent)
	}
}

func TestRunAndWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, b := &memory{away: true}, &box{}
		p := New(Options{Store: m, Sender: b})
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { p.Run(ctx) })
		p.Poke() // and the store is away
		synctest.Wait()
		m.mu.Lock()
		m.away = false
		m.mu.Unlock()
		w := p.Work()
		if due, err := w.Due(ctx, time.Now()); err != nil || len(due) != 0 {
			t.Error("due without letters", due, err)
		}
		m.put(Letter{Key: "a", Life: time.Hour})
		if due, err := w.Due(ctx, time.Now()); err != nil || len(due) != 1 {
			t.Error("not due", due, err)
		}
		p.Poke()
		synctest.Wait()
		if b.sent["a"] != 1 {
			t.Error("not sent when poked")
		}
		if step, err := p.Clean(ctx, job.Run{}); err != nil || step.Write == nil {
			t.Error("nothing to clean", err)
		}
		cancel()
		run.Wait()
	})
}

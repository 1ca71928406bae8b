package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/coordinator"
	"teiserver/internal/refusal"
)

// fake is Discord, the cluster and the store of a Desk in tests.
type fake struct {
	mu     sync.Mutex
	said   []string
	errs   []error // of what is asked of Discord, in order
	calls  []any
	reply  any
	err    error
	cast   []any
	facts  map[string]string
	hang   bool
	listen func(ctx context.Context, heard func(Came)) error
}

func (f *fake) answer(ctx context.Context, what string) error {
	if f.hang {
		<-ctx.Done()
		return ctx.Err()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.errs) > 0 {
		err := f.errs[0]
		f.errs = f.errs[1:]
		if err != nil {
			return err
		}
	}
	f.said = append(f.said, what)
	return nil
}

func (f *fake) Post(ctx context.Context, channel, text, nonce string) error {
	return f.answer(ctx, channel+" "+text)
}

func (f *fake) Direct(ctx context.Context, person, text, nonce string) error {
	return f.answer(ctx, "@"+person+" "+text)
}

func (f *fake) Rename(ctx context.Context, channel, name string) error {
	return f.answer(ctx, "#"+channel+" "+name)
}

func (f *fake) Listen(ctx context.Context, heard func(Came)) error { return f.listen(ctx, heard) }

func (f *fake) Call(_ context.Context, _ cluster.Key, command any) (any, error) {
	f.calls = append(f.calls, command)
	return f.reply, f.err
}

func (f *fake) Cast(_ cluster.Key, command any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cast = append(f.cast, command)
}

func (f *fake) Stat(_ context.Context, user int64, key string) (string, bool, error) {
	v, ok := f.facts[fmt.Sprint(user, key)]
	return v, ok, nil
}

func (f *fake) SetStat(_ context.Context, user int64, key, value string) error {
	f.facts[fmt.Sprint(user, key)] = value
	return nil
}

func desk(f *fake) *Desk {
	f.facts = map[string]string{}
	return &Desk{
		Discord: f, Processes: f, Facts: f, Self: func() int64 { return 3 },
		Terms:    func(context.Context) Terms { return terms() },
		Counters: func(context.Context) map[string]string { return map[string]string{"clients": "31", "nonsense": "32"} },
		Numbers:  func() Numbers { return Numbers{Clients: 8} },
		Log:      slog.New(slog.DiscardHandler),
	}
}

// TestSend: in order; what Discord will never take is done with, the rest stops at the
// first trouble.
func TestSend(t *testing.T) {
	t.Parallel()
	list := []post{{Seq: 1, Channel: "11", Text: "a"}, {Seq: 2, Channel: "11", Text: "b"}, {Seq: 3, User: 5, Text: "c"}, {Seq: 4, User: 6, Text: "d"}, {Seq: 5, Person: "77", Text: "e"}}
	for name, tc := range map[string]struct {
		errs []error
		want sent
		said []string
	}{
		"all":      {nil, sent{Done: []int64{1, 2, 3, 4, 5}}, []string{"11 a", "11 b", "@500 c", "@77 e"}},
		"rejected": {[]error{fmt.Errorf("%w: 403", ErrRejected)}, sent{Done: []int64{1, 2, 3, 4, 5}}, []string{"11 b", "@500 c", "@77 e"}},
		"busy":     {[]error{nil, &Busy{After: time.Minute}}, sent{Done: []int64{1}, After: time.Minute}, []string{"11 a"}},
		"trouble":  {[]error{nil, errors.New("502")}, sent{Done: []int64{1}}, []string{"11 a"}},
	} {
		f := &fake{errs: tc.errs}
		d := desk(f)
		f.facts[fmt.Sprint(int64(5), FactDiscord)] = "500"
		got := d.do(t.Context(), 9, send{list})
		if diff := cmp.Diff(any(tc.want), got) + cmp.Diff(tc.said, f.said); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	f := &fake{}
	d := desk(f)
	d.Terms = func(context.Context) Terms { return Terms{Read: true} }
	if got := d.do(t.Context(), 9, send{list}); len(got.(sent).Done) != 5 || len(f.said) != 0 {
		t.Errorf("off: %v, said %v", got, f.said)
	}
}

// TestHangingDiscord: one that does not answer costs a time limit.
func TestHangingDiscord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := desk(&fake{hang: true})
		began := time.Now()
		got := d.do(t.Context(), 9, send{[]post{{Seq: 1, Channel: "11"}, {Seq: 2, Channel: "11"}}})
		if took := time.Since(began); took != postLimit || cmp.Diff(any(sent{}), got) != "" {
			t.Errorf("%v after %v", got, took)
		}
	})
}

// TestSpeak: lines are said as the account's, numbered; what is refused is done with.
func TestSpeak(t *testing.T) {
	t.Parallel()
	f := &fake{}
	d := desk(f)
	got := d.do(t.Context(), 9, speak{[]line{{Seq: 4, Room: "main", Text: "Zoe: hi"}}})
	want := chat.Say{Member: chat.Member{User: 9, Session: session, Incarnation: 3}, Name: "DiscordBridge", Join: 1, Text: "Zoe: hi", Line: 4}
	if diff := cmp.Diff(any(spoken{Done: []int64{4}}), got) + cmp.Diff([]any{want}, f.calls); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.err = refusal.New(refusal.Invalid, "nothing said")
	if got := d.do(t.Context(), 9, speak{[]line{{Seq: 4, Room: "main"}}}); cmp.Diff(any(spoken{Done: []int64{4}}), got) != "" {
		t.Errorf("refused: %v", got)
	}
	f.err = cluster.ErrUnavailable
	if got := d.do(t.Context(), 9, speak{[]line{{Seq: 4, Room: "main"}}}); cmp.Diff(any(spoken{Again: true}), got) != "" {
		t.Errorf("unavailable: %v", got)
	}
}

// TestLink: a code that the Coordinator gave links an account, another does not.
func TestLink(t *testing.T) {
	t.Parallel()
	f := &fake{reply: coordinator.Taken{User: 12}}
	d := desk(f)
	got := d.do(t.Context(), 9, link{Message: "5", Person: "77", User: 12, Code: "345678"})
	if diff := cmp.Diff(any(linked{Message: "5", Person: "77", Text: textLinked}), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if on, err := d.Linked(t.Context(), 12); !on || err != nil {
		t.Errorf("linked %v, %v", on, err)
	}
	want := coordinator.TakeCode{Purpose: coordinator.LinkDiscord, User: 12, Code: "345678"}
	if diff := cmp.Diff([]any{want}, f.calls); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	f.reply = coordinator.Taken{}
	if got := d.do(t.Context(), 9, link{User: 13}); got.(linked).Text != textNoCode {
		t.Errorf("no code: %v", got)
	}
	f.err = cluster.ErrUnavailable
	if got := d.do(t.Context(), 9, link{User: 13}); got.(linked).Text != textTrouble {
		t.Errorf("no Coordinator: %v", got)
	}
	if on, _ := d.Linked(t.Context(), 13); on {
		t.Error("linked without a code")
	}
}

func TestName(t *testing.T) {
	t.Parallel()
	f := &fake{}
	desk(f).do(t.Context(), 9, name{})
	if diff := cmp.Diff([]string{"#31 Players online: 8"}, f.said); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLook: the settings come back when they are new; without a token the bridge is off.
func TestLook(t *testing.T) {
	t.Parallel()
	d := desk(&fake{})
	if got := d.do(t.Context(), 9, look{}); cmp.Diff(any(terms()), got) != "" {
		t.Errorf("new: %v", got)
	}
	if got := d.do(t.Context(), 9, look{terms()}); got != nil {
		t.Errorf("known: %v", got)
	}
	d.Discord = nil
	if got := d.do(t.Context(), 9, look{terms()}); got.(Terms).On {
		t.Errorf("without a token: %v", got)
	}
}

// TestRun: a node listens while the bridge's process looks from it, again after the
// connection was lost or the library panicked, and gives what it hears to the process.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var listening, times atomic.Int64
		f := &fake{}
		f.listen = func(ctx context.Context, heard func(Came)) error {
			listening.Add(1)
			defer listening.Add(-1)
			switch times.Add(1) {
			case 1:
				return errors.New("no route")
			case 2:
				panic("a bug")
			}
			heard(Came{ID: "1", Text: "hi"})
			heard(Came{ID: "2", Bot: true})
			<-ctx.Done()
			return ctx.Err()
		}
		expect := func(what string, now, all int64) {
			t.Helper()
			synctest.Wait()
			if listening.Load() != now || times.Load() != all {
				t.Errorf("%s: listens %d, for the %dth time, want %d, %d", what, listening.Load(), times.Load(), now, all)
			}
		}
		d := desk(f)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan struct{})
		go func() { defer close(ended); d.Run(ctx) }()
		expect("while the process is elsewhere", 0, 0)
		for range 6 { // a minute of looks
			d.do(ctx, 9, look{terms()})
			<-time.After(lookEvery)
		}
		expect("after trouble", 1, 3)
		if diff := cmp.Diff([]any{Came{ID: "1", Text: "hi"}}, f.cast); diff != "" {
			t.Errorf("cast (-want +got):\n%s", diff)
		}
		<-time.After(earLife)
		expect("after the process has moved", 0, 3)
		d.do(ctx, 9, look{terms()})
		expect("after it has come back", 1, 4)
		d.Terms = func(context.Context) Terms { return Terms{Read: true} }
		d.do(ctx, 9, look{terms()})
		expect("off", 0, 4)
		cancel()
		<-ended
	})
}

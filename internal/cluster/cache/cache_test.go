package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
)

func TestWritesAreSeenEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, nodes := cluster(t, "a", "b", "c")
		a, b, c := nodes[0], nodes[1], nodes[2]
		ctx := t.Context()
		var told []string
		c.OnChange("texts", func(key string) { told = append(told, key) })
		check := func(what, want string) {
			t.Helper()
			if got := a.read(t, 1); got != want {
				t.Errorf("%s: writer reads %q at once, want %q", what, got, want)
			}
			synctest.Wait() // the message; no second passes
			for i, n := range nodes {
				if got := n.read(t, 1); got != want {
					t.Errorf("%s: node %d reads %q, want %q", what, i, got, want)
				}
			}
		}
		check("nothing", "absent")
		if won, err := a.texts.InsertNew(ctx, 1, "one"); !won || err != nil {
			t.Errorf("insert: %v, %v", won, err)
		}
		check("insert", "one")
		if won, err := b.texts.InsertNew(ctx, 1, "two"); won || err != nil {
			t.Errorf("second insert: %v, %v", won, err)
		}
		check("lost insert", "one")
		if err := a.texts.Put(ctx, 1, "three"); err != nil {
			t.Error(err)
		}
		check("put", "three")
		runs := 0
		if got, err := a.texts.Update(ctx, 1, func(s string) (string, error) { runs++; return s + "!", nil }); got != "three!" || err != nil {
			t.Errorf("update: %q, %v", got, err)
		}
		check("update", "three!")
		if runs != 1 {
			t.Errorf("the function ran %d times", runs)
		}
		no := errors.New("no")
		if _, err := a.texts.Update(ctx, 1, func(string) (string, error) { return "x", no }); !errors.Is(err, no) {
			t.Errorf("refused update: %v", err)
		}
		check("refused update", "three!")
		if err := a.texts.Delete(ctx, 1); err != nil {
			t.Error(err)
		}
		check("delete", "absent")
		pass(5 * time.Second) // the tail brings the same changes once more
		for i, n := range nodes {
			if got := n.seen(); !slices.Equal(got, []int{1, 1, 1, 1}) {
				t.Errorf("node %d: watched %v, want each of 4 changes once", i, got)
			}
		}
		if !slices.Equal(told, []string{"1", "1", "1", "1"}) {
			t.Errorf("OnChange got %v", told)
		}
	})
}

func TestGetDoesNotLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a", "b")
		s.write(1, "one")
		if _, ok := nodes[0].texts.Get(1); ok {
			t.Error("never loaded")
		}
		for range 5 {
			nodes[0].read(t, 1)
			nodes[0].read(t, 2)
		}
		if got, ok := nodes[0].texts.Get(1); !ok || got != "one" {
			t.Errorf("%q, %v", got, ok)
		}
		if _, ok := nodes[0].texts.Get(2); ok {
			t.Error("absent")
		}
		if n := s.loadCount(); n != 2 {
			t.Errorf("%d loads for two keys", n)
		}
	})
}

// A fill reads the row, is held up, and the row is deleted meanwhile. Its caller
// gets what was there; it is not kept. The same for "there is none".
func TestFillAcrossAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, net, nodes := cluster(t, "a", "b")
		a, b := nodes[0], nodes[1]
		for _, silent := range []bool{false, true} { // silent: only the log tells
			net.Drop(func(_, _, on string) bool { return silent && on == ChangesTopic })
			for key, before := range []string{"text", "absent"} {
				if before == "text" {
					s.write(key, "text")
					pass(2 * time.Second)
				}
				release := make(chan struct{})
				s.set(func() { s.afterRead = func(int) { <-release } })
				got := make(chan string)
				go func() { got <- a.read(t, key) }()
				synctest.Wait()
				s.set(func() { s.afterRead = nil })
				after := "absent"
				if before == "absent" {
					after = "new"
					if err := b.texts.Put(t.Context(), key, after); err != nil {
						t.Error(err)
					}
				} else if err := b.texts.Delete(t.Context(), key); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if silent {
					pass(2 * time.Second)
				}
				// Who comes after the change does not join the old fill.
				if now := a.read(t, key); now != after {
					t.Errorf("silent %v: read after the change: %q, want %q", silent, now, after)
				}
				close(release)
				if first := <-got; first != before {
					t.Errorf("silent %v: the held fill gave %q, want %q", silent, first, before)
				}
				if now := a.read(t, key); now != after {
					t.Errorf("silent %v: after the fill: %q, want %q", silent, now, after)
				}
				if err := b.texts.Delete(t.Context(), key); err != nil {
					t.Error(err)
				}
				pass(2 * time.Second)
			}
		}
	})
}

func TestLostMessagesAndOtherProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, net, nodes := cluster(t, "a", "b", "c")
		s.write(1, "old")
		for _, n := range nodes {
			n.read(t, 1)
		}
		net.Drop(func(_, _, on string) bool { return on == ChangesTopic })
		if err := nodes[0].texts.Put(t.Context(), 1, "new"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := nodes[1].read(t, 1); got != "old" {
			t.Errorf("the message was not lost: %q", got)
		}
		pass(1100 * time.Millisecond)
		for i, n := range nodes {
			if got := n.read(t, 1); got != "new" {
				t.Errorf("node %d after a second: %q", i, got)
			}
		}
		s.write(1, "from the command line") // also: a crash between commit and message
		pass(1100 * time.Millisecond)
		for i, n := range nodes {
			if got := n.read(t, 1); got != "from the command line" {
				t.Errorf("node %d after a second: %q", i, got)
			}
		}
	})
}

// Versions commit out of order: a lower one appears after a higher one was read.
func TestLowerVersionCommitsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a")
		s.write(1, "old")
		pass(2 * time.Second)
		nodes[0].read(t, 1)
		var held logged
		s.set(func() {
			held = logged{s.change(1), time.Now()}
			s.log = s.log[:len(s.log)-1]
		})
		s.write(2, "other")
		pass(5 * time.Second)
		if _, ok := nodes[0].texts.Get(1); !ok {
			t.Error("not cached")
		}
		s.set(func() {
			s.rows[1] = "new"
			s.log = append([]logged{held}, s.log...)
		})
		pass(1100 * time.Millisecond)
		if got := nodes[0].read(t, 1); got != "new" {
			t.Errorf("read %q", got)
		}
	})
}

func TestOlderChangeDoesNotDropNewerValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, net, nodes := cluster(t, "a", "b")
		net.Delay(func(from, to string) time.Duration {
			if from == "b" {
				return 500 * time.Millisecond
			}
			return 0
		})
		if err := nodes[1].texts.Put(t.Context(), 1, "first"); err != nil {
			t.Error(err)
		}
		if err := nodes[0].texts.Put(t.Context(), 1, "second"); err != nil {
			t.Error(err)
		}
		pass(3 * time.Second)
		if got, ok := nodes[0].texts.Get(1); !ok || got != "second" {
			t.Errorf("newer value: %q, %v", got, ok)
		}
		if got := nodes[1].read(t, 1); got != "second" {
			t.Errorf("older writer reads %q", got)
		}
		if s.loadCount() != 1 {
			t.Errorf("%d loads", s.loadCount())
		}
	})
}

// A write that was slow to come back must not be kept over a newer one that this
// node has heard of meanwhile.
func TestSlowWriteDoesNotOverwriteNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a", "b")
		release := make(chan struct{})
		nodes[0].texts.o.Save = func(ctx context.Context, key int, text string) ([]Change, error) {
			ch, err := s.save(ctx, key, text)
			<-release
			return ch, err
		}
		done := make(chan error)
		go func() { done <- nodes[0].texts.Put(t.Context(), 1, "older") }()
		synctest.Wait()
		if err := nodes[1].texts.Put(t.Context(), 1, "newer"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		close(release)
		if err := <-done; err != nil {
			t.Error(err)
		}
		for i, n := range nodes {
			if got := n.read(t, 1); got != "newer" {
				t.Errorf("node %d reads %q", i, got)
			}
		}
	})
}

func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a")
		n := nodes[0]
		s.write(1, "one")
		n.read(t, 1)
		pass(1500 * time.Millisecond)
		n.read(t, 1)

		s.set(func() { s.logDown = true })
		s.write(1, "two")
		pass(2 * time.Second)
		if got := n.read(t, 1); got != "one" {
			t.Errorf("log away for 2 s: %q, cached is fine", got)
		}
		pass(3 * time.Second)
		if got := n.read(t, 1); got != "two" {
			t.Errorf("log away for 5 s: %q, want to read through", got)
		}
		before := s.loadCount()
		n.read(t, 1)
		if s.loadCount() != before+1 {
			t.Error("kept what nobody would take back")
		}
		s.set(func() { s.down = true })
		if got := n.read(t, 1); got != "one" {
			t.Errorf("all away: %q, want what there is", got)
		}
		if got := n.read(t, 9); got != "error: load texts 9: the store is away" {
			t.Errorf("all away, never read: %q", got)
		}
		if err := n.texts.Put(t.Context(), 2, "x"); !errors.Is(err, errDown) {
			t.Errorf("put: %v", err)
		}
		s.set(func() { s.down, s.logDown = false, false })
		pass(1100 * time.Millisecond)
		if got := n.read(t, 1); got != "two" {
			t.Errorf("back: %q", got)
		}
		if _, ok := n.texts.Get(1); !ok {
			t.Error("back, but not kept")
		}
		// Away for longer than the log is kept: nothing cached is believed.
		s.set(func() { s.logDown = true })
		s.write(1, "three")
		pass(time.Hour)
		s.set(func() { s.logDown, s.log = false, nil })
		pass(1100 * time.Millisecond)
		if got := n.read(t, 1); got != "three" {
			t.Errorf("after an hour: %q", got)
		}
	})
}

func TestNothingIsKeptBeforeTheLogIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{rows: map[int]string{1: "one"}}
		b := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
		defer b.Close()
		n := newNode(b, s, TableOptions[int, string]{})
		n.read(t, 1)
		if _, ok := n.texts.Get(1); ok {
			t.Error("kept")
		}
	})
}

func TestAges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{rows: map[int]string{1: "one"}}
		b := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
		defer b.Close()
		n := newNode(b, s, TableOptions[int, string]{MaxAge: time.Minute})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = n.Run(ctx) })
		defer wg.Wait()
		defer cancel()
		synctest.Wait()
		n.read(t, 1)
		n.read(t, 2)
		s.set(func() { s.rows[1], s.rows[2] = "other", "there" }) // somebody who does not log
		pass(4 * time.Second)
		if got := n.read(t, 2); got != "absent" {
			t.Errorf("after 4 s: %q", got)
		}
		pass(2 * time.Second)
		if got := n.read(t, 2); got != "there" {
			t.Errorf("none is believed for 5 s: %q", got)
		}
		if got := n.read(t, 1); got != "one" {
			t.Errorf("after 6 s: %q", got)
		}
		pass(time.Minute)
		if got := n.read(t, 1); got != "other" {
			t.Errorf("after a minute: %q", got)
		}
	})
}

func TestLoadsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a")
		s.write(1, "one")
		pass(2 * time.Second)
		release := make(chan struct{})
		s.set(func() { s.afterRead = func(int) { <-release } })
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := nodes[0].read(t, 1); got != "one" {
					t.Errorf("read %q", got)
				}
			})
		}
		synctest.Wait()
		close(release)
		wg.Wait()
		if n := s.loadCount(); n != 1 {
			t.Errorf("%d loads", n)
		}
	})
}

// The caller whose load is shared gives up: the others do not.
func TestSharedLoadOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, nodes := cluster(t, "a")
		s.write(1, "one")
		pass(2 * time.Second)
		table := nodes[0].texts
		table.o.Load = func(ctx context.Context, key int) (string, error) {
			if ctx.Value(first) != nil {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return s.load(ctx, key)
		}
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), first, true))
		leader, other := make(chan error), make(chan error)
		go func() { _, err := table.GetOrLoad(ctx, 1); leader <- err }()
		synctest.Wait()
		go func() { _, err := table.GetOrLoad(t.Context(), 1); other <- err }()
		synctest.Wait()
		cancel()
		if err := <-leader; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
		if err := <-other; err != nil {
			t.Errorf("who waits: %v", err)
		}
	})
}

type contextKey int

const first contextKey = 1

func TestSizeIsBounded(t *testing.T) {
	var l lru[int, string]
	l.init(3)
	for i := range 3 {
		l.put(&entry[int, string]{key: i, value: text(i)})
	}
	l.get(0)
	l.put(&entry[int, string]{key: 3})
	l.put(&entry[int, string]{key: 2, value: "again"})
	l.put(&entry[int, string]{key: 4})
	var left []int
	for i := range 5 {
		if l.peek(i) != nil {
			left = append(left, i)
		}
	}
	if !slices.Equal(left, []int{2, 3, 4}) || len(l.entries) != 3 {
		t.Errorf("left %v", left)
	}
	l.remove(3)
	l.remove(3)
	l.put(&entry[int, string]{key: 5})
	if len(l.entries) != 3 || l.peek(4) == nil {
		t.Error("one too many gone")
	}
}

func TestReadOnlyTableAndBadKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{rows: map[int]string{}}
		b := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
		defer b.Close()
		c := New(b, s, Options{})
		table := NewTable(c, "texts", TableOptions[int, string]{Load: s.load, KeyText: strconv.Itoa, ParseKey: strconv.Atoi})
		_, inserted := table.InsertNew(t.Context(), 1, "")
		_, updated := table.Update(t.Context(), 1, nil)
		for i, err := range []error{table.Put(t.Context(), 1, ""), table.Delete(t.Context(), 1), inserted, updated} {
			if !errors.Is(err, errReadOnly) {
				t.Errorf("write %d: %v", i, err)
			}
		}
		c.Announce([]Change{{Version: 1, Table: "texts", Key: "no number"}, {Version: 2, Table: "unknown", Key: "x"}})
	})
}

func TestTablesAreListed(t *testing.T) {
	b := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
	defer b.Close()
	n := newNode(b, &store{}, TableOptions[int, string]{Size: 7, MaxAge: time.Minute})
	want := Info{Name: "texts", Size: 7, MaxAge: time.Minute, Purpose: "texts for tests"}
	if got := n.Tables(); !slices.Equal(got, []Info{want}) {
		t.Errorf("%v", got)
	}
	if !slices.Contains(Tables(), want) {
		t.Errorf("%v", Tables())
	}
}

// Random writes on all nodes and beside them, with loss and delay: two seconds
// after the last one every node reads what the store has, from its cache.
func TestAnyFaults(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 1))
				s, net, nodes := cluster(t, "a", "b", "c")
				var wg sync.WaitGroup
				for i := range 300 {
					n, key := nodes[r.IntN(3)], r.IntN(5)
					var err error
					switch r.IntN(12) {
					case 0, 1:
						err = n.texts.Put(t.Context(), key, text(i))
					case 2:
						err = n.texts.Delete(t.Context(), key)
					case 3:
						_, err = n.texts.InsertNew(t.Context(), key, text(i))
					case 4:
						_, err = n.texts.Update(t.Context(), key, func(old string) (string, error) { return old + "+", nil })
					case 5:
						s.write(key, text(i))
					case 6:
						wait := time.Duration(r.IntN(300)) * time.Millisecond
						s.set(func() { s.afterRead = func(int) { <-time.After(wait) } })
					case 7:
						loss, late := r.IntN(3) == 0, time.Duration(r.IntN(200))*time.Millisecond
						net.Drop(func(_, _, on string) bool { return loss && on == ChangesTopic })
						net.Delay(func(from, to string) time.Duration { return late })
					case 8:
						pass(time.Duration(r.IntN(700)) * time.Millisecond)
					default:
						wg.Go(func() { n.read(t, key) })
					}
					if err != nil {
						t.Error(err)
					}
				}
				wg.Wait()
				pass(2 * time.Second)
				for key := range 5 {
					want, err := s.load(t.Context(), key)
					if errors.Is(err, ErrAbsent) {
						want = "absent"
					}
					for i, n := range nodes {
						if got, ok := n.texts.Get(key); ok && got != want {
							t.Errorf("node %d has %q for key %d, want %q", i, got, key, want)
						}
						if got := n.read(t, key); got != want {
							t.Errorf("node %d reads %q for key %d, want %q", i, got, key, want)
						}
					}
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := &store{rows: map[int]string{1: "one"}}
	alone := bus.NewNetwork().Join(bus.Origin{Node: "a", Incarnation: 1})
	defer alone.Close()
	n := newNode(alone, s, TableOptions[int, string]{})
	if err := n.readTail(b.Context()); err != nil {
		b.Fatal(err)
	}
	if _, err := n.texts.GetOrLoad(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := n.texts.Get(1); !ok {
			b.Fatal("gone")
		}
	}
}

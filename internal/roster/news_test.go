package roster

import (
	"fmt"
	"testing"
	"time"
)

// TestNewsOnACalmDay: what little there is everybody reads at once.
func TestNewsOnACalmDay(t *testing.T) {
	b := newBench()
	c := newStrict(1, 1, Everything)
	b.came(1, person(1, 1))
	b.s.attach(c)
	id := int64(100)
	come := func() {
		t.Helper()
		id++
		b.came(2, person(id, 1))
		if c.users[id] == nil {
			t.Errorf("%d is not told of at once", id)
		}
	}
	for range newsAtOnce {
		come()
	}
	for range 100 {
		b.s.now = b.s.now.Add(newsEvery)
		come()
	}
	b.came(2, person(id+1, 1)) // the first of too many
	if c.users[id+1] != nil {
		t.Error("told at once")
	}
	b.tellAll()
	b.s.now = b.s.now.Add(newsDebt + newsAtOnce*newsEvery)
	id++
	for range newsAtOnce {
		come()
	}
	if _, more := asked[tellLater](b); more || len(b.s.news.items) != 0 {
		t.Errorf("%d items are left", len(b.s.news.items))
	}
	ok(t, c)
}

// piecemeal is a viewer that counts the pieces in which it is shown the news, and notes
// when. Some of them are strict.
type piecemeal struct {
	Viewer
	strict *strict
	shown  *int // to all
	pieces int
	now    *time.Time
	last   time.Time
}

func (p *piecemeal) Show(u *Update) {
	p.pieces++
	*p.shown++
	p.last = *p.now
	p.Viewer.Show(u)
}

// TestNewsInAStorm: of very many who come, each viewer hears a few times a second, a few
// viewers at a time, and none late; who has come in meanwhile has heard of all that
// were before.
func TestNewsInAStorm(t *testing.T) {
	for _, viewers := range []int{10, 200, 2000} {
		b := newBench()
		var all []*piecemeal
		shown := 0
		enter := func() {
			id := int64(len(all) + 1)
			p := &piecemeal{Viewer: &mute{id}, shown: &shown, now: &b.s.now, last: b.s.now}
			if id < 10 {
				p.strict = newStrict(id, 1, Interest(id%2))
				p.Viewer = p.strict
			}
			b.came(1, person(id, 1))
			b.s.attach(p)
			all = append(all, p)
		}
		for range viewers {
			enter()
		}
		b.tellAll()
		for _, p := range all {
			p.pieces = 0
		}
		began, step := b.s.now, 4*time.Millisecond
		var due time.Time // of the next viewers
		most := max(20, viewers/80) + 1
		for i := range 1000 { // four seconds
			if e, ok := asked[tellLater](b); ok {
				due = b.s.now.Add(e.after)
			}
			b.s.now = b.s.now.Add(step)
			shown = 0
			if !due.IsZero() && !b.s.now.Before(due) {
				due = time.Time{}
				b.s.tellSome()
			}
			for _, p := range all {
				if old := b.s.now.Sub(p.last); i > 400 && old > 1100*time.Millisecond {
					t.Fatalf("%d viewers: told last %v ago", viewers, old)
				}
			}
			if shown > most {
				t.Fatalf("%d viewers: %d pieces in one turn", viewers, shown)
			}
			b.came(2, person(int64(100_000+i), 1))
			if i%50 == 0 {
				enter()
			}
		}
		for _, p := range all[:viewers] {
			if most := newsAtOnce + int(b.s.now.Sub(began)/newsEvery) + 1; p.pieces > most {
				t.Fatalf("%d viewers: %d pieces in %v", viewers, p.pieces, b.s.now.Sub(began))
			}
		}
		b.s.effects = append(b.s.effects, tellLater{})
		b.tellAll()
		for _, p := range all {
			if p.strict == nil {
				continue
			}
			if ok(t, p.strict); len(p.strict.users) != len(all)+1000 {
				t.Fatalf("%d viewers: %d users are told of", viewers, len(p.strict.users))
			}
		}
	}
}

// TestNewsGoFirst: whatever is shown to a viewer in a storm comes behind what it was not
// told of yet.
func TestNewsGoFirst(t *testing.T) {
	b := newBench()
	c, own := newStrict(1, 1, Everything), newStrict(2, 1, Own)
	b.came(1, person(1, 1))
	b.came(1, person(2, 1))
	b.s.attach(c)
	b.s.attach(own)
	for id := range int64(2 * newsAtOnce) {
		b.came(2, person(100+id, 1))
	}
	away := person(100, 1)
	away.Away = true
	b.s.presenceEvent(b.n[2], Changed{User: away})
	b.s.presenceEvent(b.n[2], Went{ID: 101, Session: 1})
	c.log, own.log = nil, nil
	b.came(2, person(99, 1))
	wantLog(t, c)
	b.s.deliver(1, 1, 99, PrivateSaid{Text: "hello"})
	if n := len(c.log); n < 3 || fmt.Sprint(c.log[n-3:]) != "[changed 100 went 101 came 99]" || len(c.private) != 1 {
		t.Errorf("told %v", c.log)
	}
	wantLog(t, own)
	b.tellAll()
	if n := len(own.log); n < 2 || fmt.Sprint(own.log[n-2:]) != "[went 101 came 99]" {
		t.Errorf("told %v", own.log)
	}
	ok(t, c)
	ok(t, own)
}

// BenchmarkStorm is a login that is told to many.
func BenchmarkStorm(b *testing.B) {
	for _, viewers := range []int{150, 1500, 10_000} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) {
			w := newBench()
			for id := range int64(viewers) {
				w.came(1, person(id+1, 1))
				w.s.attach(&mute{id + 1})
			}
			w.tellAll()
			id := int64(1_000_000)
			var due time.Time
			b.ReportAllocs()
			for b.Loop() {
				id++
				w.s.now = w.s.now.Add(4 * time.Millisecond)
				w.came(2, person(id, 1))
				if e, ok := asked[tellLater](w); ok {
					due = w.s.now.Add(e.after)
				}
				if !due.IsZero() && !w.s.now.Before(due) {
					due = time.Time{}
					w.s.tellSome()
				}
			}
		})
	}
}

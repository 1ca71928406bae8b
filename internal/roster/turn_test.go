package roster

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
)

// herd is so many users, as a node's view has them.
func herd(n int) []User {
	users := make([]User, n)
	for i := range users {
		users[i] = person(int64(1000+i), 1)
	}
	return users
}

// asked takes an effect of a kind out of those that are wanted.
func asked[E effect](b *bench) (e E, ok bool) {
	i := slices.IndexFunc(b.s.effects, func(e effect) bool { _, ok := e.(E); return ok })
	if i < 0 {
		return e, false
	}
	e = b.s.effects[i].(E)
	b.s.effects = slices.Delete(b.s.effects, i, i+1)
	return e, true
}

// takeTurns takes the turns that are asked for until none is, with between before each,
// and says how many there were.
func (b *bench) takeTurns(between func()) (turns int) {
	for ; ; turns++ {
		if _, ok := asked[goOn](b); !ok {
			return turns
		}
		between()
		b.s.turn()
	}
}

// tellAll has everybody read the news.
func (b *bench) tellAll() {
	for {
		e, ok := asked[tellLater](b)
		if !ok {
			return
		}
		b.s.now = b.s.now.Add(e.after)
		b.s.tellSome()
	}
}

// TestTurnsAreBounded: a view with three thousand users, and the end of their node, are
// shown some at a time; what comes meanwhile is shown before all are through.
func TestTurnsAreBounded(t *testing.T) {
	b := newBench()
	c := newStrict(1, 1, Everything)
	b.came(1, person(1, 1))
	b.came(3, person(2, 1))
	b.s.attach(c)
	var crowd, early int
	c.seen = func(e Event) {
		switch e.(type) {
		case UserCame, UserWent:
			crowd++
		case PrivateSaid:
			early++
		}
	}
	between := func() { // a line goes behind what was shown until now
		crowd = 0
		b.s.deliver(1, 1, 2, PrivateSaid{Text: "early"})
		if crowd == 0 || crowd > 500 {
			t.Errorf("%d users in one turn", crowd)
		}
	}
	for _, step := range []struct {
		what  string
		start func()
		left  int
	}{
		{"come", func() { b.s.presenceReset(b.n[2], herd(3000)) }, 3002},
		{"go", func() { b.s.members([]bus.Origin{b.n[1].Origin, b.n[3].Origin}) }, 2},
	} {
		early = 0
		step.start()
		if turns := b.takeTurns(between); turns < 5 || early != turns {
			t.Errorf("%s: %d more turns, and between them %d lines", step.what, turns, early)
		}
		b.tellAll()
		if len(c.users) != step.left {
			t.Errorf("%s: %d users are shown", step.what, len(c.users))
		}
		ok(t, c)
	}
}

// TestTurnsCountChannels: who is in a channel with many takes more of a turn.
func TestTurnsCountChannels(t *testing.T) {
	b := newBench()
	const viewers = 50
	var view chat.View
	b.s.presenceReset(b.n[2], herd(500))
	b.takeTurns(func() {})
	for _, u := range herd(500) {
		view.Members = append(view.Members, chat.Member{User: u.ID, Session: u.Session})
	}
	lines := 0
	for id := range int64(viewers) {
		b.came(1, person(id+1, 1))
		c := newStrict(id+1, 1, Everything)
		c.seen = func(e Event) {
			if _, went := e.(ChannelWent); went {
				lines++
			}
		}
		b.s.attach(c)
		b.s.join(c, "main")
		view.Members = append(view.Members, chat.Member{User: id + 1, Session: 1})
	}
	b.s.channelReset(b.s.chans["main"].tap, at(1, 1), view)
	b.s.members([]bus.Origin{b.n[1].Origin, b.n[3].Origin})
	check := func() {
		if lines == 0 || lines > turnLines+viewers {
			t.Errorf("%d lines in one turn", lines)
		}
		lines = 0
	}
	if turns := b.takeTurns(check); turns < 500*viewers/turnLines {
		t.Errorf("%d turns", turns)
	}
	check()
	if b.s.shelves.count != viewers {
		t.Errorf("%d are shown", b.s.shelves.count)
	}
}

// TestBackBeforeItsTurn: who comes back while its old session waits for its turn to go
// is shown to go and come then, and stays.
func TestBackBeforeItsTurn(t *testing.T) {
	b := newBench()
	c := newStrict(1, 1, Everything)
	b.came(1, person(1, 1))
	b.s.presenceReset(b.n[2], herd(3000))
	b.takeTurns(func() {})
	b.s.attach(c)
	b.s.members([]bus.Origin{b.n[1].Origin, b.n[3].Origin})
	if len(b.s.backlog) == 0 {
		t.Fatal("all had their turn")
	}
	last := b.s.backlog[len(b.s.backlog)-1]
	b.tellAll()
	c.log = nil
	b.came(3, User{ID: last.id, Session: 2, Name: fmt.Sprint("u", last.id)})
	b.tellAll()
	wantLog(t, c, fmt.Sprint("went ", last.id), fmt.Sprint("came ", last.id))
	b.takeTurns(func() {})
	b.tellAll()
	ok(t, c)
	if len(c.users) != 2 || c.users[last.id] == nil || c.users[last.id].Session != 2 {
		t.Errorf("%d users are shown", len(c.users))
	}
}

// TestOthersHaveTheRosterBetweenTurns: whoever asks for many to be shown does not wait
// until they are, nor does who comes then; filled is when they are.
func TestOthersHaveTheRosterBetweenTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := open(f, noGrace, func(feed.ViewFunc) publisher { return fakePublisher{f} })
		r.Online(person(1, 1))
		c := newStrict(1, 1, Everything)
		r.Attach(c)
		other := bus.Origin{Node: "b", Incarnation: 2}
		f.onMember([]cluster.Member{{Origin: f.self}, {Origin: other}})
		n := r.state.nodes[2]
		r.do(func(s *state) {
			for _, n := range s.nodes {
				n.heardUsers, n.heardLobby, n.heardTopics = true, true, true
			}
			s.presenceReset(n, herd(3000))
		})
		if users, _ := r.Count(); users > 1000 || r.state.filled() {
			t.Errorf("%d users are shown at once", users)
		}
		r.Deliver(1, 1, 1, PrivateSaid{Text: "early"})
		if len(c.private) != 1 {
			t.Error("a line waits for all of them")
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Serve(ctx) }()
		patience, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if err := r.Filled(patience); err != nil {
			t.Error(err)
		}
		if users, _ := r.Count(); users != 3001 {
			t.Errorf("%d users are shown", users)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if len(c.users) != 3001 {
			t.Errorf("%d users are told of", len(c.users))
		}
		ok(t, c)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkNodeGone is the longest turn of three thousand users who leave at once, and
// all of them.
func BenchmarkNodeGone(b *testing.B) {
	for _, viewers := range []int{150, 1500} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				w := newBench()
				for id := range int64(viewers) {
					w.came(1, person(id+1, 1))
					w.s.attach(&mute{id + 1})
				}
				w.s.presenceReset(w.n[2], herd(3000))
				w.takeTurns(func() {})
				w.tellAll()
				b.StartTimer()
				w.s.members([]bus.Origin{w.n[1].Origin, w.n[3].Origin})
				w.takeTurns(func() {})
				w.tellAll()
			}
		})
	}
}

// mute is a viewer that encodes what it is shown.
type mute struct{ id int64 }

func (m *mute) ID() (user, session int64) { return m.id, 1 }
func (m *mute) Interest() Interest        { return Everything }
func (m *mute) Ignores(int64) bool        { return false }
func (m *mute) Begin(World)               {}
func (m *mute) Show(u *Update)            { u.Encoded(SpringLine, func(Event) []byte { return nil }) }
func (m *mute) Supersede()                {}

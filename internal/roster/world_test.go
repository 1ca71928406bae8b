package roster

import (
	"fmt"
	"testing"

	"teiserver/internal/chat"
	"teiserver/internal/lobby"
)

// catcher keeps what it is given.
type catcher struct {
	id      int64
	world   World
	updates []*Update
}

func (c *catcher) ID() (user, session int64) { return c.id, 1 }
func (c *catcher) Interest() Interest        { return Everything }
func (c *catcher) Ignores(int64) bool        { return false }
func (c *catcher) Begin(w World)             { c.world = w }
func (c *catcher) Show(u *Update)            { c.updates = append(c.updates, u) }
func (c *catcher) Supersede()                {}

// TestWorldIsShared: logins share what has not changed; a status change makes one
// chunk and one lobby anew.
func TestWorldIsShared(t *testing.T) {
	t.Parallel()
	b := newBench()
	for id := int64(100); id < 1000; id++ {
		b.came(2, person(id, 1))
	}
	for i := range int64(10) {
		b.s.lobbyIndexed(b.n[2], indexed(i+1, at(1, 1), whoOf(100+i, 1, 2), seatOf(whoOf(200+i, 1, 2), 1)))
	}
	world := func(id int64) World {
		c := &catcher{id: id}
		b.s.attach(c)
		b.s.detach(c)
		return c.world
	}
	before := world(1)
	changed := person(205, 1)
	changed.InGame = true
	b.s.presenceEvent(b.n[2], Changed{User: changed})
	after := world(1)
	differ := 0
	for i := range before.Chunks {
		if before.Chunks[i] != after.Chunks[i] {
			differ++
		}
	}
	if len(before.Chunks) != 8 || differ != 1 {
		t.Fatalf("%d of %d chunks were made again", differ, len(before.Chunks))
	}
	for i, l := range before.Lobbies {
		if same := l == after.Lobbies[i]; same == (l.Info.ID == 6) {
			t.Fatalf("lobby %d: same %v", l.Info.ID, same)
		}
	}
	if after.Lobbies[5].Members[0].InGame != true || before.Lobbies[5].Members[0].InGame {
		t.Fatal("a value was changed")
	}
	// Places that were left are taken again.
	for id := int64(100); id < 1000; id += 2 {
		b.went(2, id, 1)
	}
	for id := int64(2000); id < 2450; id++ {
		b.came(2, person(id, 1))
	}
	if w := world(1); len(w.Chunks) != 8 || b.s.shelves.count != 900 {
		t.Fatalf("%d chunks for %d users", len(w.Chunks), b.s.shelves.count)
	}
}

// TestOneUpdateForAll: everybody of an audience gets the same value, encoded once.
func TestOneUpdateForAll(t *testing.T) {
	t.Parallel()
	b := newBench()
	var all []*catcher
	for id := int64(1); id <= 4; id++ {
		c := &catcher{id: id}
		b.came(1, person(id, 1))
		b.s.attach(c)
		all = append(all, c)
	}
	b.s.host(all[0], 7)
	r := b.room(7, at(1, 1), whoOf(1, 1, 1))
	for id := int64(2); id <= 3; id++ {
		b.s.enter(all[id-1], 7)
		b.s.roomEvent(r, at(1, id), lobby.Entered{Member: memberOf(id, 1)})
	}
	for _, c := range all {
		c.updates = nil
	}
	b.came(2, person(50, 1))
	b.s.roomEvent(r, at(1, 4), lobby.Said{User: 2, Text: "hi"})
	b.s.roomEvent(r, at(1, 5), lobby.Entered{Member: memberOf(50, 1)})
	encoded := 0
	for _, c := range all {
		for _, u := range c.updates {
			u.Encoded(SpringLine, func(e Event) []byte { encoded++; return []byte(fmt.Sprintf("%T", e)) })
		}
	}
	// UserCame, RoomSaid, MemberCame to the host, to the room, to the others.
	if encoded != 5 {
		t.Fatalf("encoded %d times", encoded)
	}
	if all[1].updates[1] != all[2].updates[1] || all[0].updates[0] != all[3].updates[0] {
		t.Fatal("not shared")
	}
}

// crowd is n viewers of everything in one room and one channel.
type crowd struct {
	*bench
	room *room
	tap  *tap
	seq  int64
}

func newCrowd(n int) *crowd {
	w := newBench()
	for id := int64(1); id <= int64(n); id++ {
		w.came(1, person(id, 1))
		w.s.attach(&discard{id: id})
	}
	w.s.host(w.s.viewers[0].Viewer, 7)
	r := w.room(7, at(1, 1), whoOf(1, 1, 1))
	w.s.lobbies[7].viewers = w.s.viewers // no room is that large; the path is the same
	var inside []chat.Member
	for _, v := range w.s.viewers {
		w.s.join(v.Viewer, "main")
		inside = append(inside, inMain(v.user.id, 1))
	}
	ch := w.s.chans["main"]
	ch.viewers, ch.wishing = ch.wishing, nil
	w.s.channelReset(ch.tap, at(1, 1), chat.View{Name: "main", Members: inside})
	return &crowd{bench: w, room: r, tap: ch.tap, seq: 2}
}

func (c *crowd) roomSaid() {
	c.seq++
	c.s.roomEvent(c.room, at(1, c.seq), lobby.Said{User: 1, Text: "hi"})
}

func (c *crowd) channelSaid() {
	c.seq++
	c.s.channelEvent(c.tap, at(1, c.seq), chat.Said{Member: inMain(1, 1), Text: "hi"})
}

// userChanged returns what has somebody change each time.
func (c *crowd) userChanged() func() {
	u := person(1, 1)
	return func() {
		u.InGame = !u.InGame
		c.s.presenceEvent(c.n[1], Changed{User: u})
	}
}

// TestFanOutAllocatesNothingPerRecipient: what a thousand are told costs no more allocations
// than what ten are. What each connection does with it is tested in package spring.
func TestFanOutAllocatesNothingPerRecipient(t *testing.T) {
	few, many := newCrowd(10), newCrowd(1000)
	for name, pair := range map[string][2]func(){
		"a line in a room":    {few.roomSaid, many.roomSaid},
		"a line in a channel": {few.channelSaid, many.channelSaid},
		"a user's status":     {few.userChanged(), many.userChanged()},
	} {
		a, b := testing.AllocsPerRun(50, pair[0]), testing.AllocsPerRun(50, pair[1])
		// Chunks and news grow with the users, in a few large pieces: not by one for ten.
		if b-a > 99 {
			t.Errorf("%s costs %.0f allocations for 10, %.0f for 1000", name, a, b)
		}
	}
}

func BenchmarkFanOut(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		c := newCrowd(n)
		for _, what := range []struct {
			name string
			do   func()
		}{{"RoomSaid", c.roomSaid}, {"ChannelSaid", c.channelSaid}, {"UserChanged", c.userChanged()}} {
			b.Run(fmt.Sprintf("%s/%d", what.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					what.do()
				}
			})
		}
	}
}

// discard is a viewer that does nothing.
type discard struct{ id int64 }

func (d *discard) ID() (user, session int64) { return d.id, 1 }
func (d *discard) Interest() Interest        { return Everything }
func (d *discard) Ignores(int64) bool        { return false }
func (d *discard) Begin(World)               {}
func (d *discard) Show(*Update)              {}
func (d *discard) Supersede()                {}

func BenchmarkAttach(b *testing.B) {
	w := newBench()
	for id := int64(1); id <= 5000; id++ {
		w.came(2, person(id, 1))
	}
	for i := range int64(300) {
		seats := make([]lobby.Seat, 0, 16)
		for k := range int64(16) {
			if id := 301 + i*15 + k; id <= 5000 {
				seats = append(seats, seatOf(whoOf(id, 1, 2), 1))
			}
		}
		w.s.lobbyIndexed(w.n[2], indexed(i+1, at(1, 1), whoOf(i+1, 1, 2), seats...))
	}
	v := &discard{id: 9999}
	w.came(1, person(9999, 1))
	u := person(77, 1)
	b.ReportAllocs()
	for b.Loop() {
		u.InGame = !u.InGame
		w.s.presenceEvent(w.n[2], Changed{User: u})
		w.s.attach(v)
		w.s.detach(v)
	}
}

func BenchmarkMerge20000(b *testing.B) {
	users := make([]User, 20_000)
	for i := range users {
		users[i] = person(int64(i+1), 1)
	}
	b.ReportAllocs()
	for b.Loop() {
		w := newBench()
		w.s.presenceReset(w.n[2], users)
		w.takeTurns(func() {})
		if w.s.shelves.count != len(users) {
			b.Fatal("not merged")
		}
	}
}

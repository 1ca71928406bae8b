package roster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

// bench is a roster with the records of three nodes, of which it is the first.
type bench struct {
	s *state
	n [4]*node // 1 to 3
}

func newBench() *bench {
	b := &bench{s: newState(bus.Origin{Node: "n1", Incarnation: 1})}
	b.s.now = time.Unix(1000, 0)
	var list []bus.Origin
	for i := 1; i <= 3; i++ {
		list = append(list, bus.Origin{Node: fmt.Sprint("n", i), Incarnation: int64(i)})
	}
	b.s.members(list)
	for i := 1; i <= 3; i++ {
		b.n[i] = b.s.nodes[int64(i)]
	}
	b.s.effects = nil
	return b
}

func person(id, session int64) User {
	return User{ID: id, Session: session, Name: fmt.Sprint("u", id)}
}

func (b *bench) came(node int, u User) { b.s.presenceEvent(b.n[node], Came{User: u}) }
func (b *bench) went(node int, id, session int64) {
	b.s.presenceEvent(b.n[node], Went{ID: id, Session: session})
}

// viewer logs a user in on the first node.
func (b *bench) viewer(id int64, interest Interest) *strict {
	u := person(id, 1)
	u.Bot = interest == Own
	b.came(1, u)
	c := newStrict(id, 1, interest)
	b.s.attach(c)
	return c
}

func whoOf(id, session int64, node int) lobby.Who {
	return lobby.Who{User: id, Session: session, Incarnation: int64(node)}
}

func memberOf(id int64, join int64) lobby.Member {
	return lobby.Member{Who: whoOf(id, 1, 1), Join: join, ScriptPassword: fmt.Sprint("pw", id), Status: lobby.Unsynced}
}

func indexed(id int64, v feed.Version, founder lobby.Who, seats ...lobby.Seat) process.Indexed {
	return process.Indexed{
		ID: fmt.Sprint(id), Epoch: v.Epoch, Run: v.Run, Seq: v.Seq,
		Summary: lobby.Summary{Info: lobby.Info{ID: id, Founder: founder, Title: "t"}, Seats: seats},
	}
}

func seatOf(who lobby.Who, join int64) lobby.Seat { return lobby.Seat{Who: who, Join: join} }

func at(epoch, seq int64) feed.Version { return feed.Version{Epoch: epoch, Seq: seq} }

// room opens the room of a lobby as if its feed had answered.
func (b *bench) room(id int64, v feed.Version, founder lobby.Who, members ...lobby.Member) *room {
	r := b.s.lobbies[id].room
	b.s.roomReset(r, v, lobby.View{
		Info: lobby.Info{ID: id, Founder: founder, Title: "t"}, FounderStatus: lobby.Unsynced,
		Members: members, Tags: map[string]string{"a": "1"},
	})
	return r
}

func ok(t *testing.T, clients ...*strict) {
	t.Helper()
	for _, c := range clients {
		if len(c.wrong) > 0 {
			t.Fatalf("client of user %d: %v\nlog: %v", c.id, c.wrong, c.log)
		}
	}
}

func wantLog(t *testing.T, c *strict, want ...string) {
	t.Helper()
	if !slices.Equal(c.log, want) {
		t.Fatalf("client of user %d was told %q, want %q", c.id, c.log, want)
	}
	c.log = nil
}

// TestAllPermutations gives the news of two users on three nodes in every order in
// which they can arrive. User 1 hosts on node 2; user 2 joins from node 3, logs in
// again on node 2, and joins again.
func TestAllPermutations(t *testing.T) {
	t.Parallel()
	host := whoOf(1, 1, 2)
	streams := [][]func(b *bench){
		{ // presence of node 2
			func(b *bench) { b.came(2, person(1, 1)) },
			func(b *bench) { b.came(2, person(2, 2)) },
		},
		{ // presence of node 3
			func(b *bench) { b.came(3, person(2, 1)) },
			func(b *bench) { b.went(3, 2, 1) },
		},
		{ // lobbies of node 2, then of node 3
			func(b *bench) { b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), host)) },
			func(b *bench) { b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 2), host, seatOf(whoOf(2, 1, 3), 1))) },
			func(b *bench) { b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 3), host)) },
		},
		{
			func(b *bench) { b.s.lobbyIndexed(b.n[3], indexed(7, at(2, 4), host)) },
			func(b *bench) { b.s.lobbyIndexed(b.n[3], indexed(7, at(2, 5), host, seatOf(whoOf(2, 2, 2), 2))) },
		},
	}
	orders := 0
	permute(streams, nil, func(order []func(b *bench)) {
		orders++
		b := newBench()
		all, own := b.viewer(9, Everything), b.viewer(8, Own)
		for _, f := range order {
			f(b)
			b.s.check(t)
		}
		ok(t, all, own)
		if all.where[2] != 7 || all.where[1] != 7 || own.where[2] != 0 || all.users[2].Session != 2 {
			t.Fatalf("order %d: user 2 is in %d with session %d", orders, all.where[2], all.users[2].Session)
		}
	})
	if orders != 7560 { // 9! / (2! 2! 3! 2!)
		t.Fatalf("%d orders", orders)
	}
}

// permute calls f with every interleaving of the streams.
func permute[T any](streams [][]T, head []T, f func([]T)) {
	done := true
	for i := range streams {
		if len(streams[i]) == 0 {
			continue
		}
		done = false
		x := streams[i][0]
		streams[i] = streams[i][1:]
		permute(streams, append(head[:len(head):len(head)], x), f)
		streams[i] = append([]T{x}, streams[i]...)
	}
	if done {
		f(head)
	}
}

// TestRenamePermutations: user 1 gives up a name, user 2 takes it, on other nodes.
func TestRenamePermutations(t *testing.T) {
	t.Parallel()
	named := func(id, session int64, name string) User {
		return User{ID: id, Session: session, Name: name}
	}
	streams := [][]func(b *bench){
		{
			func(b *bench) { b.came(2, named(1, 1, "bob")) },
			func(b *bench) { b.went(2, 1, 1) },
			func(b *bench) { b.came(2, named(1, 2, "rob")) },
		},
		{
			func(b *bench) { b.came(3, named(2, 1, "rob")) },
			func(b *bench) { b.went(3, 2, 1) },
			func(b *bench) { b.came(3, named(2, 2, "bob")) },
		},
	}
	permute(streams, nil, func(order []func(b *bench)) {
		b := newBench()
		c := b.viewer(9, Everything)
		for _, f := range order {
			f(b)
		}
		ok(t, c)
		if c.names["rob"] != 1 || c.names["bob"] != 2 || len(b.s.waiters) != 0 {
			t.Fatalf("names %v, waiting %v", c.names, b.s.waiters)
		}
	})
}

// TestDeadNode: users of a node that is gone leave once, the lobbies they host close
// once, the lobbies it owned for others stay.
func TestDeadNode(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	b.came(2, person(1, 1)) // hosts 7, owned by node 2
	b.came(2, person(2, 1)) // sits in 8
	b.came(3, person(3, 1)) // hosts 8, owned by node 2
	b.came(3, person(4, 1)) // sits in 7
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), whoOf(1, 1, 2), seatOf(whoOf(4, 1, 3), 1)))
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 1), whoOf(3, 1, 3), seatOf(whoOf(2, 1, 2), 1)))
	ok(t, c)
	c.log = nil
	b.s.effects = nil
	b.s.members([]bus.Origin{b.n[1].Origin, b.n[3].Origin})
	ok(t, c)
	slices.Sort(c.log)
	wantLog(t, c, "closed 7", "left 8 2", "went 1", "went 2")
	if want := (tellGone{2}); !slices.Contains(b.s.effects, effect(want)) {
		t.Fatalf("local processes are not told: %v", b.s.effects)
	}
	// Late news of the dead node change nothing; the next owner's do.
	b.came(2, person(1, 1))
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 2), whoOf(1, 1, 2)))
	wantLog(t, c)
	b.s.lobbyIndexed(b.n[3], process.Indexed{ID: "7", Epoch: 2, Closed: true})
	b.s.lobbyIndexed(b.n[3], indexed(8, at(2, 1), whoOf(3, 1, 3)))
	wantLog(t, c)
	ok(t, c)
	if _, ok := b.s.lobbies[7]; ok || len(b.s.open) != 1 {
		t.Fatalf("lobbies left: %v", b.s.lobbies)
	}
}

// TestTakeoverIsSilent: nobody who stays is told anything, neither by the room nor
// by the index, even if the new owner has lost the last to come until he is repeated.
func TestTakeoverIsSilent(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		b := newBench()
		outside := b.viewer(9, Everything)
		host, inside := b.viewer(1, Own), b.viewer(2, Everything)
		b.s.host(host, 7)
		founder := whoOf(1, 1, 1)
		r := b.room(7, at(1, 1), founder)
		b.s.enter(inside, 7)
		m := memberOf(2, 1)
		b.s.roomEvent(r, at(1, 2), lobby.Entered{Member: m})
		m.Told, m.Status = true, lobby.Status{Team: 3, Color: "5"}
		b.s.roomEvent(r, at(1, 3), lobby.StatusSet{User: 2, Status: m.Status})
		b.came(2, person(3, 1))
		b.came(2, person(4, 1))
		far := whoOf(3, 1, 2)
		b.s.lobbyIndexed(b.n[2], indexed(6, at(1, 1), far, seatOf(whoOf(4, 1, 2), 1)))
		ok(t, outside, host, inside)
		if outside.where[4] != 6 || inside.in != 7 {
			t.Fatalf("not set up: %v", outside.log)
		}
		outside.log, host.log, inside.log, b.s.effects = nil, nil, nil, nil

		members, seats := []lobby.Member{m}, []lobby.Seat{seatOf(whoOf(4, 1, 2), 1)}
		if lost {
			members, seats = nil, nil
		}
		b.room(7, at(2, 1), founder, members...)
		b.s.lobbyIndexed(b.n[3], indexed(6, at(2, 1), far, seats...))
		if lost {
			b.s.roomEvent(r, at(2, 2), lobby.Entered{Member: m})
			b.s.lobbyIndexed(b.n[3], indexed(6, at(2, 2), far, seatOf(whoOf(4, 1, 2), 1)))
		}
		b.s.now = b.s.now.Add(time.Minute)
		b.s.tick()
		ok(t, outside, host, inside)
		wantLog(t, outside)
		wantLog(t, host)
		wantLog(t, inside)
		var again *lobby.Repeat
		for _, e := range b.s.effects {
			if c, is := e.(cast); is && c.key.ID == "7" {
				x := c.command.(lobby.Repeat)
				again = &x
			}
		}
		if again == nil || again.Founder == nil || *again.Founder != founder || len(again.Members) != 1 || again.Members[0] != m {
			t.Fatalf("lost %v: repeated %+v", lost, again)
		}
	}
}

// TestTakeoverLoss: who is not repeated is out, after the time for that.
func TestTakeoverLoss(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	b.came(2, person(3, 1))
	b.came(2, person(4, 1))
	b.s.lobbyIndexed(b.n[2], indexed(6, at(1, 1), whoOf(3, 1, 2), seatOf(whoOf(4, 1, 2), 1)))
	b.s.lobbyIndexed(b.n[3], indexed(6, at(2, 1), whoOf(3, 1, 2)))
	c.log = nil
	b.s.tick()
	wantLog(t, c)
	b.s.now = b.s.now.Add(repeatTime)
	b.s.tick()
	wantLog(t, c, "left 6 4")
	ok(t, c)
}

// TestSupersede: the newest session is the one shown, wherever it is; the older
// one's viewer is ended once; an older claim never comes back.
func TestSupersede(t *testing.T) {
	t.Parallel()
	b := newBench()
	c, old := b.viewer(9, Everything), b.viewer(1, Everything)
	c.log = nil
	b.came(2, person(1, 3))
	b.came(3, person(1, 2))
	wantLog(t, c, "went 1", "came 1")
	if !old.ended {
		t.Fatal("older session goes on")
	}
	b.went(2, 1, 3)
	b.went(3, 1, 2)
	wantLog(t, c, "went 1") // session 1 is still claimed here, and over
	b.s.detach(old)
	b.went(1, 1, 1)
	wantLog(t, c)
	ok(t, c, old)
}

// TestLobbyEnd: a closed lobby does not come back by stale news, an unlisted one is
// asked for, and one that the registry does not know closes.
func TestLobbyEnd(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	b.came(2, person(1, 1))
	host := whoOf(1, 1, 2)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 5), host))
	b.s.lobbyIndexed(b.n[3], process.Indexed{ID: "7", Epoch: 1, Seq: 4, Closed: true})
	c.log = nil
	b.s.lobbyIndexed(b.n[2], process.Indexed{ID: "7", Epoch: 1, Seq: 6, Closed: true})
	wantLog(t, c, "closed 7")
	b.s.lobbyIndexed(b.n[3], indexed(7, at(1, 6), host))
	b.s.lobbiesReset(b.n[2], []process.Indexed{indexed(7, at(1, 5), host)})
	wantLog(t, c)

	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 1), host))
	b.s.lobbiesReset(b.n[2], nil)
	wantLog(t, c, "opened 8")
	b.s.tick()
	b.s.now = b.s.now.Add(probeAfter)
	b.s.tick()
	r := b.s.lobbies[8].room
	if r == nil {
		t.Fatal("nobody asks for the lobby")
	}
	b.s.roomClosed(r)
	wantLog(t, c, "closed 8")
	ok(t, c)
}

// TestSeats: of two lobbies that name a session the one it joined last shows it; a
// second joining of the same lobby is told, as the script password is new.
func TestSeats(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	for id := int64(1); id <= 3; id++ {
		b.came(2, person(id, 1))
	}
	one, two, who := whoOf(1, 1, 2), whoOf(2, 1, 2), whoOf(3, 1, 2)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), one, seatOf(who, 2)))
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 1), two))
	c.log = nil
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 2), two, seatOf(who, 1)))
	wantLog(t, c)
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 3), two, seatOf(who, 3)))
	wantLog(t, c, "left 7 3", "joined 8 3")
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 4), two, seatOf(who, 4)))
	wantLog(t, c, "left 8 3", "joined 8 3")
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 5), two))
	wantLog(t, c, "left 8 3", "joined 7 3")
	// Who hosts is nowhere else.
	b.s.lobbyIndexed(b.n[2], indexed(10, at(1, 1), who))
	wantLog(t, c, "left 7 3", "opened 10")
	ok(t, c)
}

// TestNewName: a session that changes its name is somebody new to clients.
func TestNewName(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	host, guest := person(1, 1), person(2, 1)
	b.came(2, host)
	b.came(2, guest)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), whoOf(1, 1, 2), seatOf(whoOf(2, 1, 2), 1)))
	c.log = nil
	guest.Name = "x"
	b.s.presenceEvent(b.n[2], Changed{User: guest})
	wantLog(t, c, "left 7 2", "went 2", "came 2", "joined 7 2")
	host.Name = "y"
	b.s.presenceEvent(b.n[2], Changed{User: host})
	wantLog(t, c, "closed 7", "went 1", "came 1", "opened 7", "joined 7 2")
	ok(t, c)
}

// TestPatrol: a lobby of whose end nobody here has heard is found out in the end.
func TestPatrol(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	b.came(2, person(1, 1))
	b.came(2, person(2, 1))
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), whoOf(1, 1, 2)))
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 1), whoOf(2, 1, 2)))
	c.log, b.s.effects = nil, nil
	b.s.tick()
	b.s.tick()
	if len(b.s.effects) != 2 {
		t.Fatalf("asked: %v", b.s.effects)
	}
	b.s.roomClosed(b.s.lobbies[8].room)
	wantLog(t, c, "closed 8")
	b.room(7, at(1, 1), whoOf(1, 1, 2))
	b.s.effects = nil
	b.s.tick()
	if _, is := b.s.effects[0].(unfollowRoom); !is {
		t.Fatalf("still followed: %v", b.s.effects)
	}
	wantLog(t, c)
	ok(t, c)
}

package roster

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
)

// lobbyOf makes a bench with a lobby hosted here by user 1.
func hosted(t *testing.T) (b *bench, host *strict, r *room) {
	t.Helper()
	b = newBench()
	host = b.viewer(1, Own)
	b.s.host(host, 7)
	r = b.room(7, at(1, 1), whoOf(1, 1, 1))
	if !host.hosting {
		t.Fatal("not hosting")
	}
	return b, host, r
}

func TestHostingAndEntering(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	other, joiner := b.viewer(9, Everything), b.viewer(2, Everything)
	host.log, other.log = nil, nil
	b.s.enter(joiner, 7)
	b.s.roomEvent(r, at(1, 2), lobby.Requested{Asked: lobby.Asked{Who: whoOf(2, 1, 1), Join: 1, ScriptPassword: "pw2"}})
	if !slices.Equal(host.asked, []int64{2}) {
		t.Fatalf("host was asked %v", host.asked)
	}
	b.room(7, at(1, 2), whoOf(1, 1, 1)) // a repair that knows no request
	b.s.roomEvent(r, at(1, 3), lobby.Entered{Member: memberOf(2, 1)})
	b.s.roomEvent(r, at(1, 4), lobby.StatusSet{User: 2, Status: lobby.Unsynced})
	b.s.roomEvent(r, at(1, 5), lobby.Departed{Who: whoOf(2, 1, 1), Kicked: true})
	ok(t, host, other, joiner)
	wantLog(t, host, "joined 7 2", "status 2", "left 7 2")
	wantLog(t, other, "joined 7 2", "left 7 2")
	wantLog(t, joiner, "entered 7", "status 2", "ejected 7", "left 7 2")
	if b.s.lobbies[7].room != r || len(b.s.lobbies[7].refs) != 1 {
		t.Fatal("the room is followed for somebody who is out")
	}
}

// TestAskedOnce: requests found in a view are shown, each once, and not before the
// host knows the asker.
func TestAskedOnce(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	view := r.replica.View()
	view.Pending = []lobby.Asked{{Who: whoOf(5, 1, 2), Join: 1}, {Who: whoOf(6, 1, 2), Join: 1}}
	b.came(2, person(5, 1))
	b.s.roomReset(r, at(1, 2), view)
	b.s.roomReset(r, at(2, 2), view)
	if !slices.Equal(host.asked, []int64{5}) {
		t.Fatalf("asked %v", host.asked)
	}
	b.came(2, person(6, 1))
	b.s.roomEvent(r, at(2, 3), lobby.Requested{Asked: lobby.Asked{Who: whoOf(5, 1, 2), Join: 2}})
	if !slices.Equal(host.asked, []int64{5, 6, 5}) {
		t.Fatalf("asked %v", host.asked)
	}
	ok(t, host)
}

// TestRoomBeforePresence: what a room says of users who are not visible waits for
// them, and is forgotten when they leave.
func TestRoomBeforePresence(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	host.log = nil
	enter := func(seq, id int64) {
		m := memberOf(id, 1)
		m.Incarnation = 2
		b.s.roomEvent(r, at(1, seq), lobby.Entered{Member: m})
	}
	enter(2, 5)
	b.s.roomEvent(r, at(1, 3), lobby.StatusSet{User: 5, Status: lobby.Status{Team: 1}})
	b.s.roomEvent(r, at(1, 4), lobby.Said{User: 5, Text: "hi"})
	b.s.roomEvent(r, at(1, 5), lobby.ComputerAdded{Computer: lobby.Computer{Name: "ai", Owner: 5}})
	b.s.roomEvent(r, at(1, 6), lobby.ComputerUpdated{Computer: lobby.Computer{Name: "ai", Owner: 5, Status: 2}})
	wantLog(t, host)
	b.came(2, person(5, 1))
	wantLog(t, host, "came 5", "joined 7 5", "status 5", "said 5 hi")
	if host.computers["ai"].Status != 2 {
		t.Fatalf("computers %v", host.computers)
	}
	// Logs out before the lobby hears of it: the computer goes first.
	b.went(2, 5, 1)
	b.s.roomEvent(r, at(1, 7), lobby.ComputerRemoved{Name: "ai"})
	b.s.roomEvent(r, at(1, 8), lobby.Departed{Who: whoOf(5, 1, 2)})
	wantLog(t, host, "left 7 5", "went 5")

	enter(9, 6)
	b.s.roomEvent(r, at(1, 10), lobby.Said{User: 6, Text: "lost"})
	b.s.roomEvent(r, at(1, 11), lobby.Departed{Who: whoOf(6, 1, 2)})
	b.came(2, person(6, 1))
	wantLog(t, host, "came 6")
	if len(r.held) != 0 || b.s.dropped != 1 {
		t.Fatalf("held %v, dropped %d", r.held, b.s.dropped)
	}
	ok(t, host)
}

func TestHeldLinesAreBounded(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	b.s.roomEvent(r, at(1, 2), lobby.Entered{Member: memberOf(5, 1)})
	for i := range maxHeld + 10 {
		b.s.roomEvent(r, at(1, int64(3+i)), lobby.Said{User: 5, Text: fmt.Sprint(i)})
	}
	b.came(2, person(5, 1))
	if len(host.said) != maxHeld || host.said[0] != "10" || b.s.dropped != 10 {
		t.Fatalf("%d lines, first %q, dropped %d", len(host.said), host.said[0], b.s.dropped)
	}
	// A speaker without a seat is waited for in bounds, too.
	b.s.roomEvent(r, at(1, 900), lobby.Said{User: 77, Text: "who"})
	b.s.now = b.s.now.Add(maxWait)
	b.s.tick()
	b.came(2, person(77, 1))
	if len(host.said) != maxHeld || len(r.held) != 0 {
		t.Fatal("a line waited too long")
	}
	ok(t, host)
}

func TestWhoHearsALine(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	b.came(2, User{ID: 3, Session: 1, Name: "mod", Moderator: true})
	joiner, deaf, outside := b.viewer(2, Everything), b.viewer(4, Everything), b.viewer(9, Everything)
	deaf.ignores[2] = true
	b.s.enter(joiner, 7)
	b.s.enter(deaf, 7)
	b.s.roomEvent(r, at(1, 2), lobby.Entered{Member: memberOf(2, 1)})
	b.s.roomEvent(r, at(1, 3), lobby.Entered{Member: memberOf(4, 1)})
	b.s.roomEvent(r, at(1, 4), lobby.Said{User: 2, Text: "all"})
	b.s.roomEvent(r, at(1, 5), lobby.Said{User: 1, Text: "to joiner", To: 2})
	b.s.roomEvent(r, at(1, 6), lobby.Said{User: 3, Text: "from outside"})
	ok(t, host, joiner, deaf, outside)
	for _, tc := range []struct {
		c    *strict
		want []string
	}{
		{host, []string{"all", "from outside"}},
		{joiner, []string{"all", "to joiner", "from outside"}},
		{deaf, []string{"from outside"}},
		{outside, nil},
	} {
		if !slices.Equal(tc.c.said, tc.want) {
			t.Errorf("user %d heard %q, want %q", tc.c.id, tc.c.said, tc.want)
		}
	}
}

// TestOwnNotes: a host bot is told leavings of those it was told of, and only these.
func TestOwnNotes(t *testing.T) {
	t.Parallel()
	b := newBench()
	bot := b.viewer(5, Own)
	b.came(2, person(1, 1))
	b.came(2, person(2, 1))
	b.came(2, person(3, 1))
	host := whoOf(1, 1, 2)
	two, three := seatOf(whoOf(2, 1, 2), 1), seatOf(whoOf(3, 1, 2), 1)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), host, two))
	bot.log = nil
	changed := person(2, 1)
	changed.InGame = true
	b.s.presenceEvent(b.n[2], Changed{User: changed})
	wantLog(t, bot) // membership and status of others

	b.s.enter(bot, 7)
	m2 := lobby.Member{Who: two.Who, Join: 1, ScriptPassword: "x", Status: lobby.Unsynced, Told: true}
	r := b.room(7, at(1, 1), host, m2)
	b.s.roomEvent(r, at(1, 2), lobby.Entered{Member: memberOf(5, 1)})
	wantLog(t, bot, "entered 7")
	if bot.where[2] != 7 || len(bot.statuses) != 2 {
		t.Fatal("not told of a member")
	}
	b.s.roomEvent(r, at(1, 3), lobby.Departed{Who: whoOf(5, 1, 1)})
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 4), host, three, two))
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 5), host, three))
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 6), host))
	wantLog(t, bot, "left 7 5", "left 7 2")
	if b.s.lobbies[7].room != nil {
		t.Fatal("still followed")
	}
	// Back inside it hears what it missed of those it knows.
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 7), host, two))
	b.s.enter(bot, 7)
	r = b.room(7, at(1, 7), host, m2)
	b.s.roomEvent(r, at(1, 8), lobby.Entered{Member: memberOf(5, 2)})
	b.s.roomEvent(r, at(1, 9), lobby.Departed{Who: whoOf(5, 1, 1)})
	bot.log = nil
	changed.InGame = false
	b.s.presenceEvent(b.n[2], Changed{User: changed})
	wantLog(t, bot)
	b.s.enter(bot, 7)
	r = b.room(7, at(1, 9), host, m2)
	b.s.roomEvent(r, at(1, 10), lobby.Entered{Member: memberOf(5, 3)})
	wantLog(t, bot, "entered 7", "changed 2")
	ok(t, bot)
}

// TestRoomOutlivesSummary: after the room is dropped its last membership counts
// until the summary has caught up.
func TestRoomOutlivesSummary(t *testing.T) {
	t.Parallel()
	b := newBench()
	c, joiner := b.viewer(9, Everything), b.viewer(2, Everything)
	b.came(2, person(1, 1))
	b.came(2, person(3, 1))
	host, three := whoOf(1, 1, 2), seatOf(whoOf(3, 1, 2), 1)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), host))
	b.s.enter(joiner, 7)
	r := b.room(7, at(1, 1), host)
	b.s.roomEvent(r, at(1, 2), lobby.Entered{Member: lobby.Member{Who: three.Who, Join: 1, ScriptPassword: "x"}})
	c.log = nil
	b.s.abandon(joiner, 7)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), host))
	wantLog(t, c)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 3), host))
	wantLog(t, c, "left 7 3")
	// A view older than the summary is not believed before its events have come.
	b.s.enter(joiner, 7)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 4), host, three))
	r = b.room(7, at(1, 3), host)
	wantLog(t, c, "joined 7 3")
	b.s.roomEvent(r, at(1, 4), lobby.Entered{Member: lobby.Member{Who: three.Who, Join: 1, ScriptPassword: "x"}})
	wantLog(t, c)
	ok(t, c, joiner)
}

func TestDeniedAndClosed(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	a, z := b.viewer(2, Everything), b.viewer(3, Everything)
	b.s.enter(a, 7)
	b.s.enter(z, 7)
	b.s.roomEvent(r, at(1, 2), lobby.Denied{Who: whoOf(2, 1, 1), Reason: "no"})
	b.s.roomEvent(r, at(1, 3), lobby.Entered{Member: memberOf(3, 1)})
	if a.denied != 1 || z.denied != 0 || host.denied != 0 {
		t.Fatal("denied to the wrong one")
	}
	a.log, z.log, host.log = nil, nil, nil
	b.s.roomEvent(r, at(1, 4), lobby.Closed{})
	for _, c := range []*strict{a, z, host} {
		wantLog(t, c, "closed 7")
		if c.in != 0 {
			t.Fatal("still inside")
		}
	}
	if len(b.s.lobbies) != 0 || !r.dead {
		t.Fatal("the lobby is still known")
	}
	ok(t, a, z, host)
}

// TestFounderWithTwoLobbies: the news of a new lobby overtakes the end of the old.
func TestFounderWithTwoLobbies(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	b.came(2, person(1, 1))
	host := whoOf(1, 1, 2)
	b.s.lobbyIndexed(b.n[2], indexed(7, at(1, 1), host))
	c.log = nil
	b.s.lobbyIndexed(b.n[2], indexed(8, at(1, 1), host))
	wantLog(t, c, "closed 7", "opened 8")
	ok(t, c)
}

// TestAudit: who is absent at two audits is taken out; a node not heard yet proves nothing.
func TestAudit(t *testing.T) {
	t.Parallel()
	b := newBench()
	b.n[2].heardUsers = true
	b.came(2, person(1, 1))
	gone, unheard := seatOf(whoOf(2, 1, 2), 1), seatOf(whoOf(3, 1, 3), 1)
	b.s.lobbyIndexed(b.n[1], indexed(7, at(1, 1), whoOf(1, 1, 2), gone, unheard))
	b.s.effects = nil
	b.s.audit([]int64{7}, []string{"main"})
	if _, is := b.s.effects[0].(followChannel); len(b.s.effects) != 1 || !is {
		t.Fatalf("first audit: %v", b.s.effects)
	}
	b.s.effects = nil
	b.s.audit([]int64{7}, []string{"main"})
	want := cast{cluster.NewKey(lobby.Kind, 7), lobby.Absent{Who: gone.Who}}
	if len(b.s.effects) != 1 || b.s.effects[0] != effect(want) {
		t.Fatalf("second audit: %v", b.s.effects)
	}
	b.s.effects = nil
	b.s.audit(nil, nil)
	if _, is := b.s.effects[0].(unfollowChannel); !is || len(b.s.chans) != 0 {
		t.Fatal("a channel that runs elsewhere is still followed")
	}
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	b := newBench()
	c := b.viewer(9, Everything)
	if b.s.deliver(9, 2, 0, PrivateSaid{}) || b.s.deliver(8, 1, 0, PrivateSaid{}) {
		t.Fatal("delivered to somebody who is not here")
	}
	stale := person(3, 1)
	b.s.deliver(9, 1, 3, PrivateSaid{From: &stale, Text: "first"})
	b.s.deliver(9, 1, 3, PrivateSaid{From: &stale, Text: "second"})
	b.s.deliver(9, 1, 4, PrivateSaid{From: &stale, Text: "never"})
	b.s.now = b.s.now.Add(maxWait - time.Second)
	b.s.tick()
	b.came(2, person(3, 2))
	b.s.now = b.s.now.Add(time.Second)
	b.s.tick()
	b.came(2, person(4, 1))
	b.s.deliver(9, 1, 3, PrivateSaid{From: &stale, Text: "third"})
	if !slices.Equal(c.private, []string{"first", "second", "third"}) || b.s.dropped != 1 || len(b.s.awaited) != 0 {
		t.Fatalf("heard %q, dropped %d", c.private, b.s.dropped)
	}
	ok(t, c)
}

// TestTakeoverKeepsRequests: who waits for the host's answer is repeated to a new
// owner, until it has been answered: nobody would ask again for it.
func TestTakeoverKeepsRequests(t *testing.T) {
	t.Parallel()
	repeated := func(b *bench) (asked []int64) {
		for _, e := range b.s.effects {
			if c, is := e.(cast); is {
				for _, a := range c.command.(lobby.Repeat).Pending {
					asked = append(asked, a.User)
				}
			}
		}
		return asked
	}
	for _, answered := range []bool{false, true} {
		b, _, r := hosted(t)
		waits := b.viewer(2, Everything)
		b.s.enter(waits, 7)
		b.s.roomEvent(r, at(1, 2), lobby.Requested{Asked: lobby.Asked{Who: whoOf(2, 1, 1), Join: 4, ScriptPassword: "pw2"}})
		b.s.roomEvent(r, at(1, 3), lobby.Requested{Asked: lobby.Asked{Who: whoOf(5, 1, 2), Join: 1}}) // of another node
		want := []int64{2}
		if answered {
			b.s.roomEvent(r, at(1, 4), lobby.Denied{Who: whoOf(2, 1, 1)})
			want = nil
		}
		b.s.effects = nil
		b.room(7, at(2, 1), whoOf(1, 1, 1)) // the new owner has lost the last second
		if got := repeated(b); !slices.Equal(got, want) {
			t.Errorf("answered %v: repeated %v, want %v", answered, got, want)
		}
	}
}

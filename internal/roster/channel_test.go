package roster

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
)

func inMain(id int64, node int64) chat.Member {
	return chat.Member{User: id, Session: 1, Incarnation: node}
}

func (b *bench) main(members ...chat.Member) *tap {
	t := b.s.chans["main"].tap
	b.s.channelReset(t, at(1, 1), chat.View{Name: "main", AuthorName: "founder", Members: members})
	return t
}

func TestChannel(t *testing.T) {
	t.Parallel()
	b := newBench()
	a, z := b.viewer(1, Everything), b.viewer(2, Own)
	b.came(2, person(3, 1))
	z.ignores[1], z.ignores[5] = true, true
	var entered []ChannelEntered
	a.seen = func(e Event) {
		if e, is := e.(ChannelEntered); is {
			entered = append(entered, e)
		}
	}
	a.log, z.log = nil, nil
	b.s.join(a, "main")
	b.s.join(z, "main")
	b.s.join(a, "main")
	tap := b.main(inMain(1, 1), inMain(3, 2), inMain(4, 2)) // 4 is not visible yet
	wantLog(t, a, "channel-entered main")
	if len(entered) != 1 || entered[0].AuthorName != "founder" || len(entered[0].Members) != 1 || entered[0].Members[0].ID != 3 {
		t.Fatalf("entered %+v", entered)
	}
	b.s.channelEvent(tap, at(1, 2), chat.Said{Member: inMain(4, 2), Text: "early"})
	b.s.channelEvent(tap, at(1, 3), chat.Joined{Member: inMain(2, 1)})
	wantLog(t, a, "channel main came 2")
	wantLog(t, z, "channel-entered main")
	b.came(2, person(4, 1))
	wantLog(t, a, "came 4", "channel main came 4", "channel main said 4")
	z.log = nil
	b.s.channelEvent(tap, at(1, 4), chat.Said{Member: inMain(1, 1), Text: "ignored by z"})
	wantLog(t, a, "channel main said 1") // the speaker hears itself
	wantLog(t, z)
	moderator := User{ID: 5, Session: 1, Name: "mod", Moderator: true}
	b.came(2, moderator)
	b.s.channelEvent(tap, at(1, 5), chat.Joined{Member: inMain(5, 2)})
	b.s.channelEvent(tap, at(1, 6), chat.Said{Member: inMain(5, 2), Text: "heard by all"})
	wantLog(t, z, "came 5", "channel main came 5", "channel main said 5")

	a.log = nil
	b.went(2, 4, 1)
	wantLog(t, a, "channel main went 4", "went 4")
	b.s.channelEvent(tap, at(1, 7), chat.Left{Member: inMain(4, 2)})
	b.s.channelEvent(tap, at(1, 8), chat.Left{Member: inMain(2, 1)})
	wantLog(t, a, "channel main went 2")
	z.log = nil
	b.s.channelEvent(tap, at(1, 9), chat.Said{Member: inMain(1, 1), Text: "z has left"})
	wantLog(t, z)
	ok(t, a, z)

	b.s.effects = nil
	b.s.detach(a)
	if _, is := b.s.effects[len(b.s.effects)-1].(unfollowChannel); !is || len(b.s.chans) != 0 {
		t.Fatal("still followed")
	}
}

// TestPartAndBack: nothing is heard after Part, and the membership that is about to
// end is not taken for the new one.
func TestPartAndBack(t *testing.T) {
	t.Parallel()
	b := newBench()
	a, z := b.viewer(1, Everything), b.viewer(2, Everything)
	b.s.join(a, "main")
	b.s.join(z, "main")
	tap := b.main(inMain(1, 1), inMain(2, 1))
	a.log = nil
	b.s.part(a, "main")
	delete(a.channels, "main")
	b.s.channelEvent(tap, at(1, 2), chat.Said{Member: inMain(2, 1), Text: "late"})
	b.s.join(a, "main")
	b.s.channelEvent(tap, at(1, 3), chat.Left{Member: inMain(1, 1)})
	wantLog(t, a)
	b.s.channelEvent(tap, at(1, 4), chat.Joined{Member: inMain(1, 1)})
	wantLog(t, a, "channel-entered main")
	// A leaving that never came is not waited for longer than for anything else.
	b.s.part(a, "main")
	delete(a.channels, "main")
	b.s.join(a, "main")
	wantLog(t, a)
	b.s.now = b.s.now.Add(maxWait)
	b.s.tick()
	wantLog(t, a, "channel-entered main")
	ok(t, a, z)
}

// TestTakenOut: a client that is out without having asked is told, or it would believe
// to be inside and see users go who for it are members. Who has asked gets the answer.
func TestTakenOut(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"event", "view", "not repeated", "asked"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := newBench()
			a := b.viewer(1, Everything)
			b.came(2, person(2, 1))
			b.s.join(a, "main")
			tap := b.main(inMain(1, 1), inMain(2, 2))
			a.log = nil
			switch how {
			case "event":
				b.s.channelEvent(tap, at(1, 2), chat.Left{Member: inMain(1, 1)})
			case "view":
				b.s.channelReset(tap, at(1, 5), chat.View{Name: "main", Members: []chat.Member{inMain(2, 2)}})
			case "not repeated":
				b.s.channelReset(tap, at(2, 0), chat.View{Name: "main", Members: []chat.Member{inMain(2, 2)}})
				b.s.now = b.s.now.Add(repeatTime)
				b.s.tick()
			case "asked":
				b.s.leaving(a, "main")
				b.s.channelEvent(tap, at(1, 2), chat.Left{Member: inMain(1, 1)})
				wantLog(t, a)
				b.s.part(a, "main")
				wantLog(t, a)
				return
			}
			wantLog(t, a, "channel main went 1")
			b.went(2, 2, 1)
			wantLog(t, a, "went 2")
			b.s.join(a, "main") // and may come back
			b.main(inMain(1, 1))
			wantLog(t, a, "channel-entered main")
			ok(t, a)
		})
	}
}

// TestChannelTakeover: a channel has no memory but its edges; who is repeated in time
// is not seen to leave.
func TestChannelTakeover(t *testing.T) {
	t.Parallel()
	b := newBench()
	a := b.viewer(1, Everything)
	b.came(2, person(2, 1))
	b.came(2, person(3, 1))
	b.s.join(a, "main")
	tap := b.main(inMain(1, 1), inMain(2, 2), inMain(3, 2))
	a.log, b.s.effects = nil, nil
	b.s.channelReset(tap, at(2, 0), chat.View{Name: "main"})
	b.s.channelEvent(tap, at(2, 1), chat.Joined{Member: inMain(1, 1)})
	b.s.channelEvent(tap, at(2, 2), chat.Joined{Member: inMain(2, 2)})
	b.s.tick()
	wantLog(t, a)
	want := []effect{cast{cluster.NewKey(chat.Kind, "main"), chat.Repeat{Members: []chat.Member{inMain(1, 1)}}}}
	if d := cmp.Diff(want, b.s.effects, cmp.AllowUnexported(cast{})); d != "" {
		t.Fatal(d)
	}
	b.s.now = b.s.now.Add(repeatTime)
	b.s.tick()
	wantLog(t, a, "channel main went 3")
	b.s.effects = nil
	b.s.takenOver(cluster.NewKey(chat.Kind, "main"))
	if d := cmp.Diff(want, b.s.effects, cmp.AllowUnexported(cast{})); d != "" {
		t.Fatal(d)
	}
	ok(t, a)
}

// TestChannelWithoutProcess: a channel that does not run yet is looked for again.
func TestChannelWithoutProcess(t *testing.T) {
	t.Parallel()
	b := newBench()
	a := b.viewer(1, Everything)
	b.s.join(a, "main")
	follows := func() int {
		n := 0
		for _, e := range b.s.effects {
			if _, is := e.(followChannel); is {
				n++
			}
		}
		b.s.effects = nil
		return n
	}
	if follows() != 1 {
		t.Fatal("not followed")
	}
	b.s.channelClosed(b.s.chans["main"].tap)
	b.s.channelIndexed(b.n[2], process.Indexed{ID: "main", Epoch: 1, Summary: chat.Summary{Name: "main", Members: 1}})
	if follows() != 1 {
		t.Fatal("not followed when it was listed")
	}
	b.s.channelClosed(b.s.chans["main"].tap)
	b.s.tick()
	if follows() != 1 {
		t.Fatal("not followed after a while")
	}
	b.main(inMain(1, 1))
	if a.channels["main"] == nil {
		t.Fatal("not entered")
	}
}

func TestChannels(t *testing.T) {
	t.Parallel()
	b := newBench()
	list := func(node int, name string, epoch int64, members int, closed bool) {
		b.s.channelIndexed(b.n[node], process.Indexed{ID: name, Epoch: epoch, Closed: closed, Summary: chat.Summary{Name: name, Members: members}})
	}
	list(1, "main", 1, 9, false)
	list(2, "main", 2, 3, false)
	list(3, "b", 1, 1, false)
	list(3, "a", 1, 1, false)
	list(2, "old", 1, 1, false)
	list(2, "old", 1, 1, true)
	got := b.s.channels()
	want := []chat.Summary{{Name: "a", Members: 1}, {Name: "b", Members: 1}, {Name: "main", Members: 3}}
	if !slices.Equal(got, want) {
		t.Fatalf("channels %v", got)
	}
	b.s.now = b.s.now.Add(time.Second)
}

// TestRule14_LineSaidAgain: a line whose answer was lost with its owner is said again by
// the next one. Who has heard it shows it once; who has not, once as well.
func TestRule14_LineSaidAgain(t *testing.T) {
	t.Parallel()
	b := newBench()
	a := b.viewer(1, Everything)
	b.came(2, person(3, 1))
	b.s.join(a, "main")
	tap := b.main(inMain(1, 1), inMain(3, 2))
	a.log = nil
	say := func(v feed.Version, line int64) {
		b.s.channelEvent(tap, v, chat.Said{Member: inMain(3, 2), Text: "x", Line: line})
	}
	say(at(1, 2), 6)
	say(at(1, 3), 7)
	wantLog(t, a, "channel main said 3", "channel main said 3")
	b.s.channelReset(tap, at(2, 1), chat.View{Name: "main", AuthorName: "founder", Members: []chat.Member{inMain(1, 1), inMain(3, 2)}})
	a.log = nil
	say(at(2, 2), 7)
	wantLog(t, a)
	say(at(2, 3), 8)
	wantLog(t, a, "channel main said 3")
	b.s.channelEvent(tap, at(2, 4), chat.Said{Member: chat.Member{User: 3, Session: 2, Incarnation: 2}, Text: "x", Line: 1}) // a new session
	b.came(2, person(3, 2))
	b.s.channelEvent(tap, at(2, 5), chat.Said{Member: inMain(3, 2), Text: "x"}) // without a number
	if l := b.s.chans["main"].heardOf; l[3] != (lastLine{2, 1}) {
		t.Errorf("remembered %+v", l)
	}
}

// TestRule14_LinesAreBounded: whoever has spoken once is not remembered for ever.
func TestRule14_LinesAreBounded(t *testing.T) {
	t.Parallel()
	l := lines{}
	for user := range int64(3 * linesKept) {
		if l.again(user, 1, 1) || !l.again(user, 1, 1) {
			t.Fatal(user)
		}
	}
	if len(l) > linesKept {
		t.Error(len(l))
	}
}

package chat

import (
	"testing"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// TestEmptyChannelEnds: names are free to invent, so a channel must not stay for ever.
func TestEmptyChannelEnds(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "x"})
	if timers := s.Resume(); len(timers) != 1 || timers[0].Body != (Linger{}) {
		t.Fatalf("a channel that nobody enters has timers %v", timers)
	}
	linger := func() bool { return must(t, s, Linger{}).Close }
	must(t, s, Join{Member: member(alice), Name: "Alice", Join: 1})
	if linger() {
		t.Fatal("a channel with a member ends")
	}
	out := must(t, s, Leave{Member: member(alice)})
	if len(out.Timers) != 1 || out.Timers[0] != (process.Timer{After: lingerFor, Body: Linger{}}) {
		t.Fatalf("after the last member %v", out.Timers)
	}
	must(t, s, Join{Member: member(bob), Name: "Bob", Join: 1})
	if linger() {
		t.Fatal("a channel that somebody came back to ends")
	}
	must(t, s, Gone{Incarnation: member(bob).Incarnation})
	if !linger() {
		t.Error("an empty channel stays")
	}
}

// TestLateLeaveOfAChannel: a leave that is repeated until it is known must not end
// the stay that began after it.
func TestLateLeaveOfAChannel(t *testing.T) {
	t.Parallel()
	s := NewState(Channel{Name: "x"})
	must(t, s, Join{Member: member(alice), Name: "Alice", Join: 1})
	must(t, s, Join{Member: member(alice), Name: "Alice", Join: 2})
	refused(t, s, Leave{Member: member(alice), Join: 1}, refusal.Superseded)
	if s.room.Len() != 1 {
		t.Fatal("the member is out")
	}
	must(t, s, Leave{Member: member(alice), Join: 2})
	if s.room.Len() != 0 {
		t.Error("the member is still in")
	}
}

package matchmaking

import (
	"fmt"
	"slices"
	"testing"

	"teiserver/internal/cluster/process"
)

// rig is a directory without nodes.
type rig struct {
	*testing.T
	*Directory
	told    Told
	changed []int64
	seq     int64
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t}
	r.Directory = newDirectory(func(users []int64) { r.changed = append(r.changed, users...) })
	return r
}

// waits lists queue 1 with these users.
func (r *rig) waits(users ...int64) {
	r.seq++
	v := QueueView{ID: 1}
	for _, u := range users {
		v.Seats = append(v.Seats, Seat{Group: fmt.Sprint(u), Members: []Who{who(u, 1)}})
	}
	r.take(KindQueue, process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: r.seq, Summary: v})
}

func (r *rig) match(stage Stage, v MatchView) {
	r.seq++
	v.ID, v.Queue, v.Stage, v.Users = "1-7", 1, stage, []int64{1, 2}
	r.take(KindMatch, process.Indexed{ID: v.ID, Epoch: 1, Run: 1, Seq: r.seq, Summary: v})
}

func (r *rig) end() {
	r.take(KindMatch, process.Indexed{ID: "1-7", Epoch: 1, Run: 1, Seq: r.seq, Closed: true})
}

// next is what user 1 is told now.
func (r *rig) next(want ...string) {
	r.Helper()
	var got []string
	match, ended := r.Match(r.told.Match)
	for _, n := range r.told.Next(r.Of(1), match, ended, 1) {
		switch {
		case n.Ready != 0:
			got = append(got, fmt.Sprint("ready ", n.Ready))
		case n.Canceled != 0:
			got = append(got, fmt.Sprint("canceled ", n.Canceled))
		default:
			got = append(got, fmt.Sprint("queues ", n.Queues))
		}
	}
	if !slices.Equal(got, want) {
		r.Errorf("told %q, want %q", got, want)
	}
}

func TestTold(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]func(r *rig){
		"asked, and it is made": func(r *rig) {
			r.match(Asking, MatchView{Accepted: []int64{1}})
			r.next()
			r.match(Seeking, MatchView{})
			r.next()
			r.match(Made, MatchView{})
			r.waits()
			r.next("queues []")
			r.end()
			r.next()
		},
		"somebody else declines": func(r *rig) {
			r.match(Failed, MatchView{Out: []int64{2}})
			r.next("canceled 1")
			r.end()
			r.next()
			r.seq -= 2
			r.match(Asking, MatchView{}) // of an older life
			r.next()
		},
		"it was silent": func(r *rig) {
			r.match(Failed, MatchView{Out: []int64{1}})
			r.waits(2)
			r.next("queues []")
		},
		"the end is all that is heard": func(r *rig) {
			r.end()
			r.next("canceled 1")
		},
		"it has left itself": func(r *rig) {
			r.told.Match, r.told.Queues = "", nil
			r.match(Failed, MatchView{Out: []int64{1}})
			r.waits(2)
			r.next()
		},
		"a new session": func(r *rig) {
			r.told = Told{}
			r.next("queues [1]", "ready 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.waits(1, 2)
			r.next("queues [1]")
			r.next()
			r.match(Claiming, MatchView{})
			r.next()
			r.match(Asking, MatchView{})
			r.next("ready 1")
			r.next()
			play(r)
		})
	}
}

// TestWhoChanged: only those are looked after of whom something changed.
func TestWhoChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.waits(1, 2, 3)
	r.changed = nil
	r.waits(1, 3, 4)
	if !sameUsers(r.changed, []int64{2, 4}) {
		t.Errorf("changed %v", r.changed)
	}
	v := r.Queue(1)
	r.take(KindQueue, process.Indexed{ID: "1", Epoch: 1, Run: 1, Seq: r.seq - 1, Summary: QueueView{ID: 1}})
	if r.Queue(1) != v {
		t.Error("an older entry was believed")
	}
	if r.Queue(2) != nil || v.Players() != 3 {
		t.Errorf("%+v", v)
	}
}

func TestMatchEndsAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 3 * endsKept {
		id := fmt.Sprint("1-", i)
		r.take(KindMatch, process.Indexed{ID: id, Epoch: 1, Run: 1, Seq: 1, Summary: MatchView{ID: id}})
		r.take(KindMatch, process.Indexed{ID: id, Epoch: 1, Run: 1, Seq: 2, Closed: true})
	}
	if len(r.matches) > endsKept {
		t.Errorf("%d matches are known", len(r.matches))
	}
}

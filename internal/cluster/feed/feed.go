// Package feed publishes what happens to one thing as numbered events, and keeps
// replicas of it right.
//
// Events carry a Version. A replica that sees a gap, a new run or a new epoch
// fetches the view and goes on from there; heartbeats make a lost last event
// visible. No message has to arrive for a replica to become right again.
//
// A feed that keeps its last events sends these, and no view, to a replica that missed
// only them; to one of an earlier run a view from before anything was said in this run,
// and the events since: what no view shows is not lost either. Beyond what is kept the
// view of now has to do.
//
// Order: a follower sees Reset, then Event with consecutive versions, then perhaps
// Reset again. On the owner's node events are delivered by a direct call inside
// Publish. From one node, events of all its feeds arrive in the order of Publish.
package feed

import "context"

// Version orders the events of one feed: epoch of the owner, run within the epoch
// (each rebuild begins a new one), sequence number within the run.
type Version struct {
	Epoch int64 `json:"e"`
	Run   int64 `json:"r"`
	Seq   int64 `json:"s"`
}

// Less reports whether v is older than w.
func (v Version) Less(w Version) bool {
	if v.Epoch != w.Epoch {
		return v.Epoch < w.Epoch
	}
	if v.Run != w.Run {
		return v.Run < w.Run
	}
	return v.Seq < w.Seq
}

func (v Version) sameRun(w Version) bool { return v.Epoch == w.Epoch && v.Run == w.Run }

// Follower is a replica. Its methods are called one at a time and must not block
// or call back into the feed.
type Follower interface {
	// Reset replaces the state by a view at a version.
	Reset(v Version, view any)
	// Event applies the event with the next version.
	Event(v Version, event any)
}

// ViewFunc runs then(version, view) where no Publish can come between the view and
// what then does: on the owner's goroutine, or under its lock.
type ViewFunc func(ctx context.Context, then func(v Version, view any)) error

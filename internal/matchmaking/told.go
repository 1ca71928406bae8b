package matchmaking

import "slices"

// Notice is something to tell a client.
type Notice struct {
	// Ready and Canceled name the queue of a match: its players are asked whether they are
	// ready; nothing comes of it, and they are back in the queue.
	Ready, Canceled int
	// Queues, if not nil, are those in which the client's user waits, as it may not know.
	Queues []int
}

// Told is what a client has been told. Its zero value is that of one that has just come.
type Told struct {
	Queues []int  // in order
	Match  string // that it was asked about, as long as that may be canceled
	queue  int    // of the match
}

// Next says what a client is to be told now, and takes it for told. match is Told.Match as it
// is known now, ended says that it is known to be over.
func (t *Told) Next(now Standing, match *MatchView, ended bool, user int64) (list []Notice) {
	if t.Match != "" && (ended || match != nil && match.Stage.over()) {
		out := match != nil && (match.Stage == Made || slices.Contains(match.Out, user)) ||
			match == nil && !slices.Contains(now.Queues, t.queue)
		if !out {
			list = append(list, Notice{Canceled: t.queue})
		}
		t.Match = ""
	}
	if !slices.Equal(t.Queues, now.Queues) {
		t.Queues = now.Queues
		list = append(list, Notice{Queues: append([]int{}, now.Queues...)})
	}
	if m := now.Match; m != nil && m.asks(user) && t.Match != m.ID {
		t.Match, t.queue = m.ID, m.Queue
		list = append(list, Notice{Ready: m.Queue})
	}
	return list
}

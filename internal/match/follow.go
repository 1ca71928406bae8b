package match

import "sync"

// mostFollowed bounds what a node remembers of matches that are not told.
const mostFollowed = 10_000

// follow is what this node has done of what follows the processing of matches, so that a
// part of it that fails has no other repeated. It is not stored: another node that goes on
// does all of it once more.
type follow struct {
	mu    sync.Mutex
	known map[int64]*followed
}

// followed is one match.
type followed struct {
	mu   sync.Mutex // held while something follows
	done map[string]bool
}

func newFollow() follow { return follow{known: map[int64]*followed{}} }

// begin takes a match: two runs at once do not do the same.
func (x *follow) begin(id int64) (f *followed, end func()) {
	x.mu.Lock()
	f = x.known[id]
	if f == nil {
		if len(x.known) >= mostFollowed {
			clear(x.known)
		}
		f = &followed{done: map[string]bool{}}
		x.known[id] = f
	}
	x.mu.Unlock()
	f.mu.Lock()
	return f, f.mu.Unlock
}

func (x *follow) forget(id int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.known, id)
}

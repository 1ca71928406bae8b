package main

import (
	"sync"
	"time"
)

// grace is how long a missing line may be missing before it is judged: until then its
// speaker may be told that it was refused.
const grace = 3 * time.Second

// ledger knows every line that was said and judges what was heard of it. Lines of one
// speaker in one room are numbered from 1 for each of its connections (its lives).
type ledger struct {
	mu      sync.Mutex
	streams map[place]map[int]*stream // by life
	gaps    map[gap]time.Time         // since when
	tallies []tally                   // by node
	trace   *trace
}

// place is where somebody's lines are.
type place struct{ room, speaker string }

// stream is what one connection of a speaker says in one room.
type stream struct {
	place
	life    int
	began   time.Time
	sent    int
	echoed  int // the highest that came back to the speaker
	refused map[int]bool
	over    bool        // the connection has ended
	clean   func() bool // its node was not touched
}

// ear is one connection that listens.
type ear struct {
	name  string
	node  int
	clean func() bool
	rooms map[string]time.Time // when it was in
	heard map[place]position
}

// position is how far an ear has heard.
type position struct{ first, last number }

type number struct{ life, seq int }

func (n number) before(o number) bool {
	return n.life < o.life || n.life == o.life && n.seq < o.seq
}

// gap is a line that an ear has not heard though it heard a later one.
type gap struct {
	ear  *ear
	line *stream
	seq  int
}

// wrongs is what must not happen.
type wrongs struct{ lost, doubled, disordered int }

func (w *wrongs) add(o wrongs) {
	w.lost += o.lost
	w.doubled += o.doubled
	w.disordered += o.disordered
}

// tally is what the bots on one node saw.
type tally struct {
	said, heard, refused int
	clean, touched       wrongs // on a connection whose node was not touched, and on others
	drops, cleanDrops    int    // connections that ended
	fallen               int    // places in battles lost, though neither node was touched
	arrivals             int    // reconnects that ended here
	tookLast, tookMost   time.Duration
	slowest              time.Duration // from saying to hearing, on clean connections
	violations           []string      // lines that a strict client does not survive
}

func newLedger(nodes int, t *trace) *ledger {
	return &ledger{trace: t, streams: map[place]map[int]*stream{}, gaps: map[gap]time.Time{}, tallies: make([]tally, nodes)}
}

func newEar(name string, node int, clean func() bool) *ear {
	return &ear{name: name, node: node, clean: clean, rooms: map[string]time.Time{}, heard: map[place]position{}}
}

// note changes the tally of a node.
func (l *ledger) note(node int, change func(*tally)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change(&l.tallies[node])
}

// enter says that an ear hears a room from now on.
func (l *ledger) enter(e *ear, room string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.rooms[room] = now
}

// leave says that it does not any more.
func (l *ledger) leave(e *ear, room string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(e.rooms, room)
	for p := range e.heard {
		if p.room == room {
			delete(e.heard, p)
		}
	}
}

// say numbers the next line of a speaker.
func (l *ledger) say(e *ear, p place, life int, now time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	lives := l.streams[p]
	if lives == nil {
		lives = map[int]*stream{}
		l.streams[p] = lives
	}
	s := lives[life]
	if s == nil {
		s = &stream{place: p, life: life, began: now, refused: map[int]bool{}, clean: e.clean}
		lives[life] = s
	}
	s.sent++
	l.tallies[e.node].said++
	return s.sent
}

// refuse says that the server did not take a line, and said so.
func (l *ledger) refuse(e *ear, p place, life, seq int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.streams[p][life]; s != nil && !s.refused[seq] {
		s.refused[seq] = true
		l.tallies[e.node].refused++
	}
}

// end says that a connection is over: what it said and did not get back may be lost.
func (l *ledger) end(speaker string, life int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, lives := range l.streams {
		if s := lives[life]; s != nil && p.speaker == speaker {
			s.over = true
		}
	}
}

// hear judges a line. mine says that the ear is the speaker's own.
func (l *ledger) hear(e *ear, p place, n number, mine bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tallies[e.node].heard++
	s := l.streams[p][n.life]
	if s == nil {
		return // of somebody else's making
	}
	if mine {
		s.echoed = max(s.echoed, n.seq)
	}
	at, known := e.heard[p]
	switch {
	case !known:
		at = position{n, n}
		if joined, in := e.rooms[p.room]; in && joined.Before(s.began) {
			at.first = number{n.life, 1}
			l.miss(e, s, 1, n.seq, now)
		}
	case at.last.before(n):
		l.between(e, p, at.last, n, now)
		at.last = n
	default:
		w := wrongs{doubled: 1}
		g := gap{e, s, n.seq}
		if _, late := l.gaps[g]; late || n.before(at.first) {
			delete(l.gaps, g)
			w = wrongs{disordered: 1}
		}
		l.count(e, w, g, true)
	}
	e.heard[p] = at
}

// between notes what an ear should have heard between two lines: the rest of the older
// life and the begin of the newer one, with all lives that lie between them.
func (l *ledger) between(e *ear, p place, from, to number, now time.Time) {
	for life := from.life; life <= to.life; life++ {
		s := l.streams[p][life]
		if s == nil {
			continue // said nothing here
		}
		first, end := 1, s.sent+1
		if life == from.life {
			first = from.seq + 1
		}
		if life == to.life {
			end = to.seq
		}
		l.miss(e, s, first, end, now)
	}
}

// miss notes that lines from first up to but without end were not heard.
func (l *ledger) miss(e *ear, s *stream, first, end int, now time.Time) {
	for seq := first; seq < end; seq++ {
		l.gaps[gap{e, s, seq}] = now
	}
}

// judge counts what has been missing for long enough.
func (l *ledger) judge(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for g, since := range l.gaps {
		if now.Sub(since) < grace {
			continue
		}
		delete(l.gaps, g)
		switch s := g.line; {
		case s.refused[g.seq]: // its speaker knows
		case s.over && g.seq > s.echoed: // its speaker knows that it cannot know
		default:
			l.count(g.ear, wrongs{lost: 1}, g, s.clean())
		}
	}
}

// count adds to the tally of an ear's node. What is missing of a speaker whose node was
// touched is not laid on the others.
func (l *ledger) count(e *ear, w wrongs, g gap, speakerClean bool) {
	t := &l.tallies[e.node]
	earClean := e.clean()
	l.trace.write("%s on node %d (untouched %t): line %d.%d of %s (untouched %t) in %s: %+v",
		e.name, e.node+1, earClean, g.line.life, g.seq, g.line.speaker, speakerClean, g.line.room, w)
	if speakerClean && earClean {
		t.clean.add(w)
	} else {
		t.touched.add(w)
	}
}

// behind counts the lines that ears on untouched nodes should still hear, if nobody says
// another one. With note, those of all ears become gaps.
func (l *ledger) behind(ears []*ear, note bool, now time.Time) (missing int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range ears {
		for p, lives := range l.streams {
			joined, in := e.rooms[p.room]
			if !in {
				continue
			}
			for life, s := range lives {
				first := l.firstUnheard(e, s, joined)
				for seq := first; seq <= s.sent; seq++ {
					if s.refused[seq] || s.over && seq > s.echoed {
						continue
					}
					if clean := e.clean() && s.clean(); !clean && !note {
						continue
					}
					missing++
					if note {
						l.gaps[gap{e, lives[life], seq}] = now
					}
				}
			}
		}
	}
	return missing
}

// firstUnheard is where the lines begin that an ear should still hear of a stream.
func (l *ledger) firstUnheard(e *ear, s *stream, joined time.Time) int {
	at, known := e.heard[s.place]
	switch {
	case known && at.last.life == s.life:
		return at.last.seq + 1
	case known && at.last.life < s.life, !known && joined.Before(s.began):
		return 1
	default:
		return s.sent + 1 // it came too late for it, or heard a later life
	}
}

// tallied copies the tallies.
func (l *ledger) tallied() []tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]tally(nil), l.tallies...)
}

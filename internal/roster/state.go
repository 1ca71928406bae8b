package roster

import (
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

// state is everything the roster has heard and everything it shows. It is pure: no
// clock, no I/O, no goroutine. Inputs change what was heard and mark the users that
// this may concern; settle compares what they should look like with what is shown
// and shows the difference in the one legal order. What has to be done outside
// (follow, cast) is left in effects.
type state struct {
	now  time.Time // of the input
	self bus.Origin

	nodes     map[int64]*node // that are not gone, by incarnation
	residents *node           // holds the server's own accounts; never gone
	// residentsAt is what was heard of each of them last.
	residentsAt map[int64]feed.Version
	users       map[int64]*user // somebody names them
	names       map[string]*user
	waiters     map[string][]*user // claim a name that another user is still shown under
	lobbies     map[int64]*hall
	tombs       tombs
	chans       map[string]*channel

	open    []*hall // shown, by id
	shelves shelves
	people  int       // shown who are no bots
	viewers []*viewer // that were given the world
	news    news      // for them

	dirty   []*user
	backlog []*user // to be marked dirty, in turns
	changed []*hall
	ended   []*hall
	awaited []*user    // deliveries may wait for them
	arrived []*user    // came with deliveries waiting for them
	rooms   []*room    // with something held back
	talk    []*channel // with lines held back
	kicked  struct {   // the departure being applied is a kick
		l    *hall
		user int64
	}
	absent  map[absence]struct{} // at the last audit
	beat    int                  // of the patrol
	effects []effect
	dropped int64 // deliveries and lines that waited in vain
	voice   int64 // account that lobbies speak through
}

// node is what one node in one of its lives has told.
type node struct {
	bus.Origin
	presence    map[int64]*User
	lobbies     map[int64]struct{}
	channels    map[string]process.Indexed
	heardUsers  bool
	heardLobby  bool
	heardTopics bool
	dead        bool
}

// target is what a user should look like.
type target struct {
	shown *User
	hosts *hall
	in    *hall
	join  int64
}

// user is one account that somebody names.
type user struct {
	id      int64
	claims  []*User // at most one per node
	highest int64   // session epoch heard since there were claims
	target          // as shown now
	next    target  // as it will be; valid while dirty
	dirty   bool
	waits   string // the name it waits for

	founds  []*hall // lobbies that name it as founder, with any session
	seats   []*hall // lobbies that name it as member, with any session
	chans   []*channel
	viewers []*viewer // on this node, of any session
	waiting []delivery

	shelf *shelf
	place int
}

// hall is one lobby: what was heard of it, and what is shown.
type hall struct {
	id      int64
	known   bool // sum is valid
	closed  bool
	version feed.Version // of sum, or of the end
	sum     lobby.Summary
	room    *room

	// As applied: from the room if it is live, else from the summary.
	named bool
	info  lobby.Info
	seats []lobby.Seat
	live  bool
	epoch int64 // of the source
	stay  []stay

	// As shown.
	founder   *user // nil: not shown
	shownInfo lobby.Info
	members   []*user
	made      *Lobby // nil: to be made again
	viewers   []*viewer
	host      *viewer

	refs     []*viewer // that need the room
	probed   bool      // followed because no node lists it
	unlisted time.Time // since when
}

// stay is a member whom a new owner does not know yet. What the old one did last may
// be lost with it; the edges repeat it, see repeat. Until then nobody is told.
type stay struct {
	lobby.Seat
	until time.Time
}

// room is the replica of a lobby's feed.
type room struct {
	l       *hall
	version feed.Version
	heard   bool
	live    bool // not older than the summary when it came: from then on the only source
	dead    bool
	replica *lobby.Replica
	before  *lobby.Replica // of the owner before, for those who stay
	ready   chan struct{}  // closed when heard or dead

	computers map[string]lobby.Computer // shown
	held      []line
	heardOf   lines
	asked     map[request]struct{} // requests shown to the host
	watched   bool
}

// request names one join request.
type request struct{ user, session, join int64 }

func newState(self bus.Origin) *state {
	return &state{
		self: self, nodes: map[int64]*node{}, users: map[int64]*user{}, names: map[string]*user{},
		waiters: map[string][]*user{}, lobbies: map[int64]*hall{}, tombs: newTombs(),
		chans: map[string]*channel{}, absent: map[absence]struct{}{},
	}
}

// user returns the record of a user, made if there is none.
func (s *state) user(id int64) *user {
	u := s.users[id]
	if u == nil {
		u = &user{id: id}
		s.users[id] = u
	}
	return u
}

// mark has a user looked at by the next settle.
func (s *state) mark(u *user) {
	if u != nil && !u.dirty {
		u.dirty = true
		s.dirty = append(s.dirty, u)
	}
}

// prune forgets a user that nobody names.
func (s *state) prune(u *user) {
	if u.dirty || u.shown != nil || len(u.claims)+len(u.founds)+len(u.seats)+len(u.chans)+len(u.viewers)+len(u.waiting) > 0 {
		return
	}
	if s.users[u.id] == u {
		delete(s.users, u.id)
	}
}

// hall returns the record of a lobby, made if there is none.
func (s *state) hall(id int64) *hall {
	l := s.lobbies[id]
	if l == nil {
		l = &hall{id: id}
		s.lobbies[id] = l
	}
	return l
}

// seat returns the seat of a user.
func (l *hall) seat(id int64) (lobby.Seat, bool) {
	for i := range l.seats {
		if l.seats[i].User == id {
			return l.seats[i], true
		}
	}
	return lobby.Seat{}, false
}

// value returns a shown lobby as it is now.
func (s *state) value(l *hall) *Lobby {
	if l.made != nil {
		return l.made
	}
	members := make([]*User, 0, len(l.members))
	for i := range l.seats {
		if u := s.users[l.seats[i].User]; u != nil && u.in == l {
			members = append(members, u.shown)
		}
	}
	l.made = &Lobby{
		Info: l.shownInfo, Founder: l.founder.shown, Members: members, TeamSize: l.sum.TeamSize, TeamCount: l.sum.TeamCount,
	}
	return l.made
}

// shows reports whether a user is shown in the lobby, as member or founder.
func (l *hall) shows(u *user) bool { return u != nil && (u.in == l || u.hosts == l) }

// viewer returns the local viewer of a session.
func (u *user) viewer(session int64) *viewer {
	for _, v := range u.viewers {
		if v.session == session {
			return v
		}
	}
	return nil
}

func remove[T comparable](list []T, x T) []T {
	for i := range list {
		if list[i] == x {
			last := len(list) - 1
			copy(list[i:], list[i+1:])
			var zero T
			list[last] = zero
			return list[:last]
		}
	}
	return list
}

// maxTombs bounds the memory of closed lobbies. A node repeats stale news of a
// lobby for seconds; ten thousand lobbies take hours to close.
const maxTombs = 10_000

// tombs remembers under which version lobbies were closed, the oldest are forgotten.
type tombs struct {
	at    map[int64]feed.Version
	order []int64
	next  int
}

func newTombs() tombs { return tombs{at: map[int64]feed.Version{}} }

func (t *tombs) put(id int64, v feed.Version) {
	if _, ok := t.at[id]; !ok {
		if len(t.order) < maxTombs {
			t.order = append(t.order, id)
		} else {
			delete(t.at, t.order[t.next])
			t.order[t.next] = id
			t.next = (t.next + 1) % maxTombs
		}
	}
	t.at[id] = v
}

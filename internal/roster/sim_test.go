package roster

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

// sim is a cluster of pure rosters with everything between them in queues: each
// feed keeps its order towards each node, and that is all. rnd decides what happens
// next.
type sim struct {
	t       testing.TB
	rnd     *rand.Rand
	nodes   []*simNode
	lobbies map[int64]*simLobby
	topics  map[string]*simChannel
	queues  []*fifo
	inc     int64
	lobbyID int64
	session map[int64]int64
	name    map[int64]string
	joins   map[int64]int64
	clients []*simClient // attached
	all     []*strict
	trace   []string
	now     time.Time
}

type fifo struct {
	items []func()
	to    *simNode
}

type simNode struct {
	s        *state
	origin   bus.Origin
	presence map[int64]User
	taps     []*simTap // others' ends of my presence and index
	effects  *fifo
	dead     bool
	listed   map[int64]bool
}

// simTap is one replica's queue of a node's feeds.
type simTap struct {
	to    *simNode
	n     *node
	users *fifo
	index *fifo
}

type simClient struct {
	*strict
	at   *simNode
	user User
}

type simLobby struct {
	id    int64
	key   string
	owner *simNode
	v     feed.Version
	rep   *lobby.Replica
	taps  []*roomTap
}

type roomTap struct {
	to *simNode
	r  *room
	q  *fifo
}

type simChannel struct {
	name  string
	owner *simNode
	v     feed.Version
	rep   chat.View
	taps  []*topicTap
}

type topicTap struct {
	to *simNode
	t  *tap
	q  *fifo
}

func newSim(t testing.TB, seed int64, nodes int) *sim {
	m := &sim{
		t: t, rnd: rand.New(rand.NewSource(seed)), lobbies: map[int64]*simLobby{}, topics: map[string]*simChannel{},
		session: map[int64]int64{}, name: map[int64]string{}, joins: map[int64]int64{}, now: time.Unix(1000, 0),
	}
	for range nodes {
		m.start()
	}
	m.drain()
	return m
}

func (m *sim) logf(f string, args ...any) { m.trace = append(m.trace, fmt.Sprintf(f, args...)) }

func (m *sim) start() *simNode {
	m.inc++
	o := bus.Origin{Node: fmt.Sprintf("n%d", m.inc), Incarnation: m.inc}
	n := &simNode{s: newState(o), origin: o, presence: map[int64]User{}, listed: map[int64]bool{}}
	n.effects = m.queue(n)
	m.nodes = append(m.nodes, n)
	for _, x := range m.living() {
		m.push(m.queueFor(x), func() { m.in(x, func(s *state) { s.members(m.origins()) }) })
	}
	return n
}

func (m *sim) queue(to *simNode) *fifo {
	q := &fifo{to: to}
	m.queues = append(m.queues, q)
	return q
}

// queueFor returns the queue in which a node's effects wait.
func (m *sim) queueFor(n *simNode) *fifo { return n.effects }

func (m *sim) push(q *fifo, f func()) { q.items = append(q.items, f) }

func (m *sim) living() []*simNode {
	var list []*simNode
	for _, n := range m.nodes {
		if !n.dead {
			list = append(list, n)
		}
	}
	return list
}

func (m *sim) origins() []bus.Origin {
	var list []bus.Origin
	for _, n := range m.living() {
		list = append(list, n.origin)
	}
	return list
}

// in runs an input of a roster and queues what it wants done.
func (m *sim) in(n *simNode, f func(s *state)) {
	if n.dead {
		return
	}
	n.s.now = m.now
	f(n.s)
	list := n.s.effects
	n.s.effects = nil
	for _, e := range list {
		m.push(n.effects, func() { m.perform(n, e) })
	}
	n.s.check(m.t)
}

func (m *sim) perform(n *simNode, e effect) {
	switch e := e.(type) {
	case goOn:
		m.in(n, (*state).turn)
	case tellLater:
		m.in(n, (*state).tellSome)
	case followNode:
		m.followNode(n, e.n)
	case unfollowNode:
		for _, x := range m.nodes {
			x.taps = slices.DeleteFunc(x.taps, func(t *simTap) bool { return t.n == e.n && t.to == n })
		}
	case followRoom:
		m.followRoom(n, e.r)
	case unfollowRoom:
		for _, l := range m.lobbies {
			l.taps = slices.DeleteFunc(l.taps, func(t *roomTap) bool { return t.r == e.r })
		}
	case followChannel:
		m.followTopic(n, e.t)
	case unfollowChannel:
		for _, c := range m.topics {
			c.taps = slices.DeleteFunc(c.taps, func(t *topicTap) bool { return t.t == e.t })
		}
	case cast:
		m.command(e.key, e.command)
	case tellGone:
		for _, l := range m.lobbies {
			if l.owner == n {
				m.gone(l, e.incarnation)
			}
		}
	}
}

func (m *sim) followNode(to *simNode, n *node) {
	for _, x := range m.nodes {
		if x.origin != n.Origin {
			continue
		}
		t := &simTap{to: to, n: n, users: m.queue(to), index: m.queue(to)}
		x.taps = append(x.taps, t)
		m.presenceSnapshot(x, t)
		m.indexSnapshot(x, t)
		m.push(t.index, func() { m.in(to, func(s *state) { s.channelsReset(n, nil) }) })
	}
}

func (m *sim) presenceSnapshot(x *simNode, t *simTap) {
	if t.to == x {
		return
	}
	var users []User
	for _, u := range x.presence {
		users = append(users, u)
	}
	slices.SortFunc(users, func(a, b User) int { return int(a.ID - b.ID) })
	m.push(t.users, func() { m.in(t.to, func(s *state) { s.presenceReset(t.n, users) }) })
}

func (m *sim) indexSnapshot(x *simNode, t *simTap) {
	var entries []process.Indexed
	for _, id := range m.lobbyIDs() {
		if l := m.lobbies[id]; l.owner == x && l.rep != nil {
			entries = append(entries, l.indexed())
		}
	}
	m.push(t.index, func() { m.in(t.to, func(s *state) { s.lobbiesReset(t.n, entries) }) })
}

func (m *sim) lobbyIDs() []int64 {
	var ids []int64
	for id := range m.lobbies {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (l *simLobby) indexed() process.Indexed {
	v := l.rep.View()
	return process.Indexed{
		ID: l.key, Epoch: l.v.Epoch, Run: l.v.Run, Seq: l.v.Seq,
		Summary: lobby.Summary{Info: v.Info, Seats: seatsOf(v.Members)},
	}
}

func (m *sim) tell(x *simNode, event any) {
	m.in(x, func(s *state) {
		if n := s.nodes[x.origin.Incarnation]; n != nil {
			s.presenceEvent(n, event)
		} else {
			s.presenceEvent(s.addNode(x.origin), event)
		}
	})
	for _, t := range x.taps {
		if t.to != x {
			m.push(t.users, func() { m.in(t.to, func(s *state) { s.presenceEvent(t.n, event) }) })
		}
	}
}

func (m *sim) index(x *simNode, e process.Indexed) {
	for _, t := range x.taps {
		m.push(t.index, func() { m.in(t.to, func(s *state) { s.lobbyIndexed(t.n, e) }) })
	}
}

func (m *sim) followRoom(n *simNode, r *room) {
	l := m.lobbies[r.l.id]
	t := &roomTap{to: n, r: r, q: m.queue(n)}
	if l == nil || l.rep == nil {
		m.push(t.q, func() { m.in(n, func(s *state) { s.roomClosed(r) }) })
		return
	}
	l.taps = append(l.taps, t)
	m.roomSnapshot(l, t)
}

func (m *sim) roomSnapshot(l *simLobby, t *roomTap) {
	v, view := l.v, l.rep.View()
	m.push(t.q, func() { m.in(t.to, func(s *state) { s.roomReset(t.r, v, view) }) })
}

// event publishes an event of a lobby; listed says that the summary changes.
func (m *sim) event(l *simLobby, e any, listed bool) {
	if l.rep == nil {
		return
	}
	l.v.Seq++
	l.rep.Apply(e)
	v := l.v
	for _, t := range l.taps {
		m.push(t.q, func() { m.in(t.to, func(s *state) { s.roomEvent(t.r, v, e) }) })
	}
	if _, closed := e.(lobby.Closed); closed {
		for _, t := range l.taps {
			m.push(t.q, func() { m.in(t.to, func(s *state) { s.roomClosed(t.r) }) })
		}
		m.index(l.owner, process.Indexed{ID: l.key, Epoch: v.Epoch, Run: v.Run, Seq: v.Seq, Closed: true})
		l.rep, l.taps = nil, nil
		return
	}
	if listed {
		m.index(l.owner, l.indexed())
	}
}

func (m *sim) open(c *simClient) *simLobby {
	m.lobbyID++
	id := m.lobbyID
	l := &simLobby{id: id, key: strconv.FormatInt(id, 10), owner: c.at, v: feed.Version{Epoch: 1}}
	l.rep = lobby.NewReplica(lobby.View{
		Info: lobby.Info{ID: id, Founder: c.who(), Title: "t" + l.key, Map: "m"}, FounderStatus: lobby.Unsynced,
		Tags: map[string]string{"a": "1"},
	})
	m.lobbies[id] = l
	m.index(l.owner, l.indexed())
	m.in(c.at, func(s *state) { s.host(c.strict, id) })
	return l
}

func (c *simClient) who() lobby.Who {
	return lobby.Who{User: c.id, Session: c.session, Incarnation: c.at.origin.Incarnation}
}

// leave is what a lobby does with Leave, Absent and Kick.
func (m *sim) leave(l *simLobby, w lobby.Who, kicked bool) {
	if l == nil || l.rep == nil {
		return
	}
	if f := l.rep.Info().Founder; f.User == w.User {
		if f.Session == w.Session {
			m.event(l, lobby.Closed{}, true)
		}
		return
	}
	if a, ok := l.rep.Asker(w.User); ok && a.Session == w.Session {
		m.event(l, lobby.Withdrawn{Who: w}, false)
	}
	if x, ok := l.rep.Member(w.User); !ok || x.Session != w.Session {
		return
	}
	for _, b := range l.rep.View().Computers {
		if b.Owner == w.User {
			m.event(l, lobby.ComputerRemoved{Name: b.Name}, false)
		}
	}
	m.event(l, lobby.Departed{Who: w, Kicked: kicked}, true)
}

func (m *sim) gone(l *simLobby, inc int64) {
	if l.rep == nil {
		return
	}
	v := l.rep.View()
	if v.Info.Founder.Incarnation == inc {
		m.leave(l, v.Info.Founder, false)
		return
	}
	for _, x := range v.Members {
		if x.Incarnation == inc {
			m.leave(l, x.Who, false)
		}
	}
}

// command is what reaches a process by Cast.
func (m *sim) command(key cluster.Key, command any) {
	if key.Kind == chat.Kind {
		if c := m.topics[key.ID]; c != nil && c.owner != nil {
			switch e := command.(type) {
			case chat.Leave:
				m.part(c, e.Member)
			case chat.Repeat:
				for _, x := range e.Members {
					m.seat(c, x)
				}
			}
		}
		return
	}
	id, _ := strconv.ParseInt(key.ID, 10, 64)
	l := m.lobbies[id]
	if l == nil || l.rep == nil || l.owner.dead {
		return
	}
	switch e := command.(type) {
	case lobby.Absent:
		m.leave(l, e.Who, false)
	case lobby.Repeat:
		for _, x := range e.Members {
			if _, ok := l.rep.Member(x.User); !ok {
				m.event(l, lobby.Entered{Member: x}, true)
			}
		}
	}
}

func (m *sim) login(id int64, at *simNode, bot bool, interest Interest) *simClient {
	m.session[id]++
	u := User{ID: id, Session: m.session[id], Name: m.nameOf(id), Bot: bot, Node: at.origin.Node, Incarnation: at.origin.Incarnation}
	c := &simClient{strict: newStrict(id, u.Session, interest), at: at, user: u}
	m.all = append(m.all, c.strict)
	if old, ok := at.presence[id]; ok && old.Session > u.Session {
		return nil
	}
	at.presence[id] = u
	m.tell(at, Came{User: u})
	m.in(at, func(s *state) { s.attach(c.strict) })
	m.clients = append(m.clients, c)
	return c
}

func (m *sim) nameOf(id int64) string {
	if m.name[id] == "" {
		m.name[id] = "u" + strconv.FormatInt(id, 10)
	}
	return m.name[id]
}

// logout closes a connection; polite ones leave their lobbies and channels.
func (m *sim) logout(c *simClient, polite bool) {
	m.clients = slices.DeleteFunc(m.clients, func(x *simClient) bool { return x == c })
	m.in(c.at, func(s *state) { s.detach(c.strict) })
	if polite {
		for _, id := range m.lobbyIDs() {
			m.leave(m.lobbies[id], c.who(), false)
		}
		for _, topic := range m.topicNames() {
			m.part(m.topics[topic], c.member())
		}
	}
	if u, ok := c.at.presence[c.id]; ok && u.Session == c.session {
		delete(c.at.presence, c.id)
		m.tell(c.at, Went{ID: c.id, Session: c.session})
	}
}

func (c *simClient) member() chat.Member {
	return chat.Member{User: c.id, Session: c.session, Incarnation: c.at.origin.Incarnation}
}

// Faults.

// takeover moves a lobby to another node; lost loses the newest member, whose edge
// has to repeat it.
func (m *sim) takeover(l *simLobby, to *simNode, lost bool) {
	if l.rep == nil {
		return
	}
	l.owner = to
	l.v = feed.Version{Epoch: l.v.Epoch + 1}
	if v := l.rep.View(); lost && len(v.Members) > 0 {
		v.Members = v.Members[1:]
		l.rep = lobby.NewReplica(v)
	}
	m.index(to, l.indexed())
	for _, t := range l.taps {
		m.roomSnapshot(l, t)
	}
}

func (m *sim) kill(n *simNode) {
	n.dead = true
	m.clients = slices.DeleteFunc(m.clients, func(c *simClient) bool { return c.at == n })
	for _, x := range m.living() {
		m.push(x.effects, func() { m.in(x, func(s *state) { s.members(m.origins()) }) })
	}
	alive := m.living()
	for _, id := range m.lobbyIDs() {
		if l := m.lobbies[id]; l.owner == n && l.rep != nil {
			l.owner = alive[m.rnd.Intn(len(alive))]
			m.push(m.queue(alive[0]), func() { m.takeover(l, l.owner, false) })
		}
	}
	for _, name := range m.topicNames() {
		if c := m.topics[name]; c.owner == n {
			c.owner = alive[0]
			c.v = feed.Version{Epoch: c.v.Epoch + 1}
			for _, t := range c.taps {
				m.topicSnapshot(c, t)
			}
		}
	}
}

// step delivers one message of a random queue.
func (m *sim) step() bool {
	m.queues = slices.DeleteFunc(m.queues, func(q *fifo) bool { return q.to.dead })
	var full []*fifo
	for _, q := range m.queues {
		if len(q.items) > 0 {
			full = append(full, q)
		}
	}
	if len(full) == 0 {
		return false
	}
	q := full[m.rnd.Intn(len(full))]
	f := q.items[0]
	q.items = q.items[1:]
	f()
	return true
}

func (m *sim) drain() {
	for m.step() {
	}
}

// rest lets everything arrive and the audits run until nothing happens any more.
func (m *sim) rest() {
	for range 5 + m.openCount() {
		m.drain()
		for _, c := range slices.Clone(m.clients) {
			if c.ended || c.session < m.session[c.id] { // the store knows better
				m.logout(c, false)
			}
		}
		m.drain()
		m.now = m.now.Add(5 * time.Second)
		for _, n := range m.living() {
			var ids []int64
			for _, id := range m.lobbyIDs() {
				if l := m.lobbies[id]; l.owner == n && l.rep != nil {
					ids = append(ids, id)
				}
			}
			var names []string
			for _, name := range m.topicNames() {
				if m.topics[name].owner == n {
					names = append(names, name)
				}
			}
			m.in(n, func(s *state) { s.tick(); s.audit(ids, names) })
		}
		m.drain()
	}
}

func (m *sim) openCount() int {
	most := 0
	for _, n := range m.living() {
		most = max(most, len(n.s.open))
	}
	return most
}

func (m *sim) fail(f string, args ...any) {
	m.t.Helper()
	n := max(0, len(m.trace)-60)
	m.t.Fatalf("%s\n%s", fmt.Sprintf(f, args...), strings.Join(m.trace[n:], "\n"))
}

package roster

import (
	"flag"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/lobby"
)

var (
	seedFlag = flag.Int64("roster.seed", 0, "run the property test with this seed only")
	runsFlag = flag.Int("roster.runs", 100, "number of seeds of the property test")
)

// TestAnyOrderIsLegal runs random clusters: users log in, out and elsewhere, change
// names, host, join, leave, are kicked, talk; lobbies move; nodes die and come. No
// client may ever see something illegal, and when all is told each must know
// exactly the world.
func TestAnyOrderIsLegal(t *testing.T) {
	t.Parallel()
	base := time.Now().UnixNano()
	runs := *runsFlag
	if testing.Short() {
		runs = min(runs, 40)
	}
	var seed int64
	defer func() {
		if t.Failed() {
			t.Logf("run again with -roster.seed %d", seed)
		}
	}()
	for i := range runs {
		seed = base + int64(i)
		if *seedFlag != 0 {
			seed = *seedFlag
		}
		m := newSim(t, seed, 3)
		for range 250 {
			for range m.rnd.Intn(6) {
				m.step()
			}
			m.act()
			m.judge(seed)
		}
		m.rest()
		m.judge(seed)
		m.compare(seed)
		if *seedFlag != 0 {
			return
		}
	}
}

func (m *sim) judge(seed int64) {
	m.t.Helper()
	for _, c := range m.all {
		if len(c.wrong) > 0 {
			n := max(0, len(c.log)-40)
			m.fail("seed %d: client of user %d/%d (interest %d): %v\nlog: %v", seed, c.id, c.session, c.interest, c.wrong, c.log[n:])
		}
	}
}

// act does one random thing.
func (m *sim) act() {
	const users = 9
	nodes := m.living()
	at := nodes[m.rnd.Intn(len(nodes))]
	switch p := m.rnd.Intn(100); {
	case p < 14:
		id := int64(m.rnd.Intn(users) + 1)
		interest := Everything
		if m.rnd.Intn(3) == 0 {
			interest = Own
		}
		if m.rnd.Intn(8) == 0 {
			m.rename(id)
		}
		m.logf("login %d at %s", id, at.origin.Node)
		m.login(id, at, id <= 3, interest)
	case p < 22:
		if c := m.any(); c != nil {
			polite := m.rnd.Intn(3) > 0
			m.logf("logout %d/%d polite %v", c.id, c.session, polite)
			m.logout(c, polite)
		}
	case p < 26:
		if c := m.any(); c != nil {
			u := c.at.presence[c.id]
			if u.Session == c.session {
				u.InGame = !u.InGame
				c.at.presence[c.id] = u
				m.tell(c.at, Changed{User: u})
			}
		}
	case p < 34:
		if c := m.any(); c != nil && c.id <= 3 {
			for _, id := range m.lobbyIDs() {
				m.leave(m.lobbies[id], c.who(), false)
			}
			m.logf("open by %d/%d", c.id, c.session)
			m.open(c)
		}
	case p < 48:
		m.joinSome()
	case p < 60:
		m.answerSome()
	case p < 65:
		if l, c := m.someMember(); c != nil {
			m.logf("leave %d %d", l.id, c.id)
			m.leave(l, c.who(), false)
		}
	case p < 68:
		if l, c := m.someMember(); c != nil {
			m.logf("kick %d %d", l.id, c.id)
			m.leave(l, c.who(), true)
		}
	case p < 70:
		if l := m.some(); l != nil && m.rnd.Intn(2) == 0 {
			m.leave(l, l.rep.Info().Founder, false)
		}
	case p < 84:
		m.roomSome()
	case p < 92:
		m.talkSome()
	case p < 95:
		if l := m.some(); l != nil && !l.owner.dead {
			lost := m.rnd.Intn(2) == 0
			m.logf("takeover %d by %s lost %v", l.id, at.origin.Node, lost)
			m.takeover(l, at, lost)
		}
	case p < 97:
		// A feed is repaired: its view again.
		for _, t := range at.taps {
			m.presenceSnapshot(at, t)
			m.indexSnapshot(at, t)
		}
		if l := m.some(); l != nil {
			for _, t := range l.taps {
				m.roomSnapshot(l, t)
			}
		}
	case p < 98:
		if len(nodes) > 2 {
			m.logf("kill %s", at.origin.Node)
			m.kill(at)
			m.start()
		}
	default:
		m.now = m.now.Add(time.Second)
		for _, n := range nodes {
			m.in(n, (*state).tick)
		}
	}
}

// rename gives a user a new name and its old one to another user, who gets its next
// session with it.
func (m *sim) rename(id int64) {
	for _, c := range m.clients {
		if c.id == id {
			return // a rename ends the session; the account is offline
		}
	}
	m.session[id]++
	other := int64(m.rnd.Intn(9) + 1)
	m.name[id], m.name[other] = m.nameOf(other), m.nameOf(id)
	for _, c := range slices.Clone(m.clients) {
		if c.id == other {
			m.logout(c, true)
		}
	}
}

func (m *sim) any() *simClient {
	if len(m.clients) == 0 {
		return nil
	}
	return m.clients[m.rnd.Intn(len(m.clients))]
}

func (m *sim) some() *simLobby {
	var open []*simLobby
	for _, id := range m.lobbyIDs() {
		if m.lobbies[id].rep != nil {
			open = append(open, m.lobbies[id])
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[m.rnd.Intn(len(open))]
}

func (m *sim) someMember() (*simLobby, *simClient) {
	l := m.some()
	if l == nil {
		return nil, nil
	}
	for _, x := range l.rep.View().Members {
		for _, c := range m.clients {
			if c.id == x.User && c.session == x.Session {
				return l, c
			}
		}
	}
	return nil, nil
}

func (m *sim) joinSome() {
	l, c := m.some(), m.any()
	if l == nil || c == nil || l.rep.Info().Founder.User == c.id {
		return
	}
	m.joins[c.id]++
	m.in(c.at, func(s *state) { s.enter(c.strict, l.id) })
	if m.rnd.Intn(3) == 0 {
		m.drain()
	}
	if l.rep == nil {
		return
	}
	m.leave(l, c.who(), false) // a member who asks again is taken out first
	m.logf("ask %d %d/%d", l.id, c.id, c.session)
	m.event(l, lobby.Requested{Asked: lobby.Asked{Who: c.who(), Join: m.joins[c.id], ScriptPassword: "pw"}}, false)
	if m.rnd.Intn(8) > 0 { // sometimes the old lobby does not hear of it
		for _, id := range m.lobbyIDs() {
			if id != l.id {
				m.leave(m.lobbies[id], c.who(), false)
			}
		}
	}
}

func (m *sim) answerSome() {
	l := m.some()
	if l == nil {
		return
	}
	for _, a := range l.rep.View().Pending {
		if m.rnd.Intn(5) == 0 {
			m.event(l, lobby.Denied{Who: a.Who, Reason: "no"}, false)
			continue
		}
		m.logf("accept %d %d/%d", l.id, a.User, a.Session)
		m.event(l, lobby.Entered{Member: lobby.Member{Who: a.Who, Join: a.Join, ScriptPassword: "pw", Status: lobby.Unsynced}}, true)
	}
}

func (m *sim) roomSome() {
	l, c := m.someMember()
	if c == nil {
		return
	}
	n := m.rnd.Intn(100)
	switch m.rnd.Intn(10) {
	case 0, 1:
		m.event(l, lobby.StatusSet{User: c.id, Status: lobby.Status{Team: n, Color: "1"}}, false)
	case 2:
		m.event(l, lobby.Said{User: c.id, Text: "hi"}, false)
	case 3, 4:
		name := "bot" + strconv.Itoa(n%4)
		if !slices.ContainsFunc(l.rep.View().Computers, func(b lobby.Computer) bool { return b.Name == name }) {
			m.event(l, lobby.ComputerAdded{Computer: lobby.Computer{Name: name, Owner: c.id}}, false)
		} else {
			m.event(l, lobby.ComputerRemoved{Name: name}, false)
		}
	case 5:
		m.event(l, lobby.RectAdded{Rect: lobby.Rect{Ally: n % 3, Left: n}}, false)
	case 6:
		m.event(l, lobby.TagsSet{Tags: map[string]string{"k" + strconv.Itoa(n%3): strconv.Itoa(n)}}, false)
	case 7:
		m.event(l, lobby.UnitsSet{Disabled: []string{strconv.Itoa(n)}}, false)
	case 8:
		info := l.rep.Info()
		info.Spectators = n
		m.event(l, lobby.InfoSet{Info: info}, true)
	case 9:
		info := l.rep.Info()
		info.Title = strconv.Itoa(n)
		m.event(l, lobby.InfoSet{Info: info, Retitled: true}, true)
	}
}

func (m *sim) talkSome() {
	c := m.any()
	if c == nil {
		return
	}
	ch := m.topic("main")
	switch m.rnd.Intn(3) {
	case 0:
		m.logf("chan join %d/%d", c.id, c.session)
		m.in(c.at, func(s *state) { s.join(c.strict, "main") })
		m.seat(ch, c.member())
	case 1:
		if c.channels["main"] != nil {
			m.logf("chan part %d/%d", c.id, c.session)
			m.part(ch, c.member())
			m.in(c.at, func(s *state) { s.part(c.strict, "main") })
			delete(c.channels, "main") // the answer to LEAVE
		}
	case 2:
		for _, x := range ch.rep.Members {
			if x == c.member() {
				m.topicEvent(ch, chatSaid(c))
			}
		}
	}
}

// compare holds every client's model against the truth.
func (m *sim) compare(seed int64) {
	m.t.Helper()
	users := map[int64]User{}
	for _, n := range m.living() {
		for id, u := range n.presence {
			if u.Session > users[id].Session {
				users[id] = u
			}
		}
	}
	founders := map[int64]int64{}
	where, joins := map[int64]int64{}, map[int64]int64{}
	for _, id := range m.lobbyIDs() {
		l := m.lobbies[id]
		if l.rep == nil {
			continue
		}
		if f := l.rep.Info().Founder; users[f.User].Session == f.Session {
			founders[id], where[f.User] = f.User, id
		}
	}
	for id := range founders {
		for _, x := range m.lobbies[id].rep.View().Members {
			if hosts := founders[where[x.User]] == x.User; hosts {
				continue // who hosts is nowhere else
			}
			if users[x.User].Session == x.Session && joins[x.User] < x.Join {
				where[x.User], joins[x.User] = id, x.Join
			}
		}
	}
	for _, c := range m.clients {
		if c.ended {
			m.fail("seed %d: client %d/%d left over", seed, c.id, c.session)
		}
		m.same(seed, c, "founders", founders, c.founders)
		got := map[int64]User{}
		for id, u := range c.users {
			got[id] = *u
		}
		if c.own() {
			for id := range got { // statuses of others are not told
				if u := got[id]; !u.Bot && (c.in == 0 || where[id] != c.in) {
					u.InGame = users[id].InGame
					got[id] = u
				}
			}
		}
		m.same(seed, c, "users", users, got)
		wantWhere := where
		if c.own() {
			wantWhere = map[int64]int64{}
			for u, l := range where {
				if l == where[c.id] || founders[l] == u || c.where[u] == l {
					wantWhere[u] = l
				}
			}
		}
		m.same(seed, c, "where", wantWhere, c.where)
		if c.in != where[c.id] {
			m.fail("seed %d: client %d/%d is in %d, wants %d", seed, c.id, c.session, c.in, where[c.id])
		}
		for id := range founders {
			want, got := m.lobbies[id].rep.Info(), c.lobbies[id]
			m.same(seed, c, "info", want, got)
		}
		m.compareRoom(seed, c, where)
		m.compareTalk(seed, c, users)
	}
}

func (m *sim) compareRoom(seed int64, c *simClient, where map[int64]int64) {
	if c.in == 0 {
		return
	}
	v := m.lobbies[c.in].rep.View()
	statuses := map[int64]lobby.Status{}
	for _, x := range v.Members {
		if x.Told && where[x.User] == c.in {
			statuses[x.User] = x.Status
		}
	}
	got := maps.Clone(c.statuses)
	delete(got, v.Info.Founder.User)
	m.same(seed, c, "statuses", statuses, got)
	computers := map[string]lobby.Computer{}
	for _, b := range v.Computers {
		if where[b.Owner] == c.in {
			computers[b.Name] = b
		}
	}
	m.same(seed, c, "computers", computers, c.computers)
	rects := map[int]lobby.Rect{}
	for _, r := range v.Rects {
		rects[r.Ally] = r
	}
	m.same(seed, c, "rects", rects, c.rects)
	m.same(seed, c, "tags", v.Tags, c.tags)
	m.same(seed, c, "units", append([]string{}, v.Disabled...), append([]string{}, c.disabled...))
}

func (m *sim) compareTalk(seed int64, c *simClient, users map[int64]User) {
	got := c.channels["main"]
	ch := m.topics["main"]
	if got == nil || ch == nil {
		return
	}
	want := map[int64]bool{c.id: true}
	for _, x := range ch.rep.Members {
		if users[x.User].Session == x.Session {
			want[x.User] = true
		}
	}
	m.same(seed, c, "channel", want, got)
}

func (m *sim) same(seed int64, c *simClient, what string, want, got any) {
	m.t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		n := max(0, len(c.log)-40)
		m.fail("seed %d: client %d/%d: %s (-want +got)\n%s\nlog: %v", seed, c.id, c.session, what, d, c.log[n:])
	}
}

func chatSaid(c *simClient) chat.Said { return chat.Said{Member: c.member(), Text: "hello"} }

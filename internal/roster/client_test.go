package roster

import (
	"fmt"
	"maps"
	"slices"

	"teiserver/internal/lobby"
)

// strict is a client that keeps a model of what it is told and notes everything
// that would make a real one hang up.
type strict struct {
	id, session int64
	interest    Interest
	ignores     map[int64]bool

	begun, ended bool
	users        map[int64]*User
	names        map[string]int64
	lobbies      map[int64]lobby.Info
	where        map[int64]int64 // user to lobby, founders included
	founders     map[int64]int64 // lobby to user

	in        int64
	hosting   bool
	ejected   bool
	statuses  map[int64]lobby.Status
	computers map[string]lobby.Computer
	rects     map[int]lobby.Rect
	tags      map[string]string
	disabled  []string
	asked     []int64
	denied    int
	said      []string

	channels map[string]map[int64]bool
	private  []string

	log   []string
	wrong []string
	seen  func(Event) // called for every event, if set
}

func newStrict(id, session int64, interest Interest) *strict {
	return &strict{
		id: id, session: session, interest: interest, ignores: map[int64]bool{},
		users: map[int64]*User{}, names: map[string]int64{}, lobbies: map[int64]lobby.Info{},
		where: map[int64]int64{}, founders: map[int64]int64{}, channels: map[string]map[int64]bool{},
	}
}

func (c *strict) ID() (user, session int64)  { return c.id, c.session }
func (c *strict) Interest() Interest         { return c.interest }
func (c *strict) Ignores(user int64) bool    { return c.ignores[user] }
func (c *strict) own() bool                  { return c.interest == Own }
func (c *strict) bad(f string, args ...any)  { c.wrong = append(c.wrong, fmt.Sprintf(f, args...)) }
func (c *strict) note(f string, args ...any) { c.log = append(c.log, fmt.Sprintf(f, args...)) }

func (c *strict) Supersede() {
	if c.ended {
		c.bad("superseded twice")
	}
	c.ended = true
}

func (c *strict) Begin(w World) {
	if c.begun {
		c.bad("begun twice")
	}
	c.begun = true
	for _, k := range w.Chunks {
		if len(k.Users) > shelfSize {
			c.bad("chunk of %d", len(k.Users))
		}
		for _, u := range k.Users {
			c.came(u)
		}
	}
	for _, l := range w.Lobbies {
		c.opened(l)
		if c.own() {
			continue
		}
		for _, m := range l.Members {
			c.inside(m, l.Info.ID)
		}
	}
}

func (c *strict) knows(u *User, what string) bool {
	k := c.users[u.ID]
	if k == nil || k.Session != u.Session || k.Name != u.Name {
		c.bad("%s: unknown user %d/%d %q", what, u.ID, u.Session, u.Name)
		return false
	}
	return true
}

func (c *strict) knowsLobby(id int64, what string) bool {
	if _, ok := c.lobbies[id]; !ok {
		c.bad("%s: unknown lobby %d", what, id)
		return false
	}
	return true
}

func (c *strict) came(u *User) {
	if c.users[u.ID] != nil {
		c.bad("user %d came twice", u.ID)
	}
	if _, ok := c.names[u.Name]; ok {
		c.bad("name %q came twice", u.Name)
	}
	c.users[u.ID], c.names[u.Name] = u, u.ID
}

func (c *strict) opened(l *Lobby) {
	id := l.Info.ID
	if _, ok := c.lobbies[id]; ok {
		c.bad("lobby %d opened twice", id)
	}
	if c.knows(l.Founder, "opened") && c.where[l.Founder.ID] != 0 {
		c.bad("founder %d of lobby %d is in %d", l.Founder.ID, id, c.where[l.Founder.ID])
	}
	c.lobbies[id] = l.Info
	c.where[l.Founder.ID], c.founders[id] = id, l.Founder.ID
}

func (c *strict) inside(u *User, id int64) {
	c.knows(u, "member")
	c.knowsLobby(id, "member")
	if c.where[u.ID] != 0 {
		c.bad("user %d enters %d but is in %d", u.ID, id, c.where[u.ID])
	}
	c.where[u.ID] = id
	c.users[u.ID] = u // its status is told again
}

func (c *strict) enterRoom(id int64, v lobby.View) {
	if c.in != 0 {
		c.bad("enters room %d but is in %d", id, c.in)
	}
	c.in = id
	c.statuses, c.computers, c.rects = map[int64]lobby.Status{}, map[string]lobby.Computer{}, map[int]lobby.Rect{}
	c.tags = maps.Clone(v.Tags)
	c.disabled = slices.Clone(v.Disabled)
	for _, r := range v.Rects {
		c.rects[r.Ally] = r
	}
}

func (c *strict) leaveRoom() {
	c.in, c.hosting = 0, false
	c.statuses, c.computers, c.rects, c.tags, c.disabled = nil, nil, nil, nil, nil
}

func (c *strict) room(what string) bool {
	if c.in == 0 {
		c.bad("%s while in no room", what)
	}
	return c.in != 0
}

func (c *strict) Show(u *Update) {
	if several, ok := u.Event.(Several); ok {
		for _, u := range several.Updates {
			c.Show(u)
		}
		return
	}
	if c.ended {
		return // its connection is being closed
	}
	if !c.begun {
		c.bad("shown %T before the world", u.Event)
	}
	if c.seen != nil {
		c.seen(u.Event)
	}
	if c.ejected {
		if _, ok := u.Event.(MemberWent); !ok {
			c.bad("ejected, then %T", u.Event)
		}
	}
	switch e := u.Event.(type) {
	case UserCame, UserChanged, UserWent:
		c.showUser(e)
	case LobbyOpened, LobbyChanged, LobbyRetitled, LobbyClosed, MemberCame, MemberWent:
		c.showLobby(e)
	case ChannelEntered, ChannelCame, ChannelWent, ChannelSaid:
		c.showChannel(e)
	case PrivateSaid:
		c.knows(e.From, "private")
		c.private = append(c.private, e.Text)
	default:
		c.showRoom(e)
	}
}

func (c *strict) showUser(e Event) {
	switch e := e.(type) {
	case UserCame:
		c.note("came %d", e.User.ID)
		c.came(e.User)
	case UserChanged:
		c.note("changed %d", e.User.ID)
		if c.knows(e.User, "changed") {
			c.users[e.User.ID] = e.User
		}
		if c.own() && !e.User.Bot && !e.User.Moderator && (c.in == 0 || c.where[e.User.ID] != c.in) {
			c.bad("status of user %d is none of its business", e.User.ID)
		}
	case UserWent:
		c.note("went %d", e.User.ID)
		if !c.knows(e.User, "went") {
			return
		}
		if l := c.where[e.User.ID]; l != 0 {
			c.bad("user %d goes while in lobby %d", e.User.ID, l)
		}
		for name, members := range c.channels {
			if members[e.User.ID] && e.User.ID != c.id {
				c.bad("user %d goes while in channel %s", e.User.ID, name)
			}
		}
		delete(c.users, e.User.ID)
		delete(c.names, e.User.Name)
	}
}

func (c *strict) showLobby(e Event) {
	switch e := e.(type) {
	case LobbyOpened:
		c.note("opened %d", e.Lobby.Info.ID)
		if e.Lobby.Founder.ID == c.id && e.Lobby.Founder.Session == c.session {
			c.bad("founder told of its own lobby %d as others", e.Lobby.Info.ID)
		}
		c.opened(e.Lobby)
	case LobbyChanged:
		c.note("info %d", e.Lobby.Info.ID)
		if c.knowsLobby(e.Lobby.Info.ID, "info") {
			c.lobbies[e.Lobby.Info.ID] = e.Lobby.Info
		}
	case LobbyRetitled:
		c.note("title %d", e.Lobby.Info.ID)
		if c.knowsLobby(e.Lobby.Info.ID, "title") {
			c.lobbies[e.Lobby.Info.ID] = e.Lobby.Info
		}
	case LobbyClosed:
		c.note("closed %d", e.ID)
		c.knowsLobby(e.ID, "closed")
		delete(c.lobbies, e.ID)
		delete(c.founders, e.ID)
		for u, l := range c.where {
			if l == e.ID {
				delete(c.where, u)
			}
		}
		if c.in == e.ID {
			c.leaveRoom()
		}
	case MemberCame:
		c.memberCame(e)
	case MemberWent:
		c.memberWent(e)
	}
}

func (c *strict) memberCame(e MemberCame) {
	id := e.Lobby.Info.ID
	c.note("joined %d %d", id, e.User.ID)
	if e.User.ID == c.id && e.User.Session == c.session {
		c.bad("told of its own entering as others")
	}
	if e.Room != (c.in == id) {
		c.bad("member %d of %d: room %v but in %d", e.User.ID, id, e.Room, c.in)
	}
	if e.ScriptPassword != "" && (!c.hosting || c.in != id) {
		c.bad("script password for %d leaked", e.User.ID)
	}
	if e.ScriptPassword == "" && c.hosting && c.in == id {
		c.bad("host not told the script password of %d", e.User.ID)
	}
	if c.own() && !e.Room {
		c.bad("membership of %d in %d is none of its business", e.User.ID, id)
	}
	c.inside(e.User, id)
}

func (c *strict) memberWent(e MemberWent) {
	id := e.Lobby.Info.ID
	c.note("left %d %d", id, e.User.ID)
	c.knowsLobby(id, "left")
	c.knows(e.User, "left")
	if e.Room != (c.in == id) {
		c.bad("member %d left %d: room %v but in %d", e.User.ID, id, e.Room, c.in)
	}
	if c.where[e.User.ID] != id {
		c.bad("user %d leaves %d but is in %d", e.User.ID, id, c.where[e.User.ID])
	}
	if c.founders[id] == e.User.ID {
		c.bad("founder %d leaves %d as a member", e.User.ID, id)
	}
	if c.in == id {
		for name, b := range c.computers {
			if b.Owner == e.User.ID {
				c.bad("user %d leaves before its computer %s", e.User.ID, name)
			}
		}
		delete(c.statuses, e.User.ID)
	}
	delete(c.where, e.User.ID)
	if e.User.ID == c.id && e.User.Session == c.session {
		c.leaveRoom()
		c.ejected = false
	} else if c.ejected {
		c.bad("ejected, then another's leaving")
	}
}

func (c *strict) showRoom(e Event) {
	switch e := e.(type) {
	case Hosting:
		c.note("hosting %d", e.Lobby.Info.ID)
		if e.Lobby.Founder.ID != c.id || e.Lobby.Founder.Session != c.session {
			c.bad("hosting another's lobby %d", e.Lobby.Info.ID)
		}
		c.opened(e.Lobby)
		c.enterRoom(e.Lobby.Info.ID, e.View)
		c.hosting = true
	case Entered:
		c.entered(e)
	case Ejected:
		c.note("ejected %d", e.Lobby.Info.ID)
		if c.in != e.Lobby.Info.ID || c.hosting {
			c.bad("ejected from %d but in %d", e.Lobby.Info.ID, c.in)
		}
		c.ejected = true
	case JoinRequested:
		c.knows(e.User, "request")
		if !c.hosting || c.in != e.Lobby.Info.ID {
			c.bad("asked to let %d into %d", e.User.ID, e.Lobby.Info.ID)
		}
		c.asked = append(c.asked, e.User.ID)
	case JoinDenied:
		c.denied++
	case StatusSet:
		c.note("status %d", e.User.ID)
		c.status(e)
	case RoomSaid:
		c.note("said %d %s", e.User.ID, e.Text)
		c.knows(e.User, "said")
		c.room("said")
		if c.ignores[e.User.ID] {
			c.bad("hears ignored user %d", e.User.ID)
		}
		c.said = append(c.said, e.Text)
	case ComputerAdded:
		c.computer(e)
	case ComputerUpdated:
		old, ok := c.computers[e.Computer.Name]
		if !ok || e.Lobby != c.in {
			c.bad("computer %s changed, unknown", e.Computer.Name)
		}
		if old.Owner != e.Computer.Owner {
			c.bad("computer %s changed hands", e.Computer.Name)
		}
		c.computers[e.Computer.Name] = e.Computer
	case ComputerRemoved:
		if _, ok := c.computers[e.Name]; !ok || e.Lobby != c.in {
			c.bad("computer %s removed, unknown", e.Name)
		}
		delete(c.computers, e.Name)
	case RectAdded:
		if c.room("rect") {
			c.rects[e.Rect.Ally] = e.Rect
		}
	case RectRemoved:
		if c.room("rect removed") {
			delete(c.rects, e.Ally)
		}
	case TagsSet:
		if c.room("tags") {
			maps.Copy(c.tags, e.Tags)
		}
	case TagsRemoved:
		if c.room("tags removed") {
			for _, k := range e.Keys {
				delete(c.tags, k)
			}
		}
	case UnitsSet:
		if c.room("units") {
			c.disabled = slices.Clone(e.Disabled)
		}
	}
}

func (c *strict) status(e StatusSet) {
	c.knows(e.User, "status")
	if c.room("status") {
		if c.where[e.User.ID] != c.in {
			c.bad("status of %d who is in %d, not %d", e.User.ID, c.where[e.User.ID], c.in)
		}
		c.statuses[e.User.ID] = e.Status
	}
}

func (c *strict) computer(e ComputerAdded) {
	c.knows(e.Owner, "computer")
	if !c.room("computer") {
		return
	}
	if e.Lobby != c.in || c.where[e.Owner.ID] != c.in || e.Owner.ID != e.Computer.Owner {
		c.bad("computer %s of %d in lobby %d, but in %d", e.Computer.Name, e.Owner.ID, e.Lobby, c.in)
	}
	if _, ok := c.computers[e.Computer.Name]; ok {
		c.bad("computer %s added twice", e.Computer.Name)
	}
	c.computers[e.Computer.Name] = e.Computer
}

func (c *strict) entered(e Entered) {
	id := e.Lobby.Info.ID
	c.note("entered %d", id)
	if e.Me.ID != c.id || e.Me.Session != c.session {
		c.bad("entered as somebody else")
	}
	if e.ScriptPassword == "" {
		c.bad("entered without script password")
	}
	c.inside(e.Me, id)
	c.enterRoom(id, e.View)
	if len(e.Unknown) > 0 && !c.own() {
		c.bad("entered with unknown members")
	}
	for _, u := range e.Unknown {
		c.inside(u, id)
	}
	for _, u := range e.Lobby.Members {
		if c.where[u.ID] != id {
			c.bad("entered %d, of whose member %d it was not told", id, u.ID)
		}
	}
	if len(e.Statuses) == 0 || e.Statuses[0].User.ID != e.Lobby.Founder.ID {
		c.bad("founder's status is not first")
	}
	for _, s := range e.Statuses {
		c.status(s)
	}
	for _, b := range e.Computers {
		c.computer(b)
	}
}

func (c *strict) showChannel(e Event) {
	switch e := e.(type) {
	case ChannelEntered:
		c.note("channel-entered %s", e.Name)
		if c.channels[e.Name] != nil {
			c.bad("channel %s entered twice", e.Name)
		}
		members := map[int64]bool{c.id: true}
		for _, u := range e.Members {
			c.knows(u, "channel member")
			if members[u.ID] {
				c.bad("channel member %d twice", u.ID)
			}
			members[u.ID] = true
		}
		c.channels[e.Name] = members
	case ChannelCame:
		c.note("channel %s came %d", e.Name, e.User.ID)
		c.knows(e.User, "channel came")
		if m := c.channels[e.Name]; m == nil || m[e.User.ID] {
			c.bad("channel %s: %d came, wrongly", e.Name, e.User.ID)
		} else {
			m[e.User.ID] = true
		}
	case ChannelWent:
		c.note("channel %s went %d", e.Name, e.User.ID)
		c.knows(e.User, "channel went")
		switch m := c.channels[e.Name]; {
		case m == nil || !m[e.User.ID]:
			c.bad("channel %s: %d went, wrongly", e.Name, e.User.ID)
		case e.User.ID == c.id: // it was taken out
			delete(c.channels, e.Name)
		default:
			delete(m, e.User.ID)
		}
	case ChannelSaid:
		c.note("channel %s said %d", e.Name, e.User.ID)
		c.knows(e.User, "channel said")
		if c.channels[e.Name] == nil {
			c.bad("channel %s: heard outside", e.Name)
		}
	}
}

package roster

import (
	"slices"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/feed"
)

// channel is the replica of a channel's feed and its local listeners.
type channel struct {
	name    string
	tap     *tap // nil: not followed now
	heard   bool
	version feed.Version
	author  string
	members map[int64]*place
	joined  int64 // counts joins, for their order

	viewers []*viewer // have been told ChannelEntered
	wishing []*viewer // will be, when they are members
	audited bool      // owned by this node: its members are checked
	held    []line
	heardOf lines
	watched bool
	dead    bool
}

// tap is one try to follow a channel.
type tap struct {
	ch   *channel
	dead bool
}

// place is a member of a channel.
type place struct {
	chat.Member
	order   int64
	shown   bool
	stays   time.Time // a new owner does not know it yet
	leaving time.Time // its viewer has left and expects Left until then
	overdue bool      // Left did not come in time, and may come yet
}

// join wants a viewer in a channel; ChannelEntered is shown when it is a member.
func (s *state) join(v Viewer, name string) {
	r := s.find(v)
	if r == nil {
		return
	}
	ch := s.channel(name)
	if !slices.Contains(r.chans, ch) {
		ch.wishing = append(ch.wishing, r)
		r.chans = append(r.chans, ch)
		s.channelWelcome(ch, r)
	}
	s.followChannel(ch)
	s.settle()
}

// leaving notes that a viewer asks to leave: what the channel says of it then is the
// answer.
func (s *state) leaving(v Viewer, name string) {
	r, ch := s.find(v), s.chans[name]
	if r != nil && ch != nil && slices.Contains(r.chans, ch) {
		r.parting = append(remove(r.parting, ch), ch)
	}
}

// part takes a viewer out at once. If it comes back before the channel has said
// that it left, the old membership is not taken for the new one.
func (s *state) part(v Viewer, name string) {
	r, ch := s.find(v), s.chans[name]
	if r == nil || ch == nil || !slices.Contains(r.chans, ch) {
		return
	}
	if p := ch.members[r.user.id]; p != nil && p.Session == r.session {
		p.leaving = s.now.Add(maxWait)
	}
	s.dropChannel(ch, r)
	s.settle()
}

// channelWelcome answers a joiner if its membership is visible.
func (s *state) channelWelcome(ch *channel, v *viewer) {
	p := ch.members[v.user.id]
	if p == nil || !p.shown || p.Session != v.session || !p.leaving.IsZero() {
		return
	}
	if slices.Contains(ch.wishing, v) {
		s.channelEnter(ch, v)
	}
}

// channelTick looks again for a channel without a process, gives up members that
// nobody repeated, and believes a membership that was to end but did not.
func (s *state) channelTick(ch *channel) {
	s.followChannel(ch)
	for _, p := range ch.members {
		if !p.stays.IsZero() && !s.now.Before(p.stays) {
			s.channelGone(ch, p, true)
		}
	}
	for _, v := range slices.Clone(ch.wishing) {
		if p := ch.members[v.user.id]; p != nil && !p.leaving.IsZero() && !s.now.Before(p.leaving) {
			p.leaving, p.overdue = time.Time{}, true
			s.channelWelcome(ch, v)
		}
	}
	s.unfollowIdle(ch)
}

func (s *state) channel(name string) *channel {
	ch := s.chans[name]
	if ch == nil {
		ch = &channel{name: name, members: map[int64]*place{}, heardOf: lines{}}
		s.chans[name] = ch
	}
	return ch
}

func (s *state) followChannel(ch *channel) {
	if ch.tap != nil || ch.dead || !ch.wanted() {
		return
	}
	ch.tap = &tap{ch: ch}
	s.effects = append(s.effects, followChannel{ch.tap})
}

func (ch *channel) wanted() bool { return ch.audited || len(ch.viewers)+len(ch.wishing) > 0 }

// dropChannel ends a viewer's interest in a channel.
func (s *state) dropChannel(ch *channel, v *viewer) {
	ch.drop(v)
	s.unfollowIdle(ch)
}

func (ch *channel) drop(v *viewer) {
	ch.viewers = remove(ch.viewers, v)
	ch.wishing = remove(ch.wishing, v)
	v.chans = remove(v.chans, ch)
	v.parting = remove(v.parting, ch)
}

func (s *state) unfollowIdle(ch *channel) {
	if ch.wanted() || ch.dead {
		return
	}
	ch.dead = true
	if ch.tap != nil {
		ch.tap.dead = true
		s.effects = append(s.effects, unfollowChannel{ch.tap})
	}
	for id := range ch.members {
		u := s.user(id)
		u.chans = remove(u.chans, ch)
		s.prune(u)
	}
	delete(s.chans, ch.name)
}

// channelClosed: no process has this name now. It is looked for again with the next
// tick, or when a node lists it.
func (s *state) channelClosed(t *tap) {
	if t.dead {
		return
	}
	t.dead = true
	t.ch.tap = nil
	s.effects = append(s.effects, unfollowChannel{t})
}

// channelReset replaces the members by a view.
func (s *state) channelReset(t *tap, v feed.Version, view chat.View) {
	ch := t.ch
	if t.dead || ch.heard && v.Less(ch.version) {
		return
	}
	takenOver := ch.heard && v.Epoch > ch.version.Epoch
	if takenOver {
		s.repeatChannel(ch)
	}
	ch.heard, ch.version, ch.author = true, v, view.AuthorName
	fresh := make(map[int64]int64, len(view.Members))
	for _, m := range view.Members {
		fresh[m.User] = m.Session
	}
	for id, p := range ch.members {
		session, ok := fresh[id]
		switch {
		case ok && session == p.Session:
			p.stays = time.Time{}
		case ok:
			s.channelGone(ch, p, false)
		case takenOver:
			p.stays = s.now.Add(repeatTime)
		case p.stays.IsZero():
			s.channelGone(ch, p, true)
		}
	}
	for _, m := range view.Members {
		s.channelPlace(ch, m)
	}
	// Local joiners last, so that their list of members is complete.
	var local []*user
	for _, m := range view.Members {
		u := s.users[m.User]
		if len(u.viewers) > 0 {
			local = append(local, u)
			continue
		}
		s.channelShow(ch, u)
	}
	for _, u := range local {
		s.channelShow(ch, u)
	}
	s.unfollowIdle(ch)
	s.settle()
}

// channelEvent applies the next event of a channel's feed.
func (s *state) channelEvent(t *tap, v feed.Version, event any) {
	ch := t.ch
	if t.dead || !ch.heard {
		return
	}
	ch.version = v
	switch e := event.(type) {
	case chat.Authored:
		ch.author = e.AuthorName
	case chat.Joined:
		if p := ch.members[e.User]; p != nil && p.Session == e.Session {
			p.stays = time.Time{}
		} else if p != nil {
			s.channelGone(ch, p, false)
		}
		s.channelPlace(ch, e.Member)
		s.channelShow(ch, s.users[e.User])
	case chat.Left:
		if p := ch.members[e.User]; p != nil && p.Session == e.Session {
			s.channelGone(ch, p, true)
		}
	case chat.Said:
		s.channelSaid(ch, e)
	}
	s.unfollowIdle(ch)
	s.settle()
}

// channelPlace makes a session a member.
func (s *state) channelPlace(ch *channel, m chat.Member) {
	if ch.members[m.User] != nil {
		return
	}
	ch.joined++
	ch.members[m.User] = &place{Member: m, order: ch.joined}
	u := s.user(m.User)
	u.chans = append(u.chans, ch)
}

// channelGone takes a member out. If it has left its own viewer knows: its protocol
// answers. One that did not ask is told: the channel has lost it, or its node has been
// given up and goes on for a moment. If a newer session has taken its seat the viewer will be superseded,
// and hears the channel until then.
func (s *state) channelGone(ch *channel, p *place, left bool) {
	u := s.user(p.User)
	s.channelHide(ch, u)
	delete(ch.members, p.User)
	u.chans = remove(u.chans, ch)
	for _, v := range u.viewers {
		if !left || v.session != p.Session || p.overdue || !slices.Contains(ch.viewers, v) {
			continue
		}
		if u.shown != nil && !slices.Contains(v.parting, ch) {
			v.Show(&Update{Event: ChannelWent{Name: ch.name, User: u.shown}})
		}
		ch.drop(v)
	}
	s.prune(u)
}

// channelShow shows a member that has become visible: to those inside that it came,
// to itself who is there.
func (s *state) channelShow(ch *channel, u *user) {
	p := ch.members[u.id]
	if p == nil || p.shown || u.shown == nil || u.shown.Session != p.Session {
		return
	}
	p.shown = true
	var up *Update
	for _, v := range ch.viewers {
		if v.user == u {
			continue
		}
		if up == nil {
			up = &Update{Event: ChannelCame{Name: ch.name, User: u.shown}}
		}
		v.Show(up)
	}
	if v := u.viewer(p.Session); v != nil {
		s.channelWelcome(ch, v)
	}
}

// channelEnter answers a joiner whose membership is visible.
func (s *state) channelEnter(ch *channel, v *viewer) {
	places := make([]*place, 0, len(ch.members))
	for _, p := range ch.members {
		if p.shown && p.User != v.user.id {
			places = append(places, p)
		}
	}
	slices.SortFunc(places, func(a, b *place) int { return int(a.order - b.order) })
	members := make([]*User, len(places))
	for i, p := range places {
		members[i] = s.users[p.User].shown
	}
	ch.wishing = remove(ch.wishing, v)
	ch.viewers = append(ch.viewers, v)
	v.Show(&Update{Event: ChannelEntered{Name: ch.name, AuthorName: ch.author, Me: v.user.shown, Members: members}})
}

// channelHide shows that a member is out, before its user may go.
func (s *state) channelHide(ch *channel, u *user) {
	p := ch.members[u.id]
	if p == nil || !p.shown {
		return
	}
	p.shown = false
	var up *Update
	for _, v := range ch.viewers {
		if v.user == u {
			continue
		}
		if up == nil {
			up = &Update{Event: ChannelWent{Name: ch.name, User: u.shown}}
		}
		v.Show(up)
	}
}

// channelSaid shows a line, or holds it until its speaker is visible.
func (s *state) channelSaid(ch *channel, e chat.Said) {
	if ch.heardOf.again(e.User, e.Session, e.Line) {
		return
	}
	ln := line{speaker: e.User, session: e.Session, text: e.Text, emote: e.Emote, until: s.now.Add(maxWait)}
	p := ch.members[e.User]
	ln.seated = p != nil && p.Session == e.Session
	if s.channelSayable(ch, ln) {
		s.channelLine(ch, ln)
		return
	}
	if len(ch.held) >= maxHeld {
		ch.held = ch.held[1:]
		s.dropped++
	}
	ch.held = append(ch.held, ln)
	if !ch.watched {
		ch.watched = true
		s.talk = append(s.talk, ch)
	}
}

func (s *state) channelSayable(ch *channel, ln line) bool {
	u := s.users[ln.speaker]
	if u == nil || u.shown == nil || u.shown.Session != ln.session {
		return false
	}
	return !ln.seated || ch.members[ln.speaker].shown
}

func (s *state) channelLine(ch *channel, ln line) {
	speaker := s.users[ln.speaker].shown
	up := &Update{Event: ChannelSaid{Name: ch.name, User: speaker, Text: ln.text, Emote: ln.emote}}
	heardByAll := speaker.Moderator || speaker.Bot
	for _, v := range ch.viewers {
		if heardByAll || !v.Ignores(ln.speaker) {
			v.Show(up)
		}
	}
}

func (s *state) releaseChannel(ch *channel) (waits bool) {
	if ch.dead {
		return false
	}
	kept := ch.held[:0]
	for _, ln := range ch.held {
		p := ch.members[ln.speaker]
		seated := p != nil && p.Session == ln.session
		if ln.seated && !seated || !seated && !s.now.Before(ln.until) {
			s.dropped++
			continue
		}
		if !s.channelSayable(ch, ln) {
			kept = append(kept, ln)
			continue
		}
		s.channelLine(ch, ln)
	}
	ch.held = kept
	return len(kept) > 0
}

// repeatChannel tells a new owner which local sessions are members.
func (s *state) repeatChannel(ch *channel) {
	var again chat.Repeat
	for _, v := range ch.viewers {
		if p := ch.members[v.user.id]; p != nil && p.Session == v.session {
			again.Members = append(again.Members, p.Member)
		}
	}
	if len(again.Members) > 0 {
		s.effects = append(s.effects, cast{cluster.NewKey(chat.Kind, ch.name), again})
	}
}

package consul

import (
	"slices"
	"strings"
)

// The reasons of bans where none is given.
const (
	reasonTimeout  = "You have been given a timeout on the naughty step"
	reasonBan      = "Banned"
	reasonSpecLock = "speclock"
	reasonSpec     = "forcespec"
)

// ban replaces a ban of the same user.
func ban(list []Ban, b Ban) []Ban {
	list = slices.DeleteFunc(list, func(x Ban) bool { return x.User == b.User })
	return append(list, b)
}

// expel bans somebody and throws it out. A moderator is let in all the same.
func (t *Turn) expel(o *order, who somebody, reason string) {
	t.State.Bans = ban(t.State.Bans, Ban{User: who.User, By: o.User, Level: levelBanned, Reason: reason})
	t.dequeue(who.User)
	t.kick(who.User, who.Moderator)
}

func (t *Turn) orderBan(o *order) {
	who, reason, ok := t.aboutWith(o, reasonBan)
	if !ok {
		return
	}
	t.act(Observe{Name: "consul.lobbyban_command", User: who.User})
	t.expel(o, who, reason)
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderBanMany(o *order) {
	names, reason, _ := strings.Cut(o.rest, banMark)
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = reasonBan
	}
	missing := ""
	var whom []somebody
	for _, word := range strings.Fields(names) {
		who, ok := t.target(o, word)
		if !ok {
			missing = "user " + word + " not found"
			continue
		}
		whom = append(whom, who)
	}
	if strings.TrimSpace(names) == "" {
		missing = noUser
	}
	t.echoError(o, missing)
	for _, who := range whom {
		t.act(Observe{Name: "consul.lobbybanmult_command", User: who.User})
		t.expel(o, who, reason)
	}
	t.fillSoon()
}

func (t *Turn) orderTimeout(o *order) {
	who, reason, ok := t.aboutWith(o, reasonTimeout)
	if !ok {
		return
	}
	t.act(Observe{Name: "consul.timeout_command", User: who.User})
	t.State.Timeouts = ban(t.State.Timeouts, Ban{User: who.User, By: o.User, Level: levelBanned, Reason: reason})
	t.dequeue(who.User)
	t.kick(who.User, who.Moderator)
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderKick(o *order) {
	who, ok := t.about(o)
	if !ok {
		return
	}
	t.act(Observe{Name: "consul.lobbykick_command", User: who.User})
	t.kick(who.User, who.Moderator)
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderUnban(o *order) {
	who, ok := t.about(o)
	if !ok {
		return
	}
	s := t.State
	is := func(b Ban) bool { return b.User == who.User }
	s.Bans, s.Timeouts = slices.DeleteFunc(s.Bans, is), slices.DeleteFunc(s.Timeouts, is)
	s.Passed = without(s.Passed, who.User)
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderSpecLock(o *order)  { t.holdToWatch(o, reasonSpecLock) }
func (t *Turn) orderForceSpec(o *order) { t.holdToWatch(o, reasonSpec) }

// holdToWatch does nothing, not even an echo, if nobody is meant: hosts rely on it.
func (t *Turn) holdToWatch(o *order, reason string) {
	who, ok := t.target(o, o.rest)
	if !ok {
		return
	}
	s := t.State
	if _, out := s.banned(who.User, levelBanned); !out { // who may not even come in is held already
		s.Bans = ban(s.Bans, Ban{User: who.User, By: o.User, Level: levelSpectator, Reason: reason})
	}
	t.dequeue(who.User)
	if seat := t.Room.seat(who.User); seat != nil {
		t.spectate(seat)
	}
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderForcePlay(o *order) {
	who, ok := t.about(o)
	if !ok {
		return
	}
	if seat := t.Room.member(who.User); seat != nil {
		t.dequeue(who.User)
		t.put(seat, func(s *Seat) { s.Player, s.Ready = true, true })
	}
	t.echo(o)
}

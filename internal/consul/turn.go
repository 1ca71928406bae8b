package consul

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Turn is one command's work of a consul: its methods change State and Room and leave
// Acts. A State that a Turn has not finished with is to be thrown away.
type Turn struct {
	State *State
	Room  *Room
	Rules *Rules
	At    time.Time
	Acts  []any
}

// splitter frames blocks of text.
const splitter = "------------------------------------------------------"

func (t *Turn) act(a any) { t.Acts = append(t.Acts, a) }

// say is a line for everybody, emote one in the style of "/me".
func (t *Turn) say(format string, args ...any) {
	t.act(Say{Text: fmt.Sprintf(format, args...)})
}

func (t *Turn) emote(format string, args ...any) {
	t.act(Say{Text: fmt.Sprintf(format, args...), Emote: true})
}

// hint is an emote for one.
func (t *Turn) hint(to int64, format string, args ...any) {
	t.act(Say{Text: fmt.Sprintf(format, args...), Emote: true, To: to})
}

func (t *Turn) tell(to int64, lines ...string) { t.act(Tell{To: to, Lines: lines}) }

// put gives a seat new values, if they are new.
func (t *Turn) put(s *Seat, change func(s *Seat)) {
	old := *s
	change(s)
	if *s != old {
		t.act(Put{Seat: *s})
	}
}

// spectate takes somebody off the players.
func (t *Turn) spectate(s *Seat) { t.put(s, func(s *Seat) { s.Player = false }) }

// kick throws a member out; the founder and moderators stay.
func (t *Turn) kick(user int64, moderator bool) {
	if t.Room.member(user) == nil || moderator {
		return
	}
	t.act(Kick{User: user})
	t.Room.Seats = slices.DeleteFunc(t.Room.Seats, func(s Seat) bool { return s.User == user })
	t.forget(user)
	t.emptied()
}

// facts are those of somebody, or of nobody.
func (t *Turn) facts(user int64) *Facts {
	if p := t.State.People[user]; p != nil {
		return &p.Facts
	}
	return &Facts{}
}

// name is what somebody is called.
func (t *Turn) name(user int64) string {
	if n := t.facts(user).Name; n != "" {
		return n
	}
	return fmt.Sprintf("#%d", user)
}

func (t *Turn) names(users []int64) string {
	names := make([]string, len(users))
	for i, u := range users {
		names[i] = t.name(u)
	}
	return strings.Join(names, ", ")
}

// called finds somebody in the room by the whole name.
func (t *Turn) called(name string) (user int64, ok bool) {
	t.Room.each(func(s *Seat) {
		if !ok && strings.EqualFold(t.facts(s.User).Name, name) {
			user, ok = s.User, true
		}
	})
	return user, ok
}

// Know takes facts of somebody who asks or is in the room. Of who is in it only the
// friends here are kept: whoever comes later brings its own.
func (t *Turn) Know(user int64, f Facts) {
	seen := t.At
	if p := t.State.People[user]; p != nil {
		seen = p.Seen
	}
	if t.Room.seat(user) != nil {
		f.Friends = t.present(f.Friends)
		f.Blocks, f.BlockedBy, f.AvoidedBy = nil, nil, nil
	}
	t.State.People[user] = &Person{Facts: f, Seen: seen}
}

// present are those of the users who are in the room.
func (t *Turn) present(users []int64) (here []int64) {
	t.Room.each(func(s *Seat) {
		if slices.Contains(users, s.User) {
			here = append(here, s.User)
		}
	})
	return here
}

// seen notes that somebody is there.
func (t *Turn) seen(user int64) {
	if t.Room.seat(user) == nil {
		return
	}
	p := Person{}
	if old := t.State.People[user]; old != nil {
		p = *old
	}
	p.Seen = t.At
	t.State.People[user] = &p
	t.State.AFK = without(t.State.AFK, user)
}

// friends reports a friendship of two in the room. Whoever came later knows it.
func (t *Turn) friends(a, b int64) bool {
	return slices.Contains(t.facts(a).Friends, b) || slices.Contains(t.facts(b).Friends, a)
}

// Tick looks after everything that time brings.
func (t *Turn) Tick() {
	t.sweep()
	t.Fill()
	t.renumber()
	t.checkAFK()
	t.splitOverdue()
}

// sweep forgets who is gone, also those whose place was kept in vain.
func (t *Turn) sweep() {
	s := t.State
	gone := func(user int64) bool {
		return t.Room.seat(user) == nil && !t.Room.kept(user) && !slices.Contains(t.Room.Askers, user)
	}
	for user := range s.People {
		if gone(user) {
			t.forget(user)
			t.emptied()
		}
	}
	for _, list := range []*[]int64{&s.Queue, &s.Low, &s.Bosses, &s.AFK} {
		*list = slices.DeleteFunc(*list, gone)
	}
	t.dropPlayers()
}

// emptied ends what was ordered for people who are all gone.
func (t *Turn) emptied() {
	if len(t.Room.Seats) > 0 || len(t.Room.Kept) > 0 {
		return
	}
	s := t.State
	s.MinRating, s.MaxRating, s.MinRank, s.MaxRank = lowestBound, highestRating, lowestBound, startRank
	s.Algorithm, s.Welcome = "", ""
}

// forget drops everything about somebody who is gone.
func (t *Turn) forget(user int64) {
	delete(t.State.People, user)
	t.leaves(user)
}

// leaves is the end of what only who is in the room can be.
func (t *Turn) leaves(user int64) {
	s := t.State
	s.Queue, s.Low, s.Passed = without(s.Queue, user), without(s.Low, user), without(s.Passed, user)
	s.Bosses, s.AFK = without(s.Bosses, user), without(s.AFK, user)
	s.Rings = slices.DeleteFunc(s.Rings, func(r Rings) bool { return r.User == user })
}

// Left is told when a member is out of the room. Whose place is kept stays in the queue.
func (t *Turn) Left(user int64) {
	if t.Room.kept(user) {
		return
	}
	t.leaves(user)
	t.Withdrew(user)
	t.emptied()
	t.fillSoon()
}

// Withdrew is told when somebody does not come in after all.
func (t *Turn) Withdrew(user int64) {
	if t.Room.seat(user) == nil && !t.Room.kept(user) && !slices.Contains(t.Room.Askers, user) {
		delete(t.State.People, user)
	}
}

// Changed is told when seats were changed by others than the consul.
func (t *Turn) Changed() {
	t.dropPlayers()
	t.fillSoon()
}

// Banned returns why somebody must not come in, be it let in by the host.
func (t *Turn) Banned(user int64) (reason string, banned bool) {
	if f := t.facts(user); f.Moderator || f.Admin {
		return "", false
	}
	b, banned := t.State.banned(user, levelBanned)
	return b.Reason, banned
}

// Entered greets a new member.
func (t *Turn) Entered(user int64) {
	t.Know(user, *t.facts(user))
	t.seen(user)
	if seat := t.Room.seat(user); seat != nil && seat.Player && (t.held(user) || t.mayPlay(user) != nil) {
		t.spectate(seat) // its place was kept, but what holds has changed
	}
	s := t.State
	bounds := s.bounds()
	if s.Welcome != "" || len(bounds) > 0 {
		frame := strings.Repeat("#", 40)
		lines := []string{frame}
		if s.Welcome != "" {
			lines = append(lines, strings.Split(s.Welcome, "$$")...)
		}
		if len(bounds) > 0 {
			lines = append(append(lines, "This lobby has the following play restrictions:"), bounds...)
		}
		t.tell(user, append(lines, frame)...)
	}
	t.mute(user)
}

// mute has the host keep somebody quiet in the game.
func (t *Turn) mute(user int64) {
	if f := t.facts(user); f.Muted() && f.Name != "" && user != t.Room.Founder.User {
		t.tell(t.Room.Founder.User, "!mute "+f.Name)
	}
}

// MatchEnded makes the room ready for the next match.
func (t *Turn) MatchEnded() {
	t.Room.each(func(s *Seat) { t.put(s, func(s *Seat) { s.Ready = false }) })
	t.Room.each(func(s *Seat) { t.mute(s.User) })
	t.State.Timeouts = nil
	t.State.Balance = nil // ratings are about to change
	t.recheck()
}

// recheck looks at all members again, after what holds has changed.
func (t *Turn) recheck() {
	t.State.Passed = nil
	for _, s := range slices.Clone(t.Room.Seats) {
		f := t.facts(s.User)
		if _, out := t.State.banned(s.User, levelBanned); out && !f.Moderator {
			t.act(Observe{Name: "lobby.recheck_membership_kick", User: s.User})
			t.kick(s.User, false)
		}
	}
	t.Room.eachPlayer(func(s *Seat) {
		if why := t.mayPlay(s.User); why != nil {
			t.act(Observe{Name: "lobby.recheck_membership_spectate", User: s.User})
			t.spectate(s)
			t.tell(s.User, why...)
		}
	})
	t.fillSoon()
}

// renumber gives the players the numbers 0, 1, 2 ... if two of them have the same: by
// team, and in a team the best first.
func (t *Turn) renumber() {
	var used [256]bool
	twice, n := false, 0
	t.Room.eachPlayer(func(s *Seat) {
		twice, n = twice || used[s.Team&255], n+1
		used[s.Team&255] = true
	})
	if !twice || n > len(used) {
		return
	}
	players := make([]*Seat, 0, n)
	t.Room.eachPlayer(func(s *Seat) { players = append(players, s) })
	slices.SortStableFunc(players, func(a, b *Seat) int {
		if a.Ally != b.Ally {
			return a.Ally - b.Ally
		}
		if x, y := t.facts(a.User).Rated(typeLargeTeam).Value, t.facts(b.User).Rated(typeLargeTeam).Value; x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return a.Team - b.Team
	})
	for number, s := range players {
		t.put(s, func(s *Seat) { s.Team = number })
	}
}

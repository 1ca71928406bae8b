package consul

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

const (
	silentAFK   = 20 * time.Second  // from then on somebody may be away,
	certainAFK  = 300 * time.Second // and from then on is
	answerAFK   = 40 * time.Second  // time to answer a check
	checkPrompt = "The lobby you are in is conducting an AFK check, please respond with 'hello' here to show you are not afk or just type something into the lobby chat."
)

func (t *Turn) orderAFKs(o *order) {
	t.echo(o)
	if t.Room.InGame {
		t.tell(o.User, "The game is currently in progress, we cannot check for AFK at this time")
		return
	}
	type silent struct {
		user int64
		time time.Duration
	}
	var list []silent
	t.Room.eachPlayer(func(s *Seat) {
		if p := t.State.People[s.User]; p != nil && !p.Seen.IsZero() && t.At.Sub(p.Seen) > silentAFK {
			list = append(list, silent{s.User, t.At.Sub(p.Seen)})
		}
	})
	if len(list) == 0 {
		t.tell(o.User, "No afk users found")
		return
	}
	slices.SortStableFunc(list, func(a, b silent) int { return cmp.Compare(a.time, b.time) })
	lines := []string{splitter, "The following users may be afk"}
	for _, x := range list {
		if x.time > certainAFK {
			lines = append(lines, t.name(x.user)+" is almost certainly afk")
			continue
		}
		lines = append(lines, fmt.Sprintf("%s last seen %ds ago", t.name(x.user), int(x.time.Seconds())))
	}
	t.tell(o.User, lines...)
}

func (t *Turn) orderSpecAFK(o *order) {
	if t.Room.InGame {
		t.tell(o.User, "The game is currently in progress, we cannot spec-afk members")
		return
	}
	t.State.AFK, t.State.AFKAt = nil, t.At
	t.Room.eachPlayer(func(s *Seat) {
		if s.User == t.Room.Founder.User {
			return
		}
		t.State.AFK = append(t.State.AFK, s.User)
		t.act(Ring{User: s.User})
		t.tell(s.User, checkPrompt)
	})
}

// Hello says that somebody is there, and reports whether that was asked.
func (t *Turn) Hello(user int64) (asked bool) {
	asked = slices.Contains(t.State.AFK, user)
	t.seen(user)
	return asked
}

// checkAFK ends a check when all have answered, or when the time is over.
func (t *Turn) checkAFK() {
	s := t.State
	if s.AFKAt.IsZero() {
		return
	}
	var away []*Seat
	for _, user := range s.AFK {
		if seat := t.Room.member(user); seat != nil && seat.Player {
			away = append(away, seat)
		}
	}
	if len(away) > 0 && t.At.Sub(s.AFKAt) <= answerAFK {
		return
	}
	s.AFK, s.AFKAt = nil, time.Time{}
	if len(away) == 0 {
		t.say("AFK-check is now complete, all players marked as present")
		return
	}
	for _, seat := range away {
		t.spectate(seat)
		t.tell(seat.User, "You were AFK while waiting for a game and have been moved to spectators.")
	}
	t.say("AFK-check is now complete, %d player(s) were found to be afk", len(away))
	t.fillSoon()
}

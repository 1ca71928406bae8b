package consul

import (
	"slices"
	"time"
)

// fillAfter is how long a free place stays free before the next in the queue has it: an
// autohost that has just heard of a spectator would take the new player for the old one
// and move it back.
const fillAfter = 100 * time.Millisecond

// placeFor reports whether there is a place for somebody, and nobody before it who waits.
func (t *Turn) placeFor(user int64) bool {
	free := t.State.MostPlayers(t.Rules) - t.Room.taken(user)
	for _, waiting := range t.State.Waiting() {
		if waiting == user {
			break
		}
		if s := t.Room.member(waiting); s != nil && !s.Player {
			free--
		}
	}
	return free > 0
}

// queued is the place of somebody in the queue, from 1; 0 if it is in none.
func (t *Turn) queued(user int64) int { return slices.Index(t.State.Waiting(), user) + 1 }

func (t *Turn) enqueue(user int64) {
	s, f := t.State, t.facts(user)
	seat := t.Room.member(user)
	switch at := t.queued(user); {
	case seat == nil:
		return
	case f.Restricted(RestrictQueue):
		t.hint(user, "You are restricted from joining from joining the queue")
	case seat.Player:
		t.hint(user, "You are already a player, you can't join the queue!")
	case at > 0:
		t.hint(user, "You were already in the join-queue at position %d. Use $status to check on the queue and $leaveq to leave it.", at)
	case f.Restricted(RestrictPriority):
		s.Low = append(s.Low, user)
		t.fillSoon()
		t.hint(user, "You are now in the low priority join-queue at position %d, this means you will be added to the game after normal-priority members. Use $status to check on the queue.", t.queued(user))
	default:
		s.Queue = append(s.Queue, user)
		t.fillSoon()
		t.hint(user, "You are now in the join-queue at position %d. Use $status to check on the queue.", t.queued(user))
	}
}

func (t *Turn) dequeue(user int64) (was bool) {
	was = t.queued(user) > 0
	s := t.State
	s.Queue, s.Low, s.Passed = without(s.Queue, user), without(s.Low, user), without(s.Passed, user)
	return was
}

// dropPlayers takes out of the queue who plays already.
func (t *Turn) dropPlayers() {
	plays := func(user int64) bool { s := t.Room.seat(user); return s != nil && s.Player }
	t.State.Queue = slices.DeleteFunc(t.State.Queue, plays)
	t.State.Low = slices.DeleteFunc(t.State.Low, plays)
}

// fillSoon has the queue looked at, if somebody waits and there is room.
func (t *Turn) fillSoon() {
	s := t.State
	if len(s.Queue)+len(s.Low) > 0 && t.Room.taken(0) < s.MostPlayers(t.Rules) {
		t.act(Later{After: fillAfter, Body: Fill{}})
	}
}

// Fill gives one free place to the first in the queue who may play. Who may not is told
// once, and keeps its place in the queue for when it may.
func (t *Turn) Fill() {
	t.dropPlayers()
	s := t.State
	if len(s.Queue)+len(s.Low) == 0 || s.locked(lockPlayer) || t.Room.taken(0) >= s.MostPlayers(t.Rules) {
		return
	}
	for _, user := range s.Waiting() {
		seat := t.Room.member(user)
		if seat == nil {
			continue // its connection was lost, its place is kept
		}
		why := t.mayPlay(user)
		if why == nil && t.heldToWatch(user) || t.Rules.RequireChobby && t.Room.Players() >= chobbyPlayers && !t.facts(user).Chobby {
			why = []string{"You are at the front of the queue but may not become a player, so others go first."}
		}
		if why != nil {
			if !slices.Contains(s.Passed, user) {
				s.Passed = append(s.Passed, user)
				t.tell(user, why...)
			}
			continue
		}
		t.dequeue(user)
		t.hint(user, "%s You were at the front of the queue, you are now a player.", t.name(user))
		t.put(seat, func(s *Seat) { s.Player, s.Ready = true, false })
		t.act(Observe{Name: "lobby.queue_promotion", User: user})
		t.fillSoon()
		return
	}
}

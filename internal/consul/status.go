package consul

import (
	"fmt"
	"slices"
	"strings"
)

func (t *Turn) orderJoinQueue(o *order) { t.enqueue(o.User) }

func (t *Turn) orderLeaveQueue(o *order) {
	if t.dequeue(o.User) {
		t.hint(o.User, "You have been removed from the join queue")
	}
}

// orderVIP puts somebody in front who is here and does not play.
func (t *Turn) orderVIP(o *order) {
	who, ok := t.about(o)
	if !ok {
		return
	}
	if seat := t.Room.member(who.User); seat == nil || seat.Player {
		t.echoError(o, "user "+o.rest+" does not watch here")
		return
	}
	t.dequeue(who.User)
	t.State.Queue = append([]int64{who.User}, t.State.Queue...)
	t.echo(o)
	t.emote("%s placed %s at the front of the join queue", t.name(o.User), o.rest)
	t.fillSoon()
}

func (t *Turn) orderBack(o *order) {
	who, ok := t.about(o)
	if !ok {
		return
	}
	s := t.State
	switch {
	case slices.Contains(s.Queue, who.User):
		s.Queue = append(without(s.Queue, who.User), who.User)
	case slices.Contains(s.Low, who.User):
		s.Low = append(without(s.Low, who.User), who.User)
	default:
		t.echoError(o, "user "+o.rest+" is not in the join queue")
		return
	}
	t.echo(o)
}

// orderShuffle divides players and queue by lot.
func (t *Turn) orderShuffle(o *order) {
	mode := strings.ToLower(o.rest)
	me := t.facts(o.User)
	var match func(user int64) bool
	switch mode {
	case "party":
		match = func(user int64) bool {
			return user == o.User || me.Party != "" && t.facts(user).Party == me.Party
		}
	case "friends":
		match = func(user int64) bool { return user == o.User || t.friends(o.User, user) }
	case "contributor":
		match = func(user int64) bool { return t.facts(user).Contributor }
	case "admin":
		match = func(user int64) bool { return t.facts(user).Admin }
	case "all", "default":
		match = func(int64) bool { return true }
	default:
		t.hint(o.User, "Shuffle types are party, friends, contributor, admin, all and default; using 'default'")
		mode, match = "default", func(int64) bool { return true }
	}
	var all []int64
	t.Room.eachPlayer(func(s *Seat) {
		if s.User != t.Room.Founder.User {
			all = append(all, s.User)
		}
	})
	for _, user := range t.State.Waiting() {
		if t.Room.member(user) != nil && !slices.Contains(all, user) {
			all = append(all, user)
		}
	}
	o.random().Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var first, rest []int64
	for _, user := range all {
		if match(user) && t.mayPlay(user) == nil && !t.held(user) {
			first = append(first, user)
		} else {
			rest = append(rest, user)
		}
	}
	room := t.State.MostPlayers(t.Rules) - t.keptPlayers()
	if t.Room.Founder.Player {
		room--
	}
	if room = max(room, 0); len(first) > room {
		first, rest = first[:room], append(slices.Clone(first[room:]), rest...)
	}
	t.say("%s shuffled the players using mode: %s", t.name(o.User), mode)
	for _, user := range rest {
		t.spectate(t.Room.member(user))
	}
	for _, user := range first {
		t.put(t.Room.member(user), func(s *Seat) {
			if !s.Player {
				s.Player, s.Ready = true, false
			}
		})
	}
	s := t.State
	s.Queue, s.Low, s.Passed = nil, nil, nil
	for _, user := range rest {
		if t.held(user) {
			continue
		}
		if t.facts(user).Restricted(RestrictPriority) {
			s.Low = append(s.Low, user)
		} else {
			s.Queue = append(s.Queue, user)
		}
	}
	t.fillSoon()
}

// held reports who was ordered to watch.
func (t *Turn) held(user int64) bool {
	_, held := t.State.banned(user, levelSpectator, levelBanned)
	return held
}

func (t *Turn) keptPlayers() (n int) { return t.Room.taken(0) - t.Room.Players() }

func (t *Turn) orderStatus(o *order) {
	s := t.State
	lines := []string{
		splitter, "Lobby status", splitter,
		fmt.Sprintf("Status for battle #%d", t.Room.ID),
		"Locks: " + strings.Join(s.Locks, ", "),
		"Gatekeeper: " + s.Gatekeeper,
	}
	lines = append(lines, t.parties()...)
	if at := t.queued(o.User); at > 0 {
		if slices.Contains(s.Low, o.User) {
			lines = append(lines, fmt.Sprintf("You are at position %d but in the low priority queue so other users may be added in front of you", at))
		} else {
			lines = append(lines, fmt.Sprintf("You are at position %d in the queue", at))
		}
	}
	waiting := s.Waiting()
	lines = append(lines, fmt.Sprintf("Join queue: %s (size: %d)", t.names(waiting), len(waiting)))
	if s.Welcome != "" {
		welcome := strings.Split(s.Welcome, "$$")
		welcome[0] = "Welcome message: " + welcome[0]
		lines = append(lines, welcome...)
	}
	lines = append(lines,
		fmt.Sprintf("Currently %d players", t.Room.Players()),
		fmt.Sprintf("Team size and count are: %d and %d", s.TeamSize, s.TeamCount),
		"Balance algorithm is: "+s.algorithm(t.Rules))
	switch len(s.Bosses) {
	case 0:
		lines = append(lines, "Nobody is bossed")
	case 1:
		lines = append(lines, "Host boss is: "+t.names(s.Bosses))
	default:
		lines = append(lines, "Host bosses are: "+t.names(s.Bosses))
	}
	lines = append(lines, fmt.Sprintf("Maximum allowed number of players is %d (Host = %d, Coordinator = %d)",
		s.MostPlayers(t.Rules), s.TeamSize*s.TeamCount, s.limit(t.Rules)))
	for _, b := range []string{s.ratingBounds(), s.rankBounds()} {
		if b != "" {
			lines = append(lines, b)
		}
	}
	t.tell(o.User, lines...)
}

// parties lists those of two or more who are here.
func (t *Turn) parties() []string {
	members := map[string][]int64{}
	var order []string
	t.Room.each(func(s *Seat) {
		p := t.facts(s.User).Party
		if p == "" {
			return
		}
		if len(members[p]) == 0 {
			order = append(order, p)
		}
		members[p] = append(members[p], s.User)
	})
	var lines []string
	for _, p := range order {
		if len(members[p]) > 1 {
			lines = append(lines, "> "+t.names(members[p]))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return append([]string{"Parties:"}, lines...)
}

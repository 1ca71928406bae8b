package roster

import "teiserver/internal/lobby"

// Online is a visible user as it is counted.
type Online struct {
	ID      int64
	Bot     bool
	InLobby bool // as member or founder
	InGame  bool
}

// Census is everybody who is visible on all nodes, each once, with how many lobbies there
// are and in how many of them the host is in the game.
func (r *Roster) Census() (people []Online, lobbies, inProgress int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	people = make([]Online, 0, r.state.shelves.count)
	for _, k := range r.state.shelves.list {
		for _, u := range k.users {
			people = append(people, Online{u.id, u.shown.Bot, u.in != nil || u.hosts != nil, u.shown.InGame})
		}
	}
	for _, l := range r.state.open {
		if l.founder != nil && l.founder.shown.InGame {
			inProgress++
		}
	}
	return people, len(r.state.open), inProgress
}

// Players lists the users of this node who sit in a lobby as players. Others are not
// known here: a room is followed by the nodes of those who are in it.
func (r *Roster) Players() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var players []int64
	add := func(user int64, status lobby.Status) {
		u := r.state.users[user]
		if status.Player && u != nil && u.shown != nil && u.shown.Incarnation == r.state.self.Incarnation {
			players = append(players, user)
		}
	}
	for _, l := range r.state.open {
		if l.room == nil || !l.room.live {
			continue
		}
		view := l.room.replica.View()
		add(l.info.Founder.User, view.FounderStatus)
		for _, m := range view.Members {
			add(m.User, m.Status)
		}
	}
	return players
}

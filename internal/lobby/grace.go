package lobby

import (
	"maps"
	"slices"
	"time"
)

// Kept is the place of a member whose connection was lost: until its time is over
// nobody else becomes a player in its stead, and if it enters again it has its status
// back. Others see it leave and enter.
type Kept struct {
	User   int64     `json:"user"`
	Status Status    `json:"status"`
	Until  time.Time `json:"until"`
	Since  time.Time `json:"since,omitzero"` // when it was lost; zero: an earlier release kept it
}

// keep notes the place of a member that is about to depart.
func (s *State) keep(user int64, grace time.Duration) {
	m, ok := s.room.Member(user)
	if !ok || grace <= 0 {
		return
	}
	s.kept[user] = Kept{User: user, Status: m.Status, Until: s.at.Add(grace), Since: s.at}
}

// returning is the status with which a user enters: that of a kept place if there is
// one. What only the client knows of itself it has to say again.
func (s *State) returning(user int64) Status {
	k, ok := s.kept[user]
	if !ok || !k.Until.After(s.at) {
		return Unsynced
	}
	st := k.Status
	st.Ready, st.Sync = false, syncUnsynced
	return st
}

// lostSince goes through the places of players that were lost since then, by user.
func (s *State) lostSince(then time.Time, f func(user int64, st *Status)) {
	for _, user := range slices.Sorted(maps.Keys(s.kept)) {
		k := s.kept[user]
		if k.Status.Player && k.Until.After(s.at) && !k.Since.Before(then) {
			f(user, &k.Status)
		}
	}
}

// forgetKept drops what is over.
func (s *State) forgetKept() {
	for user, k := range s.kept {
		if !k.Until.After(s.at) {
			delete(s.kept, user)
		}
	}
}

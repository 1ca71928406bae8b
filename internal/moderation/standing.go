package moderation

import (
	"slices"
	"time"
)

// Action is something that moderators have done about a user.
type Action struct {
	ID           int64     `json:"id"`
	User         int64     `json:"user"`
	Reason       string    `json:"reason"`
	Restrictions []string  `json:"restrictions"`
	Notes        string    `json:"notes,omitempty"` // for moderators
	Hidden       bool      `json:"hidden,omitempty"`
	Author       int64     `json:"author"` // 0: the operator
	Created      time.Time `json:"created"`
	Expires      time.Time `json:"expires,omitzero"` // zero: never
	Ended        time.Time `json:"ended,omitzero"`   // zero: it counts, unless it has expired
	EndedBy      int64     `json:"ended_by,omitempty"`
	EndReason    string    `json:"end_reason,omitempty"`
}

// Expired is the EndReason of an action that has run out.
const Expired = "expired"

// ActiveAt reports whether an action counts.
func (a *Action) ActiveAt(now time.Time) bool {
	return a.Ended.IsZero() && (a.Expires.IsZero() || now.Before(a.Expires))
}

// Has reports whether an action has one of these restrictions.
func (a *Action) Has(names ...string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(a.Restrictions, n) })
}

// Standing is what counts of a user. Values are shared and immutable; the nil Standing
// is that of who was never heard of.
type Standing struct {
	User         int64
	Actions      []Action // that have not ended, the oldest first; some may have expired since
	Shadowbanned bool
	Alt          int64 // the account of the same person that counts; 0: this one
	AltBan       int64 // by which ban that was found out; 0: by hand
}

// Active are the actions that count at a moment.
func (s *Standing) Active(now time.Time) (list []Action) {
	if s == nil {
		return nil
	}
	for i := range s.Actions {
		if s.Actions[i].ActiveAt(now) {
			list = append(list, s.Actions[i])
		}
	}
	return list
}

// Restrictions are those in force at a moment, sorted.
func (s *Standing) Restrictions(now time.Time) (names []string) {
	if s == nil || len(s.Actions) == 0 {
		return nil
	}
	for _, a := range s.Active(now) {
		names = append(names, a.Restrictions...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Restricted reports whether one of these restrictions is in force at a moment.
func (s *Standing) Restricted(now time.Time, names ...string) bool {
	if s == nil || len(s.Actions) == 0 {
		return false
	}
	return slices.ContainsFunc(s.Actions, func(a Action) bool { return a.ActiveAt(now) && a.Has(names...) })
}

// MutedInRooms reports who may not speak in channels.
func (s *Standing) MutedInRooms(now time.Time) bool {
	return s != nil && (s.Shadowbanned || s.Restricted(now, AllChat, RoomChat))
}

// MutedInPrivate reports who may send no private messages to people.
func (s *Standing) MutedInPrivate(now time.Time) bool {
	return s.Restricted(now, AllChat, DirectChat)
}

// MutedInLobbies reports who may not speak in lobbies.
func (s *Standing) MutedInLobbies(now time.Time) bool {
	return s.Restricted(now, AllChat, LobbyChat, BattleChat, GameChat)
}

// Since returns the actions that count now and are not in what counted before: a
// restriction that was lifted is nothing that has to be done.
func (s *Standing) Since(before *Standing, now time.Time) (fresh []Action) {
	for _, a := range s.Active(now) {
		known := before != nil && slices.ContainsFunc(before.Actions, func(b Action) bool { return b.ID == a.ID })
		if !known {
			fresh = append(fresh, a)
		}
	}
	return fresh
}

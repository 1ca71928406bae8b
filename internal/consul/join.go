package consul

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what the consul says to who wants to come in.
type Verdict struct {
	Reason   string // of a refusal; empty: may come
	Override bool   // neither lock nor password holds it
	Friend   bool   // the password does not hold it
}

// Join decides on who wants to come in. approved says that it was in before and was not
// thrown out.
func (t *Turn) Join(user int64, f *Facts, approved bool) Verdict {
	switch {
	case f.Warned:
		return Verdict{Reason: "Awaiting acknowledgement of your warning - check chat from @Coordinator and follow instructions there. Pay attention to spelling."}
	case f.Moderator || f.Admin:
		return Verdict{Override: true}
	}
	if b, banned := t.State.banned(user, levelBanned); banned {
		return Verdict{Reason: b.Reason}
	}
	if f.Shadowbanned {
		return Verdict{Reason: "Err"}
	}
	if t.tooMany(f.BlockedBy) {
		return Verdict{Reason: "You are blocked by too many players in this lobby"}
	}
	if t.tooMany(f.Blocks) {
		return Verdict{Reason: "You are blocking too many players in this lobby"}
	}
	if slices.ContainsFunc(f.AvoidedBy, t.State.boss) || slices.ContainsFunc(f.BlockedBy, t.State.boss) {
		return Verdict{Reason: "You are blocked by the boss of this lobby"}
	}
	if approved {
		return Verdict{Override: true}
	}
	if t.State.Gatekeeper == gateFriends {
		if len(t.Room.Seats) == 0 || slices.ContainsFunc(t.Room.Seats, func(s Seat) bool { return slices.Contains(f.Friends, s.User) }) {
			return Verdict{Friend: true}
		}
		return Verdict{Reason: "Friends only gatekeeper"}
	}
	return Verdict{}
}

// tooMany reports whether so many of the players are among these users that they should
// not be in one room.
func (t *Turn) tooMany(users []int64) bool {
	n := 0
	t.Room.eachPlayer(func(s *Seat) {
		if slices.Contains(users, s.User) {
			n++
		}
	})
	return n > 0 && (n >= t.Rules.BlockCount || 100*n >= t.Rules.BlockPercent*max(1, t.Room.Players()))
}

// chobbyPlayers is the number of players from which on clients must have told what they are.
const chobbyPlayers = 7

// Want decides what becomes of the status that somebody wants, and gives it to the seat.
func (t *Turn) Want(user int64, want Seat) (got Seat) {
	seat := t.Room.seat(user)
	if seat == nil {
		return want
	}
	old := *seat
	var why []string
	if want.Player {
		if why = t.mayPlay(user); why != nil {
			want.Player = false
		}
	}
	queue := false
	if want.Player && !old.Player {
		switch {
		case !t.placeFor(user):
			queue, want.Player = true, false
		case t.Rules.RequireChobby && t.Room.Players() >= chobbyPlayers && !t.facts(user).Chobby:
			want.Player = false
		}
	}
	if t.State.locked(lockTeam) {
		want.Ally = old.Ally
	}
	if t.State.locked(lockAlly) {
		want.Team = old.Team
	}
	if t.State.locked(lockPlayer) && !old.Player {
		want.Player = false
	}
	if t.State.locked(lockSpectator) && old.Player && why == nil {
		want.Player = true
	}
	if (want.Player || queue) && !old.Player && t.heldToWatch(user) {
		want, queue = old, false
	}
	if want.Player && !old.Player {
		want.Ready = false
	}
	*seat = want
	if why != nil {
		t.tell(user, why...)
	}
	switch {
	case queue:
		t.enqueue(user)
	case want.Player:
		t.dequeue(user)
	case old.Player:
		t.fillSoon()
	}
	return want
}

// heldToWatch reports who may not become a player whatever there is room for.
func (t *Turn) heldToWatch(user int64) bool {
	if _, banned := t.State.banned(user, levelSpectator, levelBanned); banned {
		return true
	}
	if t.State.Gatekeeper != gateFriendsPlay || t.facts(user).Moderator {
		return false
	}
	players, friend := 0, false
	t.Room.eachPlayer(func(s *Seat) {
		if s.User != user {
			players++
			friend = friend || t.friends(user, s.User)
		}
	})
	return players > 0 && !friend
}

// The types of games by which people are rated.
const (
	typeDuel      = "Duel"
	typeSmallTeam = "Small Team"
	typeLargeTeam = "Large Team"
	typeFFA       = "FFA"
	typeTeamFFA   = "Team FFA"
)

// GameType is the type of game that so many teams of this size make. Teams of up to small
// players are small.
func GameType(teams, size, small int) string { return gameType(teams, size, small) }

// gameType is the type of game that so many teams of this size make.
func gameType(teams, size, small int) string {
	switch {
	case teams == 2 && size == 1:
		return typeDuel
	case teams == 2 && size <= small:
		return typeSmallTeam
	case teams == 2:
		return typeLargeTeam
	case size == 1:
		return typeFFA
	}
	return typeTeamFFA
}

const guide = "https://www.beyondallreason.info/guide/rating-and-lobby-balance"

// mayPlay tells somebody why not to play here; nil: it may.
func (t *Turn) mayPlay(user int64) (why []string) {
	s, f := t.State, t.facts(user)
	switch {
	case f.Matchmaking:
		return []string{splitter, "You are in a matchmaking queue, so you cannot be a player in a lobby."}
	case f.Moderator, f.Admin, s.Unranked && !t.Rules.UnrankedBounds:
		return nil
	}
	if bounds := s.ratingBounds(); bounds != "" {
		kind := gameType(s.TeamCount, s.TeamSize, t.Rules.SmallTeam)
		r := f.Rated(kind)
		hidden := r.Uncertainty > t.Rules.HiddenUncertainty
		if hidden {
			r.Value = 0
		}
		if r.Value < float64(s.MinRating) || r.Value > float64(s.MaxRating) {
			if hidden {
				return []string{splitter, fmt.Sprintf("This lobby has rating restrictions (%s). You won't be able to join until you play enough %s matches for your rating to be visible.", bounds, kind)}
			}
			return []string{
				splitter,
				fmt.Sprintf("You don't meet the rating requirements for this lobby (%s). Your %s match rating is %.2f. Learn more about rating here:", bounds, kind, r.Value),
				guide + "#openskill",
			}
		}
	}
	bounds := s.rankBounds()
	if bounds == "" || t.Rules.RankByRole && f.Contributor || f.Rank >= s.MinRank && f.Rank <= s.MaxRank {
		return nil
	}
	return []string{
		splitter,
		fmt.Sprintf("You don't meet the chevron requirements for this lobby (%s). Your chevron level is %d. Learn more about chevrons here:", bounds, f.Rank+1),
		guide + "#rank-icons",
	}
}

// ratingBounds and rankBounds are in the words of titles, empty if there are none.
func (s *State) ratingBounds() string {
	low, high := s.MinRating > lowestBound, s.MaxRating < highestRating
	switch {
	case low && high:
		return fmt.Sprintf("Rating: %d-%d", s.MinRating, s.MaxRating)
	case low:
		return fmt.Sprintf("Min rating: %d", s.MinRating)
	case high:
		return fmt.Sprintf("Max rating: %d", s.MaxRating)
	}
	return ""
}

func (s *State) rankBounds() string {
	low, high := s.MinRank > lowestBound, s.MaxRank < highestRank
	switch {
	case low && high:
		return fmt.Sprintf("Chev between: %d - %d", s.MinRank+1, s.MaxRank+1)
	case low:
		return fmt.Sprintf("Min chev: %d", s.MinRank+1)
	case high:
		return fmt.Sprintf("Max chev: %d", s.MaxRank+1)
	}
	return ""
}

// bounds are all that there are.
func (s *State) bounds() (list []string) {
	for _, b := range []string{s.rankBounds(), s.ratingBounds()} {
		if b != "" {
			list = append(list, b)
		}
	}
	return list
}

func (s *State) bounded() bool { return s.ratingBounds() != "" || s.rankBounds() != "" }

// Title is what everybody sees the lobby called.
func (s *State) Title() string {
	parts := s.bounds()
	if s.Unranked {
		parts = append(parts, "Unranked")
	}
	if s.Teaser == "" && len(parts) == 0 {
		return s.Base
	}
	title := s.Base
	if s.Teaser != "" {
		title += " " + s.Teaser
	}
	return strings.Join(append([]string{title}, parts...), " | ")
}

// SetRanked is told what the script tag says.
func (t *Turn) SetRanked(ranked bool) {
	s := t.State
	if s.Unranked == !ranked {
		return
	}
	s.Unranked = !ranked
	if s.Unranked && !t.Rules.UnrankedBounds {
		s.MinRating, s.MaxRating, s.MinRank, s.MaxRank = lowestBound, highestRating, lowestBound, highestRank
	}
	t.recheck()
}

package lobby

import (
	"maps"
	"strconv"
	"time"

	"teiserver/internal/balance"
	"teiserver/internal/cluster/process"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

// The life of a match in its lobby. The lobby writes start and stop, as it alone knows
// who plays: record, its own state and the number of the next match are one transaction.
// Both commands come from the match monitor, whatever session the host has by then.

// tagQueue is the script tag with the matchmaking queue of a match.
const tagQueue = "server/match/queue_id"

// Playing reports whether a match runs that was started here.
func (s *State) Playing() bool { return s.playing }

func (s *State) startMatch(c StartMatch) (process.Outcome, error) {
	if c.Founder != s.room.view.Info.Founder.User {
		return refuse(refusal.Forbidden, "only the host starts a match")
	}
	if s.playing || s.carriedOut(c.Report) {
		return process.Outcome{Reply: s.matchState(0, true)}, nil
	}
	var players []match.Player
	add := func(user int64, st *Status) {
		players = append(players, match.Player{User: user, Team: st.Ally, Party: s.partyOf(user)})
	}
	s.eachPlayer(add)
	if !c.At.IsZero() {
		// The monitor's node may have died with a part of the players behind the report: who
		// is away only since then is in the game.
		s.lostSince(c.At, add)
	}
	if len(players) == 0 {
		return refuse(refusal.NotFound, "nobody plays")
	}
	s.playing, s.reported = true, max(s.reported, c.Report)
	return process.Outcome{
		Record: match.NewStart(s.matchRecord(s.reportedAt(c.At)), players, s.rules.SmallTeam),
		Reply:  s.matchState(0, false),
	}, nil
}

// matchRecord is the match that begins now, but for who plays.
func (s *State) matchRecord(at time.Time) match.Match {
	v := &s.room.view
	tags := maps.Clone(v.Tags)
	delete(tags, tagMatchUUID)
	queue, _ := strconv.ParseInt(v.Tags[tagQueue], 10, 64) // 0: of none
	m := match.Match{
		ID: s.matchID, UUID: s.matchUUID, ServerUUID: s.hostUUID, Founder: v.Info.Founder.User, Lobby: v.Info.ID,
		Map: v.Info.Map, Created: at, Started: at, Passworded: v.Info.Passworded, Tags: tags, Queue: queue,
		EngineVersion: v.Info.EngineVersion, GameVersion: v.Info.Game,
	}
	for _, c := range v.Computers {
		m.Bots = append(m.Bots, match.Bot{Name: c.Name, Owner: c.Owner, AI: c.AI})
	}
	return m
}

// endMatch ends the match, if one runs. The consul makes the room ready for the next one:
// nobody is ready for it just because it was for this one. The tags of the next one follow
// in full with the first Tick, as they do when a lobby opens.
func (s *State) endMatch(c EndMatch) (process.Outcome, error) {
	if c.Founder != s.room.view.Info.Founder.User {
		return refuse(refusal.Forbidden, "only the host ends a match")
	}
	if s.carriedOut(c.Report) {
		return process.Outcome{Reply: s.matchState(0, true)}, nil
	}
	s.ending = c.Match == 0 || c.Match == s.matchID
	if !s.playing || !s.ending {
		return process.Outcome{Reply: s.matchState(0, false)}, nil
	}
	if c.NextID == 0 || c.NextUUID == "" {
		return refuse(refusal.Invalid, "the next match has no number")
	}
	info := s.room.view.Info
	ended := s.matchID
	s.playing, s.reported, s.matchID, s.matchUUID = false, max(s.reported, c.Report), c.NextID, c.NextUUID
	return process.Outcome{
		Events: append(s.forgetFound(true), TagsSet{Tags: map[string]string{tagMatchID: strconv.FormatInt(c.NextID, 10), tagMatchUUID: ""}}),
		Record: match.Stop{ID: ended, At: s.reportedAt(c.At), Next: match.Match{
			ID: c.NextID, UUID: c.NextUUID, ServerUUID: s.hostUUID, Founder: info.Founder.User, Lobby: info.ID,
			Map: info.Map, Created: s.at,
		}},
		Reply: s.matchState(ended, false),
	}, nil
}

// reportedAt is when something was reported that is carried out now.
func (s *State) reportedAt(at time.Time) time.Time {
	if at.IsZero() {
		return s.at
	}
	return at
}

// carriedOut reports whether a report did its work here before.
func (s *State) carriedOut(report int64) bool { return report != 0 && report <= s.reported }

// matchState is the reply to both.
func (s *State) matchState(ended int64, again bool) MatchState {
	parties := map[int64]string{}
	s.eachPlayer(func(user int64, _ *Status) {
		if p := s.partyOf(user); p != "" {
			parties[user] = p
		}
	})
	return MatchState{
		ID: s.matchID, UUID: s.matchUUID, HostUUID: s.hostUUID, View: s.room.View(), Parties: parties,
		InGame: s.inGame, Started: s.playing, Ended: ended, Again: again,
	}
}

// partyOf is the party that a player is recorded with: none if the last teams were made
// without looking at parties.
func (s *State) partyOf(user int64) string {
	if b := s.consul.Balance; b != nil && b.Result.Mode == balance.Solo {
		return ""
	}
	if p := s.consul.People[user]; p != nil {
		return p.Facts.Party
	}
	return ""
}

package lobby

import (
	"maps"
	"slices"
	"time"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

type (
	// Furnish seats the players of a match that was found for them, for which the room was
	// reserved; each time it is asked it keeps the room for longer. Text is said once, with
	// the tags. Reply Furnished. Refusals: Taken, NotFound.
	Furnish struct {
		Match  string            `json:"match"`
		Places []Place           `json:"places"`
		Tags   map[string]string `json:"tags"`
		Text   string            `json:"text"`
	}
	// Furnished tells who is not in the room, and who is there and not ready to play: its
	// program has said nothing yet, or has not got the map.
	Furnished struct {
		Missing []int64 `json:"missing"`
		Unready []int64 `json:"unready"`
	}
)

var (
	_ = message.Register[Furnish]("lobby.furnish")
	_ = message.Register[Furnished]("lobby.furnished")
)

const syncSynced = 1

// furnish does not ask the consul: the players have waited for these places.
func (s *State) furnish(c Furnish) (process.Outcome, error) {
	if s.reserved.Match != c.Match || c.Match == "" {
		return refuse(refusal.Taken, "this lobby is another one's")
	}
	s.reserved.Until = s.at.Add(reserveFor)
	reply := Furnished{Missing: []int64{}, Unready: []int64{}}
	var events []any
	for _, p := range c.Places {
		m, in := s.room.Member(p.User)
		if !in {
			reply.Missing = append(reply.Missing, p.User)
			continue
		}
		out, err := s.place(p)
		if err != nil {
			return process.Outcome{}, err
		}
		events = append(events, out.Events...)
		if !m.Told || m.Status.Sync != syncSynced || len(out.Events) > 0 {
			reply.Unready = append(reply.Unready, p.User)
		}
	}
	fresh := slices.ContainsFunc(slices.Collect(maps.Keys(c.Tags)), func(k string) bool { return s.room.view.Tags[k] != c.Tags[k] })
	if fresh {
		events = append(events, TagsSet{Tags: maps.Clone(c.Tags)})
		if c.Text != "" {
			events = append(events, Spoke{Text: c.Text, Emote: true})
		}
	}
	return process.Outcome{Reply: reply, Events: events}, nil
}

// The tags of a match that was found for its players.
const tagFound = "server/match/match_id"

// foundFor is how long a room may take to begin the match that it was furnished for.
const foundFor = 2 * time.Minute

// forgetFound takes the tags of such a match away when it is over, or never began: the next
// one in this room is none of its queue's.
func (s *State) forgetFound(over bool) []any {
	if s.reserved.Match == "" || !over && (s.playing || s.reserved.Until.Add(foundFor).After(s.at)) {
		return nil
	}
	s.reserved = reservation{}
	var keys []string
	for _, k := range []string{tagFound, tagQueue} {
		if _, ok := s.room.view.Tags[k]; ok {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return []any{TagsRemoved{Keys: keys}}
}

package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"

	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

// AppendQueueStatus tells the join queue of a battle. An empty one is told as well: it
// ends the queue that a client shows.
func AppendQueueStatus(b []byte, id int64, names []string) []byte {
	b = append(b, "s.battle.queue_status "...)
	b = strconv.AppendInt(b, id, 10)
	for _, name := range names {
		b = appendWord(append(b, '\t'), name)
	}
	return append(b, '\n')
}

// extraData is what s.battle.extra_data carries. That of skill is what older programs
// read instead of rating.
type extraData struct {
	Gatekeeper  string  `json:"gatekeeper"`
	MinRating   int     `json:"minimum_rating_to_play"`
	MaxRating   int     `json:"maximum_rating_to_play"`
	MinRank     int     `json:"minimum_rank_to_play"`
	MaxRank     int     `json:"maximum_rank_to_play"`
	MinSkill    int     `json:"minimum_skill_to_play"`
	MaxSkill    int     `json:"maximum_skill_to_play"`
	Welcome     *string `json:"welcome_message"`
	PlayerLimit int     `json:"player_limit"`
}

// mostSkill is the highest skill there may be: no bound is set on it.
const mostSkill = 1000

// AppendExtraData tells what holds in a battle.
func AppendExtraData(b []byte, id int64, t lobby.Terms) []byte {
	d := extraData{
		Gatekeeper: t.Gatekeeper, MinRating: t.MinRating, MaxRating: t.MaxRating, MinRank: t.MinRank, MaxRank: t.MaxRank,
		MaxSkill: mostSkill, PlayerLimit: t.PlayerLimit,
	}
	if t.Welcome != "" {
		d.Welcome = &t.Welcome
	}
	b = append(b, "s.battle.extra_data "...)
	b = strconv.AppendInt(b, id, 10)
	return append(append64(append(b, '\t'), d), '\n')
}

// Teams are the number and size of a battle's teams.
type Teams struct {
	Lobby int64
	Size  int
	Count int
}

// AppendTeams tells them of some battles, nothing of none.
func AppendTeams(b []byte, list ...Teams) []byte {
	type sizes struct {
		Count int `json:"nbTeams"`
		Size  int `json:"teamSize"`
	}
	m := make(map[string]sizes, len(list))
	for _, t := range list {
		if t.Size > 0 && t.Count > 0 {
			m[strconv.FormatInt(t.Lobby, 10)] = sizes{t.Count, t.Size}
		}
	}
	if len(m) == 0 {
		return b
	}
	return append(append64(append(b, "s.battle.teams "...), m), '\n')
}

// AppendAllTeams is AppendTeams of lobbies.
func AppendAllTeams(b []byte, lobbies []*roster.Lobby) []byte {
	list := make([]Teams, len(lobbies))
	for i, l := range lobbies {
		list[i] = Teams{l.Info.ID, l.TeamSize, l.TeamCount}
	}
	return AppendTeams(b, list...)
}

// append64 appends the base64 of a value's JSON.
func append64(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("wire: encode %T: %w", v, err)) // of our own types, so it cannot be
	}
	return base64.RawStdEncoding.AppendEncode(b, text)
}

// EncodeConsul encodes what only newer programs understand; nil for everything else.
func EncodeConsul(e roster.Event) []byte {
	switch e := e.(type) {
	case roster.QueueSet:
		return AppendQueueStatus(nil, e.Lobby, e.Names)
	case roster.TermsSet:
		return AppendExtraData(nil, e.Lobby, e.Terms)
	case roster.TeamsSet:
		return AppendTeams(nil, Teams{e.Lobby, e.Size, e.Count})
	}
	return nil
}

// EncodeEntered is what a joiner is told whose program knows of queues and terms.
func EncodeEntered(e *roster.Entered) []byte {
	b := appendRoom(make([]byte, 0, size(*e)), e)
	b = AppendQueueStatus(b, e.Lobby.Info.ID, e.Queue)
	b = AppendExtraData(b, e.Lobby.Info.ID, e.View.Terms)
	return AppendClientStatus(b, e.Me)
}

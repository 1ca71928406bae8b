package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"teiserver/internal/accolade"
	"teiserver/internal/config"
	"teiserver/internal/match"
	"teiserver/internal/store"
)

// matchFacts is a match as operators see it. Times that have not come are absent.
type matchFacts struct {
	ID           int64           `json:"id"`
	Title        string          `json:"title"`
	UUID         string          `json:"uuid"`
	ServerUUID   string          `json:"server_uuid"`
	Founder      int64           `json:"founder"`
	Lobby        int64           `json:"lobby"`
	Map          string          `json:"map"`
	GameType     match.GameType  `json:"game_type"`
	TeamCount    int             `json:"team_count"`
	TeamSize     int             `json:"team_size"`
	Created      time.Time       `json:"created,omitzero"`
	Started      time.Time       `json:"started,omitzero"`
	Finished     time.Time       `json:"finished,omitzero"`
	EndAt        time.Time       `json:"end_data_at,omitzero"`
	Processed    time.Time       `json:"processed,omitzero"`
	Attempts     int             `json:"attempts,omitempty"`
	GameID       string          `json:"game_id,omitempty"`
	GameDuration int64           `json:"game_duration,omitempty"`
	WinningTeam  *int            `json:"winning_team,omitempty"`
	RatingType   string          `json:"rating_type,omitempty"`
	Unrated      string          `json:"unrated,omitempty"`
	End          json.RawMessage `json:"end_data,omitempty"`
	Members      []memberFacts   `json:"members"`
	Messages     []messageFacts  `json:"messages,omitempty"`
	// Accolades are what players were asked about each other, and what they said.
	Accolades []accolade.Question `json:"accolades,omitempty"`
}

type messageFacts struct {
	At   time.Time `json:"at"`
	User int64     `json:"user"`
	Text string    `json:"text"`
}

type memberFacts struct {
	User      int64      `json:"user"`
	Name      string     `json:"name"`
	Team      int        `json:"team"`
	Party     string     `json:"party,omitempty"`
	Win       bool       `json:"win"`
	LeftAfter *int64     `json:"left_after,omitempty"`
	Exit      match.Exit `json:"exit,omitempty"`
}

// ShowMatch prints the record of a match.
func ShowMatch(ctx context.Context, cfg config.Config, id int64, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		m, err := st.MatchByID(ctx, id)
		if err != nil {
			return fmt.Errorf("there is no match %d: %w", id, err)
		}
		members, err := st.Memberships(ctx, id)
		if err != nil {
			return err
		}
		messages, err := st.LobbyMessages(ctx, id)
		if err != nil {
			return err
		}
		asked, err := st.Questions(ctx, id)
		if err != nil {
			return err
		}
		facts := matchFacts{
			ID: m.ID, Title: m.Title(), UUID: m.UUID, ServerUUID: m.ServerUUID, Founder: m.Founder, Lobby: m.Lobby, Map: m.Map,
			GameType: m.GameType, TeamCount: m.TeamCount, TeamSize: m.TeamSize, Created: m.Created, Started: m.Started,
			Finished: m.Finished, EndAt: m.EndAt, Processed: m.Processed, Attempts: m.Attempts, GameID: m.GameID,
			GameDuration: m.GameDuration, WinningTeam: m.WinningTeam, RatingType: m.RatingType, Unrated: m.Unrated,
			End: m.End, Members: []memberFacts{}, Accolades: asked,
		}
		for _, u := range members {
			f := memberFacts{User: u.User, Name: u.Name, Team: u.Team, Party: u.Party, Win: u.Win, LeftAfter: u.LeftAfter}
			if !m.Processed.IsZero() {
				f.Exit = match.ExitOf(u.LeftAfter, m.GameDuration)
			}
			facts.Members = append(facts.Members, f)
		}
		for _, m := range messages {
			facts.Messages = append(facts.Messages, messageFacts{m.At, m.User, m.Text})
		}
		return writeObject(w, facts)
	})
}

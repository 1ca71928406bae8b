package scenario

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// Match is the record of a match, as the operator's command prints it.
type Match struct {
	ID           int64  `json:"id"`
	Founder      int64  `json:"founder"`
	GameType     string `json:"game_type"`
	Started      string `json:"started"`
	Finished     string `json:"finished"`
	Processed    string `json:"processed"`
	GameDuration int64  `json:"game_duration"`
	WinningTeam  *int   `json:"winning_team"`
	RatingType   string `json:"rating_type"`
	Unrated      string `json:"unrated"`
	Members      []struct {
		User int64  `json:"user"`
		Name string `json:"name"`
		Team int    `json:"team"`
		Win  bool   `json:"win"`
		Exit string `json:"exit"`
	} `json:"members"`
	Messages []struct {
		User int64  `json:"user"`
		Text string `json:"text"`
	} `json:"messages"`
}

// ReadMatch reads what the operator's command prints.
func ReadMatch(raw []byte) (m Match, err error) {
	err = json.Unmarshal(raw, &m)
	return m, err
}

// EndData is what a host reports of a game of everybody for himself, in which the first
// player has won.
func EndData(matchID int64, seconds int, ids []int64, names []string) string {
	allies := make([]int, len(names))
	for i := range allies {
		allies[i] = i
	}
	return TeamEndData(matchID, seconds, ids, names, allies)
}

// TeamEndData is what a host reports of a game that the first of the teams has won.
func TeamEndData(matchID int64, seconds int, ids []int64, names []string, allies []int) string {
	players, teams := []map[string]any{}, map[string]any{}
	for i, name := range names {
		p := map[string]any{"accountId": strconv.FormatInt(ids[i], 10), "name": name, "ip": "10.0.0.1", "win": 0, "loseTime": seconds}
		if allies[i] == 0 {
			p["win"], p["loseTime"] = 1, ""
		}
		players = append(players, p)
		teams[name] = map[string]any{"allyTeam": allies[i]}
	}
	raw, err := json.Marshal(map[string]any{
		"gameDuration": seconds, "gameId": "f00d", "players": players, "teamStats": teams, "bots": []any{}, "ahPassword": "secret",
		"battleContext": map[string]any{"scriptTags": map[string]string{"game/server_match_id": strconv.FormatInt(matchID, 10)}},
	})
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(raw) // to memory
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// NextMatch returns the number in a line that brings the next match of a battle.
func NextMatch(line string) (int64, error) {
	_, rest, found := strings.Cut(line, "game/server_match_id=")
	number, _, _ := strings.Cut(rest, "\t")
	if !found {
		return 0, fmt.Errorf("%q has no match", line)
	}
	return strconv.ParseInt(number, 10, 64)
}

// reportedMatch: a host opens, starts and ends a match, and reports how it went: record,
// members and results are right, and the battle has the number of its next match. What
// others say in the hosts' room, and what is said twice, changes nothing.
func reportedMatch(t *testing.T, env Env) {
	r := battle(t, env)
	first := r.host.matchID(r.id)
	for i, x := range []*actor{r.a, r.b} {
		x.send("MYBATTLESTATUS %d 255", 4195328+68*i)
		x.send("MYBATTLESTATUS %d 255", 4195330+68*i)
		r.everybody("CLIENTBATTLESTATUS %s %d 255", x.name, 4195330+68*i)
	}
	for _, x := range []*actor{r.host, r.outside} {
		x.send("JOIN autohosts")
		x.want("CLIENTS autohosts …%s…", x.name)
	}
	r.host.send("SAYEX autohosts * Launching game...")
	r.host.want("SAIDEX autohosts %s * Launching game...", r.host.name)
	r.host.send("SAYPRIVATE AutohostMonitor match-event <%s> <commands:FirstLineMove> <67>", r.a.name)
	r.host.send("SAYPRIVATE AutohostMonitor match-chat <%s> dallies: help", r.b.name)
	r.host.send("SAYPRIVATE AutohostMonitor match-event nonsense")
	mark := len(r.a.Lines(0))
	r.outside.send("SAYEX autohosts * Server stopped (running time: 1s)")
	r.host.want("SAIDEX autohosts %s * Server stopped (running time: 1s)", r.outside.name)
	r.outside.send("SAYPRIVATE AutohostMonitor endGameData %s", EndData(first, 600, []int64{r.a.id(r.a.name)}, []string{r.a.name}))
	r.outside.sync()
	r.marker("nothing of that counts")
	r.a.never(mark, "SETSCRIPTTAGS …")

	r.host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
	second := int64(0)
	for _, x := range r.inside {
		line := x.want("SETSCRIPTTAGS game/server_match_id=*\tserver/match/uuid=")
		id, err := NextMatch(line)
		if err != nil || id == first || second != 0 && id != second {
			t.Errorf("%s: next match %d, %v, the others have %d", x.name, id, err, second)
		}
		second = id
		x.await("players who are not ready", func(m *springclient.Model) bool {
			return m.Room != nil && m.Room.Statuses[r.a.name] == "4195328 255" && m.Room.Statuses[r.b.name] == "4195396 255"
		})
		x.want("SETSCRIPTTAGS game/server_match_id=%d\tserver/host/uuid=*\tserver/match/uuid=*", second)
	}
	mark = len(r.a.Lines(0))
	r.host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
	r.host.send("SAYPRIVATE AutohostMonitor endGameData %s", EndData(first, 600, []int64{r.a.id(r.a.name), r.a.id(r.b.name)}, []string{r.a.name, r.b.name}))
	skill := r.host.want("SAIDPRIVATE Coordinator updateSkill …")
	for _, name := range []string{r.a.name, r.b.name} {
		if !strings.Contains(skill+" ", " "+name+" ") {
			t.Errorf("%q does not name %s", skill, name)
		}
	}
	r.marker("said twice")
	r.a.never(mark, "SETSCRIPTTAGS …")
	if env.ShowMatch == nil {
		return
	}
	m, err := ReadMatch(env.ShowMatch(t, first))
	if err != nil {
		t.Fatal(err)
	}
	if m.GameType != "Duel" || m.Founder != r.a.id(r.host.name) || m.Started == "" || m.Finished == "" || m.Processed == "" ||
		m.GameDuration != 600 || m.WinningTeam == nil || *m.WinningTeam != 0 || m.RatingType != "Duel" {
		t.Errorf("match %+v", m)
	}
	if len(m.Members) != 2 {
		t.Fatalf("members %+v", m.Members)
	}
	for _, u := range m.Members {
		if won := u.Name == r.a.name; u.Win != won || u.Exit != "stayed" || u.Team != map[bool]int{true: 0, false: 1}[won] {
			t.Errorf("member %+v", u)
		}
	}
	if len(m.Messages) != 1 || m.Messages[0].Text != "a: help" || m.Messages[0].User != r.a.id(r.b.name) {
		t.Errorf("messages %+v", m.Messages)
	}
	if next, err := ReadMatch(env.ShowMatch(t, second)); err != nil || next.Started != "" || next.ID != second {
		t.Errorf("next match %+v, %v", next, err)
	}
}

// matchID is the number of the match that the client's battle is about to play.
func (a *actor) matchID(battle int64) int64 {
	a.w.Helper()
	room := a.Snapshot().Room
	if room == nil || room.ID != battle {
		a.w.Fatalf("%s is not in battle %d", a.name, battle)
	}
	id, err := strconv.ParseInt(room.Tags["game/server_match_id"], 10, 64)
	if err != nil {
		a.w.Fatal(err)
	}
	return id
}

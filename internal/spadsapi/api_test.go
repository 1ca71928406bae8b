package spadsapi

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/balance"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/rating"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// ratings is a rating.Store of a test.
type ratings struct {
	rating.Store
	list   map[int64][]rating.Rating
	boards map[rating.Type][]rating.Place
	broken error
}

func (s *ratings) Ratings(_ context.Context, _ int, users ...int64) ([][]rating.Rating, error) {
	var lists [][]rating.Rating
	for _, user := range users {
		lists = append(lists, s.list[user])
	}
	return lists, s.broken
}

func (s *ratings) Board(_ context.Context, t rating.Type, season int, _ time.Time, _ int) ([]rating.Place, error) {
	if season != 2 {
		return nil, s.broken
	}
	return s.boards[t], s.broken
}

func (s *ratings) LastPlayed(context.Context, int) (time.Time, error) { return time.Time{}, s.broken }

// rig is an API of a test, with the host "Host" whose password is "secret".
type rig struct {
	*httptest.Server
	store   *ratings
	lobbies map[int64]*roster.Lobby
	asked   []lobby.Balance
	teams   lobby.Balanced
	ends    []match.End
	broken  error
}

func (r *rig) set(user int64, t rating.Type, skill, uncertainty float64) {
	got := rating.Start(rating.Key{User: user, Type: t, Season: 2})
	got.Skill, got.Uncertainty = skill, uncertainty
	r.store.list[user] = append(r.store.list[user], got)
}

func newRig(t *testing.T, settings map[string]string) *rig {
	t.Helper()
	if settings == nil {
		settings = map[string]string{}
	}
	settings["rating.season"] = "2"
	site := setting.Fixed(settings)
	r := &rig{store: &ratings{list: map[int64][]rating.Rating{}, boards: map[rating.Type][]rating.Place{}}, lobbies: map[int64]*roster.Lobby{}}
	r.Server = httptest.NewServer(New(Options{
		Check: func(_ context.Context, name, password, ip string) (*account.User, error) {
			switch {
			case name == "Away":
				return nil, errors.New("the store is away")
			case name != "Host" || password != "secret" || ip != "127.0.0.1":
				return nil, refusal.New(refusal.Password, "no")
			}
			return &account.User{ID: 100, Name: name}, nil
		},
		IDs: func(_ context.Context, names ...string) ([]int64, error) {
			return []int64{map[string]int64{"Alice": 1, "Bob": 2, "d'Artagnan": 3, "Gone": 9}[names[0]]}, r.broken
		},
		Ratings: rating.NewService(r.store, nil, site, time.Now),
		LobbyOf: func(user int64) (*roster.Lobby, bool) { l, ok := r.lobbies[user]; return l, ok },
		Balance: func(_ context.Context, id int64, b lobby.Balance) (lobby.Balanced, error) {
			if id != 42 {
				return lobby.Balanced{}, errors.New("another lobby")
			}
			r.asked = append(r.asked, b)
			return r.teams, r.broken
		},
		SaveEnd:  func(_ context.Context, e match.End) (bool, error) { r.ends = append(r.ends, e); return true, r.broken },
		Settings: site,
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *rig) do(t *testing.T, method, path string, form url.Values, login ...string) (int, string, http.Header) {
	t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if len(login) == 0 {
		login = []string{"Host", "secret"}
	}
	if login[0] != "" {
		req.SetBasicAuth(login[0], login[1])
	}
	resp, err := r.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header
}

func TestWho(t *testing.T) {
	r := newRig(t, nil)
	for _, path := range []string{"/get_rating/1/Duel", "/get_rating/1/2/Duel", "/balance_battle"} {
		for _, tc := range []struct {
			name, password string
			status         int
			text           string
		}{
			{"", "", 401, "Unauthorized"}, {"Host", "wrong", 401, "Unauthorized"}, {"Alice", "secret", 401, "Unauthorized"},
			{"Away", "secret", 503, "Service Unavailable"}, {"Host", "secret", 200, ""},
		} {
			status, body, head := r.do(t, "GET", "/teiserver/api/spads"+path, nil, tc.name, tc.password)
			if status != tc.status || tc.text != "" && body != tc.text {
				t.Errorf("%s as %q: %d %q", path, tc.name, status, body)
			}
			if asks := head.Get("WWW-Authenticate") != ""; asks != (status == 401) {
				t.Errorf("%s as %q: asks for a password %t", path, tc.name, asks)
			}
		}
	}
	if status, _, _ := r.do(t, "POST", "/teiserver/api/spads/end_game_data", url.Values{}, ""); status != 401 {
		t.Errorf("end of a game: %d", status)
	}
	for path, want := range map[string]int{"/teiserver/api/spads/other": 404, "/teiserver/api/spads/end_game_data": 405, "/teiserver/api/": 404} {
		if status, _, _ := r.do(t, "GET", path, nil); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
}

func TestGetRating(t *testing.T) {
	r := newRig(t, map[string]string{"rating.shown_uncertainty": "8"})
	r.set(1, rating.LargeTeam, 30, 4.125)
	r.set(1, rating.Duel, 25, 5)
	r.set(2, rating.LargeTeam, 40, 8.1)
	const unrated = `{"rating_value":0.0,"uncertainty":8.33}` // 8.33 is above 8
	for path, want := range map[string]string{
		"1/Large%20Team":           `{"rating_value":25.88,"uncertainty":4.13}`,
		"1/Duel":                   `{"rating_value":20.0,"uncertainty":5.0}`,
		"99/1/Duel":                `{"rating_value":20.0,"uncertainty":5.0}`,
		"None/1/Duel":              `{"rating_value":20.0,"uncertainty":5.0}`,
		"1/Team%20FFA":             `{"rating_value":25.88,"uncertainty":4.13}`,
		"1/TeamFFA":                `{"rating_value":25.88,"uncertainty":4.13}`,
		"1/whatever":               `{"rating_value":25.88,"uncertainty":4.13}`,
		"1/FFA":                    unrated,
		"2/Large%20Team":           `{"rating_value":0.0,"uncertainty":8.1}`,
		"77/Small%20Team":          unrated,
		"None/Duel":                `{}`,
		"1/None/Duel":              `{}`,
		"x/Duel":                   `{}`,
		"1e400/Duel":               `{}`,
		"9999999999999999999/Duel": `{}`,
	} {
		status, body, head := r.do(t, "GET", "/teiserver/api/spads/get_rating/"+path, nil)
		if status != 200 || body != want || head.Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s: %d %s, want %s", path, status, body, want)
		}
	}
	r.store.broken = errors.New("away")
	if status, body, _ := r.do(t, "GET", "/teiserver/api/spads/get_rating/1/Duel", nil); status != 200 || body != "{}" {
		t.Errorf("the store is away: %d %s", status, body)
	}
	r = newRig(t, nil)
	if _, body, _ := r.do(t, "GET", "/teiserver/api/spads/get_rating/1/Duel", nil); body != `{"rating_value":16.67,"uncertainty":8.33}` {
		t.Errorf("new player: %s", body)
	}
}

// ask are the parameters of a balance, with some replaced.
func ask(change ...string) url.Values {
	v := url.Values{
		"players": {`{'Gone': {'team': 0}, "d'Artagnan": {'id': None}, 'Alice': {}}`}, "bots": {"{}"}, "nbTeams": {"2"}, "teamSize": {"8"},
		"clanMode": {"tag"}, "balanceMode": {"clan;skill"},
	}
	for i := 0; i < len(change); i += 2 {
		v.Set(change[i], change[i+1])
	}
	return v
}

func TestBalanceBattle(t *testing.T) {
	r := newRig(t, nil)
	l := &roster.Lobby{Info: lobby.Info{ID: 42}, Members: []*roster.User{{ID: 1}, {ID: 2}}}
	r.lobbies[1], r.lobbies[3] = l, l
	r.set(1, rating.Duel, 30, 4)
	r.teams = lobby.Balanced{
		Input: balance.Input{Players: []balance.Player{
			{ID: 1, Name: "Alice", Rating: 20}, {ID: 2, Name: "Bob", Rating: 20}, {ID: 3, Name: "d'Artagnan", Rating: 30}, {ID: 4, Name: "Dave", Rating: 5},
		}},
		Result: balance.Result{Deviation: 7, Teams: []balance.Team{{Players: []int64{4, 3}}, {Players: []int64{1, 2}}}},
	}
	const want = `{"unbalance_indicator":7,"player_assign_hash":{"Alice":{"team":1,"id":1},"Bob":{"team":1,"id":0},` +
		`"Dave":{"team":0,"id":3},"d'Artagnan":{"team":0,"id":2}},"bot_assign_hash":{}}`
	post := func(v url.Values) string {
		t.Helper()
		status, body, _ := r.do(t, "POST", "/teiserver/api/spads/balance_battle", v)
		if status != 200 {
			t.Errorf("%d %s", status, body)
		}
		return body
	}
	if body := post(ask()); body != want {
		t.Errorf("POST: %s", body)
	}
	if _, body, _ := r.do(t, "GET", "/teiserver/api/spads/balance_battle?"+ask().Encode(), nil); body != want {
		t.Errorf("GET: %s", body)
	}
	if len(r.asked) != 2 || r.asked[0].Teams != 2 || !r.asked[0].Groups || r.asked[0].Seed == r.asked[1].Seed {
		t.Fatalf("asked %+v", r.asked)
	}
	if diff := cmp.Diff(26.0, r.asked[0].Ratings[1]["Duel"].Value); diff != "" || len(r.asked[0].Ratings) != 2 || r.asked[0].Ratings[2] == nil {
		t.Errorf("ratings %+v", r.asked[0].Ratings)
	}
	post(ask("balanceMode", "skill"))
	var many []string
	for i := range 16 {
		many = append(many, fmt.Sprintf("'p%d': 1", i))
	}
	post(ask("players", "{'Alice': 1, "+strings.Join(many, ",")+"}"))
	post(ask("bots", ""))
	if r.asked[2].Groups || r.asked[3].Groups || !r.asked[4].Groups {
		t.Errorf("parties: %+v", r.asked[2:])
	}
	asked := len(r.asked)
	for name, v := range map[string]url.Values{
		"a bot": ask("bots", "{'RaptorsAI': {'ai': None}}"), "strange bots": ask("bots", "RaptorsAI"),
		"nobody": ask("players", "{}"), "nonsense": ask("players", "{'Alice"), "no players": ask("players", ""),
		"nobody online": ask("players", "{'Gone': 1, 'Unknown': 2}"),
		"no teams":      ask("nbTeams", "0"), "many teams": ask("nbTeams", "9999"), "some teams": ask("nbTeams", "two"),
	} {
		if body := post(v); body != "{}" {
			t.Errorf("%s: %s", name, body)
		}
	}
	if len(r.asked) != asked {
		t.Error("the lobby was asked")
	}
	r.teams = lobby.Balanced{}
	if body := post(ask()); body != "{}" {
		t.Errorf("no teams were made: %s", body)
	}
	r.broken = balance.ErrTooMuch
	if body := post(ask()); body != "{}" {
		t.Errorf("it was too much: %s", body)
	}
	r = newRig(t, map[string]string{"balance.enabled": "false"})
	r.lobbies[1] = l
	if body := post(ask()); body != "{}" || len(r.asked) != 0 {
		t.Errorf("switched off: %s", body)
	}
}

func pack(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func TestEndGameData(t *testing.T) {
	r := newRig(t, nil)
	const form = `{"gameId":"%d","gameDuration":900,"players":[{"accountId":"1","win":1,"ip":"1.2.3.4"}],"battleContext":{"scriptTags":{"game/server_match_id":"17"}}}`
	packed := ""
	for i := 0; !strings.Contains(packed, "+"); i++ {
		packed = pack(t, fmt.Sprintf(form, i))
	}
	post := func(v url.Values) {
		t.Helper()
		if status, body, _ := r.do(t, "POST", "/teiserver/api/spads/end_game_data", v); status != 200 || body != "{}" {
			t.Errorf("%d %s", status, body)
		}
	}
	post(url.Values{"data": {packed}})
	post(url.Values{"data": {strings.ReplaceAll(packed, "+", " ")}}) // a plus that was not escaped
	for _, e := range r.ends {
		if e.Match != 17 || e.By != 100 || strings.Contains(string(e.Data), "1.2.3.4") {
			t.Errorf("%+v %s", e, e.Data)
		}
	}
	if len(r.ends) != 2 {
		t.Errorf("%d reports", len(r.ends))
	}
	for _, data := range []string{"", "%%%", "AAAA", pack(t, "[1]"), pack(t, `{"gameDuration":`), pack(t, `"`+strings.Repeat("a", 5<<20)+`"`)} {
		post(url.Values{"data": {data}})
	}
	post(url.Values{"data": {strings.Repeat("A", mostBody)}}) // more than is read
	if len(r.ends) != 2 {
		t.Errorf("%d reports", len(r.ends))
	}
}

func TestLeaderboard(t *testing.T) {
	r := newRig(t, nil)
	r.store.boards[rating.Duel] = []rating.Place{{User: 42, Name: "Alice", Rating: 31.703125}, {User: 43, Name: "Bob"}}
	get := func(path string) (int, string) {
		t.Helper()
		status, body, _ := r.do(t, "GET", "/teiserver/api/public/leaderboard"+path, nil, "") // to everybody
		return status, body
	}
	types := `"game_types":["Small Team","Large Team","Duel","FFA"]}`
	if status, body := get(""); status != 200 || body != `[{"season":1,`+types+`,{"season":2,`+types+`]` {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get("/2"); status != 200 || body != `[{"name":"Small Team","players":[]},{"name":"Large Team","players":[]},`+
		`{"name":"Duel","players":[{"id":42,"name":"Alice","rating":31.703125},{"id":43,"name":"Bob","rating":0}]},{"name":"FFA","players":[]}]` {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get("/1"); status != 200 || strings.Contains(body, "Alice") {
		t.Errorf("an old season that nobody played: %d %s", status, body)
	}
	for _, season := range []string{"/3", "/0", "/-1", "/x", "/1.5"} {
		if status, body := get(season); status != 400 || body != `{"error":"Invalid season parameter"}` {
			t.Errorf("season %s: %d %s", season, status, body)
		}
	}
	r.store.broken = errors.New("away")
	if status, _ := get("/2"); status != 503 {
		t.Errorf("the store is away: %d", status)
	}
}

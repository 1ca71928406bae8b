package scenario

import (
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/test/springclient"
)

// ask asks a node over HTTP as the host that name is, nobody if it is empty.
func (w *world) ask(node int, name, method, path string, form url.Values) (status int, body string) {
	w.Helper()
	ctx, cancel := limit()
	defer cancel()
	return w.askFor(ctx, node, name, method, path, form)
}

func (w *world) askFor(ctx context.Context, node int, name, method, path string, form url.Values) (status int, body string) {
	w.Helper()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+w.env.Nodes[node].HTTP+"/teiserver/api/"+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if name != "" {
		req.SetBasicAuth(name, springclient.Password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

type rated struct {
	Value       float64 `json:"rating_value"`
	Uncertainty float64 `json:"uncertainty"`
}

// duels is a player's rating in duels, on which all nodes must agree.
func (w *world) duels(host string, user int64) rated {
	w.Helper()
	var r rated
	for node := range w.env.Nodes {
		status, body := w.ask(node, host, "GET", fmt.Sprintf("spads/get_rating/%d/Duel", user), nil)
		var here rated
		if err := json.Unmarshal([]byte(body), &here); err != nil || status != http.StatusOK {
			w.Fatalf("node %d: %d %s", node+1, status, body)
		}
		if node > 0 && here != r {
			w.Errorf("user %d: node %d says %v, node 1 %v", user, node+1, here, r)
		}
		r = here
	}
	return r
}

// fighters are a battle of two players, one against the other.
func fighters(t *testing.T, env Env) *room {
	r := battle(t, env)
	for i, x := range []*actor{r.a, r.b} {
		status := 4194304 | 1<<1 | 1<<10 | i<<2 | i<<6
		x.send("MYBATTLESTATUS %d 255", status&^2)
		x.send("MYBATTLESTATUS %d 255", status)
		r.everybody("CLIENTBATTLESTATUS %s %d 255", x.name, status)
	}
	return r
}

// spads: a host asks any node for ratings and teams.
func spads(t *testing.T, env Env) {
	r := fighters(t, env)
	host := r.host.name
	a, b := r.a.name, r.b.name
	ask := url.Values{"players": {fmt.Sprintf("{'%s': {'team': None}, '%s': {}}", a, b)}, "bots": {"{}"}, "nbTeams": {"2"}, "balanceMode": {"clan;skill"}}
	first := ""
	for node := range env.Nodes {
		for path, want := range map[string]int{
			"spads/get_rating/None/Duel": http.StatusOK, "public/leaderboard": http.StatusOK, "public/leaderboard/1": http.StatusOK,
			"public/leaderboard/99": http.StatusBadRequest,
		} {
			if status, body := r.ask(node, host, "GET", path, nil); status != want {
				t.Errorf("node %d: %s: %d %s", node+1, path, status, body)
			}
		}
		for _, name := range []string{"", a, "Nobody"} {
			if status, body := r.ask(node, name, "GET", "spads/get_rating/1/Duel", nil); status != http.StatusUnauthorized || body != "Unauthorized" {
				t.Errorf("node %d: as %q: %d %s", node+1, name, status, body)
			}
		}
		_, body := r.ask(node, host, "POST", "spads/balance_battle", ask)
		var teams struct {
			Players map[string]struct{ Team, ID int } `json:"player_assign_hash"`
		}
		if err := json.Unmarshal([]byte(body), &teams); err != nil || len(teams.Players) != 2 ||
			teams.Players[a].Team+teams.Players[b].Team != 1 || teams.Players[a].ID+teams.Players[b].ID != 1 {
			t.Errorf("node %d: %s", node+1, body)
		}
		// The same teams as long as nobody changes, whichever node is asked.
		if first == "" {
			first = body
		}
		if diff := cmp.Diff(first, body); diff != "" {
			t.Errorf("node %d: other teams: %s", node+1, diff)
		}
		if _, body := r.ask(node, host, "GET", "spads/balance_battle?"+ask.Encode(), nil); body != first {
			t.Errorf("node %d: GET: %s", node+1, body)
		}
		for _, data := range []string{"", "nonsense"} {
			if status, body := r.ask(node, host, "POST", "spads/end_game_data", url.Values{"data": {data}}); status != http.StatusOK || body != "{}" {
				t.Errorf("node %d: %d %s", node+1, status, body)
			}
		}
	}
	r.host.send("ADDBOT RaptorsAI 4195330 255 RaptorsDefense")
	r.everybody("ADDBOT * RaptorsAI …")
	ask.Set("bots", "{'RaptorsAI': {'ai': None}}")
	if _, body := r.ask(0, host, "POST", "spads/balance_battle", ask); body != "{}" {
		t.Errorf("with a bot: %s", body)
	}
}

// ratedMatch: a match moves the ratings of who played, once, and who is told so finds the
// new ones on every node.
func ratedMatch(t *testing.T, env Env) {
	r := fighters(t, env)
	host := r.host
	winner, loser := host.id(r.a.name), host.id(r.b.name)
	before := [2]rated{r.duels(host.name, winner), r.duels(host.name, loser)}
	host.send("JOIN autohosts")
	host.want("CLIENTS autohosts %s…", host.name)
	tags := host.Snapshot().Room.Tags
	host.send("SAYEX autohosts * Launching game...")
	host.want("SAIDEX autohosts %s * Launching game...", host.name)
	host.send("MYSTATUS 65")
	r.a.want("CLIENTSTATUS %s 65", host.name)
	host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
	host.want("SAIDEX autohosts %s * Server stopped (running time: 23m14s)", host.name)
	host.send("MYSTATUS 64")
	r.a.want("CLIENTSTATUS %s 64", host.name)

	report, err := json.Marshal(map[string]any{
		"gameDuration": 900, "cheating": 0, "gameId": "b17e",
		"players": []map[string]any{
			{"accountId": fmt.Sprint(winner), "name": r.a.name, "win": 1, "loseTime": ""},
			{"accountId": fmt.Sprint(loser), "name": r.b.name, "win": 0, "loseTime": "880"},
		},
		"teamStats":     map[string]any{r.a.name: map[string]any{}, r.b.name: map[string]any{}},
		"battleContext": map[string]any{"scriptTags": tags},
	})
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(report); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"data": {base64.StdEncoding.EncodeToString(packed.Bytes())}}
	last := len(env.Nodes) - 1
	for range 2 { // a host that has lost the answer sends it again
		if status, body := r.ask(last, host.name, "POST", "spads/end_game_data", form); status != http.StatusOK || body != "{}" {
			t.Errorf("end of the game: %d %s", status, body)
		}
	}
	line := host.want("SAIDPRIVATE Coordinator updateSkill …")
	for _, name := range []string{r.a.name, r.b.name} {
		if !strings.Contains(line+" ", " "+name+" ") {
			t.Errorf("%s is not in %q", name, line)
		}
	}
	after := [2]rated{r.duels(host.name, winner), r.duels(host.name, loser)}
	if after[0].Value <= before[0].Value || after[1].Uncertainty >= before[1].Uncertainty {
		t.Errorf("before %v, after %v", before, after)
	}
	if before[0] == before[1] && after[1].Value >= after[0].Value {
		t.Errorf("before %v, after %v", before, after)
	}
	if _, body := r.ask(last, host.name, "GET", "public/leaderboard/1", nil); !strings.HasPrefix(body, `[{"name":"Small Team"`) {
		t.Errorf("leaderboard: %s", body)
	}
	r.marker("after the match")
	if again := [2]rated{r.duels(host.name, winner), r.duels(host.name, loser)}; again != after {
		t.Errorf("rated twice: %v, then %v", after, again)
	}
}

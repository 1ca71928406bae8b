package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"teiserver/test/springclient"
)

// avoided: who avoids or blocks somebody is put into another team, by teams that respect
// it, from when it is said in the lobby until it is taken back.
func avoided(t *testing.T, env Env) {
	w := enter(t, env)
	set := func(hours string) { env.Operate(t, "config", "set", "lobby.avoid_hours", hours) }
	set("0")
	t.Cleanup(func() { set("2") })
	host := w.host()
	var players []*actor
	for range 4 {
		p := w.newcomer()
		env.Operate(t, "rating", "set", p.name, "Small Team", "--skill", "30", "--uncertainty", "3")
		players = append(players, p)
	}
	w.meet()
	id := host.open(springclient.Battle{})
	for i, p := range players {
		host.admit(p, id, "empty")
		status := 4194304 | 1<<10 | i<<2 | i%2<<6
		p.send("MYBATTLESTATUS %d 255", status)
		host.want("CLIENTBATTLESTATUS %s %d 255", p.name, status)
	}
	host.send("SAYBATTLE $balancealgorithm respect_avoids")
	host.want("SAIDBATTLE Coordinator Balance algorithm set to respect_avoids")
	a, b := players[0], players[1]
	for _, how := range []string{"avoid", "block"} {
		b.send("c.user.%s %s", how, a.name)
		b.want("OK cmd=c.user.%s\tuserName=%s", how, a.name)
		teams := w.balanced(host, a, b, true)
		if teams[a.name] == teams[b.name] {
			t.Errorf("%s: both are in team %d", how, teams[a.name]+1)
		}
		b.send("c.user.reset_relationship %s", a.name)
		b.want("OK cmd=c.user.reset_relationship\tuserName=%s", a.name)
		w.balanced(host, a, b, false)
	}
}

// balanced asks for teams until it is heeded, or not any more, that b avoids a.
func (w *world) balanced(host, a, b *actor, heeded bool) map[string]int {
	w.Helper()
	ctx, cancel := limit()
	defer cancel()
	for {
		teams := w.teams(ctx, host, a.name)
		mark := a.Mark()
		a.send("SAYBATTLE $explain")
		a.want("SAIDPRIVATE Coordinator Team 2 - …")
		line := fmt.Sprintf("SAIDPRIVATE Coordinator Avoid: %s avoids %s", b.name, a.name)
		if slices.Contains(a.Lines(mark), line) == heeded {
			return teams
		}
		if ctx.Err() != nil {
			w.Fatalf("%s: heeded is not %v", line, heeded)
		}
	}
}

// teams has the battle of a player balanced.
func (w *world) teams(ctx context.Context, host *actor, player string) map[string]int {
	w.Helper()
	form := url.Values{"players": {fmt.Sprintf("{'%s': {}}", player)}, "bots": {"{}"}, "nbTeams": {"2"}, "balanceMode": {"clan;skill"}}
	status, body := w.askFor(ctx, w.nextNode(), host.name, "POST", "spads/balance_battle", form)
	var answer struct {
		Players map[string]struct{ Team int } `json:"player_assign_hash"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || len(answer.Players) != 4 {
		w.Fatalf("teams: %d %s", status, body)
	}
	teams := map[string]int{}
	for name, p := range answer.Players {
		teams[name] = p.Team
	}
	return teams
}

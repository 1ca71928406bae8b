package scenario

import (
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
	a, b := players[0], players[1]
	b.send("c.user.avoid %s", a.name)
	b.want("OK cmd=c.user.avoid\tuserName=%s", a.name)
	// A lobby goes by the settings that its node knew when it was opened.
	w.until("an avoid counts at once", func() bool {
		w.seat(host, players)
		if w.heeded(host, a, b) {
			return true
		}
		host.send("LEAVEBATTLE")
		for _, p := range players {
			p.want("BATTLECLOSED *")
		}
		return false
	})
	apart := func(how string) {
		t.Helper()
		if teams := w.teams(host, a.name); teams[a.name] == teams[b.name] {
			t.Errorf("%s: both are in team %d", how, teams[a.name]+1)
		}
	}
	apart("avoid")
	b.send("c.user.reset_relationship %s", a.name)
	b.want("OK cmd=c.user.reset_relationship\tuserName=%s", a.name)
	w.until("it is taken back", func() bool { return !w.heeded(host, a, b) })
	b.send("c.user.block %s", a.name)
	b.want("OK cmd=c.user.block\tuserName=%s", a.name)
	w.until("a block is an avoid", func() bool { return w.heeded(host, a, b) })
	apart("block")
}

// seat opens a battle in which all play, and whose teams respect who avoids whom.
func (w *world) seat(host *actor, players []*actor) {
	w.Helper()
	id := host.open(springclient.Battle{})
	for i, p := range players {
		p.await("the battle", func(m *springclient.Model) bool { return m.Battles[id] != nil })
		host.admit(p, id, "empty")
		status := 4194304 | 1<<10 | i<<2 | i%2<<6
		p.send("MYBATTLESTATUS %d 255", status)
		host.want("CLIENTBATTLESTATUS %s %d 255", p.name, status)
	}
	host.send("SAYBATTLE $balancealgorithm respect_avoids")
	host.want("SAIDBATTLE Coordinator Balance algorithm set to respect_avoids")
}

// heeded reports whether the teams that a would be in are made knowing that b avoids a.
func (w *world) heeded(host, a, b *actor) bool {
	w.Helper()
	w.teams(host, a.name)
	mark := a.Mark()
	a.send("SAYBATTLE $explain")
	a.want("SAIDPRIVATE Coordinator Team 2 - …")
	return slices.Contains(a.Lines(mark), fmt.Sprintf("SAIDPRIVATE Coordinator Avoid: %s avoids %s", b.name, a.name))
}

// teams has the battle of a player balanced.
func (w *world) teams(host *actor, player string) map[string]int {
	w.Helper()
	form := url.Values{"players": {fmt.Sprintf("{'%s': {}}", player)}, "bots": {"{}"}, "nbTeams": {"2"}, "balanceMode": {"clan;skill"}}
	status, body := w.ask(w.nextNode(), host.name, "POST", "spads/balance_battle", form)
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

package scenario

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

const teamsLine = "s.battle.teams "

// teamsTold: while the site wants it, everybody is told of the number and size of every
// battle's teams, with the login and when they change.
func teamsTold(t *testing.T, env Env) {
	w := enter(t, env)
	host := w.host()
	var watchers []*actor
	for node := range env.Nodes {
		watchers = append(watchers, w.online(node, springclient.Player, env.Account(t, Plain)))
	}
	w.meet()
	id := host.open(springclient.Battle{})
	set := func(on bool) { env.Operate(t, "config", "set", "lobby.broadcast_teams", fmt.Sprint(on)) }
	t.Cleanup(func() { set(false) })
	set(true)
	w.changeTeams(host, watchers, true)
	host.send(`c.battle.update_host {"teamSize":"5","nbTeams":2}`)
	told := base64.RawStdEncoding.EncodeToString(fmt.Appendf(nil, `{"%d":{"nbTeams":2,"teamSize":5}}`, id))
	for _, x := range watchers {
		x.want(teamsLine+"%s", told)
		late := w.online(x.node, springclient.Player, env.Account(t, Plain))
		late.sync()
		all := late.toldTeams()
		if all[id].NbTeams != 2 || all[id].TeamSize != 5 {
			t.Errorf("with the login: %v", all)
		}
	}
	set(false)
	w.changeTeams(host, watchers, false)
}

// changeTeams changes the teams of a battle until all watchers are told, or none: nodes
// hear of the setting when they do.
func (w *world) changeTeams(host *actor, watchers []*actor, told bool) {
	w.Helper()
	try := 0
	w.until("the setting is known everywhere", func() bool {
		try++
		var marks []int
		for _, x := range watchers {
			marks = append(marks, x.Mark())
		}
		host.send(`c.battle.update_host {"teamSize":"%d","nbTeams":"2"}`, 3+try%2)
		host.send("c.battle.update_lobby_title Try %d of %v", try, told)
		all := true
		for i, x := range watchers {
			x.want("s.battle.update_lobby_title *\tTry %d of %v", try, told)
			all = all && slices.ContainsFunc(x.Lines(marks[i]), isTeams) == told
		}
		return all
	})
}

func isTeams(line string) bool { return strings.HasPrefix(line, teamsLine) }

type teams struct{ NbTeams, TeamSize int }

// toldTeams are those of all battles that came with the login.
func (a *actor) toldTeams() (all map[int64]teams) {
	a.w.Helper()
	lines := a.Lines(0)
	i := slices.IndexFunc(lines, isTeams)
	if i < 0 {
		a.w.Fatal("not told of teams with the login")
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimPrefix(lines[i], teamsLine))
	if err != nil {
		a.w.Fatalf("%s: %v", lines[i], err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		a.w.Fatalf("%s: %v", raw, err)
	}
	return all
}

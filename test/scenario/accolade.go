package scenario

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// praised is what players were asked about each other after a match, as the operator's
// command prints it.
type praised struct {
	Accolades []struct {
		Giver     int64  `json:"giver"`
		Recipient int64  `json:"recipient"`
		Outcome   string `json:"outcome"`
		Badge     string `json:"badge"`
	} `json:"accolades"`
}

// until asks again until something is so.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			w.Fatalf("never: %s", what)
		}
	}
}

// hears has the bot be written to, and returns its answer.
func (a *actor) hears(text string) string {
	a.w.Helper()
	a.Skip()
	a.send("SAYPRIVATE AccoladesBot %s", text)
	return strings.TrimPrefix(a.want("SAIDPRIVATE AccoladesBot …"), "SAIDPRIVATE AccoladesBot ")
}

// playLong has the host's players play a match of a quarter of an hour, and returns its
// number.
func (a *actor) playLong(battle int64, players ...*actor) int64 {
	a.w.Helper()
	id := a.matchID(battle)
	var ids []int64
	var names []string
	for _, p := range players {
		ids, names = append(ids, a.id(p.name)), append(names, p.name)
	}
	a.send("SAYEX autohosts * Launching game...")
	a.want("SAIDEX autohosts %s * Launching game...", a.name)
	a.send("SAYPRIVATE AutohostMonitor endGameData %s", EndData(id, 900, ids, names))
	a.send("SAYEX autohosts * Server stopped (running time: 15m01s)")
	a.want("SAIDEX autohosts %s * Server stopped (running time: 15m01s)", a.name)
	a.want("SAIDPRIVATE Coordinator updateSkill …")
	return id
}

// accolades: after a match players on several nodes are asked about their team mates,
// once. One gives a badge, which is kept, and is not asked about the same player again; the
// other puts it off, is asked after the next match, and misses that. While accolades are
// switched off the bot says so on every node.
func accolades(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, c := w.host(), w.newcomer(), w.newcomer(), w.newcomer()
	w.meet()
	battle := host.open(springclient.Battle{})
	for i, p := range []*actor{a, b, c} {
		host.admit(p, battle, "empty")
		for _, ready := range []int{0, 2} {
			status := []int{4195328, 4195332, 4195400}[i] + ready
			p.send("MYBATTLESTATUS %d 255", status)
			host.want("CLIENTBATTLESTATUS %s %d 255", p.name, status)
		}
	}
	host.send("JOIN autohosts")
	host.want("CLIENTS autohosts …%s…", host.name)
	first := host.playLong(battle, a, b, c)
	for p, about := range map[*actor]*actor{a: b, b: a} {
		p.want("SAIDPRIVATE AccoladesBot You have an opportunity to leave feedback on one of the players in your last game. We have selected %s", about.name)
		p.want("SAIDPRIVATE AccoladesBot Reply to this message …")
	}
	for _, step := range []struct {
		who          *actor
		text, answer string
	}{
		{a, "9", "None of the listed Accolades match that option"},
		{a, "2", "Thank you for your feedback, this Accolade will be bestowed."},
		{a, "2", "I'm not currently awaiting feedback for a player"},
		{b, "0", "Thank you for your feedback, no Accolade will be bestowed."},
		{c, "1", "I'm not currently awaiting feedback for a player"},
	} {
		if got := step.who.hears(step.text); got != step.answer {
			t.Errorf("%s says %s and hears %q, want %q", step.who.name, step.text, got, step.answer)
		}
	}
	b.send("SAYPRIVATE Coordinator $whoami")
	b.want("SAIDPRIVATE Coordinator >> 1x Good teammate")
	if env.Operate == nil {
		return
	}
	set := func(key, value string) { env.Operate(t, "config", "set", key, value) }
	t.Cleanup(func() { set("accolade.answer_seconds", "600") })
	set("accolade.answer_seconds", "1")
	for _, state := range []struct{ value, answer string }{
		{"off", "Accolades are switched off at the moment"},
		{"on", "I'm not currently awaiting feedback for a player"},
	} {
		set("addon.accolades", state.value)
		for _, p := range []*actor{a, b, c} {
			w.until("accolades are "+state.value, func() bool { return p.hears("1") == state.answer })
		}
	}
	// Every node has the new settings, as the last of them.
	host.await("the next match", func(m *springclient.Model) bool {
		next := m.Room.Tags["game/server_match_id"]
		return next != "" && next != strconv.FormatInt(first, 10)
	})
	w.skip()
	marks := map[*actor]int{a: a.Mark(), b: b.Mark(), c: c.Mark()}
	second := host.playLong(battle, a, b, c)
	b.want("SAIDPRIVATE AccoladesBot You have an opportunity …We have selected %s", a.name)
	b.want("SAIDPRIVATE AccoladesBot Reply to this message …")
	w.until("the answer is too late", func() bool { return b.hears("soon") == "I'm not currently awaiting feedback for a player" })
	for p, want := range map[*actor]int{a: 0, b: 1, c: 0} {
		if n := p.Count(marks[p], "SAIDPRIVATE AccoladesBot You have an opportunity …"); n != want {
			t.Errorf("%s is asked %d times after the second match, want %d", p.name, n, want)
		}
	}
	w.wantPraise(first, map[int64]string{host.id(a.name): "given Good teammate", host.id(b.name): "later "})
	w.wantPraise(second, map[int64]string{host.id(b.name): "missed "})
}

// wantPraise compares what became of the questions after a match, by who was asked.
func (w *world) wantPraise(id int64, want map[int64]string) {
	w.Helper()
	var m praised
	if err := json.Unmarshal(w.env.Operate(w, "match", "show", strconv.FormatInt(id, 10)), &m); err != nil {
		w.Fatal(err)
	}
	got := map[int64]string{}
	for _, q := range m.Accolades {
		got[q.Giver] = q.Outcome + " " + q.Badge
	}
	if !maps.Equal(want, got) {
		w.Errorf("match %d: asked %v, want %v", id, got, want)
	}
}

// achievements: a scenario that was won counts once, from whichever nodes and however often
// its end is reported.
func achievements(t *testing.T, env Env) {
	if env.Operate == nil {
		return
	}
	w := enter(t, env)
	won := base64.StdEncoding.EncodeToString([]byte(`{"scenarioid":"archsimkatshelpers017","difficulty":"Brutal","won":true}`))
	lost := base64.StdEncoding.EncodeToString([]byte(`{"scenarioid":"Fallendellheadstart008","difficulty":"Brutal","won":false}`))
	name := env.Fresh(t, Plain)
	of := func() []string {
		return strings.Fields(string(env.Operate(t, "achievement", "of", name)))
	}
	for node := range env.Nodes {
		a := w.online(node, springclient.Player, name)
		for _, value := range []string{lost, won, won} {
			a.send("c.telemetry.complex_client_event game_start:singleplayer:scenario_end %s abcdef", value)
		}
		a.sync()
		w.until("it counts", func() bool { return slices.Contains(of(), "1/1") })
	}
	got := of()
	count := map[string]int{}
	for _, word := range got {
		count[word]++
	}
	if count["001"] != 2 || count["(Normal)"] != 1 || count["(Brutal)"] != 1 || count["1/1"] != 2 {
		t.Errorf("achieved %q", got)
	}
}

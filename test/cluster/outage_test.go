package cluster

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// outageEnv says how long the database is away (make outage).
const outageEnv = "OUTAGE_DURATION"

// outage outlasts leases, and what calls and links wait for.
const outage = 25 * time.Second

// TestOutage: the database is away while a game ends. Nobody is disconnected, chat goes on
// between the nodes, and when it is back everything is as it was: the match has ended when
// its host said so, is processed and rated once, and who waited to play comes next.
func TestOutage(t *testing.T) {
	t.Parallel()
	away := outage
	if given := os.Getenv(outageEnv); given != "" {
		var err error
		if away, err = time.ParseDuration(given); err != nil {
			t.Fatal(err)
		}
	}
	database := pgtest.NewSolo(t)
	r := newRig(t, database.URL())
	host := r.host(0)
	players := []*person{r.player(0), r.player(1), r.player(2)}
	id := r.newBattle(host)
	for i, p := range players {
		host.admit(p, id)
		p.join("main")
		if i == 2 {
			continue
		}
		for range 2 { // a player is ready with the second
			p.send("MYBATTLESTATUS %d 255", 4195330+68*i)
		}
		host.want("CLIENTBATTLESTATUS %s %d 255", p.name, 4195330+68*i)
	}
	host.join("autohosts")
	host.send(`c.battle.update_host {"teamSize":"1","nbTeams":"2"}`)
	host.sync()
	players[2].send("SAYBATTLE $joinq")
	players[2].want("SAIDBATTLEEX Coordinator You are now in the join-queue at position 1. …")
	game, err := strconv.ParseInt(host.Snapshot().Room.Tags["game/server_match_id"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	host.send("SAYEX autohosts * Launching game...")
	host.want("SAIDEX autohosts %s * Launching game...", host.name)
	r.until("the match has started", func() error {
		if m := r.match(game); m.Started == "" {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	r.meet()
	before := r.nodes()
	r.mark()

	database.Stop()
	over := time.After(away)
	r.until("nobody is trusted", func() error {
		ctx, cancel := limit()
		defer cancel()
		for _, p := range r.c.Processes {
			if ready(ctx, p.HTTP) == nil {
				return fmt.Errorf("%s is ready", p.Name)
			}
		}
		return nil
	})
	host.send("SAYEX autohosts * Server stopped (running time: 10m0s)")
	host.want("SAIDEX autohosts %s * Server stopped (running time: 10m0s)", host.name)
	var ids []int64
	var names []string
	for _, p := range players[:2] {
		ids, names = append(ids, host.Snapshot().World.Users[p.name].ID), append(names, p.name)
	}
	host.send("SAYPRIVATE AutohostMonitor endGameData %s", scenario.EndData(game, 600, ids, names))
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n, back := 0, false; !back; n++ {
		speaker := players[n%3]
		speaker.send("SAY main line %d", n)
		for _, p := range players {
			p.want("SAID main %s line %d", speaker.name, n)
		}
		host.sync()
		select {
		case <-tick.C:
		case <-over:
			back = true
		}
	}
	began := time.Now()
	database.Start()

	host.want("SAIDPRIVATE Coordinator updateSkill …")
	t.Logf("the host is told of the ratings %v after the database is back", time.Since(began))
	m := r.match(game)
	if m.GameType != "Duel" || m.Processed == "" || m.GameDuration != 600 || m.RatingType != "Duel" || len(m.Members) != 2 {
		t.Errorf("match %+v", m)
	}
	for _, u := range m.Members {
		if u.Win != (u.Name == names[0]) || u.Exit != "stayed" {
			t.Errorf("member %+v", u)
		}
	}
	if finished, err := time.Parse(time.RFC3339, m.Finished); err != nil || !finished.Before(began) {
		t.Errorf("%v: the match has ended at %s, the database was back at %s", err, m.Finished, began)
	}
	raw := pgtest.OpenRaw(t, database.URL())
	if n := raw.Number(fmt.Sprintf("SELECT COUNT(*) FROM rating_log WHERE match_id = %d", game)); n != 2 {
		t.Errorf("%d ratings were moved", n)
	}

	// The battle goes on, with the next match and with who waited.
	players[0].send("MYBATTLESTATUS 4194304 0")
	players[2].want("SAIDBATTLEEX Coordinator %s You were at the front of the queue, you are now a player.", players[2].name)
	r.living()
	for name, n := range r.nodes() {
		if n.Incarnation != before[name].Incarnation {
			t.Errorf("%s is %+v, it was %+v", name, n, before[name])
		}
	}
	host.await("the next match", func(m *springclient.Model) bool {
		next, err := strconv.ParseInt(m.Room.Tags["game/server_match_id"], 10, 64)
		return err == nil && next > game
	})
	r.meet()
	for _, p := range r.persons {
		p.sync()
		if !p.Open() {
			t.Errorf("%s was disconnected: %s", p.name, p.Tail(3))
		}
		for _, pattern := range []string{"REMOVEUSER …", "ADDUSER …", "BATTLECLOSED …", "BATTLEOPENED …", "LEFTBATTLE …", "LEFT main …"} {
			if n := p.Count(p.from, pattern); n != 0 {
				t.Errorf("%s on node %d was told %d times %s", p.name, p.node+1, n, pattern)
			}
		}
	}
}

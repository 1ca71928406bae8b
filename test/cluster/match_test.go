package cluster

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
)

// monitorKey is the process that hosts report to.
const monitorKey = "match_monitor/main"

// TestMatchMonitorKilled kills the match monitor's node behind each of a host's reports, as
// soon as that has been taken: the match starts, ends and is processed, once.
func TestMatchMonitorKilled(t *testing.T) {
	t.Parallel()
	for kind, database := range map[string]string{"postgres": pgtest.URL(t), "sqlite": "sqlite:" + t.TempDir() + "/teiserver.db"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, database)
			stages := []string{"start", "stop", "end data"}
			if kind == "sqlite" {
				stages = stages[1:2]
			}
			for _, stage := range stages {
				r.playMatch(stage)
			}
		})
	}
}

// playMatch plays a duel on a node that does not run the monitor, and kills the node that
// does behind a report.
func (r *rig) playMatch(stage string) {
	r.Helper()
	owners := r.living()
	lost := r.nodeOf(owners[monitorKey].Node)
	kill := func(report string) {
		if report == stage {
			r.c.Processes[lost].Kill()
		}
	}
	at := (lost + 1) % len(r.c.Processes)
	host, players := r.host(at), []*person{r.player(at), r.player(at)}
	id := host.open(stage)
	for i, p := range players {
		host.admit(p, id)
		for range 2 { // a player is ready with the second
			p.send("MYBATTLESTATUS %d 255", 4195330+68*i)
		}
		host.want("CLIENTBATTLESTATUS %s %d 255", p.name, 4195330+68*i)
	}
	host.join("autohosts")
	host.sync()
	first, err := strconv.ParseInt(host.Snapshot().Room.Tags["game/server_match_id"], 10, 64)
	if err != nil {
		r.Fatal(err)
	}
	host.Skip()
	mark := host.Mark()

	host.send("SAYEX autohosts * Launching game...")
	host.want("SAIDEX autohosts %s * Launching game...", host.name)
	kill("start")
	host.send("SAYEX autohosts * Server stopped (running time: 10m0s)")
	host.want("SAIDEX autohosts %s * Server stopped (running time: 10m0s)", host.name)
	kill("stop")
	r.until(stage+": the match has ended", func() error {
		if m := r.match(first); m.Finished == "" {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	seen := host.Snapshot().World.Users
	ids, names := []int64{}, []string{}
	for _, p := range players {
		ids, names = append(ids, seen[p.name].ID), append(names, p.name)
	}
	host.send("SAYPRIVATE AutohostMonitor endGameData %s", scenario.EndData(first, 600, ids, names))
	host.sync()
	kill("end data")
	host.want("SAIDPRIVATE Coordinator updateSkill …")

	m := r.match(first)
	if m.GameType != "Duel" || m.Started == "" || m.Processed == "" || m.GameDuration != 600 || m.RatingType != "Duel" || len(m.Members) != 2 {
		r.Errorf("%s: match %+v", stage, m)
	}
	for _, u := range m.Members {
		if u.Win != (u.Name == names[0]) || u.Exit != "stayed" {
			r.Errorf("%s: member %+v", stage, u)
		}
	}
	host.sync()
	next := 0
	for _, line := range host.Lines(mark) {
		if strings.HasPrefix(line, "SETSCRIPTTAGS game/server_match_id=") && strings.HasSuffix(line, "\tserver/match/uuid=") {
			next++
			if id, err := scenario.NextMatch(line); err != nil || id == first || r.match(id).Started != "" {
				r.Errorf("%s: next match %d, %v", stage, id, err)
			}
		}
	}
	if next != 1 {
		r.Errorf("%s: %d next matches\n%s", stage, next, host.Tail(30))
	}
	if err := r.c.Processes[lost].Restart(r.Context()); err != nil {
		r.Fatal(err)
	}
}

// match reads the record of a match.
func (r *rig) match(id int64) scenario.Match {
	r.Helper()
	out, err := r.c.command("match", "show", strconv.FormatInt(id, 10))
	if err != nil {
		r.Fatal(err)
	}
	m, err := scenario.ReadMatch([]byte(out))
	if err != nil {
		r.Fatal(err)
	}
	return m
}

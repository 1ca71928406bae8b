package cluster

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"teiserver/internal/telemetry"
)

// checkMatch: one match was played, by all, and has moved each rating once.
func (e *evening) checkMatch() {
	e.Helper()
	m := e.rig.match(e.match)
	if m.GameType != "Large Team" || m.RatingType != "Large Team" || m.Started == "" || m.Finished == "" || m.Processed == "" || m.GameDuration != 900 {
		e.Errorf("match %+v", m)
	}
	won := 0
	for _, u := range m.Members {
		if u.Win != (u.Team == 0) || u.Exit != "stayed" {
			e.Errorf("member %+v", u)
		}
		if u.Win {
			won++
		}
	}
	if len(m.Members) != guests || won != guests/2 {
		e.Errorf("%d of %d have won", won, len(m.Members))
	}
	for what, want := range map[string]int{
		`SELECT count(*) FROM matches WHERE started > 0`:                                                                 1,
		`SELECT count(*) FROM rating_log`:                                                                                guests,
		`SELECT count(DISTINCT user_id) FROM rating_log`:                                                                 guests,
		`SELECT count(*) FROM rating WHERE type = 'Large Team' AND matches = 1`:                                          guests,
		`SELECT count(*) FROM rating WHERE type = 'Large Team' AND wins = 1`:                                             guests / 2,
		fmt.Sprintf(`SELECT count(*) FROM telemetry_event WHERE family = 'match' AND match_id = %d`, e.match):            e.told,
		`SELECT count(*) FROM telemetry_event WHERE family = 'client' AND name = 'game_start:singleplayer:scenario_end'`: e.again,
	} {
		e.until(what, func() error {
			if got := e.db.Number(what); got != want {
				return fmt.Errorf("%d, want %d", got, want)
			}
			return nil
		})
	}
	for _, id := range e.ids {
		var r struct{ Uncertainty float64 }
		if e.ask(fmt.Sprintf("spads/get_rating/%d/Large Team", id), &r); r.Uncertainty >= 8.33 {
			e.Errorf("user %d: %+v", id, r)
		}
	}
}

// checkAccolades: each player is asked once, and an answer counts.
func (e *evening) checkAccolades() {
	e.Helper()
	for _, p := range e.players {
		p.want("SAIDPRIVATE AccoladesBot Reply to this message …")
	}
	e.players[1].send("SAYPRIVATE AccoladesBot 2")
	e.players[1].want("SAIDPRIVATE AccoladesBot Thank you for your feedback, this Accolade will be bestowed.")
	e.players[2].send("SAYPRIVATE AccoladesBot n")
	e.players[2].want("SAIDPRIVATE AccoladesBot Thank you …")
	for _, p := range e.players {
		p.sync()
		if n := p.Count(0, "SAIDPRIVATE AccoladesBot You have an opportunity …"); n != 1 {
			e.Errorf("%s is asked %d times", p.name, n)
		}
	}
	var q questions
	e.read(&q, "match", "show", strconv.FormatInt(e.match, 10))
	asked := map[int64]string{}
	for _, x := range q.Accolades {
		asked[x.Giver] = x.Outcome + " " + x.Badge
	}
	if len(q.Accolades) != guests || len(asked) != guests || asked[e.ids[1]] != "given Good teammate" || asked[e.ids[2]] != "declined " {
		e.Errorf("asked: %+v", q.Accolades)
	}
	if n := e.db.Number(`SELECT count(*) FROM accolade WHERE badge_type_id IS NOT NULL`); n != 1 {
		e.Errorf("%d accolades", n)
	}
}

// checkAchievements: what was reported before and behind the loss of a node counts once.
func (e *evening) checkAchievements() {
	e.Helper()
	e.until("it counts", func() error {
		out, err := e.c.command("achievement", "of", e.players[0].name)
		if err != nil {
			return err
		}
		if n := strings.Count(out, "1/1"); n != 2 {
			return fmt.Errorf("achieved:\n%s", out)
		}
		return nil
	})
}

// checkTelemetry stops the nodes: what is in the rows of minutes, and what the nodes have
// noted as their last counters, is what happened on all of them since they were started
// last, and whatever was counted of those that were killed.
func (e *evening) checkTelemetry() {
	e.Helper()
	for _, p := range e.persons {
		p.Close()
	}
	for _, p := range e.c.Processes {
		p.Stop()
		if p.err != nil {
			e.Errorf("%s ended with %v", p.Name, p.err)
		}
	}
	total, killed := map[string]int64{}, map[string]int64{}
	var rows []telemetry.Minute
	e.scan(&rows, `SELECT COALESCE('[' || string_agg(data, ',') || ']', '[]') FROM telemetry_log WHERE unit = 'minute'`)
	for _, row := range rows {
		add(total, row.Counters, 1)
	}
	var lives []struct{ Counted, Final map[string]int64 }
	e.scan(&lives, `SELECT COALESCE('[' || string_agg('{"counted":' || counted || CASE final WHEN '' THEN '' ELSE ',"final":' || final END || '}', ',') || ']', '[]')
		FROM telemetry_node`)
	for _, l := range lives {
		if l.Final == nil {
			add(killed, l.Counted, 1)
			continue
		}
		add(total, l.Final, 1)
		add(total, l.Counted, -1)
	}
	add(total, killed, -1)
	users, bots := e.in[0]+e.in[1]+e.in[2], e.bots[0]+e.bots[1]+e.bots[2]
	for name, want := range map[string]int64{
		telemetry.UsersIn: users, telemetry.BotsIn: bots, telemetry.MatchesStopped: 1, telemetry.Dropped: 0, telemetry.Refused: 0,
	} {
		if got := total[name]; got != want {
			e.Errorf("%s: counted %d, want %d", name, got, want)
		}
	}
	if n := total[telemetry.MatchesStarted] + killed[telemetry.MatchesStarted]; n > 1 {
		e.Errorf("%d matches have started", n)
	}
	e.Logf("%d rows of minutes, killed %v, the others %v", len(rows), slices.Sorted(maps.Keys(killed)), total)
}

func (e *evening) scan(into any, query string) {
	e.Helper()
	if err := json.Unmarshal([]byte(e.db.Text(query)), into); err != nil {
		e.Fatal(err)
	}
}

func add(sum, counters map[string]int64, times int64) {
	for name, n := range counters {
		sum[name] += times * n
	}
}

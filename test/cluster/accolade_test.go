package cluster

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"

	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
)

// questions are what players were asked after a match, as the operator's command prints it.
type questions struct {
	Accolades []struct {
		Giver   int64  `json:"giver"`
		Outcome string `json:"outcome"`
		Badge   string `json:"badge"`
	} `json:"accolades"`
}

// TestAccoladesKilled kills the node of AccoladesBot and its chats when players have been
// asked: the chats go on elsewhere, nobody is asked again, and an answer counts once.
func TestAccoladesKilled(t *testing.T) {
	t.Parallel()
	r := newRig(t, pgtest.URL(t))
	lost := r.nodeOf(r.living()["accolade_bot/main"].Node)
	at := (lost + 1) % len(r.c.Processes)
	host, a, b := r.host(at), r.player(at), r.player((lost+2)%len(r.c.Processes))
	battle := host.open("long")
	for i, p := range []*person{a, b} {
		host.admit(p, battle)
		for range 2 { // a player is ready with the second
			p.send("MYBATTLESTATUS %d 255", 4195330+4*i)
		}
		host.want("CLIENTBATTLESTATUS %s %d 255", p.name, 4195330+4*i)
	}
	host.join("autohosts")
	host.sync()
	id, err := strconv.ParseInt(host.Snapshot().Room.Tags["game/server_match_id"], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	seen := host.Snapshot().World.Users
	ids := []int64{seen[a.name].ID, seen[b.name].ID}
	host.send("SAYEX autohosts * Launching game...")
	host.send("SAYPRIVATE AutohostMonitor endGameData %s", scenario.EndData(id, 900, ids, []string{a.name, b.name}))
	host.send("SAYEX autohosts * Server stopped (running time: 15m0s)")
	for _, p := range []*person{a, b} {
		p.want("SAIDPRIVATE AccoladesBot Reply to this message …")
	}
	mark := map[*person]int{a: a.Mark(), b: b.Mark()}
	r.c.Processes[lost].Kill()

	outcome := func(user int64) string {
		out, err := r.c.command("match", "show", strconv.FormatInt(id, 10))
		if err != nil {
			t.Fatal(err)
		}
		var q questions
		if err := json.Unmarshal([]byte(out), &q); err != nil {
			t.Fatal(err)
		}
		for _, x := range q.Accolades {
			if x.Giver == user {
				return x.Outcome + " " + x.Badge
			}
		}
		return "none"
	}
	for i, p := range []*person{a, b} {
		want, text := []string{"given Good teammate", "declined "}[i], []string{"2", "n"}[i]
		r.until("an answer counts", func() error {
			p.send("SAYPRIVATE AccoladesBot %s", text)
			p.sync()
			if got := outcome(ids[i]); got != want {
				return fmt.Errorf("%s: %q", p.name, got)
			}
			return nil
		})
	}
	b.send("SAYPRIVATE Coordinator $whoami")
	b.want("SAIDPRIVATE Coordinator >> 1x Good teammate")
	for p, from := range mark {
		p.sync()
		if n := p.Count(from, "SAIDPRIVATE AccoladesBot You have an opportunity …"); n != 0 {
			t.Errorf("%s is asked again", p.name)
		}
		if n := p.Count(from, "SAIDPRIVATE AccoladesBot Thank you …"); n > 1 {
			t.Errorf("%s is thanked %d times", p.name, n)
		}
	}
	if err := r.c.Processes[lost].Restart(r.Context()); err != nil {
		t.Fatal(err)
	}
}

//go:build realclient

package spads

import (
	"strings"
	"testing"
)

// talk says what there is to say as the owner of the host.
func talk(p *player, guest string) {
	p.t.Helper()
	fill := strings.NewReplacer("$owner", p.name, "$guest", guest).Replace
	p.say("!ring "+guest, "SAIDBATTLEEX HOST * Ringing "+guest+" …")
	for _, o := range orders {
		p.say(fill(o.say), fill(o.want))
	}
	p.say("!cv set teamSize 2", "SAIDBATTLEEX HOST * "+p.name+" called a vote for command …")
	p.say("!endVote", "SAIDBATTLEEX HOST * Vote … by "+p.name)
}

func moderate(p *player, guest string) {
	p.t.Helper()
	fill := strings.NewReplacer("$guest", guest).Replace
	for _, o := range moderations {
		p.say(fill(o.say), fill(o.want))
	}
}

// play is a match from start to end.
func play(t *testing.T, dir, port string, s *SPADS, a, b *player) {
	t.Helper()
	games, over := s.Count("Game started"), s.Count("Game over")
	a.play(ready0)
	b.play(ready1)
	a.say("!forceStart", "CLIENTSTATUS HOST 65")
	for _, p := range []*player{a, b} {
		quit := p.engine(dir, port)
		defer quit()
	}
	b.want("CLIENTSTATUS %s 65", a.host)
	a.want("CLIENTSTATUS %s 1", b.name)
	must(t, s.Await(a.ctx, games+1, "Game started"))
	must(t, s.Await(a.ctx, over+1, "Game over"))
	a.want("CLIENTSTATUS %s 64", a.host)
	b.want("CLIENTSTATUS %s 64", a.host)
	a.send("MYSTATUS 0")
	b.send("MYSTATUS 0")
	a.want("CLIENTSTATUS %s 0", b.name)
}

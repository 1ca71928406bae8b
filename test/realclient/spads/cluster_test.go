//go:build realclient

package spads

import (
	"context"
	"testing"

	"teiserver/test/scenario"
)

// TestThreeNodes: SPADS on one node, its players on the others. Its node dies, not it:
// it comes back through the balancer on another and hosts again, and every player sees
// its battle end once and return once. Then they play.
func TestThreeNodes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := nodes(t, 3)
	owner, guest := c.Account(t, scenario.Plain), c.Account(t, scenario.Plain)
	front := balance(t, c.Nodes[0].Spring, c.Nodes[1].Spring, c.Nodes[2].Spring)
	cfg := config(t, c, front.addr, owner)
	s := Start(t, cfg)
	defer s.judge(t)

	a := enter(ctx, t, c.Nodes[1].Spring, owner)
	b := enter(ctx, t, c.Nodes[2].Spring, guest)
	must(t, s.Await(ctx, 1, `Received from lobby server: "OPENBATTLE `))
	id, port := a.room(cfg.Login, 0)
	a.play(ready0)
	b.room(cfg.Login, 0)
	b.play(ready1)
	talk(a, guest)
	play(t, cfg.Dir, port, s, a, b)

	from := []int{a.Mark(), b.Mark()}
	c.Processes[0].Kill()
	must(t, s.Await(ctx, 2, `Received from lobby server: "OPENBATTLE `))
	for i, p := range []*player{a, b} {
		p.Rewind(from[i])
		p.want("BATTLECLOSED %d", id)
		p.want("BATTLEOPENED * 0 0 %s …", cfg.Login)
		must(t, p.Ping(ctx))
		for _, line := range []string{"REMOVEUSER " + cfg.Login, "ADDUSER " + cfg.Login + " …", "BATTLECLOSED *", "BATTLEOPENED …"} {
			if n := p.Count(from[i], line); n != 1 {
				t.Errorf("%s has seen %q %d times, want once", p.name, line, n)
			}
		}
	}
	_, port = a.room(cfg.Login, from[0])
	a.play(ready0)
	b.room(cfg.Login, from[1])
	b.play(ready1)
	play(t, cfg.Dir, port, s, a, b)
}

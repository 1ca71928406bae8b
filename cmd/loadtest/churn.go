package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// act is one of the things that happen on an evening.
type act struct {
	name    string
	perHour float64 // in each battle
	do      func(ctx context.Context, h *autohost) bool
	done    int
	failed  atomic.Int64
}

// churn lets an evening happen: each act so often in an hour and battle, evenly spread, in
// battles chosen at random.
type churn struct {
	*evening
	pace  float64
	rand  *rand.Rand // of the loop
	acts  []*act
	slow  chan struct{} // what waits for answers, so many at once
	tasks sync.WaitGroup
}

// slowAtOnce bounds how many players move or come in at once.
const slowAtOnce = 64

func newChurn(e *evening, pace float64) *churn {
	c := &churn{evening: e, pace: pace, rand: rand.New(rand.NewPCG(1, 2)), slow: make(chan struct{}, slowAtOnce)} //nolint:gosec // not a secret
	c.acts = []*act{
		{name: "battle changed by a player", perHour: 12, do: c.move},
		{name: "logout, login and join", perHour: 6, do: c.comeAgain},
		{name: "battle status", perHour: 120, do: c.status},
		{name: "away or back", perHour: 12, do: c.goAway},
		{name: "line in a battle", perHour: 240, do: c.say},
		{name: "$ command", perHour: 12, do: c.order},
		{name: "vote for a boss", perHour: 3, do: c.vote},
		{name: "game begun or ended", perHour: 3, do: c.play},
	}
	return c
}

// run lets things happen until ctx ends.
func (c *churn) run(ctx context.Context) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		hours := time.Since(began).Hours() * c.pace * float64(len(c.hosts))
		for _, a := range c.acts {
			for ; float64(a.done) < a.perHour*hours; a.done++ {
				if !a.do(context.WithoutCancel(ctx), c.hosts[c.rand.IntN(len(c.hosts))]) {
					a.failed.Add(1)
				}
			}
		}
	}
}

// wait waits for those who still move.
func (c *churn) wait() { c.tasks.Wait() }

func (c *churn) report(s *Section, d time.Duration) {
	for _, a := range c.acts {
		s.put(a.name, float64(a.done)/d.Seconds(), "1/s")
		if n := a.failed.Load(); n > 0 {
			s.note("%d of %d not done: %s", n, a.done, a.name)
		}
	}
	s.put("matches rated", float64(c.heard.rated.Load()), "")
	s.put("titles changed by bosses", float64(c.heard.titles.Load()), "")
	if n := c.heard.refused.Load(); n > 0 {
		s.note("%d orders of bosses were refused", n)
	}
}

// somebody is a member of a battle who does nothing else now, nil if there is none.
func (c *churn) somebody(h *autohost) *player {
	members := c.members(h)
	if len(members) == 0 {
		return nil
	}
	if p := members[c.rand.IntN(len(members))]; !p.busy.Load() {
		return p
	}
	return nil
}

// says has somebody in a battle send lines.
func (c *churn) says(h *autohost, format string, args ...any) bool {
	p := c.somebody(h)
	return p != nil && p.at().send(fmt.Sprintf(format, args...)) == nil
}

// task does for a player what waits for answers.
func (c *churn) task(ctx context.Context, a string, p *player, f func(ctx context.Context) error) bool {
	if p == nil || !p.busy.CompareAndSwap(false, true) {
		return false
	}
	select {
	case c.slow <- struct{}{}:
	default:
		p.busy.Store(false)
		return false
	}
	c.tasks.Go(func() {
		defer func() { <-c.slow; p.busy.Store(false) }()
		if f(ctx) != nil {
			for _, one := range c.acts {
				if one.name == a {
					one.failed.Add(1)
				}
			}
		}
	})
	return true
}

// move has a player leave its battle and enter another.
func (c *churn) move(ctx context.Context, h *autohost) bool {
	p, other := c.somebody(h), c.hosts[c.rand.IntN(len(c.hosts))]
	return c.task(ctx, c.acts[0].name, p, func(ctx context.Context) error {
		c.leave(p)
		if err := p.at().send("LEAVEBATTLE"); err != nil {
			return err
		}
		return c.enter(ctx, p, other)
	})
}

// comeAgain has a player go, log in again and enter a battle.
func (c *churn) comeAgain(ctx context.Context, h *autohost) bool {
	p := c.somebody(h)
	return c.task(ctx, c.acts[1].name, p, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, enterFor)
		defer cancel()
		c.leave(p)
		old := p.at()
		_ = old.send("EXIT")
		old.close()
		fresh, err := connect(ctx, c.server.addr, p.index, c.players.buffer, c.total)
		if err != nil {
			return err
		}
		fresh.name = p.name
		c.players.mu.Lock()
		c.players.clients[p.index] = fresh
		c.players.mu.Unlock()
		if _, err := fresh.ask(ctx, loginLine(p.name), "LOGININFOEND\n"); err != nil {
			return err
		}
		return c.enter(ctx, p, h)
	})
}

// status has a player change sides, or be ready or not.
func (c *churn) status(_ context.Context, h *autohost) bool {
	seat := c.rand.IntN(16)
	return c.says(h, "MYBATTLESTATUS %d %d", battleStatus(seat, c.rand.IntN(4) > 0), 0xff00+seat)
}

// goAway tells everybody that a player is away, or back.
func (c *churn) goAway(_ context.Context, h *autohost) bool {
	p := c.somebody(h)
	if p == nil {
		return false
	}
	p.away = !p.away
	status := 0
	if p.away {
		status = 2
	}
	if h.going() {
		status++
	}
	return p.at().send(fmt.Sprintf("MYSTATUS %d", status)) == nil
}

func (c *churn) say(_ context.Context, h *autohost) bool { return c.says(h, "SAYBATTLE %s", payload) }

// orders are what players ask the consul.
var orders = []string{"$status", "$joinq", "$leaveq", "$roll 2D6", "$explain", "$afks"}

func (c *churn) order(_ context.Context, h *autohost) bool {
	return c.says(h, "SAYBATTLE %s", orders[c.rand.IntN(len(orders))])
}

// vote makes somebody boss by a vote, as SPADS holds it; the boss orders something and is
// none any more.
func (c *churn) vote(ctx context.Context, h *autohost) bool {
	members := c.members(h)
	if len(members) < 4 {
		return false
	}
	boss := members[0]
	return c.task(ctx, c.acts[6].name, boss, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, enterFor)
		defer cancel()
		at, call := boss.at(), "boss "+boss.name
		called := fmt.Sprintf("called a vote for command %q", call)
		if err := at.send("SAYBATTLE !cv " + call); err != nil {
			return err
		}
		if err := at.hears(ctx, h, fmt.Sprintf("SAYBATTLEEX * %s %s [!vote y, !vote n, !vote b]", boss.name, called), called); err != nil {
			return err
		}
		for _, p := range members[1:4] {
			_ = p.at().send("SAYBATTLE !y") // who has gone is noticed by who waits
		}
		enabled := fmt.Sprintf("Boss mode enabled for %s (by %s)", boss.name, boss.name)
		if err := at.hears(ctx, h, fmt.Sprintf("SAYBATTLEEX * Vote for command %q passed (delay expired).\nSAYBATTLEEX * %s", call, enabled), enabled); err != nil {
			return err
		}
		for _, order := range []string{"$minratinglevel 1", "$resetratinglevels"} {
			if _, err := at.ask(ctx, "SAYBATTLE "+order, "SAIDBATTLE "+boss.name+" "+order); err != nil {
				return err
			}
		}
		return h.send("SAYBATTLEEX * Boss mode disabled by " + boss.name)
	})
}

// hears waits until what a host says has come to a member of its battle.
func (c *client) hears(ctx context.Context, h *autohost, line, text string) error {
	seen := c.expect(text)
	if err := h.send(line); err != nil {
		return err
	}
	select {
	case <-seen:
		return nil
	case <-c.done:
		return c.why()
	case <-ctx.Done():
		return fmt.Errorf("%s waited for %q: %w", c.name, text, ctx.Err())
	}
}

// play begins a game where there is none, and ends it where there is one.
func (c *churn) play(_ context.Context, h *autohost) bool {
	members := c.members(h)
	if len(members) == 0 {
		return false
	}
	if h.going() {
		h.stop(members)
	} else {
		h.launch(members)
	}
	return true
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// player is one who sits in a battle; its connection changes when it comes in again.
type player struct {
	name  string
	index int // in the crowd
	crowd *crowd
	busy  atomic.Bool // moves, or comes in again
	away  bool        // the churn's own
	home  *autohost   // whose battle it is in; under the lock of the evening
}

// at is its present connection.
func (p *player) at() *client {
	p.crowd.mu.Lock()
	defer p.crowd.mu.Unlock()
	return p.crowd.clients[p.index]
}

// evening is a server full of battles.
type evening struct {
	server  *running
	total   *atomic.Int64 // lines read by all
	players *crowd
	probes  *crowd
	numbers sync.Map
	heard   heardOf

	mu    sync.Mutex // of who sits where
	hosts []*autohost
	all   []*player
}

func newEvening(m *eveningCommand, server *running) *evening {
	e := &evening{server: server, players: newCrowd([]string{server.addr}, m.Clients), probes: newCrowd([]string{server.addr}, m.Probes)}
	e.total = &e.players.total
	e.probes.prefix = e.players.prefix + "p"
	e.hosts = make([]*autohost, m.Lobbies)
	for i := range m.Clients {
		e.all = append(e.all, &player{name: e.players.name(i), index: i, crowd: e.players})
	}
	return e
}

func (e *evening) close() {
	e.players.close()
	e.probes.close()
	for _, h := range e.hosts {
		if h != nil {
			h.close()
		}
	}
}

// hostsLost counts the hosts whose connection has ended.
func (e *evening) hostsLost() (n int) {
	for _, h := range e.hosts {
		if h == nil || !h.client.open() {
			n++
		}
	}
	return n
}

// comeIn makes the accounts and logs everybody in: hosts, players, probes.
func (e *evening) comeIn(ctx context.Context, workers int) error {
	boss := e.players.prefix + "mod"
	if err := e.server.addUser(ctx, boss, "moderator"); err != nil {
		return err
	}
	moderator, err := connect(ctx, e.server.addr, 0, e.players.buffer, e.total)
	if err != nil {
		return err
	}
	defer moderator.close()
	moderator.name = boss
	if _, err := moderator.ask(ctx, loginLine(boss), "LOGININFOEND\n"); err != nil {
		return err
	}
	for i := range e.hosts {
		name := fmt.Sprintf("%sh%d", e.players.prefix, i)
		if _, err := moderator.ask(ctx, "CREATEBOTACCOUNT "+name+" "+boss, " has been created"); err != nil {
			return err
		}
		h, err := e.host(ctx, i, name)
		if err != nil {
			return err
		}
		e.players.mu.Lock() // who pings looks there
		e.hosts[i] = h
		e.players.mu.Unlock()
	}
	return errors.Join(e.players.comeIn(ctx, workers), e.probes.comeIn(ctx, workers))
}

func (e *evening) host(ctx context.Context, i int, name string) (*autohost, error) {
	conn, err := dial(ctx, e.server.addr, i)
	if err != nil {
		return nil, err
	}
	h := &autohost{client: &client{conn: conn, name: name, total: e.total, done: make(chan struct{})}, numbers: &e.numbers, heard: &e.heard}
	go h.serve()
	if _, err := h.ask(ctx, loginLine(name), "LOGININFOEND"); err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// open has every host open its battle.
func (e *evening) open(ctx context.Context, workers int) error {
	err := (&crowd{clients: make([]*client, len(e.hosts))}).each(ctx, workers, func(ctx context.Context, i int) error {
		return e.hosts[i].open(ctx, i)
	})
	if err != nil {
		return err
	}
	return e.calm(ctx)
}

// seat has every player enter a battle and play in it.
func (e *evening) seat(ctx context.Context, workers int) error {
	err := e.players.each(ctx, workers, func(ctx context.Context, i int) error {
		return e.enter(ctx, e.all[i], e.hosts[i%len(e.hosts)])
	})
	if err != nil {
		return err
	}
	return e.calm(ctx)
}

// enterFor is how long a host and the server may take to let somebody in.
const enterFor = 20 * time.Second

// enter brings a player into a battle, ready to play.
func (e *evening) enter(ctx context.Context, p *player, h *autohost) error {
	ctx, cancel := context.WithTimeout(ctx, enterFor)
	defer cancel()
	c := p.at()
	if _, err := c.ask(ctx, fmt.Sprintf("JOINBATTLE %s empty %d", h.battle, p.index), "REQUESTBATTLESTATUS\n"); err != nil {
		return err
	}
	e.mu.Lock()
	p.home = h
	h.members = append(h.members, p)
	seat := len(h.members)
	e.mu.Unlock()
	return c.send(fmt.Sprintf("MYBATTLESTATUS %d %d", battleStatus(seat, true), 0xff00+seat))
}

// leave takes a player off the list of its battle and returns that, nil if it is in none.
func (e *evening) leave(p *player) *autohost {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := p.home
	if h == nil {
		return nil
	}
	p.home = nil
	for i, other := range h.members {
		if other == p {
			h.members = append(h.members[:i:i], h.members[i+1:]...)
			break
		}
	}
	return h
}

// members lists who is in a battle.
func (e *evening) members(h *autohost) []*player {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*player(nil), h.members...)
}

// battleStatus is that of a player with the map, on one of two sides.
func battleStatus(seat int, ready bool) int {
	status := 1<<22 | 1<<10 | (seat%16)<<2 | (seat%2)<<6
	if ready {
		status |= 1 << 1
	}
	return status
}

// begin begins games in so many percent of the battles.
func (e *evening) begin(ctx context.Context, percent int) error {
	for i, h := range e.hosts {
		if i*percent/100 != (i+1)*percent/100 {
			h.launch(e.members(h))
		}
		if i%16 == 15 { // what each of them does is told to everybody
			if err := e.calm(ctx); err != nil {
				return err
			}
		}
	}
	return e.calm(ctx)
}

func (e *evening) playing() (n int) {
	for _, h := range e.hosts {
		if h.going() {
			n++
		}
	}
	return n
}

// calmAt is how few lines a second are read when all that was to be told has been.
const calmAt = 2000

// calm waits until what everybody does has been told to everybody.
func (e *evening) calm(ctx context.Context) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for last := e.total.Load(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("waited until all was told: %w", ctx.Err())
		}
		now := e.total.Load()
		if now-last < calmAt/2 {
			return nil
		}
		last = now
	}
}

// evenPing is how often real clients ping.
const evenPing = 30 * time.Second

// pingEvenly has everybody ping, one after the other, until the returned function is called.
func (e *evening) pingEvenly(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		n := len(e.players.clients) + len(e.hosts) + len(e.probes.clients)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		began := time.Now()
		for sent := 0; ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			for due := int(time.Since(began) * time.Duration(n) / evenPing); sent < due; sent++ {
				e.pingNumber(sent % n)
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

func (e *evening) pingNumber(i int) {
	if c := e.numbered(i); c != nil {
		_ = c.send("PING") // who has gone is noticed by who waits for it
	}
}

// numbered is a player, then a host, then a probe; nil if it has not come yet.
func (e *evening) numbered(i int) *client {
	for _, c := range []*crowd{e.players, nil, e.probes} {
		if c == nil {
			if i < len(e.hosts) {
				e.players.mu.Lock()
				defer e.players.mu.Unlock()
				if h := e.hosts[i]; h != nil {
					return h.client
				}
				return nil
			}
			i -= len(e.hosts)
			continue
		}
		if i < len(c.clients) {
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.clients[i]
		}
		i -= len(c.clients)
	}
	return nil
}

// probe measures PING until ctx ends.
func (e *evening) probe(ctx context.Context) (took []time.Duration) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, c := range e.probes.clients {
		wg.Go(func() {
			for {
				select {
				case <-time.After(time.Second/2 + rand.N(time.Second/2)): //nolint:gosec // not a secret
				case <-ctx.Done():
					return
				}
				d, err := c.ask(ctx, "#77 PING", "#77 PONG\n")
				if err != nil {
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return took
}

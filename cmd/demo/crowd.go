package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"teiserver/test/springclient"
)

const (
	players  = 12
	hosts    = 2
	channels = 4
	perBot   = 2 // channels that a player is in
	// quietGap is how long nobody must have dropped before a rush counts as over: a
	// drained node closes its clients one after the other.
	quietGap = time.Second
)

// crowd is all bots, and what happened to them together.
type crowd struct {
	nodes   []*node
	journal *journal
	ledger  *ledger
	trace   *trace
	pace    time.Duration
	bots    []*bot
	done    sync.WaitGroup

	mu      sync.Mutex
	hush    bool
	opened  map[int64]*visit // who opened a battle
	told    map[int64]bool   // battles whose end is in the journal
	rushes  map[*node]*rush
	missing time.Time // since when not everybody is in place
}

// rush is the bots of a node on their way to others.
type rush struct {
	began, last   time.Time
	out, back     int
	longest       time.Duration
	why           string
	clean         bool
	nodesOfReturn map[string]int
}

func newCrowd(nodes []*node, j *journal, t *trace, pace time.Duration) *crowd {
	c := &crowd{
		nodes: nodes, journal: j, ledger: newLedger(len(nodes), t), trace: t, pace: pace,
		opened: map[int64]*visit{}, told: map[int64]bool{}, rushes: map[*node]*rush{},
	}
	for i := range hosts {
		name := hostName(i)
		c.bots = append(c.bots, &bot{crowd: c, name: name, flavor: springclient.Host, host: name, home: nodes[i%len(nodes)], known: true})
	}
	for i := range players {
		b := &bot{crowd: c, name: fmt.Sprintf("player%d", i+1), host: hostName(i / len(nodes) % hosts), home: nodes[i%len(nodes)]}
		for k := range perBot {
			b.channels = append(b.channels, fmt.Sprintf("room%d", (i+i/channels+k)%channels+1))
		}
		c.bots = append(c.bots, b)
	}
	return c
}

func hostName(i int) string { return fmt.Sprintf("host%d", i+1) }

// start lets all bots in. They run until ctx ends; wait waits for that.
func (c *crowd) start(ctx context.Context) {
	for _, b := range c.bots {
		c.done.Go(func() { b.run(ctx) })
	}
}

func (c *crowd) wait() { c.done.Wait() }

// pick is where a bot goes that cannot stay where it was: of the nodes that are ready,
// the one with the fewest bots, as a balancer would.
func (c *crowd) pick(not *node) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	load := map[*node]int{}
	for _, b := range c.bots {
		if b.at != nil {
			load[b.at.node]++
		}
	}
	var best *node
	for i := range c.nodes {
		n := c.nodes[(not.index+1+i)%len(c.nodes)]
		if n == not || !n.ready.Load() {
			continue
		}
		if best == nil || load[n] < load[best] {
			best = n
		}
	}
	if best == nil {
		return c.nodes[(not.index+1)%len(c.nodes)]
	}
	return best
}

// arrived notes that a bot is in, and how long it was out.
func (c *crowd) arrived(b *bot, v *visit, out time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	b.at, b.heardAt, b.goHome = v, now, false
	if out.IsZero() {
		return
	}
	took := now.Sub(out)
	c.ledger.note(v.node.index, func(t *tally) {
		t.arrivals++
		t.tookLast, t.tookMost = took, max(t.tookMost, took)
	})
	for _, r := range c.rushes {
		if r.back < r.out {
			r.back++
			r.longest = max(r.longest, took)
			r.nodesOfReturn[v.node.name]++
			break
		}
	}
}

// departed notes that a connection has ended.
func (c *crowd) departed(b *bot, v *visit, err error, quitting bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.at, b.seated = nil, false
	if v.parted = v.parted || quitting; v.parted {
		return
	}
	clean := v.clean()
	c.ledger.note(v.node.index, func(t *tally) {
		t.drops++
		if clean {
			t.cleanDrops++
		}
	})
	now := time.Now()
	r := c.rushes[v.node]
	if r == nil {
		r = &rush{began: now, nodesOfReturn: map[string]int{}}
		c.rushes[v.node] = r
		c.trace.write("%s on %s: %v:%s", b.name, v.node.name, err, v.memory)
		c.journal.add(clean, "the bots of %s lose their connections: %v", v.node.name, err)
	}
	r.last, r.why, r.clean = now, err.Error(), clean
	r.out++
}

// left notes that a bot is no more in its battle. open says that the battle goes on.
func (c *crowd) left(v *visit, id int64, open bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.bot.seated = false
	opener := c.opened[id]
	clean := v.clean() && (opener == nil || opener.clean() && !opener.parted)
	if clean {
		c.ledger.note(v.node.index, func(t *tally) { t.fallen++ })
	}
	switch {
	case open:
		c.journal.add(clean, "%s fell out of battle %d", v.bot.name, id)
		c.trace.write("%s on %s fell out of battle %d:%s", v.bot.name, v.node.name, id, v.memory)
	case !c.told[id]:
		c.told[id] = true
		c.journal.add(clean, "battle %d is closed", id)
	}
}

// heard notes that a bot has heard somebody.
func (c *crowd) heard(b *bot, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b.heardAt = now
}

// seated notes that a bot is in a battle, as its host or as a player.
func (c *crowd) seated(v *visit, id int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.bot.seated = true
	if v.bot.host == v.bot.name {
		c.opened[id] = v
	}
}

// places counts the bots that are where they want to be: online and in a battle.
func (c *crowd) places() (taken, all int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken(), len(c.bots)
}

// taken is places; c.mu is held.
func (c *crowd) taken() (n int) {
	for _, b := range c.bots {
		if b.at != nil && b.seated {
			n++
		}
	}
	return n
}

// strange notes a line that a strict client does not survive.
func (c *crowd) strange(v *visit, what springclient.Violation) {
	clean := v.clean()
	c.trace.write("%s on %s: %s:%s", v.bot.name, v.node.name, what.Why, v.memory)
	c.journal.add(clean, "%s on %s: %s: %q", v.bot.name, v.node.name, what.Why, what.Line)
	if clean {
		c.ledger.note(v.node.index, func(t *tally) { t.violations = append(t.violations, what.String()) })
	}
}

// sendHome asks the bots that are elsewhere to return to the node where they began.
func (c *crowd) sendHome() (moving int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bots {
		if b.at != nil && b.at.node != b.home && b.home.ready.Load() {
			b.goHome = true
			moving++
		}
	}
	return moving
}

// wantsHome reports whether a bot shall go home; then its visit counts as parted before
// the others can see it go.
func (c *crowd) wantsHome(b *bot) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.goHome {
		b.at.parted = true
	}
	return b.goHome
}

// quiet ends or begins the talk.
func (c *crowd) quiet(hush bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hush = hush
}

func (c *crowd) hushed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hush
}

// review writes into the journal what has come to its end.
func (c *crowd) review(now time.Time) {
	c.ledger.judge(now)
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, r := range c.rushes {
		if r.back < r.out || now.Sub(r.last) < quietGap {
			continue
		}
		c.journal.note("%d bots of %s are back on %s, each within %s", r.out, n.name, counted(r.nodesOfReturn), seconds(r.longest))
		delete(c.rushes, n)
	}
	switch all := c.taken() == len(c.bots); {
	case !all && c.missing.IsZero():
		c.missing = now
	case all && !c.missing.IsZero():
		c.journal.note("everybody is online and in a battle, after %s", seconds(now.Sub(c.missing)))
		c.missing = time.Time{}
	}
}

// standing is how the bots of a node are now.
type standing struct {
	players, hosts int
	quiet          time.Duration // the longest that one of them has heard nothing
}

// stand returns the standing on each node, and how many are out, or in no battle.
func (c *crowd) stand(now time.Time) (list []standing, out int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list = make([]standing, len(c.nodes))
	for _, b := range c.bots {
		if b.at == nil {
			out++
			continue
		}
		s := &list[b.at.node.index]
		if b.flavor == springclient.Host {
			s.hosts++
		} else {
			s.players++
			s.quiet = max(s.quiet, now.Sub(b.heardAt))
		}
	}
	return list, out
}

// ears are those who are online now.
func (c *crowd) ears() (list []*ear) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.bots {
		if b.at != nil {
			list = append(list, b.at.ear)
		}
	}
	return list
}

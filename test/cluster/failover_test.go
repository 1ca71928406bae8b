package cluster

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// speakEvery is the pause between two lines of a person who talks all the time.
const speakEvery = 50 * time.Millisecond

// speaker says numbered lines in a channel until it is stopped.
type speaker struct {
	*person
	said int
}

// talk lets people speak at once. stop waits for the last line.
func talk(channel string, people ...*person) (speakers []*speaker, stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	for _, p := range people {
		s := &speaker{person: p}
		speakers = append(speakers, s)
		all.Go(func() {
			tick := time.NewTicker(speakEvery)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
				case <-done:
					return
				}
				if s.Send("SAY %s line %d", channel, s.said+1) != nil {
					return
				}
				s.said++
			}
		})
	}
	return speakers, sync.OnceFunc(func() { close(done); all.Wait() })
}

// silence measures the longest time in which somebody hears nothing, until it is stopped.
func silence(p *person) (stop func() time.Duration) {
	done, longest := make(chan struct{}), make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(speakEvery / 5)
		defer tick.Stop()
		lines, since, most := 0, time.Now(), time.Duration(0)
		for {
			if n := len(p.Lines(p.from)); n > lines {
				lines, since = n, time.Now()
			}
			most = max(most, time.Since(since))
			select {
			case <-tick.C:
			case <-done:
				longest <- most
				return
			}
		}
	}()
	return func() time.Duration { close(done); return <-longest }
}

// TestRule10_Failover: the database fails over, under load, to a standby that lacks the last
// commits. Nobody is disconnected and nobody is seen to leave; chat goes on all the time,
// battles that the standby knows go on as soon as they may, nothing is given twice, and one
// node at a time owns it. What the standby does not know is over, told once.
func TestRule10_Failover(t *testing.T) {
	t.Parallel()
	pair := pgtest.NewPair(t)
	r := newRig(t, pair.URL())
	out, err := r.c.command("cluster", "status")
	if err != nil || !strings.Contains(out, "durability: no synchronous standby") {
		t.Errorf("%v: cluster status says\n%s", err, out)
	}
	host, closer := r.host(0), r.host(1)
	kept, over := r.newBattle(host), r.newBattle(closer)
	var players []*person
	for node := range 3 {
		p := r.player(node)
		r.meet()
		host.admit(p, kept)
		players = append(players, p)
	}
	for _, p := range players {
		p.join("main")
	}
	for _, p := range players {
		p.await("all in main", func(m *springclient.Model) bool { return len(m.Channels["main"]) == 3 })
	}
	r.meet()
	r.living()
	pair.Detach()

	// Acknowledged, and lost.
	lost := r.account("Lost", scenario.Plain)
	gone := r.host(2)
	highest := r.newBattle(gone)
	closer.send("LEAVEBATTLE")
	for _, p := range r.here() {
		p.await("its end", func(m *springclient.Model) bool { return m.Battles[over] == nil })
	}
	r.meet()
	before, owners := r.nodes(), r.owners()
	r.mark()

	speakers, stop := talk("main", players...)
	defer stop()
	quiet := silence(players[2])
	began := time.Now()
	pair.Kill()
	players[1].send("MYSTATUS 2")
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
	for _, p := range append([]*person{host}, players...) {
		p.await("who is away", func(m *springclient.Model) bool { return m.Users[players[1].name].Status&2 != 0 })
	}
	players[1].send("MYBATTLESTATUS 4195394 77") // held until the battle has an owner
	pair.Promote()
	promoted := time.Now()
	for _, p := range append([]*person{host}, players...) {
		p.want("CLIENTBATTLESTATUS %s * 77", players[1].name)
	}
	t.Logf("promoted %v after the end of the primary; the battle goes on %v after that", promoted.Sub(began), time.Since(promoted))
	r.until("all nodes are there", func() error {
		after := r.nodes()
		for name, n := range before {
			if now := after[name]; now.State != lease.Serving || now.Note != "" || now.Incarnation <= n.Incarnation+500_000 || now.Life != n.Incarnation {
				return fmt.Errorf("%s is %+v, it was %+v", name, now, n)
			}
		}
		return nil
	})
	for _, p := range r.here() {
		p.await("the end of what was lost", func(m *springclient.Model) bool { return m.Battles[highest] == nil })
	}
	t.Logf("the longest silence in the channel was %v", quiet())
	stop()
	for key, o := range r.living() {
		if was, ok := owners[key]; ok && o.Epoch <= was.Epoch+500_000 {
			t.Errorf("%s has the epoch %d, it had %d", key, o.Epoch, was.Epoch)
		}
	}

	// The battle and the channel go on.
	players[2].send("SAYBATTLE still here")
	for _, p := range append([]*person{host}, players...) {
		p.want("SAIDBATTLE %s still here", players[2].name)
	}
	players[0].send("SAY main the last line")
	for _, p := range players {
		p.want("SAID main %s the last line", players[0].name)
		for _, s := range speakers {
			checkHeard(t, p, s)
		}
	}
	players[0].send("LEAVEBATTLE")
	host.want("LEFTBATTLE %d %s", kept, players[0].name)
	host.admit(players[0], kept)
	again := r.newBattle(closer)
	if again <= max(kept, highest, over)+500_000 {
		t.Errorf("battle %d after %d, %d and %d", again, kept, over, highest)
	}
	late := r.fresh(0)
	r.meet()
	r.askCoordinator(late)
	r.checkCoordinatorStayed()

	for _, p := range r.persons {
		if p == late {
			continue
		}
		p.sync()
		if !p.Open() {
			t.Errorf("%s was disconnected: %s", p.name, p.Tail(3))
		}
		for pattern, want := range map[string]int{
			"REMOVEUSER …": 0, "ADDUSER …": 1, fmt.Sprintf("BATTLECLOSED %d", kept): 0, fmt.Sprintf("BATTLECLOSED %d", highest): 1,
			fmt.Sprintf("BATTLEOPENED %d …", over): 0, "BATTLEOPENED …": 1, "LEFT main …": 0, "JOINED main …": 0,
		} {
			if n := p.Count(p.from, pattern); n != want {
				t.Errorf("%s on node %d was told %d times %s, want %d", p.name, p.node+1, n, pattern, want)
			}
		}
	}

	// What was acknowledged last is not there: that needs a synchronous standby.
	if _, err := r.enter(0, springclient.Player, lost); err == nil {
		t.Error("the account that was lost is there: nothing was tried")
	}
	r.persons = r.persons[:len(r.persons)-1]
	// The newest session wins as ever.
	r.online(1, springclient.Player, players[0].name)
	ctx, cancel := limit()
	defer cancel()
	if err := players[0].WaitClosed(ctx); err != nil {
		t.Error(err)
	}
	r.meet()

	out, err = r.c.command("check")
	for _, want := range []string{"ok    schema", "ok    nodes         3 alive", "ok    timeline      2: another server", "warn  durability    acknowledged commands survive a crash, not the loss"} {
		if !strings.Contains(out, want) {
			t.Errorf("check does not say %q:\n%s", want, out)
		}
	}
	if err == nil || !strings.Contains(out, "fail  durability    fsync is off") { // as it is in tests
		t.Errorf("%v:\n%s", err, out)
	}
}

// checkHeard checks that somebody has heard every line of a speaker, each once and in order.
func checkHeard(t *testing.T, p *person, s *speaker) {
	t.Helper()
	prefix, next := fmt.Sprintf("SAID main %s line ", s.name), 1
	for _, line := range p.Lines(p.from) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		if line != fmt.Sprint(prefix, next) {
			t.Errorf("%s on node %d heard %q, next was %d", p.name, p.node+1, line, next)
			return
		}
		next++
	}
	if next-1 != s.said {
		t.Errorf("%s on node %d heard %d of %d lines of %s", p.name, p.node+1, next-1, s.said, s.name)
	}
}

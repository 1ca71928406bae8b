package cluster

import (
	"fmt"
	"strings"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestRule10_Failover: the database fails over to a standby that lacks the last commits.
// Every node closes its clients with a reason and joins again by itself; what the standby
// knows goes on, nothing is given twice, and one node at a time owns it.
func TestRule10_Failover(t *testing.T) {
	t.Parallel()
	pair := pgtest.NewPair(t)
	r := newRig(t, pair.URL())
	out, err := r.c.command("cluster", "status")
	if err != nil || !strings.Contains(out, "durability: no synchronous standby") {
		t.Errorf("%v: cluster status says\n%s", err, out)
	}
	host := r.host(0)
	kept := r.newBattle(host)
	watcher := r.player(1)
	r.meet()
	pair.Detach()

	// Acknowledged, and lost.
	lost := r.account("Lost", scenario.Plain)
	highest := r.newBattle(r.host(2))
	r.meet()
	before := r.nodes()

	pair.Kill()
	pair.Promote()
	ctx, cancel := limit()
	defer cancel()
	for _, p := range r.persons {
		if err := p.WaitClosed(ctx); err != nil {
			t.Fatal(err)
		}
		if last := p.Tail(1); !strings.Contains(last, "s.system.disconnect ") {
			t.Errorf("%s was closed with %q", p.name, last)
		}
	}
	after := map[string]lease.Node{}
	r.until("all nodes are back", func() error {
		after = r.nodes()
		for name, n := range before {
			if now := after[name]; now.State != lease.Serving || now.Incarnation <= n.Incarnation+500_000 {
				return fmt.Errorf("%s is %+v, it was %+v", name, now, n)
			}
		}
		return nil
	})
	for _, p := range r.c.Processes {
		if err := p.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !p.Running() {
			t.Errorf("%s has ended", p.Name)
		}
	}
	r.living()
	// What was acknowledged last is not there: that needs a synchronous standby.
	if _, err := r.enter(0, springclient.Player, lost); err == nil {
		t.Error("the account that was lost is there: nothing was tried")
	}
	r.persons = r.persons[:len(r.persons)-1]
	old := len(r.persons)
	again := r.online(1, springclient.Host, host.name)
	r.online(2, springclient.Player, watcher.name)
	r.meet()
	if id := r.newBattle(again); id <= max(kept, highest)+500_000 {
		t.Errorf("battle %d after %d and %d", id, kept, highest)
	}
	if len(r.persons) != old+2 {
		t.Errorf("%d persons", len(r.persons))
	}
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

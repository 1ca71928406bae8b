package cluster

import (
	"testing"

	"teiserver/internal/cluster/registry"
	"teiserver/test/springclient"
)

// pairNode is who a test of two nodes has on one of them.
type pairNode struct {
	host, player *person
	battle       int64
}

// TestPairKilled: of two nodes one is killed, comes back, and then the other one is. Each
// time the survivor has everything that lives on: the battle of its host, the channel, the
// Coordinator and all else that every cluster runs.
func TestPairKilled(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRigOf(t, 2, database)
			var on [2]pairNode
			for node := range on {
				on[node] = pairNode{host: r.host(node), player: r.player(node)}
			}
			r.meet()
			for node := range on {
				on[node].battle = r.newBattle(on[node].host)
				on[node].host.admit(on[node].player, on[node].battle)
				on[node].player.join("main")
			}
			r.meet()
			first := r.nodeOf(r.living()["coordinator/main"].Node)
			r.pairLoses(&on, first)
			r.pairReturns(&on, first)
			r.pairLoses(&on, 1-first)
		})
	}
}

// pairReturns starts the node that was lost, and its people log in there again.
func (r *rig) pairReturns(on *[2]pairNode, lost int) {
	r.Helper()
	if err := r.c.Processes[lost].Restart(r.Context()); err != nil {
		r.Fatal(err)
	}
	back, left := &on[lost], &on[1-lost]
	back.host = r.online(lost, springclient.Host, back.host.name)
	back.player = r.online(lost, springclient.Player, back.player.name)
	r.meet()
	back.battle = r.newBattle(back.host)
	back.host.admit(back.player, back.battle)
	back.player.join("main")
	left.player.await("both in main", func(m *springclient.Model) bool { return len(m.Channels["main"]) == 2 })
	r.meet()
}

// pairLoses kills a node and checks that the other one goes on alone.
func (r *rig) pairLoses(on *[2]pairNode, lost int) {
	r.Helper()
	dead, left := &on[lost], &on[1-lost]
	owned := map[string]bool{}
	for key, o := range r.living() {
		if r.nodeOf(o.Node) == lost && !asleep(o) {
			owned[key] = true
		}
	}
	if len(owned) == 0 {
		r.Errorf("%s had nothing to lose", r.c.Processes[lost].Name)
	}
	dead.host.cut, dead.player.cut = true, true
	r.c.Processes[lost].Kill()
	for _, p := range []*person{left.host, left.player} {
		for _, g := range []*person{dead.host, dead.player} {
			p.await(g.name+" gone", func(m *springclient.Model) bool { return m.Users[g.name] == nil })
		}
	}
	for key, o := range r.living() {
		if owned[key] && r.nodeOf(o.Node) == lost && o.State == registry.Owned {
			r.Errorf("%s is still on the node that is gone: %+v", key, o)
		}
	}
	left.player.send("MYBATTLESTATUS 4195394 %d", 70+lost)
	left.host.want("CLIENTBATTLESTATUS %s * %d", left.player.name, 70+lost)
	left.player.send("SAY main alone %d", lost)
	left.player.want("SAID main %s alone %d", left.player.name, lost)
	r.askCoordinator(left.player)
	late := r.playerOn(1 - lost)
	left.host.admit(late, left.battle)
	late.Close()
}

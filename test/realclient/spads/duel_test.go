//go:build realclient

package spads

import (
	"context"
	"testing"

	"teiserver/test/cluster"
	"teiserver/test/scenario"
)

// orders are what players say and what comes of it. HOST is the host's name.
var orders = []struct{ say, want string }{
	{"!status", "SAIDPRIVATE HOST Battle status: …"},
	{"!split h 20", "ADDSTARTRECT 1 …"},
	{"!clearBox", "REMOVESTARTRECT …"},
	{"!bSet startpostype 0", "SAIDBATTLEEX HOST * Battle setting changed by …startpostype=0)"},
	{"!balance", "SAIDBATTLEEX HOST * Balancing according to …"},
	{"!lock", "UPDATEBATTLEINFO * 1 1 …"},
	{"!unlock", "UPDATEBATTLEINFO * 1 0 …"},
	{"!addBot Joe 0 ff0000 NullAI", "SAIDBATTLEEX HOST * Unable to add bot: local AI bots require headless server …"},
	{"!fixColors", "CLIENTBATTLESTATUS * * 16711680"},
	{"!boss $owner", "SAIDBATTLEEX HOST * Boss mode enabled for $owner"},
	{"$status", "SAIDPRIVATE Coordinator Maximum allowed number of players is 16 …"},
	{"$welcome-message Hello$$there", "SAIDBATTLE * $welcome-message …"},
	{"$rename Another title", "s.battle.update_lobby_title …Another title"},
	{"$rename", "s.battle.update_lobby_title …SPADS of the test"},
	{"$minratinglevel 3", "SAIDBATTLE * $minratinglevel …"},
	{"$resetratinglevels", "SAIDBATTLE * $resetratinglevels"},
	{"$gatekeeper friends", "SAIDBATTLE * $gatekeeper …"},
	{"$gatekeeper default", "SAIDBATTLE * $gatekeeper …"},
	{"$balancealgorithm default", "SAIDBATTLE Coordinator Balance algorithm set to default"},
	{"$roll 6", "SAIDBATTLE Coordinator * rolled for a number between 1 and 6, …"},
	{"$explain", "SAIDPRIVATE Coordinator No balance has been created for this room"},
	{"!boss", "SAIDBATTLEEX HOST * Boss mode disabled by $owner"},
}

// moderations are the same for a moderator.
var moderations = []struct{ say, want string }{
	{"$lock team", "SAIDBATTLE * $lock team"},
	{"$unlock team", "SAIDBATTLE * $unlock team"},
	{"$lock boss", "SAIDBATTLE * $lock boss"},
	{"$unlock boss", "SAIDBATTLE * $unlock boss"},
	{"$forcespec $guest", "UPDATEBATTLEINFO * 3 0 …"},
	{"$unban $guest", "SAIDBATTLE * $unban …"},
	{"$forceplay $guest", "UPDATEBATTLEINFO * 2 0 …"},
	{"$settag game/modoptions/fixedallies 1", "SETSCRIPTTAGS …game/modoptions/fixedallies=1…"},
	{"$reset", "SAIDBATTLE …"},
}

// duel is a SPADS on one node, under the limits that an operator has, with two players
// in its battle.
func duel(ctx context.Context, t *testing.T) (s *SPADS, c *cluster.Cluster, a, b *player, id int64, port string) {
	t.Helper()
	c = nodes(t, 1)
	owner, guest := c.Account(t, scenario.Plain), c.Account(t, scenario.Plain)
	cfg := config(t, c, c.Nodes[0].Spring, owner)
	s = Start(t, cfg)
	t.Cleanup(func() { s.judge(t) })
	a = enter(ctx, t, c.Nodes[0].Spring, owner)
	must(t, s.Await(ctx, 1, `Received from lobby server: "OPENBATTLE `))
	id, port = a.room(cfg.Login, 0)
	a.play(ready0)
	b = enter(ctx, t, c.Nodes[0].Spring, guest)
	b.room(cfg.Login, 0)
	b.play(ready1)
	return s, c, a, b, id, port
}

// TestOrders: SPADS logs in with TLS and its pinned certificate, hosts and obeys, and
// its server's consul beside it.
func TestOrders(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, c, a, b, id, _ := duel(ctx, t)
	talk(a, b.name)
	m := enter(ctx, t, c.Nodes[0].Spring, c.Account(t, scenario.Moderator))
	m.host = a.host
	m.enter(id)
	moderate(m, b.name)

	a.say("!kick "+b.name, "LEFTBATTLE * "+b.name)
	b.want("FORCEQUITBATTLE")
	b.enter(id)
	must(t, s.Await(ctx, 2, "JOINEDBATTLE 1 "+b.name+" script"+b.name))
	from := a.Mark()
	a.say("!closeBattle", "BATTLECLOSED *")
	a.send("SAYPRIVATE %s !openBattle", a.host)
	a.room(a.host, from)
}

// TestMatch: a match from its start to its end, twice; then SPADS hosts as before.
func TestMatch(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, _, a, b, _, port := duel(ctx, t)
	a.say("!bSet startpostype 0", "SAIDBATTLEEX HOST * Battle setting changed by …startpostype=0)")
	for range 2 {
		play(t, s.cfg.Dir, port, s, a, b)
	}
	a.say("!status", "SAIDPRIVATE HOST Battle status: …")
}

func TestPlainConnection(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := nodes(t, 1)
	cfg := config(t, c, c.Nodes[0].Spring, "nobody")
	cfg.TLS = "off"
	s := Start(t, cfg)
	defer s.judge(t)
	must(t, s.Await(ctx, 1, `Received from lobby server: "OPENBATTLE `))
}

func TestUntrusted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := nodes(t, 1)
	cfg := config(t, c, c.Nodes[0].Spring, "nobody")
	cfg.Trust = ""
	s := Start(t, cfg)
	must(t, s.Await(ctx, 1, "Restart SPADS with following parameter if you decide to trust this certificate: --tls-cert-trust=localhost:"+fingerprint(t, c.Nodes[0].TLS)))
	select {
	case <-s.gone:
	case <-ctx.Done():
		t.Error("it stays")
	}
	if n := s.Count("LOGIN"); n != 0 {
		t.Errorf("it has told its password to a server that it does not trust: %d", n)
	}
}

package scenario

import (
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// makeParty has a make a party with the others in it, and returns its id.
func makeParty(a *actor, others ...*actor) string {
	a.w.Helper()
	a.send("c.party.create_new_party")
	answer := a.want("OK cmd=c.party.create_new_party\tparty_id=*")
	_, id, _ := strings.Cut(answer, "party_id=")
	a.want("#* s.party.joined_party %s %s", id, a.name)
	for _, o := range others {
		a.send("c.party.invite_to_party %s", o.name)
		a.want("OK cmd=c.party.invite_to_party")
		o.want("#* s.party.invited_to_party %s %s", id, o.name)
		o.send("c.party.accept_invite_to_party %s", id)
		o.want("OK cmd=c.party.accept_invite_to_party")
		a.want("#* s.party.joined_party %s %s", id, o.name)
	}
	return id
}

// parties: over nodes, a place that is taken over by a newer session, one that ends with
// the connection, and one party after the other.
func parties(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, c := w.player(), w.player(), w.player()
	w.meet()
	id := makeParty(a, b)

	a.send("c.party.invite_to_party %s", c.name)
	c.want("#* s.party.invited_to_party %s %s", id, c.name)
	c.send("c.party.create_new_party")
	second := strings.TrimPrefix(c.want("OK cmd=c.party.create_new_party\tparty_id=*"), "OK cmd=c.party.create_new_party\tparty_id=")
	c.want("#* s.party.joined_party %s %s", second, c.name)
	c.send("c.party.accept_invite_to_party %s", id) // leaves its own
	c.want("OK cmd=c.party.accept_invite_to_party")
	c.send("c.party.accept_invite_to_party %s", second)
	c.want("NO cmd=c.party.accept_invite_to_party\tmsg=…")
	a.want("#* s.party.joined_party %s %s", id, c.name)
	b.want("#* s.party.joined_party %s %s", id, c.name)

	again := w.online((b.node+1)%len(env.Nodes), springclient.Player, b.name)
	again.want("#* s.party.joined_party %s %s", id, a.name)
	b.gone()
	mark := a.Mark()
	again.send("c.party.create_new_party")
	again.want("NO cmd=c.party.create_new_party\tmsg=Already in a party")
	a.sync()
	a.never(mark, "#* s.party.left_party %s %s", id, b.name)

	again.send("EXIT")
	a.want("#* s.party.left_party %s %s", id, b.name)
	a.send("c.party.leave_current_party")
	a.want("OK cmd=c.party.leave_current_party")
	c.want("#* s.party.left_party %s %s", id, a.name)
	c.send("c.party.leave_current_party")
	c.want("OK cmd=c.party.leave_current_party")
	c.send("c.party.leave_current_party")
	c.want("NO cmd=c.party.leave_current_party\tmsg=not currently in a party")
}

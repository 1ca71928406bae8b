package scenario

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// restrict has the operator restrict somebody and returns the number of the action.
func (w *world) restrict(a *actor, name, time string) string {
	w.Helper()
	out := string(w.env.Operate(w, "moderation", "action", "add", a.name, "--restrict", name, "--for", time, "--reason", "Bad manners"))
	id, _, ok := strings.Cut(strings.TrimPrefix(out, "action "), ":")
	if !ok {
		w.Fatalf("the operator was told %q", out)
	}
	return id
}

const reminder = "SAIDPRIVATE Coordinator This is a reminder that you received one or more formal moderation actions as listed below:"

// moderated: what the operator decides is enforced on the node of the user, wherever the
// host is, and wherever the user logs in next.
func moderated(t *testing.T, env Env) {
	w := enter(t, env)
	host, a := w.host(), w.newcomer()
	for len(w.env.Nodes) > 1 && a.node == host.node {
		a = w.newcomer()
	}
	b := w.player()
	w.meet()
	id := host.open(springclient.Battle{Title: "Moderated"})
	host.admit(a, id, "empty")

	action := w.restrict(a, "Lobby chat", "7 days")
	host.want("SAIDPRIVATE Coordinator !mute %s", a.name)
	a.want(reminder)
	mark := host.Mark()
	a.send("SAYBATTLE nobody hears this")
	a.send("SAYBATTLE !endvote")
	host.want("SAIDBATTLE %s !endvote", a.name)
	host.never(mark, "SAIDBATTLE %s nobody …", a.name)
	w.env.Operate(w, "moderation", "action", "revoke", action)
	a.sayUntilHeard(host, "again")

	w.restrict(a, "Warning reminder", "7 days")
	host.want("LEFTBATTLE %d %s", id, a.name)
	a.want("SAIDPRIVATE Coordinator Acknowledge this by typing 'I acknowledge this' to resume play")
	a.send("JOINBATTLE %d empty 1", id)
	a.want("JOINBATTLEFAILED Awaiting acknowledgement …")
	a.send("SAYPRIVATE Coordinator I acknowledge this")
	a.want("SAIDPRIVATE Coordinator Thank you")
	host.admit(a, id, "empty")

	w.restrict(a, "Login", "7 days")
	host.want("SAIDPRIVATE Coordinator !gkick %s", a.name)
	a.want("s.system.disconnect Banned")
	a.gone()
	b.want("REMOVEUSER %s", a.name)
	for node := range env.Nodes {
		again := w.connectTo(node, springclient.Player)
		again.send("%s", again.LoginLine(a.name, springclient.Password))
		again.want("DENIED This account is temporarily suspended. …")
	}
}

// sayUntilHeard speaks in the room until somebody hears it: the sender is restricted for a
// while yet.
func (a *actor) sayUntilHeard(by *actor, what string) {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		a.send("SAYBATTLE %s %d", what, n)
		a.sync()
		by.sync()
		if by.Count(0, fmt.Sprintf("SAIDBATTLE %s %s *", a.name, what)) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			a.w.Fatalf("nobody hears %s", a.name)
		}
	}
}

// runsOut: a restriction ends at its time, and others are then heard of nothing.
func runsOut(t *testing.T, env Env) {
	w := enter(t, env)
	host, a := w.host(), w.newcomer()
	w.meet()
	host.admit(a, host.open(springclient.Battle{Title: "For a while"}), "empty")
	w.restrict(a, "All chat", "12 seconds")
	a.want(reminder)
	mark := host.Mark()
	a.send("SAYBATTLE too early")
	a.sayUntilHeard(host, "later")
	host.never(mark, "SAIDBATTLE %s too early", a.name)
}

// tell has a player's program tell the hash of its machine.
func (a *actor) tell(hash string) {
	a.w.Helper()
	a.send("c.telemetry.update_client_property hardware:macAddrHash %s x", base64.RawURLEncoding.EncodeToString([]byte(hash)))
}

// automod: who comes back on the machine that was banned is banned on whatever node, who
// had been there before is not.
func automod(t *testing.T, env Env) {
	w := enter(t, env)
	key := "machine of " + w.env.Name()
	old := w.newcomer()
	old.tell(key)
	old.sync()
	w.env.Operate(w, "moderation", "ban", "add", "--key", key, "--reason", "Cheating")
	fresh := w.newcomer()
	fresh.tell(key)
	fresh.want("s.system.disconnect Banned")
	fresh.gone()
	for node := range env.Nodes {
		again := w.connectTo(node, springclient.Player)
		again.send("%s", again.LoginLine(fresh.name, springclient.Password))
		again.want("DENIED Banned, please see the discord channel #moderation-bot for more details")
	}
	old.tell(key)
	old.sync()
	if out := string(w.env.Operate(w, "moderation", "check", old.name)); out != "No action\n" {
		t.Errorf("who was there before: %q", out)
	}
	if out := string(w.env.Operate(w, "moderation", "check", fresh.name)); out != "Already banned\n" {
		t.Errorf("who came after: %q", out)
	}
}

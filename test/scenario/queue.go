package scenario

import (
	"slices"
	"strings"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// ThrottledRate is the login.rate of a server for Throttled.
const ThrottledRate = 4

// Throttled is what wants a server whose login.throttle is on, at ThrottledRate, with
// all its limits.
var Throttled = []Scenario{
	{"login queue", loginQueue},
}

// RunThrottled runs them.
func RunThrottled(t *testing.T, env Env) {
	for _, s := range Throttled {
		t.Run(s.Name, func(t *testing.T) { s.Run(t, env) })
	}
}

// loginQueue has twenty players come to all nodes at once. All come in, in their order
// on each node; one that gives up does not. Bots do not wait.
func loginQueue(t *testing.T, env Env) {
	const players, quitter = 20, 13
	w := enter(t, env)
	names := env.crowd(t, players)
	var watchers []*actor
	for node := range env.Nodes {
		watchers = append(watchers, w.online(node, springclient.Host, env.Account(t, Bot)))
	}
	w.meet()
	guests := make([]*actor, players)
	queued, began := 0, time.Now()
	for i := range guests {
		a := w.connectTo(i%len(env.Nodes), springclient.Player)
		a.send("%s", a.LoginLine(names[i], springclient.Password))
		ctx, cancel := limit()
		_, line, err := a.ExpectAny(ctx, "QUEUED", "ACCEPTED *", "DENIED …")
		cancel()
		if err != nil || strings.HasPrefix(line, "DENIED") {
			t.Fatalf("%s: %q, %v", names[i], line, err)
		}
		guests[i] = a
		if line == "QUEUED" {
			queued++
		} else {
			a.name = names[i]
		}
	}
	// On a machine with too much else to do they may come more slowly than they are let in.
	if took := time.Since(began); queued == 0 && took < players*time.Second/ThrottledRate {
		t.Errorf("nobody of %d had to wait, who came within %s", players, took)
	}
	late := w.host() // comes after them and does not wait
	for i, a := range guests {
		if a.name == "" && i != quitter {
			a.send("c.auth.login_queue_heartbeat") // QUEUED, or nothing if it is in meanwhile
			a.sync()
		}
	}
	left := guests[quitter].name == ""
	if left {
		guests[quitter].Close()
	}
	for i, a := range guests {
		if a.name == "" && i != quitter {
			a.want("ACCEPTED %s", names[i])
			a.want("LOGININFOEND")
			a.name = names[i]
		}
	}
	w.meet()
	if left { // or came in just before it gave up, and has left
		late.await("the end of "+names[quitter], func(m *springclient.Model) bool { return m.Users[names[quitter]] == nil })
	}
	// Those of one block of permits may come in together.
	block := max(ThrottledRate, len(env.Nodes))
	for node := range env.Nodes {
		last := -1
		for _, line := range watchers[0].Lines(0) {
			name, added := strings.CutPrefix(line, "ADDUSER ")
			if !added {
				continue
			}
			i := slices.Index(names, strings.Fields(name)[0])
			if i < 0 || i%len(env.Nodes) != node {
				continue
			}
			if i/len(env.Nodes) < last-block {
				t.Errorf("number %d of node %d came in after number %d", i/len(env.Nodes), node, last)
			}
			last = max(last, i/len(env.Nodes))
		}
	}
}

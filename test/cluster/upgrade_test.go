//go:build upgrade

package cluster

import (
	"fmt"
	"os"
	"testing"

	"teiserver/internal/store/pgtest"
	"teiserver/test/springclient"
)

// TestRollingUpgrade replaces the previous release by this one, node by node, while
// people on the other nodes talk and play: releases next to each other run in one
// cluster, in both directions, and nobody on another node misses a line.
// TEISERVER_PREVIOUS is the older binary; make upgrade builds it.
func TestRollingUpgrade(t *testing.T) {
	previous := os.Getenv("TEISERVER_PREVIOUS")
	if previous == "" {
		t.Fatal("TEISERVER_PREVIOUS is not set: run make upgrade")
	}
	r := &rig{T: t, c: Start(t, Config{Binary: previous, Nodes: 3, Database: pgtest.URL(t)})}
	t.Cleanup(r.leave)
	u := &upgrade{rig: r}
	for node := range 3 {
		u.names = append(u.names, [2]string{r.host(node).name, r.player(node).name})
		u.people = append(u.people, [2]*person{r.persons[2*node], r.persons[2*node+1]})
	}
	u.gather(0, 1, 2)
	for node, p := range r.c.Processes {
		a, b := (node+1)%3, (node+2)%3
		battle := u.people[a][0].open(fmt.Sprint("Upgrade", node))
		u.people[a][0].admit(u.people[b][1], battle)
		r.mark()

		done := make(chan error, 1)
		go func() {
			p.Stop()
			p.binary = binary
			done <- p.Restart(t.Context())
		}()
		said := u.talkUntil(done, a, b)
		t.Logf("%d lines were said while %s was replaced", said, p.Name)

		for i, flavor := range []springclient.Flavor{springclient.Host, springclient.Player} {
			u.people[node][i] = r.online(node, flavor, u.names[node][i])
		}
		u.gather(node)
		u.people[a][0].admit(u.people[node][1], battle)
		u.talk(1_000_000+node, 0, 1, 2)
		u.people[b][1].send("LEAVEBATTLE")
		u.people[node][1].send("LEAVEBATTLE")
		u.people[a][0].send("LEAVEBATTLE")
		r.meet()
	}
}

// upgrade is a host and a player on each node.
type upgrade struct {
	*rig
	names  [][2]string
	people [][2]*person
}

const upgradeChannel = "upgrade"

// gather brings the people of these nodes into the channel, and all to one view.
func (u *upgrade) gather(nodes ...int) {
	u.Helper()
	for _, node := range nodes {
		for _, p := range u.people[node] {
			p.join(upgradeChannel)
		}
	}
	u.meet()
	u.mark()
}

// talk has the player of each of these nodes say a line that everybody there hears.
func (u *upgrade) talk(line int, nodes ...int) {
	u.Helper()
	for _, from := range nodes {
		by := u.people[from][1]
		by.send("SAY %s line %d", upgradeChannel, line)
		for _, node := range nodes {
			for _, to := range u.people[node] {
				to.want("SAID %s %s line %d", upgradeChannel, by.name, line)
			}
		}
	}
}

func (u *upgrade) talkUntil(done chan error, nodes ...int) (lines int) {
	u.Helper()
	for {
		select {
		case err := <-done:
			if err != nil {
				u.Fatal(err)
			}
			return lines
		default:
		}
		lines++
		u.talk(lines, nodes...)
	}
}

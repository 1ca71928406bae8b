//go:build realclient

package spads

import (
	"context"
	"strings"
	"testing"

	"teiserver/test/cluster"
	"teiserver/test/scenario"
)

// crowd is enough for a login stream whose last record of TLS is a large one, if
// records may be large.
const crowd = 900

// TestCrowd: SPADS reads a long login stream to its end without waiting for more to
// come. It takes 4096 bytes whenever its socket is readable and does not look into its
// TLS library: what is left of a larger record it would see after its next ping.
func TestCrowd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := cluster.Start(t, cluster.Config{Binary: program(t), Nodes: 1})
	for range crowd {
		enter(ctx, t, c.Nodes[0].Spring, c.Account(t, scenario.Plain))
	}
	s := Start(t, config(t, c, c.Nodes[0].Spring, "nobody"))
	defer s.judge(t)
	must(t, s.Await(ctx, 1, `Received from lobby server: "OPENBATTLE `))
	for _, line := range s.Lines() {
		if strings.Contains(line, `"PING"`) {
			t.Errorf("it has waited for an answer to its ping to see the rest: %s", line)
		}
	}
}

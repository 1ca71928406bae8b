package cluster

import (
	"fmt"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/test/springclient"
)

// TestRestrictionSurvives: what was decided beside node 1 is enforced on node 3, goes on when
// node 1 is killed, and counts on all after all have been started again.
func TestRestrictionSurvives(t *testing.T) {
	r := newRig(t, "sqlite:"+t.TempDir()+"/teiserver.db")
	host, muted, banned, witness := r.host(1), r.player(2), r.player(2), r.player(1)
	r.meet()
	host.admit(muted, host.open("Moderated"))
	restrict := func(name, restriction string) {
		r.Helper()
		r.c.Operate(r, "moderation", "action", "add", name, "--restrict", restriction, "--for", "7 days", "--reason", "Bad manners")
	}
	restrict(muted.name, "All chat")
	host.want("SAIDPRIVATE %s !mute %s", coordinatorName, muted.name)
	restrict(banned.name, "Login")
	banned.want("s.system.disconnect Banned")
	witness.want("REMOVEUSER %s", banned.name)

	r.c.Processes[0].Kill()
	r.until("node 1 is given up", func() error {
		if n := r.nodes()[r.c.Processes[0].Name]; n.State == lease.Serving {
			return fmt.Errorf("node 1 is %s", n.State)
		}
		return nil
	})
	muted.send("SAYBATTLE nobody hears this")
	muted.send("SAYBATTLE !endvote")
	host.want("SAIDBATTLE %s !endvote", muted.name)
	if n := host.Count(0, "SAIDBATTLE "+muted.name+" nobody …"); n != 0 {
		t.Errorf("the host heard %d lines of who is muted", n)
	}
	denied := func(node int) {
		r.Helper()
		ctx, cancel := limit()
		defer cancel()
		c, err := springclient.Dial(ctx, r.c.Processes[node].Spring, springclient.Player)
		if err != nil {
			r.Fatal(err)
		}
		defer c.Close()
		if err := c.Send("%s", c.LoginLine(banned.name, springclient.Password)); err != nil {
			r.Fatal(err)
		}
		if _, err := c.Expect(ctx, "DENIED This account is temporarily suspended. …"); err != nil {
			r.Errorf("node %d: %v", node+1, err)
		}
	}
	denied(1)
	denied(2)
	r.c.StartNodes(t, 0)
	denied(0)
}

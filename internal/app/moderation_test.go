package app

import (
	"context"
	"testing"
	"time"

	"teiserver/internal/moderation"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestBanAcrossNodes: what is decided on one node ends a connection of another one without
// waiting for the log of changes; how long that took is in the output. What has run out is
// noted by the job, once.
func TestBanAcrossNodes(t *testing.T) {
	env, servers := startServers(t, 3, nil, true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	name := env.Fresh(t, scenario.Plain)
	c, err := springclient.Dial(ctx, env.Nodes[2].Spring, springclient.Player)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(ctx, name); err != nil {
		t.Fatal(err)
	}
	u, err := servers[0].accounts.UserByName(ctx, name)
	if err != nil || u == nil {
		t.Fatalf("%v %v", u, err)
	}
	began := time.Now()
	a, err := servers[0].moderation.Act(ctx, moderation.NewAction{
		User: u.ID, Reason: "Bad manners", Restrictions: []string{moderation.Login}, Expires: servers[0].node.Now().Add(10 * time.Second),
	}, moderation.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	decided := time.Since(began)
	if _, err := c.Expect(ctx, "s.system.disconnect Banned"); err != nil {
		t.Fatal(err)
	}
	t.Logf("decided on node 1 within %v, ended on node 3 within %v", decided, time.Since(began))

	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		st, err := servers[1].moderation.Standing(ctx, u.ID)
		if err != nil {
			t.Fatal(err)
		}
		if !st.Restricted(servers[1].node.Now(), moderation.Login) {
			break
		}
	}
	again, err := springclient.Dial(ctx, env.Nodes[1].Spring, springclient.Player)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Login(ctx, name); err != nil {
		t.Errorf("after the restriction: %v", err)
	}
	for _, s := range servers { // each as if the job were there
		if err := s.moderation.EndExpired(ctx); err != nil {
			t.Error(err)
		}
	}
	list, err := servers[2].store.Actions(ctx, moderation.ActionQuery{User: u.ID, All: true, Most: 10})
	if err != nil || len(list) != 1 || list[0].ID != a.ID || list[0].EndReason != moderation.Expired {
		t.Errorf("%v: %+v", err, list)
	}
}

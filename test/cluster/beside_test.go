package cluster

import (
	"errors"
	"fmt"
	"testing"

	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestBesideNodes: what the command line changes, running nodes know at once.
func TestBesideNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, pgtest.URL(t))
	for node := range 3 {
		r.online(node, springclient.Player, r.account("Added", scenario.Moderator))
	}
	for i, motd := range []string{"First words", `Two\nlines`} {
		if _, err := r.c.command("config", "set", "spring.motd", motd); err != nil {
			t.Fatal(err)
		}
		want := []string{"MOTD First words", "MOTD lines"}[i]
		for node := range 3 {
			r.until("the new message of the day", func() error {
				p := r.fresh(node)
				defer p.Close()
				if p.Count(0, want) != 1 {
					return fmt.Errorf("node %d does not say %q:\n%s", node+1, want, p.Tail(20))
				}
				return nil
			})
		}
	}
	if out, err := r.c.command("user", "add", "Added1", "--password", "x"); err == nil {
		t.Errorf("a name was given twice: %s", out)
	}
	if out, err := r.c.command("config", "get", "spring.motd"); err != nil || out != "Two\nlines\n" {
		t.Errorf("%q %v", out, err)
	}
	r.until("everybody has left", func() error {
		for _, p := range r.here() {
			if n := len(p.Snapshot().World.Users); n != 3+residents {
				return errors.New("somebody is left")
			}
		}
		return nil
	})
}

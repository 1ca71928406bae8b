package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDemo plays a short demo: a node is killed and comes back, another is cut off and
// healed. Nobody on the node that is not touched may see a line lost, doubled or out of
// order, and nothing is left behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	server := filepath.Join(t.TempDir(), "teiserver")
	if out, err := exec.Command("go", "build", "-o", server, "teiserver/cmd/teiserver").CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	d, err := newDemo(options{Server: server, Pace: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	until := func(what string, done func() bool) {
		t.Helper()
		if err := d.await(t.Context(), what, func() bool { d.crowd.review(time.Now()); return done() }); err != nil {
			t.Fatalf("%v\n%s", err, told(d))
		}
	}
	inPlace := func() bool {
		taken, all := d.crowd.places()
		return taken == all
	}
	hears := func(of string) func() bool {
		return func() bool { return slices.Contains(d.watch.world().rows["n1"].Hears, of) }
	}
	if err := d.start(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, told(d))
	}
	until("n1 to hear n2", hears("n2"))

	d.play(t.Context(), []step{{0, key{'k', 2}}})
	until("n3 to be gone", func() bool { return d.watch.world().rows["n3"].State == "gone" })
	until("the bots to be back", inPlace)
	d.play(t.Context(), []step{{0, key{'c', 1}}, {0, key{'r', 2}}})
	until("n1 not to hear n2", func() bool { return !hears("n2")() })
	d.play(t.Context(), []step{{0, key{'c', 1}}})
	until("n1 to hear n2 again", hears("n2"))

	d.settle(t.Context())
	t.Log(told(d))
	s := d.summary()
	if sum := s.total(); sum.said == 0 || sum.heard < sum.said || sum.clean != (wrongs{}) || s.ends > 0 {
		t.Errorf("%s\n%s", s.text(), told(d))
	}
	d.close()
	for _, n := range d.nodes {
		if n.running() {
			t.Errorf("%s still runs", n.name)
		}
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
}

// told is the journal.
func told(d *demo) string {
	var b strings.Builder
	for _, e := range d.journal.last(kept) {
		b.WriteString(e.String() + "\n")
	}
	return b.String()
}

package cluster

import (
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
)

// TestKilled kills a node as nothing else can: no word is said to anybody.
func TestKilled(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, database)
			for _, g := range s.gone() {
				g.cut = true
			}
			s.c.Processes[s.lost].Kill()
			s.seenLost()
			s.living()
			s.checkLost()
			if n := s.nodes()[s.c.Processes[s.lost].Name]; n.State != lease.Gone {
				t.Errorf("the killed node is %+v", n)
			}
			s.checkAlive()
			s.comeBack()
		})
	}
}

// TestStopped stops a node in order: its clients are told, the rest sees what it
// sees of a node that is lost.
func TestStopped(t *testing.T) {
	t.Parallel()
	s := newScene(t, pgtest.URL(t))
	p := s.c.Processes[s.lost]
	p.Stop()
	if p.err != nil {
		t.Errorf("the stopped node ended with %v", p.err)
	}
	ctx, cancel := limit()
	defer cancel()
	for _, g := range s.gone() {
		if err := g.WaitClosed(ctx); err != nil {
			t.Error(err)
		}
		g.told([]string{"s.system.disconnect Server is stopping"}, nil)
	}
	s.seenLost()
	s.living()
	s.checkLost()
	if n := s.nodes()[p.Name]; n.State != lease.Left {
		t.Errorf("the stopped node is %+v", n)
	}
	s.checkAlive()
	s.comeBack()
}

package cluster

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/store/pgtest"
	"teiserver/test/springclient"
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
			s.measured()
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
	s.planned = true
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
		if last := g.Tail(1); !strings.Contains(last, "s.system.disconnect Server is stopping") {
			t.Errorf("%s was closed with %q", g.name, last)
		}
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

// TestRestarted kills a node and starts it again at once, under its name and in its
// folder: it does not wait for the lease of its life before. In another folder nothing
// proves that life dead: there the node waits for the end of its lease, and is ready then.
func TestRestarted(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			restarted(newScene(t, database), false)
		})
	}
	t.Run("another folder", func(t *testing.T) {
		t.Parallel()
		restarted(newScene(t, "sqlite:"+t.TempDir()+"/teiserver.db"), true)
	})
}

func restarted(s *scene, elsewhere bool) {
	s.Helper()
	for _, g := range s.gone() {
		g.cut = true
	}
	p := s.c.Processes[s.lost]
	before := s.nodes()[p.Name]
	p.Kill()
	if elsewhere {
		p.Move(s.TempDir())
	}
	if err := p.Restart(s.Context()); err != nil {
		s.Fatal(err)
	}
	if n := s.nodes()[p.Name]; n.Incarnation <= before.Incarnation || n.State != lease.Serving {
		s.Errorf("the node has come back as %+v, it was %+v", n, before)
	}
	s.seenLost()
	s.living()
	s.checkLost()
	s.checkAlive()
	s.returned(true)
}

// returned checks that the lost node is a full member again: its people log in to it,
// see everybody, host and join there.
func (s *scene) returned(newLife bool) {
	s.Helper()
	highest := int64(0)
	if newLife {
		highest = s.highest()
	}
	for _, g := range s.gone() {
		flavor := springclient.Player
		if g == s.hostLost {
			flavor = springclient.Host
		}
		again := s.online(s.lost, flavor, g.name)
		if g == s.hostLost {
			// A block of numbers is never given to another life.
			if id := s.newBattle(again); id <= highest {
				s.Errorf("battle %d after %d", id, highest)
			}
			continue
		}
		for _, name := range s.channels {
			again.join(name)
		}
		s.hostKept.admit(again, s.battleKept)
		s.askCoordinator(again)
	}
	s.meet()
	s.living()
	s.checkCoordinatorStayed()
}

// highest is the highest battle id that anybody was told of.
func (r *rig) highest() (highest int64) {
	for _, p := range r.persons {
		for _, line := range p.Lines(0) {
			var id int64
			if n, _ := fmt.Sscanf(line, "BATTLEOPENED %d", &id); n == 1 {
				highest = max(highest, id)
			}
		}
	}
	return highest
}

// TestPaused stops a node from running until it has been condemned and replaced. When
// it goes on it must not act for what it believes to own, nor for what its clients
// have sent meanwhile.
func TestPaused(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, database)
			p := s.c.Processes[s.lost]
			before := s.nodes()[p.Name]
			if err := p.Pause(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, g := range s.gone() {
				g.away = true
			}
			// Nobody reads this before the node goes on.
			for _, name := range s.channels {
				s.inLost[0].send("SAY %s from the dead", name)
			}
			s.inKept[0].send("SAYBATTLE from the dead")
			s.inKept[0].send("SAYPRIVATE %s from the dead", s.inKept[1].name)
			s.hostLost.send("UPDATEBATTLEINFO 1 1 5 A dead map")
			s.seenLost()
			s.living()
			s.checkLost()
			s.checkAlive()
			s.comeBack()
			ctx, cancel := limit()
			defer cancel()
			late, err := springclient.Dial(ctx, p.Spring, springclient.Player)
			if err != nil {
				t.Fatal(err) // the system takes connections for a process that does not run
			}
			defer late.Close()
			if err := late.Send("%s", late.LoginLine(s.inLost[0].name, springclient.Password)); err != nil {
				t.Fatal(err)
			}
			s.mark()
			heard := map[*person]int{}
			for _, g := range s.gone() {
				heard[g] = len(g.Lines(0))
			}
			if err := p.Resume(); err != nil {
				t.Fatal(err)
			}
			for _, g := range s.gone() {
				if err := g.WaitClosed(ctx); err != nil {
					t.Error(err)
				}
				lines := g.Lines(heard[g])
				for _, l := range lines {
					if !strings.HasPrefix(l, "s.system.disconnect ") {
						t.Errorf("%s was told %q by a node that had been given up", g.name, l)
					}
				}
				if len(lines) == 0 {
					t.Errorf("%s was closed without a reason", g.name)
					continue
				}
				if last := lines[len(lines)-1]; !strings.HasPrefix(last, "s.system.disconnect ") {
					t.Errorf("%s was closed after %q", g.name, last)
				}
			}
			if err := late.WaitClosed(ctx); err != nil {
				t.Error(err)
			}
			if late.Count(0, "ACCEPTED …") > 0 {
				t.Errorf("a condemned node has let somebody in\n%s", late.Tail(10))
			}
			s.until("the node is back", func() error {
				if n := s.nodes()[p.Name]; n.Incarnation <= before.Incarnation || n.State != lease.Serving {
					return fmt.Errorf("it is %+v, it was %+v", n, before)
				}
				return nil
			})
			if err := p.WaitReady(t.Context()); err != nil {
				t.Fatal(err)
			}
			for _, other := range s.here() {
				other.sync()
				other.told(nil, nil)
			}
			x := s.fresh(s.lost)
			x.join(s.channels[0])
			s.hostKept.admit(x, s.battleKept)
			s.newBattle(s.host(s.lost))
			s.askCoordinator(x)
			s.meet()
			s.living()
			s.checkCoordinatorStayed()
		})
	}
}

// TestAllKilled kills every node and starts them again: what is stored is there, what
// lived is gone, and no number is given twice.
func TestAllKilled(t *testing.T) {
	t.Parallel()
	s := newScene(t, pgtest.URL(t))
	highest := s.highest()
	for _, p := range s.persons {
		p.cut = true
	}
	for _, p := range s.c.Processes {
		p.Kill()
	}
	for _, p := range s.c.Processes {
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range s.c.Processes {
		if err := p.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	old := s.persons
	for i, p := range old {
		p.Close()
		s.online(i%3, p.Flavor(), p.name)
	}
	now := s.persons[len(old):]
	s.meet()
	for _, p := range now {
		if seen := p.Snapshot().World; len(seen.Battles) != 0 || len(seen.Users) != len(now)+residents {
			t.Errorf("%s sees %d battles and %d users, want 0 and %d", p.name, len(seen.Battles), len(seen.Users), len(now)+residents)
		}
	}
	first := now[0]
	if first.Flavor() != springclient.Host {
		t.Fatal("the first person is no host")
	}
	if id := s.newBattle(first); id <= highest {
		t.Errorf("battle %d after %d", id, highest)
	}
	for i, p := range now[2:4] {
		p.send("JOIN %s", s.channels[0])
		line := p.want("CLIENTS %s …", s.channels[0])
		if got := strings.Fields(line)[2:]; len(got) != i+1 {
			t.Errorf("%s finds %q in the channel", p.name, got)
		}
	}
	s.askCoordinator(now[len(now)-2])
	s.checkCoordinatorStayed()
	s.until("the lobbies of before are closed", func() error {
		for key := range s.living() {
			if key == fmt.Sprintf("lobby/%d", s.battleKept) || key == fmt.Sprintf("lobby/%d", s.battleLost) {
				return errors.New(key + " runs")
			}
		}
		return nil
	})
}

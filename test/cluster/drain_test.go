package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"teiserver/internal/cluster/lease"
)

// TestDrained drains the node that owns most, while people on the other nodes talk and
// play: they see what they see when a node stops, every line once and in order. Then
// the node returns to service.
func TestDrained(t *testing.T) {
	t.Parallel()
	for kind, database := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, database)
			p := s.c.Processes[s.lost]
			done := make(chan error, 1)
			go func() {
				_, err := s.c.command("cluster", "drain", p.Name)
				done <- err
			}()
			said := s.talkUntil(done)
			t.Logf("%d lines were said meanwhile", said)

			if n := s.nodes()[p.Name]; n.State != lease.Draining || n.Clients != 0 || n.Processes != 0 {
				t.Errorf("the drained node is %+v", n)
			}
			s.until("it is not ready", func() error {
				resp, err := http.Get("http://" + p.HTTP + "/readyz")
				if err != nil {
					return err
				}
				defer func() { _ = resp.Body.Close() }()
				if resp.StatusCode != http.StatusServiceUnavailable {
					return fmt.Errorf("readyz of a drained node: %s", resp.Status)
				}
				return nil
			})
			ctx, cancel := limit()
			defer cancel()
			for _, g := range s.gone() {
				if err := g.WaitClosed(ctx); err != nil {
					t.Error(err)
				}
				if last := g.Tail(1); !strings.Contains(last, "s.system.disconnect Server is restarting") {
					t.Errorf("%s was closed with %q", g.name, last)
				}
			}
			if _, err := s.enter(s.lost, s.inLost[0].Flavor(), s.inLost[0].name); err == nil {
				t.Error("a drained node takes a login")
			}
			s.seenLost()
			s.living()
			s.checkAlive()

			if _, err := s.c.command("cluster", "undrain", p.Name); err != nil {
				t.Fatal(err)
			}
			if n := s.nodes()[p.Name]; n.State != lease.Serving {
				t.Errorf("the node has returned as %+v", n)
			}
			s.returned(false)
		})
	}
}

// talkUntil has two survivors talk in every channel and in the battle until done, one
// line after the other, and checks that each line reaches everybody once, in order.
func (s *scene) talkUntil(done chan error) (lines int) {
	s.Helper()
	speakers := []*person{s.inLost[1], s.inLost[2]}
	for {
		select {
		case err := <-done:
			if err != nil {
				s.Fatal(err)
			}
			return lines
		default:
		}
		for _, by := range speakers {
			for _, channel := range s.channels {
				lines++
				by.send("SAY %s line %d", channel, lines)
				for _, to := range speakers {
					to.want("SAID %s %s line %d", channel, by.name, lines)
				}
			}
		}
		lines++
		s.inKept[1].send("SAYBATTLE line %d", lines)
		for _, to := range []*person{s.hostKept, s.inKept[1], s.inKept[2]} {
			to.want("SAIDBATTLE %s line %d", s.inKept[1].name, lines)
		}
	}
}

// TestLastNodeIsNotDrained: there would be nobody to go on.
func TestLastNodeIsNotDrained(t *testing.T) {
	t.Parallel()
	c := Start(t, Config{Binary: binary, Nodes: 1})
	name := c.Processes[0].Name
	if _, err := c.command("cluster", "drain", name); err == nil || !strings.Contains(err.Error(), "no other node serves") {
		t.Errorf("drain of the only node: %v", err)
	}
	if _, err := c.command("cluster", "drain", "nobody"); err == nil {
		t.Error("drain of a node that does not exist")
	}
	if _, err := c.command("cluster", "undrain", "nobody"); err == nil || !strings.Contains(err.Error(), `no node named "nobody" is alive`) {
		t.Errorf("undrain of a node that does not exist: %v", errors.Unwrap(err))
	}
}

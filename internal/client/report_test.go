package client

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/monitor"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// deafMonitor is a runtime whose match monitor does not answer for a while.
type deafMonitor struct {
	cluster.Runtime
	began time.Time

	mu    sync.Mutex
	why   error // nil: it answers
	heard []string
	tries int
}

func (d *deafMonitor) Call(ctx context.Context, key cluster.Key, command any) (any, error) {
	if key != monitorKey {
		return d.Runtime.Call(ctx, key, command)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries++
	if d.why != nil {
		return nil, d.why
	}
	line := func(from int64, text string, number int64, lobby int64, at time.Time) {
		d.heard = append(d.heard, fmt.Sprintf("%d %q line %d lobby %d after %s", from, text, number, lobby, at.Sub(d.began).Round(time.Second)))
	}
	switch c := command.(type) {
	case monitor.Heard:
		line(c.From, c.Text, c.Line, c.Lobby, c.At)
	case resident.Direct:
		line(c.From, c.Text, c.Line, 0, c.At)
	}
	return resident.Says{Lines: []string{}}, nil
}

func (d *deafMonitor) set(why error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.why = why
}

// take returns what was heard until now.
func (d *deafMonitor) take() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.heard
	d.heard = nil
	return list
}

func (a *actor) say(r *rig, text string) {
	r.Helper()
	if err := a.Say(r.Context(), monitor.Room, text, true); err != nil {
		r.Errorf("say %s: %v", text, err)
	}
}

func (a *actor) tell(r *rig, text string) {
	r.Helper()
	if err := a.SayPrivate(r.Context(), "Parrot", text); err != nil {
		r.Errorf("tell %s: %v", text, err)
	}
}

// reporting runs a test with hosts on a node that does not reach the monitor at will.
func reporting(t *testing.T, test func(r *rig, d *deafMonitor, n *rigNode)) {
	inCluster(t, 1, func(r *rig) {
		d := &deafMonitor{}
		r.wrap = func(runtime cluster.Runtime) cluster.Runtime { d.Runtime = runtime; return d }
		n := r.add("b")
		<-n.Ready()
		if err := n.roster.Filled(r.Context()); err != nil {
			r.Fatal(err)
		}
		pass(3 * time.Second)
		test(r, d, n)
	})
}

// TestRule25_ReportsAreHeld: what hosts say of their games while the monitor does not answer is
// heard when it does, in order, as of when it was said, also of who is gone by then; and
// the connection does not wait.
func TestRule25_ReportsAreHeld(t *testing.T) {
	reporting(t, func(r *rig, d *deafMonitor, n *rigNode) {
		host, other := r.enter(n, 50, account.Bot), r.enter(n, 51, account.Bot)
		id := r.open(host)
		for _, a := range []*actor{host, other} {
			if err := a.JoinChannel(r.Context(), monitor.Room); err != nil {
				r.Fatal(err)
			}
		}
		synctest.Wait()
		d.began = n.Now()
		host.tell(r, "match-chat-noname 0")
		d.set(fmt.Errorf("call: %w", cluster.ErrUnavailable))
		host.say(r, "* Launching game...")
		pass(time.Minute)
		began := time.Now()
		host.tell(r, "match-event <u2> <x> <1>")
		other.say(r, "* Server stopped (running time: 9m)")
		pass(5 * time.Minute)
		host.say(r, "* Server stopped (running time: 5m)")
		host.tell(r, "endGameData <abc>")
		if took := time.Since(began); took > 5*time.Minute+time.Second {
			r.Errorf("hosts have waited for %s", took-5*time.Minute)
		}
		other.Close()
		pass(4 * time.Minute)
		d.set(refusal.New(refusal.Unavailable, "too many reports wait"))
		pass(time.Minute)
		if tries := d.tries; tries > 11*30+10 {
			r.Errorf("%d tries", tries)
		}
		d.set(nil)
		pass(5 * time.Second)
		host.tell(r, "at once")
		want := []string{
			`50 "match-chat-noname 0" line 1 lobby 0 after 0s`,
			fmt.Sprintf(`50 "* Launching game..." line 2 lobby %d after 0s`, id),
			`50 "match-event <u2> <x> <1>" line 3 lobby 0 after 1m0s`,
			`51 "* Server stopped (running time: 9m)" line 1 lobby 0 after 1m0s`,
			fmt.Sprintf(`50 "* Server stopped (running time: 5m)" line 4 lobby %d after 6m0s`, id),
			`50 "endGameData <abc>" line 5 lobby 0 after 6m0s`,
			`50 "at once" line 6 lobby 0 after 11m5s`,
		}
		if diff := cmp.Diff(want, d.take()); diff != "" {
			r.Errorf("heard (-want +got):\n%s", diff)
		}
	})
}

// TestReportsEnd: what nobody takes for an hour is given up, what is refused as well, and
// holding is bounded. The end of the node is the last chance.
func TestReportsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := fmt.Errorf("call: %w", cluster.ErrUnavailable)
		d := &deafMonitor{why: away}
		s := &Service{
			Options: Options{Runtime: d, Log: slog.New(slog.DiscardHandler)},
			reports: newReports(), sessions: &sessions{},
		}
		ctx, cancel := context.WithCancel(t.Context())
		var sender sync.WaitGroup
		sender.Go(func() { s.sendReports(ctx) })
		report := func(text string) bool { return s.reports.add(50, resident.Direct{From: 50, Text: text}, len(text)) }
		for i := range mostReports {
			if !report("x") {
				t.Fatalf("%d are held", i)
			}
		}
		if report("x") || !s.reports.add(51, resident.Direct{}, mostReportBytes/2) || s.reports.add(52, resident.Direct{}, mostReportBytes/2) {
			t.Error("more are held than may be")
		}
		pass(reportFor + time.Minute)
		if left := s.reports.count(); left != 0 || s.reports.bytes != 0 || s.reports.waits(50) {
			t.Errorf("%d reports and %d bytes are left after an hour", left, s.reports.bytes)
		}
		report("refused")
		d.set(refusal.New(refusal.Invalid, "no"))
		pass(5 * time.Second)
		d.set(away)
		report("last")
		pass(5 * time.Second)
		d.set(nil)
		cancel()
		sender.Wait()
		if got := d.take(); len(got) != 1 || !strings.Contains(got[0], "last") {
			t.Errorf("heard %q", got)
		}
	})
}

// TestReportsWaitForTheLobby: a match is reported behind what its host has changed in the
// lobby, which is held as well.
func TestReportsWaitForTheLobby(t *testing.T) {
	reporting(t, func(r *rig, d *deafMonitor, n *rigNode) {
		host := r.enter(n, 50, account.Bot)
		r.open(host)
		if err := host.JoinChannel(r.Context(), monitor.Room); err != nil {
			r.Fatal(err)
		}
		pass(time.Second)
		r.away()
		pass(4 * time.Second) // the lobby cannot decide
		d.set(fmt.Errorf("call: %w", cluster.ErrUnavailable))
		host.tag(r, "game/x", "1")
		host.say(r, "* Launching game...")
		d.set(nil)
		pass(time.Minute)
		if got := d.take(); len(got) != 0 {
			r.Errorf("heard %q", got)
		}
		r.store.OnAccess(nil)
		pass(10 * time.Second)
		if got := d.take(); len(got) != 1 || r.room(host).Tags["game/x"] != "1" {
			r.Errorf("heard %q", got)
		}
	})
}

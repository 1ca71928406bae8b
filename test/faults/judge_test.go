//go:build faults

package faults

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// wait waits until every actor is logged in.
func (l *load) wait(limit time.Duration) {
	l.r.t.Helper()
	err := l.r.until(limit, func(context.Context) error {
		for _, a := range l.actors {
			if s := a.session(); s == nil || !s.Open() {
				return fmt.Errorf("%s is not logged in", a.name)
			}
		}
		return nil
	})
	if err != nil {
		l.r.t.Errorf("clients: %v", err)
	}
}

// judge waits for quiet after everything was healed, and runs the checkers.
func (r *rig) judge(l *load) {
	r.t.Helper()
	l.quiet.Store(true)
	r.note("quiet", "", "")
	r.waitReady(readyLimit)
	l.wait(quiet)
	if err := r.until(quiet, func(context.Context) error { return l.agree() }); err != nil {
		r.t.Errorf("the clients do not come to agree: %v", err)
	}
	if err := r.until(quiet, r.owned); err != nil {
		r.t.Errorf("processes: %v", err)
	}
	l.lookForAccounts()
	l.end()
	l.mu.Lock()
	for i, v := range l.ill {
		if i < 5 {
			r.t.Errorf("a strict client: %s", v)
		}
	}
	if n := len(l.ill); n > 5 {
		r.t.Errorf("and %d more connections were told what a strict client does not take", n-5)
	}
	l.mu.Unlock()
	for _, n := range r.nodes {
		if err := n.alone(); err != nil {
			r.t.Error(err)
		}
		text := n.logged()
		for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: ", "process panicked"} {
			if at := strings.Index(text, sign); at >= 0 {
				r.t.Errorf("node %s: %s", n.name, text[at:min(len(text), at+4000)])
			}
		}
	}
	r.collect()
	events := r.history.Events()
	r.judgeMachine(events)
	for _, found := range Check(events) {
		r.t.Error(found)
	}
	r.t.Log(summary(events))
}

// collect moves what the store and the nodes have written down into the history.
func (r *rig) collect() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := errors.Join(r.readAudit(ctx), r.readRecords(ctx)); err != nil {
		r.t.Error(err)
	}
	for _, n := range r.nodes {
		if err := r.readActs(n); err != nil {
			r.t.Error(err)
		}
	}
}

// readActs moves what a node has written of its processes' effects into the history. Each
// line is the time, the key, the epoch, the incarnation and the effect.
func (r *rig) readActs(n *node) error {
	b, err := os.ReadFile(r.path(n.name, "acts"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
		f := strings.SplitN(in.Text(), " ", 5)
		if len(f) != 5 {
			continue // cut off by a kill
		}
		var num [3]int64
		for i, at := range []int{0, 2, 3} {
			if num[i], err = strconv.ParseInt(f[at], 10, 64); err != nil {
				return fmt.Errorf("acts of %s: %w", n.name, err)
			}
		}
		r.history.Add(Event{Kind: Act, At: num[0], Node: n.name, Key: f[1], Epoch: num[1], Incarnation: num[2], What: f[4]})
	}
	return nil
}

// residents are the server's own users, whom every client may see.
var residents = []string{"Coordinator", "AutohostMonitor", "AccoladesBot"}

// agree says what clients see differently, or what is not so.
func (l *load) agree() error {
	var list []*springclient.Client
	var where []string
	here := map[string]bool{}
	battles := map[int64]string{}
	for _, a := range l.actors {
		s := a.session()
		if s == nil || !s.Open() {
			return fmt.Errorf("%s is not logged in", a.name)
		}
		here[a.name] = true
		list = append(list, s.Client)
		where = append(where, s.node.name)
		if room := s.Snapshot().Room; room != nil && a.flavor == springclient.Host {
			battles[room.ID] = a.name
		}
	}
	for i, c := range list {
		world := c.Snapshot().World
		for name := range world.Users {
			if !here[name] && !slices.Contains(residents, name) {
				return fmt.Errorf("%s on %s sees %s, who is not there", l.actors[i].name, where[i], name)
			}
		}
		for name := range here {
			if _, ok := world.Users[name]; !ok {
				return fmt.Errorf("%s on %s does not see %s", l.actors[i].name, where[i], name)
			}
		}
		for id, b := range world.Battles {
			if battles[id] != b.Founder {
				return fmt.Errorf("%s on %s sees battle %d of %s, who is not in it", l.actors[i].name, where[i], id, b.Founder)
			}
		}
		for id, name := range battles {
			if _, ok := world.Battles[id]; !ok {
				return fmt.Errorf("%s on %s does not see battle %d of %s", l.actors[i].name, where[i], id, name)
			}
		}
	}
	if diff := scenario.Disagreement(list...); diff != "" {
		return errors.New(diff)
	}
	return nil
}

// owned says what is wrong with who owns what, once all is quiet.
func (r *rig) owned(ctx context.Context) error {
	var nodes struct{ Nodes []lease.Node }
	var rows struct{ Processes []registry.Owner }
	if err := errors.Join(r.read(ctx, &nodes, "cluster", "status"), r.read(ctx, &rows, "cluster", "processes")); err != nil {
		return err
	}
	living := map[string]lease.Node{}
	for _, n := range nodes.Nodes {
		if n.State != lease.Serving && n.State != lease.Draining {
			continue
		}
		if other, twice := living[n.Name]; twice {
			return fmt.Errorf("%s lives twice: incarnations %d and %d", n.Name, other.Incarnation, n.Incarnation)
		}
		living[n.Name] = n
	}
	for _, n := range r.nodes {
		up := n.running()
		if got, lives := living[n.name]; lives != up || lives && got.State != lease.Serving {
			return fmt.Errorf("%s: up is %v, the store says %+v", n.name, up, got)
		}
	}
	seen := map[string]bool{}
	for _, o := range rows.Processes {
		if key := o.Key.String(); seen[key] {
			return fmt.Errorf("%s is listed twice", key)
		}
		seen[o.Key.String()] = true
		if o.State == registry.Owned && living[o.Node].Incarnation != o.Incarnation {
			return fmt.Errorf("nobody runs %+v", o)
		}
	}
	if !seen["coordinator/main"] {
		return errors.New("nobody runs the Coordinator")
	}
	return nil
}

// lookForAccounts logs in with every account that was made, or may have been.
func (l *load) lookForAccounts() {
	l.mu.Lock()
	all := slices.Concat(l.created, l.unclear)
	l.mu.Unlock()
	slices.Sort(all)
	all = slices.Compact(all)
	var up []*node
	for _, n := range l.r.nodes {
		if n.running() {
			up = append(up, n)
		}
	}
	for i, name := range all {
		l.exists(name, up[i%len(up)])
	}
}

func (l *load) exists(name string, n *node) {
	ctx, cancel := context.WithTimeout(l.ctx, deaf)
	defer cancel()
	start := now()
	c, err := l.dial(ctx, name, n, springclient.Player)
	if err == nil {
		defer c.Close()
		err = c.Login(ctx, name)
	}
	e := Event{Kind: Operation, Start: start, At: now(), Who: operator, Node: n.name, What: "exists", Arg: name, Result: result(err, c)}
	if err != nil {
		e.Line, _, _ = strings.Cut(err.Error(), "\n")
	}
	l.r.history.Add(e)
}

// summary counts what a run has done.
func summary(events []Event) string {
	count := map[string]int{}
	for _, e := range events {
		switch e.Kind {
		case Operation:
			count[fmt.Sprintf("op %s %s", e.What, e.Result)]++
		case Fault:
			if strings.HasPrefix(e.Line, "begins") {
				count["fault "+e.What]++
			}
		case Ended:
			count["ended: "+e.What+" "+e.Line]++
		case Seen:
			word, _, _ := strings.Cut(e.Line, " ")
			count["seen "+word]++
		default:
			count[e.Kind]++
		}
	}
	keys := make([]string, 0, len(count))
	for k := range count {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var b strings.Builder
	for _, k := range keys {
		if len(k) < 120 {
			fmt.Fprintf(&b, "%6d  %s\n", count[k], k)
		}
	}
	return b.String()
}

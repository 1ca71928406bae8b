//go:build faults

package faults

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"teiserver/test/faults/network"
)

// fault is one kind of fault: inject breaks something, heal mends it.
type fault struct {
	inject func(r *rig, s Step) error
	heal   func(r *rig, s Step) error
}

var cut = network.Rule{Cut: true}

// slow is 30 % loss and 300 ms of delay.
var slow = network.Rule{Loss: 0.3, Delay: 300 * time.Millisecond, Jitter: 100 * time.Millisecond}

// links is a fault of links only.
func links(rules func(r *rig, s Step) []rule) fault {
	return fault{
		inject: func(r *rig, s Step) error { r.breakLinks(s.N, rules(r, s)...); return nil },
		heal:   func(r *rig, s Step) error { r.breakLinks(s.N); return nil },
	}
}

// between makes a rule for both directions.
func between(a, b string, n network.Rule) []rule { return []rule{{a, b, n}, {b, a, n}} }

// toAll makes a rule for both directions of several links.
func (r *rig) toAll(from string, to []string, n network.Rule) (all []rule) {
	for _, other := range to {
		all = append(all, between(from, other, n)...)
	}
	return all
}

// others are the hosts of all other nodes.
func (r *rig) others(name string) (names []string) {
	for _, n := range r.nodes {
		if n.name != name {
			names = append(names, n.name)
		}
	}
	return names
}

var faults = map[string]fault{
	Kill: {
		inject: func(r *rig, s Step) error { r.node(s.Node).stop(syscall.SIGKILL); return nil },
		heal:   func(r *rig, s Step) error { return r.node(s.Node).start() },
	},
	Leave: {
		inject: func(r *rig, s Step) error { r.node(s.Node).stop(syscall.SIGTERM); return nil },
		heal:   func(r *rig, s Step) error { return r.node(s.Node).start() },
	},
	Join: {
		inject: func(r *rig, s Step) error { return r.node(s.Node).start() },
		heal:   func(r *rig, s Step) error { r.node(s.Node).stop(syscall.SIGTERM); return nil },
	},
	Pause: {
		inject: func(r *rig, s Step) error { r.node(s.Node).signal(syscall.SIGSTOP); return nil },
		heal:   func(r *rig, s Step) error { r.node(s.Node).signal(syscall.SIGCONT); return nil },
	},
	Cut:         links(func(_ *rig, s Step) []rule { return between(s.Node, s.Other, cut) }),
	CutOneWay:   links(func(_ *rig, s Step) []rule { return []rule{{s.Node, s.Other, cut}} }),
	CutDatabase: links(func(r *rig, s Step) []rule { return r.toAll(s.Node, r.store.hosts(), cut) }),
	CutAll: links(func(r *rig, s Step) []rule {
		return r.toAll(s.Node, append(append(r.others(s.Node), r.store.hosts()...), clients), cut)
	}),
	Lossy: links(func(r *rig, s Step) []rule {
		return r.toAll(s.Node, append(r.others(s.Node), r.store.hosts()...), slow)
	}),
	LoseDatabase: {
		inject: func(r *rig, _ Step) error { r.pg.main().stop(syscall.SIGINT); return nil },
		heal:   func(r *rig, _ Step) error { return r.pg.main().start() },
	},
	CrashDatabase: {
		inject: func(r *rig, _ Step) error { r.pg.main().stop(syscall.SIGQUIT); return nil },
		heal:   func(r *rig, _ Step) error { return r.pg.main().start() },
	},
	PauseDatabase: {
		inject: func(r *rig, _ Step) error { r.pg.main().signal(syscall.SIGSTOP); return nil },
		heal:   func(r *rig, _ Step) error { r.pg.main().signal(syscall.SIGCONT); return nil },
	},
	Failover:        {inject: (*rig).loseSynchronous, heal: (*rig).takeOver},
	LagDatabase:     {inject: (*rig).lag, heal: (*rig).takeOverLagging},
	RestoreDatabase: {inject: (*rig).backup, heal: (*rig).putBack},
	FullDisk:        {inject: (*rig).fillDisk, heal: (*rig).emptyDisk},
	Drain: {
		inject: func(r *rig, s Step) error { return r.operateNode("drain", s.Node) },
		heal:   func(r *rig, s Step) error { return r.operateNode("undrain", s.Node) },
	},
	Clock: {
		inject: func(r *rig, s Step) error { return r.setClock(s.Node, s.Shift) },
		heal:   func(r *rig, s Step) error { return r.setClock(s.Node, 0) },
	},
}

// operateNode runs a command of the operator until it is taken: the database may be away.
func (r *rig) operateNode(what, name string) error {
	return r.until(time.Minute, func(ctx context.Context) error {
		_, err := r.try(ctx, "cluster", what, name)
		return err
	})
}

// setClock sets the wall clock of a node's process, which reads its offset from a file.
func (r *rig) setClock(name string, shift time.Duration) error {
	path := r.path(name, "clock")
	if err := os.WriteFile(path+".new", []byte(shift.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// canDrain reports whether the command exists.
func (r *rig) canDrain() bool {
	out, err := exec.Command(r.binary, "cluster", "--help").CombinedOutput()
	return err == nil && strings.Contains(string(out), "cluster drain")
}

// play injects and heals by a schedule for a while. Each step has a goroutine of its own: that one
// takes long must not delay the others.
func (r *rig) play(ctx context.Context, steps []Step, span time.Duration) {
	begin := time.Now()
	var all sync.WaitGroup
	for _, s := range steps {
		select {
		case <-time.After(time.Until(begin.Add(s.At))):
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() { r.playOne(ctx, s) })
	}
	select {
	case <-time.After(time.Until(begin.Add(span))):
	case <-ctx.Done():
	}
	all.Wait()
}

func (r *rig) playOne(ctx context.Context, s Step) {
	f := faults[s.What]
	// What ends or stops a process holds it until it is healed: an orderly stop under
	// other faults takes its time, and the next fault finds what runs.
	if life := r.life(s); life != nil {
		life.Lock()
		defer life.Unlock()
	}
	r.note(s.What, s.Node, "begins: "+s.String())
	if err := f.inject(r, s); err != nil {
		r.t.Errorf("inject %s: %v", s, err)
	}
	r.note(s.What, s.Node, "holds: "+s.String())
	select {
	case <-time.After(s.For):
	case <-ctx.Done():
	}
	if err := f.heal(r, s); err != nil {
		r.t.Errorf("heal %s: %v", s, err)
	}
	r.note(s.What, s.Node, "ends: "+s.String())
}

// life is the lock of the process that a step ends or stops, nil if it does not.
func (r *rig) life(s Step) *sync.Mutex {
	name := ""
	switch s.What {
	case Kill, Pause, Leave, Join, Drain:
		name = s.Node
	case LoseDatabase, CrashDatabase, PauseDatabase, Failover, LagDatabase, RestoreDatabase, FullDisk:
		name = database
	default:
		return nil
	}
	return r.lifeOf(name)
}

func (r *rig) lifeOf(name string) *sync.Mutex {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lives[name] == nil {
		r.lives[name] = &sync.Mutex{}
	}
	return r.lives[name]
}

// describe prints a schedule.
func describe(steps []Step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "%3d  %s\n", s.N, s)
	}
	return b.String()
}

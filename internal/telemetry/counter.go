package telemetry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/guard"
)

// Counters are what telemetry itself does. All counters only grow.
type Counters struct {
	Events, Properties, Infologs atomic.Int64 // kept
	Dropped                      atomic.Int64 // too many at once
}

// Names of counters in rows.
const (
	MatchesStarted = "matches_started"
	MatchesStopped = "matches_stopped"
	UsersIn        = "users_connected"
	UsersOut       = "users_disconnected"
	BotsIn         = "bots_connected"
	BotsOut        = "bots_disconnected"
	LinesIn        = "spring_lines_in"
	BytesOut       = "spring_bytes_out"
	Refused        = "logins_refused"
	EventsKept     = "events"
	PropertiesKept = "properties"
	InfologsKept   = "infologs"
	Dropped        = "events_dropped"
)

// Sources gives the readers of the counters, by name in rows.
func (c *Counters) Sources() map[string]func() int64 {
	return map[string]func() int64{
		EventsKept: c.Events.Load, PropertiesKept: c.Properties.Load, InfologsKept: c.Infologs.Load, Dropped: c.Dropped.Load,
	}
}

// service is under which name a node tells its counters.
const service = "telemetry.report"

type ask struct{}

// Report is what a node tells of itself.
type Report struct {
	Life     int64            `json:"life"`     // which run of the counters this is
	Counters map[string]int64 `json:"counters"` // since it started
	Players  []int64          `json:"players"`  // its users who sit in a lobby as players
}

var (
	_ = message.Register[ask]("telemetry.ask")
	_ = message.Register[Report]("telemetry.report")
)

// askFor is how long a node may take to tell its counters.
const askFor = 3 * time.Second

// errLeft is what a node says that has noted its last counters.
var errLeft = errors.New("telemetry: this node has been counted")

// reporter tells the counters of this node.
type reporter struct {
	life    int64
	mu      sync.Mutex
	left    bool
	sources map[string]func() int64
	players func() []int64
}

func (r *reporter) report() (Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left {
		return Report{}, errLeft
	}
	return r.read(), nil
}

func (r *reporter) read() Report {
	rep := Report{Life: r.life, Counters: make(map[string]int64, len(r.sources))}
	for name, value := range r.sources {
		rep.Counters[name] = value()
	}
	if r.players != nil {
		rep.Players = r.players()
	}
	return rep
}

// leave ends the reports: the last one is returned.
func (r *reporter) leave() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = true
	return r.read()
}

// gather asks every member, and returns what those told who answered, by life.
func (s *Service) gather(ctx context.Context) map[int64]Report {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	var (
		mu  sync.Mutex
		all = map[int64]Report{}
		wg  guard.Group
	)
	for _, m := range s.o.Runtime.Members() {
		wg.Go(func() {
			rep, err := s.askOne(ctx, m)
			if err != nil {
				s.o.Log.Debug("node did not tell its counters", "node", m.Node, "err", err)
				return
			}
			mu.Lock()
			all[rep.Life] = rep
			mu.Unlock()
		})
	}
	wg.Wait()
	return all
}

func (s *Service) askOne(ctx context.Context, m cluster.Member) (Report, error) {
	if m.Node == s.o.Runtime.Self().Node {
		return s.reporter.report()
	}
	reply, err := s.o.Runtime.Request(ctx, m.Node, service, ask{})
	if err != nil {
		return Report{}, err
	}
	rep, ok := reply.(Report)
	if !ok {
		return Report{}, fmt.Errorf("answered with %T", reply)
	}
	return rep, nil
}

// Counted is what has been counted of a run of a node's counters. It is known by the
// first incarnation of that run: a node may go on under another one.
type Counted struct {
	Life     int64
	Counters map[string]int64
	Final    map[string]int64 // its counters when it left; nil: it has not
	Version  int64            // of the row; 0: there is none
	At       time.Time        // of the last change
}

// growth adds to total by how much counters are above what was counted. Counters of one
// life only grow: one that is lower was not told.
func growth(total, now, before map[string]int64) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if d := now[name] - before[name]; d > 0 {
			total[name] += d
		}
	}
}

// highest is what has been counted after a row: a counter that was not told stays.
func highest(now, before map[string]int64) map[string]int64 {
	top := maps.Clone(now)
	if top == nil {
		top = map[string]int64{}
	}
	for name, n := range before {
		top[name] = max(top[name], n)
	}
	return top
}

func (s *Service) serve() {
	s.o.Runtime.Serve(service, func(context.Context, bus.Origin, any) (any, error) {
		rep, err := s.reporter.report()
		if err != nil {
			return nil, err
		}
		return rep, nil
	})
}

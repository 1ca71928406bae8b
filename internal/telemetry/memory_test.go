package telemetry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
)

// memory is a store. Its durable writes are behind a lock alone: what fences and marks do
// is for the tests of the stores.
type memory struct {
	mu       sync.Mutex
	marks    map[string]bool // job and period
	counted  map[int64]Counted
	rows     map[string]map[string][]byte // by unit and period
	activity map[string]map[int64]Activity
	minutes  map[int64]int64 // of accounts, played
	due      map[string]bool // day and user that are not counted
	events   map[string]Event
	props    []Property
	logs     []Infolog
	matches  []Match
	fail     error
	now      func() time.Time
}

func newMemory() *memory {
	return &memory{
		marks: map[string]bool{}, counted: map[int64]Counted{}, rows: map[string]map[string][]byte{},
		activity: map[string]map[int64]Activity{}, minutes: map[int64]int64{}, due: map[string]bool{}, events: map[string]Event{},
		now: time.Now,
	}
}

func (m *memory) marked(_ context.Context, name, from string) (list []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, mark := range slices.Sorted(maps.Keys(m.marks)) {
		var of, period string
		if _, err := fmt.Sscan(mark, &of, &period); err == nil && of == name && period >= from {
			list = append(list, period)
		}
	}
	return list, nil
}

// put marks, if it can, and does.
func (m *memory) put(mark job.Mark, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	name := mark.Job + " " + mark.Period
	if m.marks[name] {
		return job.ErrDone
	}
	if err := do(); err != nil {
		return err
	}
	m.marks[name] = true
	return nil
}

func (m *memory) Counted(context.Context) (list []Counted, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, life := range slices.Sorted(maps.Keys(m.counted)) {
		list = append(list, m.counted[life])
	}
	return list, nil
}

func (m *memory) PutMinute(_ context.Context, mark job.Mark, data []byte, now, gone []Counted) error {
	return m.put(mark, func() error {
		for _, c := range append(slices.Clone(now), gone...) {
			if m.counted[c.Life].Version != c.Version {
				return ErrStale
			}
		}
		for _, c := range now {
			c.Version++
			c.At = m.now()
			m.counted[c.Life] = c
		}
		for _, c := range gone {
			delete(m.counted, c.Life)
		}
		m.row(unitMinute, mark.Period, data)
		return nil
	})
}

func (m *memory) row(unit, period string, data []byte) {
	if m.rows[unit] == nil {
		m.rows[unit] = map[string][]byte{}
	}
	m.rows[unit][period] = data
}

func (m *memory) PutFinal(_ context.Context, life int64, counters map[string]int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.counted[life]
	c.Life, c.Final, c.Version, c.At = life, counters, c.Version+1, m.now()
	m.counted[life] = c
	return nil
}

func (m *memory) Periods(ctx context.Context, unit, from, before string) (list []string, err error) {
	rows, err := m.Rows(ctx, unit, from, before)
	for _, r := range rows {
		list = append(list, r.Period)
	}
	return list, err
}

func (m *memory) Rows(_ context.Context, unit, from, before string) (list []Row, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(m.rows[unit])) {
		if p >= from && p < before {
			list = append(list, Row{p, m.rows[unit][p]})
		}
	}
	return list, nil
}

func (m *memory) MinuteDays(context.Context) (days []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(m.rows[unitMinute])) {
		if day := p[:10]; !slices.Contains(days, day) {
			days = append(days, day)
		}
	}
	return days, nil
}

func (m *memory) PutRow(_ context.Context, mark job.Mark, unit string, data []byte, trim, before string) error {
	return m.put(mark, func() error {
		m.row(unit, mark.Period, data)
		for p := range m.rows[trim] {
			if p < before {
				delete(m.rows[trim], p)
			}
		}
		return nil
	})
}

func (m *memory) Created(context.Context, time.Time, time.Time) (int64, error) { return 1, nil }

func (m *memory) Matches(_ context.Context, from, before time.Time) (list []Match, err error) {
	for _, one := range m.matches {
		if !one.Finished.Before(from) && one.Finished.Before(before) {
			list = append(list, one)
		}
	}
	return list, nil
}

func (m *memory) FirstMatch(context.Context) (first time.Time, err error) {
	for _, one := range m.matches {
		if first.IsZero() || one.Finished.Before(first) {
			first = one.Finished
		}
	}
	return first, nil
}

func (m *memory) PutActivity(_ context.Context, _ registry.Fence, day string, rows []Activity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.activity[day] == nil {
		m.activity[day] = map[int64]Activity{}
	}
	for _, a := range rows {
		if _, there := m.activity[day][a.User]; !there {
			m.activity[day][a.User] = a
			m.due[fmt.Sprint(day, " ", a.User)] = true
		}
	}
	return nil
}

func (m *memory) LastActivity(_ context.Context, day string) (last int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for user := range m.activity[day] {
		last = max(last, user)
	}
	return last, nil
}

func (m *memory) Active(_ context.Context, from, before string) (users, players int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen, played := map[int64]bool{}, map[int64]bool{}
	for day, rows := range m.activity {
		if day < from || day >= before {
			continue
		}
		for user, a := range rows {
			seen[user] = true
			if a.Player > 0 {
				played[user] = true
			}
		}
	}
	return int64(len(seen)), int64(len(played)), nil
}

func (m *memory) DueActivity(_ context.Context, before string, most int) (list []Activity, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(m.due)) {
		var (
			day  string
			user int64
		)
		if _, err := fmt.Sscan(name, &day, &user); err == nil && day < before && len(list) < most {
			list = append(list, m.activity[day][user])
		}
	}
	return list, nil
}

func (m *memory) CountActivity(_ context.Context, _ registry.Fence, rows []Activity) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range rows {
		m.minutes[a.User] += a.Player
		delete(m.due, fmt.Sprint(a.Day, " ", a.User))
	}
	return nil
}

func (m *memory) PutEvents(_ context.Context, events []Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, e := range events {
		if _, twice := m.events[e.Once]; !twice {
			m.events[e.Once] = e
		}
	}
	return nil
}

func (m *memory) PutProperties(_ context.Context, list []Property) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.props = append(m.props, list...)
	return m.fail
}

func (m *memory) PutInfolog(_ context.Context, l Infolog) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.logs = append(m.logs, l)
	return m.fail
}

func (m *memory) HasOld(context.Context, Old, time.Duration) (bool, error) { return false, nil }

func (m *memory) DropOld(context.Context, registry.Fence, Old, time.Duration, int) error { return nil }

// net is a cluster as far as telemetry needs one.
type net struct {
	mu    sync.Mutex
	nodes map[string]*place
	next  int64
}

// place is a node of it.
type place struct {
	net    *net
	self   bus.Origin
	server bus.Server
	silent bool
	gone   bool
}

func (n *net) add(name string, incarnation int64) *place {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &place{net: n, self: bus.Origin{Node: name, Incarnation: incarnation}}
	if n.nodes == nil {
		n.nodes = map[string]*place{}
	}
	n.nodes[name] = p
	return p
}

func (p *place) Self() bus.Origin { return p.self }

func (p *place) Members() (list []cluster.Member) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.net.nodes)) {
		if other := p.net.nodes[name]; !other.gone {
			list = append(list, cluster.Member{Origin: other.self, Serving: true})
		}
	}
	return list
}

func (p *place) Request(ctx context.Context, node, _ string, body any) (any, error) {
	p.net.mu.Lock()
	other := p.net.nodes[node]
	away := other == nil || other.silent || other.gone
	p.net.mu.Unlock()
	if away {
		return nil, errors.New("no answer")
	}
	return other.server(ctx, p.self, body)
}

func (p *place) Serve(_ string, s bus.Server) { p.server = s }

func (p *place) Next(context.Context, string) (int64, error) {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	p.net.next++
	return p.net.next, nil
}

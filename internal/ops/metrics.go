package ops

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics is what /metrics shows. Values are read by callbacks when somebody
// looks, so that counting costs the hot path an atomic addition at most.
// Callbacks must not block and must be safe for concurrent use.
type Metrics struct{ registry *prometheus.Registry }

// NewMetrics returns metrics with those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// prefix begins every name of ours.
const prefix = "teiserver_"

// Gauge adds a value that goes up and down. The name ends in its unit and gets
// the prefix teiserver_; a name used twice panics.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: prefix + name, Help: help}, value))
}

// Counter adds a value that only goes up; its name ends in _total.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: prefix + name, Help: help}, value))
}

// GaugeBy adds one gauge per value of a label. The label must have a bounded set
// of values, never the id of a user or lobby.
func (m *Metrics) GaugeBy(name, help, label string, values func() map[string]float64) {
	m.registry.MustRegister(newBy(name, help, label, prometheus.GaugeValue, values))
}

// CounterBy adds one counter per value of a label, with the same care.
func (m *Metrics) CounterBy(name, help, label string, values func() map[string]float64) {
	m.registry.MustRegister(newBy(name, help, label, prometheus.CounterValue, values))
}

// by collects the values of one label when they are asked for.
type by struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values func() map[string]float64
}

func newBy(name, help, label string, kind prometheus.ValueType, values func() map[string]float64) *by {
	return &by{prometheus.NewDesc(prefix+name, help, []string{label}, nil), kind, values}
}

func (b *by) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

func (b *by) Collect(ch chan<- prometheus.Metric) {
	for label, value := range b.values() {
		ch <- prometheus.MustNewConstMetric(b.desc, b.kind, value, label)
	}
}

// Sources are the callbacks of the metrics that every node has. Those that are
// nil are left out.
type Sources struct {
	// Of connections and their clients.
	Connections   func() float64 // open connections
	Clients       func() float64 // logged in on this node
	OutQueueBytes func() float64 // waiting to be written to clients
	Logins        func() float64
	LoginsRefused func() float64
	LinesIn       func() float64
	LinesOut      func() float64
	SlowCloses    func() float64 // closed because they did not read
	FloodCloses   func() float64 // closed because they sent too much
	Panics        func() float64 // handlers that were caught

	// Of the merged view.
	RosterUsers   func() float64
	RosterLobbies func() float64

	// Of the cluster.
	Members           func() float64
	LeaseTrustSeconds func() float64            // left until this node freezes
	MailboxWaiting    func() map[string]float64 // commands, by kind
	Calls             func() map[string]float64 // by place: local, remote
	FeedGaps          func() float64            // replicas that had to fetch a snapshot again
	CacheHits         func() map[string]float64 // by table
	CacheMisses       func() map[string]float64 // by table
}

// Add adds the metrics of the sources.
func (m *Metrics) Add(s Sources) {
	type one struct {
		name, help string
		value      func() float64
	}
	for _, g := range []one{
		{"connections", "Open connections of game clients.", s.Connections},
		{"clients", "Clients that are logged in on this node.", s.Clients},
		{"out_queue_bytes", "Bytes that wait to be written to clients.", s.OutQueueBytes},
		{"roster_users", "Users that this node shows, of all nodes.", s.RosterUsers},
		{"roster_lobbies", "Lobbies that this node shows, of all nodes.", s.RosterLobbies},
		{"cluster_members", "Nodes of the cluster that are not gone, this one included.", s.Members},
		{"lease_trust_seconds", "Time until this node freezes if its lease is not renewed.", s.LeaseTrustSeconds},
	} {
		if g.value != nil {
			m.Gauge(g.name, g.help, g.value)
		}
	}
	for _, c := range []one{
		{"logins_total", "Logins that were accepted.", s.Logins},
		{"logins_refused_total", "Logins that were refused.", s.LoginsRefused},
		{"lines_received_total", "Lines that clients sent.", s.LinesIn},
		{"lines_sent_total", "Lines written to clients.", s.LinesOut},
		{"slow_closes_total", "Connections closed because the client did not read.", s.SlowCloses},
		{"flood_closes_total", "Connections closed because the client sent too much.", s.FloodCloses},
		{"panics_total", "Panics of handlers that were caught.", s.Panics},
		{"feed_gaps_total", "Gaps in feeds that were repaired by a snapshot.", s.FeedGaps},
	} {
		if c.value != nil {
			m.Counter(c.name, c.help, c.value)
		}
	}
	if s.MailboxWaiting != nil {
		m.GaugeBy("mailbox_commands", "Commands that wait for a process.", "kind", s.MailboxWaiting)
	}
	if s.Calls != nil {
		m.CounterBy("calls_total", "Commands sent to processes.", "place", s.Calls)
	}
	if s.CacheHits != nil {
		m.CounterBy("cache_hits_total", "Look-ups answered by the cache.", "table", s.CacheHits)
	}
	if s.CacheMisses != nil {
		m.CounterBy("cache_misses_total", "Look-ups that went to the store.", "table", s.CacheMisses)
	}
}

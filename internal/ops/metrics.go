package ops

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"teiserver/internal/meter"
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

// Histogram adds durations. Its name ends in _seconds.
func (m *Metrics) Histogram(name, help string, value func() meter.Snapshot) {
	m.registry.MustRegister(&histogram{
		prometheus.NewDesc(prefix+name, help, nil, nil),
		func() map[string]meter.Snapshot { return map[string]meter.Snapshot{"": value()} },
	})
}

// HistogramBy adds durations for each value of a label, with the same care as GaugeBy.
func (m *Metrics) HistogramBy(name, help, label string, values func() map[string]meter.Snapshot) {
	m.registry.MustRegister(&histogram{prometheus.NewDesc(prefix+name, help, []string{label}, nil), values})
}

// histogram collects durations when they are asked for; without a label under "".
type histogram struct {
	desc   *prometheus.Desc
	values func() map[string]meter.Snapshot
}

func (h *histogram) Describe(ch chan<- *prometheus.Desc) { ch <- h.desc }

func (h *histogram) Collect(ch chan<- prometheus.Metric) {
	for label, s := range h.values() {
		buckets := make(map[float64]uint64, len(s.AtMost))
		for bound, n := range s.AtMost {
			buckets[bound.Seconds()] = n
		}
		var labels []string
		if label != "" {
			labels = []string{label}
		}
		ch <- prometheus.MustNewConstHistogram(h.desc, s.Count, s.Sum.Seconds(), buckets, labels...)
	}
}

package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/job"
	"teiserver/internal/setting"
)

// counting is a node with one counter.
type counting struct {
	*Service
	place *place
	count atomic.Int64
}

type house struct {
	*testing.T
	net    net
	store  *memory
	census Census
	now    time.Time
	last   int64
}

func newHouse(t *testing.T) *house {
	h := &house{T: t, store: newMemory(), now: time.Date(2026, 10, 3, 14, 0, 0, 0, time.UTC)}
	h.store.now = func() time.Time { return h.now }
	return h
}

func (h *house) add(name string) *counting {
	h.last++
	c := &counting{place: h.net.add(name, h.last)}
	c.Service = New(Options{
		Store: h.store, Runtime: c.place, Settings: setting.Fixed(nil), Marked: h.store.marked, Now: func() time.Time { return h.now },
		Counters: map[string]func() int64{"n": c.count.Load}, Census: func() Census { return h.census },
	})
	return c
}

// tick writes the row of the next minute.
func (h *house) tick(c *counting) (Minute, error) {
	h.Helper()
	h.now = h.now.Add(time.Minute)
	return h.write(c)
}

func (h *house) write(c *counting) (m Minute, err error) {
	h.Helper()
	period := job.Minute.Name(h.now)
	if err := c.Minute(context.Background(), h.run(job.ServerMinute, period)); err != nil {
		return m, err
	}
	if err := json.Unmarshal(h.store.rows[unitMinute][period], &m); err != nil {
		h.Fatal(err)
	}
	return m, nil
}

func (h *house) run(name, period string) job.Run {
	return job.Run{Mark: job.Mark{Job: name, Period: period}, Now: h.now}
}

// total is the sum of a counter over all rows.
func (h *house) total() (sum int64) {
	for _, data := range h.store.rows[unitMinute] {
		var m Minute
		if err := json.Unmarshal(data, &m); err != nil {
			h.Fatal(err)
		}
		sum += m.Counters["n"]
	}
	return sum
}

// The rows add up to what the nodes have counted, whichever node writes them, while nodes
// come, are silent, leave and die.
func TestRowsAddUp(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		h := newHouse(t)
		var nodes []*counting
		var counted, lost int64
		for i := range 3 {
			nodes = append(nodes, h.add(fmt.Sprint("n", i)))
		}
		for step := range 60 {
			c := nodes[r.IntN(len(nodes))]
			switch r.IntN(8) {
			default:
				n := r.Int64N(100)
				c.count.Add(n)
				counted += n
			case 4, 5:
				if _, err := h.tick(c); err != nil {
					t.Fatal(err)
				}
			case 6:
				c.place.silent = !c.place.silent
			case 7:
				if len(nodes) == 1 {
					continue
				}
				nodes = slices.DeleteFunc(nodes, func(o *counting) bool { return o == c })
				if r.IntN(2) == 0 {
					if err := c.Leave(context.Background()); err != nil {
						t.Fatal(err)
					}
				} else {
					lost += c.count.Load() - h.store.counted[c.place.self.Incarnation].Counters["n"]
				}
				c.place.gone = true
				nodes = append(nodes, h.add(fmt.Sprint("x", step)))
			}
		}
		for _, c := range nodes {
			c.place.silent = false
		}
		if _, err := h.tick(nodes[0]); err != nil {
			t.Fatal(err)
		}
		if got := h.total(); got != counted-lost {
			t.Fatalf("seed %d: rows add up to %d, nodes counted %d and took %d along", seed, got, counted, lost)
		}
	}
}

// Two nodes that write at the same time, the same minute or two, count nothing twice.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b := h.add("a"), h.add("b")
	for range 200 {
		a.count.Add(3)
		b.count.Add(4)
		h.now = h.now.Add(2 * time.Minute)
		var wg sync.WaitGroup
		for i, c := range []*counting{a, b, a, b} {
			period := job.Minute.Name(h.now.Add(-time.Duration(i/2) * time.Minute))
			wg.Go(func() {
				err := c.Minute(context.Background(), h.run(job.ServerMinute, period))
				if err != nil && !errors.Is(err, job.ErrDone) && !errors.Is(err, ErrStale) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	h.now = h.now.Add(time.Minute)
	if _, err := h.write(a); err != nil {
		t.Fatal(err)
	}
	if got := h.total(); got != 200*7 {
		t.Errorf("rows add up to %d, want %d", got, 200*7)
	}
}

// A node that had its reports in hand, and stood still before it wrote, writes nothing:
// others have counted meanwhile. Then it counts again.
func TestLateWriter(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b := h.add("a"), h.add("b")
	a.count.Store(10)
	if m, err := h.tick(b); err != nil || m.Counters["n"] != 10 {
		t.Fatal(m, err)
	}
	a.count.Store(15)
	once := false
	a.o.Census = func() Census { // between the reports and the write
		if !once {
			once = true
			a.count.Store(20)
			if m, err := h.tick(b); err != nil || m.Counters["n"] != 10 {
				t.Error(m, err)
			}
		}
		return Census{}
	}
	period := job.Minute.Name(h.now.Add(-30 * time.Minute)) // its minute has no row
	if err := a.Minute(context.Background(), h.run(job.ServerMinute, period)); err != nil {
		t.Fatal(err)
	}
	if got := h.total(); got != 20 {
		t.Errorf("rows add up to %d, want 20", got)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	c := Census{People: []Person{
		{ID: 5, InLobby: true, InGame: true}, {ID: 4, InLobby: true, InGame: true}, {ID: 3, InLobby: true},
		{ID: 2}, {ID: 9, Bot: true, InLobby: true, InGame: true}, {ID: 2, InLobby: true}, {ID: 6, InGame: true},
	}}
	got, bots := classify(c, map[int64]bool{5: true, 3: true, 9: true, 77: true})
	want := Clients{Player: []int64{5}, Spectator: []int64{4}, Lobby: []int64{3}, Menu: []int64{2, 6}}
	if diff := cmp.Diff(want, got); diff != "" || len(bots) != 1 || bots[0] != 9 {
		t.Errorf("%v %s", bots, diff)
	}
}

// fill writes minutes of a span: user u is in the state that is its number modulo 4.
func (h *house) fill(from time.Time, minutes int, users ...int64) {
	for i := range minutes {
		var m Minute
		m.Counters = map[string]int64{"n": 2}
		for _, u := range users {
			list := []*[]int64{&m.Client.Menu, &m.Client.Lobby, &m.Client.Spectator, &m.Client.Player}[u%4]
			*list = append(*list, u)
		}
		data, _ := json.Marshal(m)
		h.store.row(unitMinute, job.Minute.Name(from.Add(time.Duration(i)*time.Minute)), data)
	}
}

// all does everything that is due of a job, as package job does.
func (h *house) all(name string, due func(context.Context, time.Time) ([]string, error), once func(context.Context, job.Run) error) (done []string) {
	h.Helper()
	periods, err := due(context.Background(), h.now)
	if err != nil {
		h.Fatal(err)
	}
	for _, p := range periods {
		switch err := once(context.Background(), h.run(name, p)); {
		case err == nil:
			done = append(done, p)
		case !errors.Is(err, job.ErrDone):
			h.Fatal(err)
		}
	}
	return done
}

// steps does all steps of a long job.
func (h *house) steps(name, period string, next func(context.Context, job.Run) (job.Step, error)) (n int) {
	h.Helper()
	for ; n < 1000; n++ {
		step, err := next(context.Background(), h.run(name, period))
		if err != nil {
			h.Fatal(err)
		}
		if step.Write == nil {
			h.store.marks[name+" "+period] = true
			return n
		}
		if err := step.Write(context.Background(), registry.Fence{}); err != nil {
			h.Fatal(err)
		}
	}
	h.Fatal("no end")
	return n
}

// Days are made of minutes, once, and longer periods of days when these are complete,
// over the end of a month and of a year.
func TestPeriods(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.add("a")
	first := time.Date(2026, 12, 30, 23, 30, 0, 0, time.UTC)
	h.fill(first, 60, 3, 4, 5) // half an hour on the 30th, and on the 31st
	h.fill(time.Date(2027, 1, 1, 10, 0, 0, 0, time.UTC), 10, 3, 7)

	h.now = time.Date(2027, 1, 1, 9, 5, 0, 0, time.UTC)
	if diff := cmp.Diff([]string{"2026-12-30", "2026-12-31"}, h.all(job.ServerDay, c.dueDays, c.day)); diff != "" {
		t.Error(diff)
	}
	if done := h.all(job.ServerDay, c.dueDays, c.day); done != nil {
		t.Errorf("again: %v", done)
	}
	var day Summary
	if err := json.Unmarshal(h.store.rows[unitDay]["2026-12-30"], &day); err != nil {
		t.Fatal(err)
	}
	want := Summary{
		Minutes: 30, Peak: Gauges{Users: 3, Players: 1}, Average: Gauges{Users: 3, Players: 1},
		Spent: Spent{Player: 30, Lobby: 30, Menu: 30, Total: 90}, Users: 3, Players: 1, Created: 1,
		Counters: map[string]int64{"n": 60},
		Hours:    []Hour{{Hour: 23, Minutes: 30, Peak: Gauges{Users: 3, Players: 1}, Average: Gauges{Users: 3, Players: 1}, Users: 3}},
	}
	if diff := cmp.Diff(want, day); diff != "" {
		t.Error(diff)
	}

	// The activity of the last day is not known yet: no month, quarter or year.
	for _, unit := range []job.Unit{job.Month, job.Quarter, job.Year} {
		if done := h.all(string(unit), c.dueSpans(unit), c.span(unit)); done != nil {
			t.Errorf("%s: %v", unit, done)
		}
	}
	h.steps(job.ActivityDay, "2026-12-30", c.activityDay)
	h.steps(job.ActivityDay, "2026-12-31", c.activityDay)
	for unit, name := range map[job.Unit]string{job.Month: "2026-12", job.Quarter: "2026-Q4", job.Year: "2026"} {
		if diff := cmp.Diff([]string{name}, h.all(string(unit), c.dueSpans(unit), c.span(unit))); diff != "" {
			t.Errorf("%s: %s", unit, diff)
		}
		var sum Summary
		if err := json.Unmarshal(h.store.rows[string(unit)][name], &sum); err != nil {
			t.Fatal(err)
		}
		if sum.Minutes != 60 || sum.Spent.Total != 180 || sum.Users != 3 || sum.Players != 1 || sum.Counters["n"] != 120 || sum.Average.Users != 3 {
			t.Errorf("%s: %+v", unit, sum)
		}
	}
	if done := h.all("week", c.dueSpans(job.Week), c.span(job.Week)); done != nil {
		t.Errorf("a week that is not over: %v", done)
	}
	h.now = h.now.AddDate(0, 0, 7)
	h.all(job.ServerDay, c.dueDays, c.day)
	h.steps(job.ActivityDay, "2027-01-01", c.activityDay)
	if diff := cmp.Diff([]string{"2026-W53"}, h.all("week", c.dueSpans(job.Week), c.span(job.Week))); diff != "" {
		t.Error(diff)
	}
}

// Minutes go after thirty days, but not those of a day that is not summed.
func TestMinutesAreTrimmed(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.add("a")
	begin := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	for d := range 40 {
		h.fill(begin.AddDate(0, 0, d), 1, 3)
	}
	h.now = begin.AddDate(0, 0, 40)
	h.all(job.ServerDay, c.dueDays, c.day)
	if n := len(h.store.rows[unitMinute]); n != 40 {
		t.Errorf("%d minutes are left before their activity is written", n)
	}
	for d := range 40 {
		h.steps(job.ActivityDay, job.Day.Name(begin.AddDate(0, 0, d)), c.activityDay)
	}
	h.fill(begin.AddDate(0, 0, 40), 1, 3)
	h.now = begin.AddDate(0, 0, 41)
	h.all(job.ServerDay, c.dueDays, c.day)
	if n := len(h.store.rows[unitMinute]); n != 30 && n != 31 {
		t.Errorf("%d minutes are left", n)
	}
}

// Activity is written in steps that go on where the last one ended, and added to the
// accounts once.
func TestActivity(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	a, b := h.add("a"), h.add("b")
	var users []int64
	for u := range int64(450) {
		users = append(users, 3+4*u)
	}
	day := time.Date(2026, 10, 3, 0, 0, 0, 0, time.UTC)
	h.fill(day.Add(10*time.Hour), 5, users...)
	h.now = day.AddDate(0, 0, 1).Add(9 * time.Hour)
	step, err := a.activityDay(context.Background(), h.run(job.ActivityDay, "2026-10-03"))
	if err != nil || step.Write(context.Background(), registry.Fence{}) != nil {
		t.Fatal(err)
	}
	// Another node goes on.
	if n := h.steps(job.ActivityDay, "2026-10-03", b.activityDay); n != 2 {
		t.Errorf("%d more steps", n)
	}
	if n := len(h.store.activity["2026-10-03"]); n != 450 {
		t.Errorf("%d users", n)
	}
	h.steps(job.PlayMinutes, "x", a.playMinutes)
	h.steps(job.PlayMinutes, "y", b.playMinutes)
	for _, u := range users {
		if got := h.store.minutes[u]; got != 5 {
			t.Fatalf("user %d has %d minutes", u, got)
		}
	}
}

func TestMatchDays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.add("a")
	at := func(day, hour int) time.Time { return time.Date(2026, 9, day, hour, 0, 0, 0, time.UTC) }
	h.store.matches = []Match{
		{"Duel", "Red Comet", 2, at(29, 10), at(29, 11)}, {"Duel", "Red Comet", 2, at(29, 23), at(30, 0)},
		{"Large Team", "Supreme", 16, at(30, 10), at(30, 10).Add(30 * time.Minute)},
	}
	h.now = time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	if months := h.all(job.MatchMonth, c.dueMatchMonths, c.matchMonth); months != nil {
		t.Errorf("before its days: %v", months)
	}
	if diff := cmp.Diff([]string{"2026-09-29", "2026-09-30"}, h.all(job.MatchDay, c.dueMatchDays, c.matchDay)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2026-09"}, h.all(job.MatchMonth, c.dueMatchMonths, c.matchMonth)); diff != "" {
		t.Error(diff)
	}
	var got Matches
	if err := json.Unmarshal(h.store.rows[unitMatchMonth]["2026-09"], &got); err != nil {
		t.Fatal(err)
	}
	want := Matches{
		Total: 3, Types: map[string]OfType{"Duel": {2, 4, 7200, 14400}, "Large Team": {1, 16, 1800, 28800}},
		Maps: map[string]int64{"Red Comet": 2, "Supreme": 1}, Hours: [24]int64{10: 2, 23: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is told is written behind, in bounds, once, and the last of it when the node stops.
func TestRecorder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		c := h.add("a")
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		for i := range 10 {
			if err := c.Record(ctx, Event{Family: FamilyClient, Name: "e", User: int64(i)}); err != nil {
				t.Fatal(err)
			}
			if err := c.SetProperty(ctx, Property{User: 7, Hash: "x", Name: "hardware:cpuinfo", Value: fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
		}
		<-time.After(2 * writeEvery)
		synctest.Wait()
		if len(h.store.events) != 10 || len(h.store.props) != 1 || h.store.props[0].Value != "9" || h.store.props[0].Hash != "" {
			t.Errorf("%d events, properties %+v", len(h.store.events), h.store.props)
		}
		h.store.mu.Lock()
		h.store.fail = errors.New("away")
		h.store.mu.Unlock()
		refused := 0
		for range waitingMost + 50 {
			if err := c.Record(ctx, Event{Family: FamilyServer, Name: "late"}); errors.Is(err, ErrTooMuch) {
				refused++
			}
		}
		if refused != 50 || c.Counters.Dropped.Load() != 50 {
			t.Errorf("%d refused, %d counted", refused, c.Counters.Dropped.Load())
		}
		<-time.After(3 * writeEvery)
		synctest.Wait()
		h.store.mu.Lock()
		h.store.fail = nil
		h.store.mu.Unlock()
		if err := c.Record(ctx, Event{Family: FamilyServer, Name: "last"}); !errors.Is(err, ErrTooMuch) {
			t.Error(err)
		}
		stop()
		<-done
		if len(h.store.events) != 10+waitingMost {
			t.Errorf("%d events", len(h.store.events))
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.add("a")
	ctx := context.Background()
	long := strings.Repeat("x", MaxComplex)
	for _, e := range []Event{{}, {Name: long}, {Name: "a", Value: long}, {Name: "a\x00"}, {Name: "a", Hash: "\xff"}, {Name: "a", Hash: long}} {
		if err := c.Record(ctx, e); !errors.Is(err, ErrTooLong) && !errors.Is(err, ErrCharacters) {
			t.Errorf("%.20q: %v", e.Name, err)
		}
	}
	if err := c.SetProperty(ctx, Property{Name: "a", Value: long}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if _, err := c.Upload(ctx, Infolog{Type: "a", Contents: strings.Repeat("x", MaxInfolog+1)}); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	if id, err := c.Upload(ctx, Infolog{Type: "a", Contents: "text"}); id != 1 || err != nil || len(h.store.logs) != 1 {
		t.Error(id, err)
	}
	off := New(Options{Store: h.store, Runtime: h.net.add("off", 99), Settings: setting.Fixed(map[string]string{"addon.telemetry": "off"})})
	if err := off.Record(ctx, Event{Name: "a"}); !errors.Is(err, ErrOff) {
		t.Error(err)
	}
	if _, err := off.Upload(ctx, Infolog{Type: "a"}); !errors.Is(err, ErrOff) {
		t.Error(err)
	}
}

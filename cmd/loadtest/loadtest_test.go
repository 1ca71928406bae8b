package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// startFloor runs floor inside the test.
func startFloor(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { newFloor().serve(ctx, l) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return l.Addr().String()
}

func target1(addr string, n int) target {
	return target{Target: []string{addr}, PID: os.Getpid(), Clients: n, Workers: 4, Limit: time.Minute}
}

// value finds a number of a section.
func value(t *testing.T, s Section, name string) float64 {
	t.Helper()
	for _, v := range s.Values {
		if v.Name == name {
			return v.Value
		}
	}
	t.Fatalf("%s has no %q: %+v", s.Measure, name, s.Values)
	return 0
}

func TestFanout(t *testing.T) {
	for name, rate := range map[string]int{"flat out": 0, "at a rate": 2000} {
		t.Run(name, func(t *testing.T) {
			f := &fanoutCommand{target: target1(startFloor(t), 20), Rate: rate, Duration: 100 * time.Millisecond, Window: 64, Speakers: 3}
			s, err := f.measure(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lines := value(t, s, "lines")
			if lines == 0 || value(t, s, "deliveries") != 20*lines || len(s.Notes) != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	s, err := (&loginCommand{target1(startFloor(t), 30)}).measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if value(t, s, "clients") != 30 {
		t.Errorf("%+v", s)
	}
	for _, what := range []string{"", ", password known"} {
		if value(t, s, "to LOGININFOEND"+what+" p50") > value(t, s, "to LOGININFOEND"+what+" p99") ||
			value(t, s, "lines per login"+what) < 30 || value(t, s, "server time per login"+what) < 0 {
			t.Errorf("%q: %+v", what, s)
		}
	}
}

func TestIdle(t *testing.T) {
	m := &idleCommand{target: target1(startFloor(t), 20), Chatters: 5, Rate: 100, Probes: 3, Duration: 250 * time.Millisecond}
	s, err := m.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if value(t, s, "PING max") <= 0 || value(t, s, "lines") == 0 {
		t.Errorf("%+v", s)
	}
}

func TestLatency(t *testing.T) {
	addr := startFloor(t)
	l := &latencyCommand{target: target1(addr, 0), Rounds: 10}
	l.Target = []string{addr, addr}
	s, err := l.measure(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if value(t, s, "channel line, other node p99") <= 0 || len(s.Notes) != 1 {
		t.Errorf("%+v", s)
	}
}

// TestFloorKeepsOrder says that floor delivers every line of two speakers to
// everybody, once and in the same order.
func TestFloorKeepsOrder(t *testing.T) {
	addr := startFloor(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all []*talker
	for _, name := range []string{"a", "b", "c"} {
		tk, err := listen(ctx, addr, name, true)
		if err != nil {
			t.Fatal(err)
		}
		defer tk.close()
		all = append(all, tk)
	}
	const lines = 500
	var wg sync.WaitGroup
	for _, speaker := range all[:2] {
		wg.Go(func() {
			for range lines {
				_, _ = speaker.conn.Write([]byte("SAY main " + speaker.name + "\n"))
			}
		})
	}
	heard := make([][]string, len(all))
	for i, tk := range all {
		for range 2 * lines {
			h, err := tk.until(ctx, "SAID main ")
			if err != nil {
				t.Fatal(err)
			}
			heard[i] = append(heard[i], h.line)
		}
	}
	wg.Wait()
	for i := range all {
		if diff := cmp.Diff(heard[0], heard[i]); diff != "" {
			t.Fatalf("listener %d heard something else:\n%s", i, diff)
		}
	}
}

// TestWatchAcrossReads says that a text is found however it is cut.
func TestWatchAcrossReads(t *testing.T) {
	const text = "first\nLOGININFOEND\nmore\n"
	for cut := 1; cut < len(text); cut++ {
		near, far := net.Pipe()
		var total atomic.Int64
		c := &client{conn: near, total: &total, done: make(chan struct{})}
		seen := c.expect("LOGININFOEND\n")
		go c.read(make([]byte, 64))
		for _, piece := range []string{text[:cut], text[cut:]} {
			if _, err := far.Write([]byte(piece)); err != nil {
				t.Fatal(err)
			}
		}
		if at := <-seen; at.IsZero() {
			t.Errorf("cut at %d: refused", cut)
		}
		_ = far.Close()
		<-c.done
		if total.Load() != 3 {
			t.Errorf("cut at %d: %d lines", cut, total.Load())
		}
		_ = near.Close()
	}
}

func TestPercentile(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(i+1))
	}
	for name, tc := range map[string]struct {
		all   []time.Duration
		share float64
		want  time.Duration
	}{
		"p50": {hundred, 0.5, 50}, "p99": {hundred, 0.99, 99}, "max": {hundred, 1, 100}, "one": {hundred[:1], 0.5, 1}, "none below": {hundred, 0, 1},
	} {
		if got := percentile(tc.all, tc.share); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

func TestProc(t *testing.T) {
	got, err := parseStat([]byte("42 (odd ) name) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1 2 3"))
	if err != nil || got != 3*time.Second {
		t.Errorf("processor time %v, %v", got, err)
	}
	rss, err := parseStatus([]byte("Name:\tx\nVmRSS:\t    1024 kB\nThreads: 3\n"))
	if err != nil || rss != 1<<20 {
		t.Errorf("memory %d, %v", rss, err)
	}
	for _, bad := range []string{"", "1 (x) S", "1 (x S 1 1 1"} {
		if _, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
	if _, err := parseStatus([]byte("Name: x\n")); err == nil {
		t.Error("a status without VmRSS was read")
	}
}

func TestReport(t *testing.T) {
	var floor, server Section
	floor.put("deliveries/s", 100, "1/s")
	floor.put("clients", 5, "")
	server = Section{Server: "teiserver", Measure: "fanout"}
	server.put("deliveries/s", 50, "1/s")
	server.put("clients", 5, "")
	server.put("only here", 5, "ms")
	got := ratio(server, floor)
	want := Section{Server: "ratio", Measure: "fanout", Values: []Value{{"deliveries/s", 0.5, "×"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ratio (-want +got):\n%s", diff)
	}
	r := Report{Sections: []Section{server, got}}
	var text, raw bytes.Buffer
	if err := r.writeText(&text); err != nil || !strings.Contains(text.String(), "fanout, teiserver") || !strings.Contains(text.String(), "0.5") {
		t.Errorf("text %q, %v", text.String(), err)
	}
	if err := r.writeJSON(&raw); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(raw.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

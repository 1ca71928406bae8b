package ops

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/meter"
)

func ask(h http.Handler, method, path, accept string) (int, string, http.Header) {
	r := httptest.NewRequest(method, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	return w.Code, string(body), w.Header()
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	h := handler(Options{Address: "127.0.0.1:4000"})
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/livez", 200},
		{"HEAD", "/livez", 200},
		{"GET", "/readyz", 200},
		{"GET", "/metrics", 200},
		{"GET", "/debug/pprof/", 200},
		{"GET", "/debug/pprof/cmdline", 200},
		{"POST", "/livez", 405},
		{"DELETE", "/readyz", 405},
		{"PUT", "/metrics", 405},
		{"POST", "/debug/pprof/profile", 405},
		{"GET", "/", 404},
		{"GET", "/livez/x", 404},
		{"GET", "/healthz", 404},
	} {
		if status, body, _ := ask(h, tc.method, tc.path, ""); status != tc.status {
			t.Errorf("%s %s: %d %q, want %d", tc.method, tc.path, status, body, tc.status)
		}
	}
}

// TestPprofStaysHome: profiles tell what is in memory; off loopback they are not there.
func TestPprofStaysHome(t *testing.T) {
	t.Parallel()
	for _, address := range []string{":4000", "0.0.0.0:4000", "10.0.0.1:4000"} {
		h := handler(Options{Address: address})
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
			if status, _, _ := ask(h, "GET", path, ""); status != 404 {
				t.Errorf("%s on %s: %d", path, address, status)
			}
		}
	}
}

func TestReady(t *testing.T) {
	t.Parallel()
	var reasons []string
	h := handler(Options{Ready: func() []string { return reasons }})

	status, body, _ := ask(h, "GET", "/readyz", "")
	if status != 200 || body != "ready\n" {
		t.Errorf("ready: %d %q", status, body)
	}
	status, body, head := ask(h, "GET", "/readyz", "application/json")
	if status != 200 || body != `{"ready":true,"reasons":[]}`+"\n" || head.Get("Content-Type") != "application/json" {
		t.Errorf("ready as JSON: %d %q %v", status, body, head)
	}

	reasons = []string{"store does not answer", "draining"}
	status, body, _ = ask(h, "GET", "/readyz", "text/plain")
	if status != 503 || body != "store does not answer\ndraining\n" {
		t.Errorf("not ready: %d %q", status, body)
	}
	status, body, _ = ask(h, "GET", "/readyz", "application/json")
	var got readiness
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(readiness{false, reasons}, got); diff != "" || status != 503 {
		t.Errorf("%d %s", status, diff)
	}
	if status, _, _ = ask(h, "GET", "/livez", ""); status != 200 {
		t.Errorf("a node that is not ready must still be alive: %d", status)
	}
}

// TestEverySource: each callback appears on /metrics, once.
func TestEverySource(t *testing.T) {
	t.Parallel()
	var s Sources
	v := reflect.ValueOf(&s).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i).Addr().Interface().(type) {
		case *Number:
			*f = func() float64 { return float64(1000 + i) }
		case *Numbers:
			*f = func() map[string]float64 { return map[string]float64{"a": float64(1000 + i), "b": 1} }
		case *Times:
			*f = func() meter.Snapshot { return meter.Snapshot{Sum: time.Duration(1000+i) * time.Second} }
		case *TimesBy:
			*f = func() map[string]meter.Snapshot {
				return map[string]meter.Snapshot{"a": {Sum: time.Duration(1000+i) * time.Second}}
			}
		default:
			t.Fatalf("field %s", v.Type().Field(i).Name)
		}
	}
	m := NewMetrics()
	m.Add(s)
	_, body, _ := ask(handler(Options{Metrics: m}), "GET", "/metrics", "")
	values := map[string]int{}
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if strings.HasPrefix(name, prefix) {
			values[value]++
		}
	}
	for i := range v.NumField() {
		want := v.Type().Field(i).Name
		if n := values[jsonNumber(1000+i)]; n != 1 {
			t.Errorf("%s is shown %d times", want, n)
		}
	}
	for _, line := range []string{
		"# TYPE teiserver_clients gauge", "# TYPE teiserver_logins_total counter", `teiserver_calls_total{place="b"} 1`, "go_goroutines ",
	} {
		if !strings.Contains(body, line) {
			t.Errorf("no line %q", line)
		}
	}
}

// TestHistogram: the form in which durations are shown.
func TestHistogram(t *testing.T) {
	t.Parallel()
	d := meter.New([]time.Duration{time.Millisecond, 500 * time.Millisecond})
	d.Note(time.Millisecond)
	d.Note(250 * time.Millisecond)
	d.Note(time.Second)
	m := NewMetrics()
	m.Histogram("one_seconds", "One.", d.Snapshot)
	m.HistogramBy("two_seconds", "Two.", "lane", func() map[string]meter.Snapshot {
		return map[string]meter.Snapshot{"a": d.Snapshot()}
	})
	_, body, _ := ask(handler(Options{Metrics: m}), "GET", "/metrics", "")
	for _, line := range []string{
		`# TYPE teiserver_one_seconds histogram`,
		`teiserver_one_seconds_bucket{le="0.001"} 1`, `teiserver_one_seconds_bucket{le="0.5"} 2`,
		`teiserver_one_seconds_bucket{le="+Inf"} 3`, `teiserver_one_seconds_sum 1.251`, `teiserver_one_seconds_count 3`,
		`teiserver_two_seconds_bucket{lane="a",le="0.5"} 2`, `teiserver_two_seconds_count{lane="a"} 3`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
}

func jsonNumber(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestNoSources(t *testing.T) {
	t.Parallel()
	m := NewMetrics()
	m.Add(Sources{})
	_, body, _ := ask(handler(Options{Metrics: m}), "GET", "/metrics", "")
	if strings.Contains(body, prefix) {
		t.Errorf("metrics without a source: %s", body)
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	srv := New(Options{})
	if srv.ReadHeaderTimeout == 0 || srv.ReadTimeout == 0 || srv.WriteTimeout == 0 || srv.IdleTimeout == 0 || srv.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", srv)
	}
}

// TestOpenShut: before Open and after Shut what needs a node is 503, and Shut waits for
// whom is being answered.
func TestOpenShut(t *testing.T) {
	t.Parallel()
	reasons := []string{"starting"}
	srv := New(Options{Ready: func() []string { return reasons }})
	want := func(path string, status int, text string) {
		t.Helper()
		if got, body, _ := ask(srv.Handler, "GET", path, ""); got != status || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %d %q", path, got, body, status, text)
		}
	}
	outside := func() {
		t.Helper()
		want("/livez", 200, "alive")
		want("/readyz", 503, "starting")
		want("/metrics", 200, "go_goroutines")
		want(APIPrefix+"x", 503, "starting")
	}
	outside()

	came, leave := make(chan struct{}), make(chan struct{})
	api := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(came)
		<-leave
		_, _ = io.WriteString(w, "answer")
	})
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	m := NewMetrics()
	m.Gauge("parts", "Parts.", func() float64 { return 1 })
	srv.Open(api, map[string]http.Handler{"/page": page}, m)
	want("/page", 200, "page")
	want("/metrics", 200, "teiserver_parts 1")

	answered := make(chan string)
	go func() {
		_, body, _ := ask(srv.Handler, "GET", APIPrefix+"x", "")
		answered <- body
	}()
	<-came
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if err := srv.Shut(given); !errors.Is(err, context.Canceled) {
		t.Errorf("shut while somebody is answered: %v", err)
	}
	outside()
	want("/page", 404, "")
	close(leave)
	if body := <-answered; body != "answer" {
		t.Errorf("answered %q", body)
	}
	if err := srv.Shut(t.Context()); err != nil {
		t.Errorf("shut again: %v", err)
	}
	srv.Open(page, nil, m)
	want(APIPrefix+"x", 200, "page")
	if err := srv.Shut(t.Context()); err != nil {
		t.Errorf("shut while nobody is answered: %v", err)
	}
}

// TestShutWaits: Shut returns when the last request has ended.
func TestShutWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv := New(Options{})
		leave := make(chan struct{})
		srv.Open(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave }), nil, NewMetrics())
		for range 2 {
			go ask(srv.Handler, "GET", APIPrefix, "")
		}
		synctest.Wait()
		shut := make(chan error, 1)
		go func() { shut <- srv.Shut(t.Context()) }()
		for range 2 {
			synctest.Wait()
			if len(shut) > 0 {
				t.Error("did not wait")
			}
			leave <- struct{}{}
		}
		if err := <-shut; err != nil {
			t.Error(err)
		}
	})
}

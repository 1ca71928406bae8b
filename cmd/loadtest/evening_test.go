package main

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestMetric(t *testing.T) {
	text := []byte("# TYPE go_goroutines gauge\ngo_goroutines_more 1\ngo_goroutines 42\ngo_memstats_heap_alloc_bytes 1.5e+06\n")
	if v, err := metric(text, "go_goroutines"); err != nil || v != 42 {
		t.Errorf("%v, %v", v, err)
	}
	if v, err := metric(text, "go_memstats_heap_alloc_bytes"); err != nil || v != 1.5e6 {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := metric(text, "go"); err == nil {
		t.Error("a name that is not shown was found")
	}
}

func TestEnoughFiles(t *testing.T) {
	if err := enoughFiles(1); err != nil {
		t.Error(err)
	}
	if err := enoughFiles(math.MaxInt32 * 1000); err == nil || !strings.Contains(err.Error(), "ulimit -Hn") {
		t.Errorf("%v", err)
	}
}

func TestWarnings(t *testing.T) {
	n, last := warnings("first start\n  password X\ntime=1 level=WARN msg=a\ntime=2 level=ERROR msg=b\ntime=3 level=INFO msg=c\n")
	if n != 2 || last != "time=2 level=ERROR msg=b" {
		t.Errorf("%d, %q", n, last)
	}
}

// hostPair is a host and the server's end of its connection.
func hostPair(t *testing.T) (*autohost, net.Conn, *bufio.Reader) {
	t.Helper()
	near, far := net.Pipe()
	h := &autohost{client: &client{conn: near, name: "h", total: &atomic.Int64{}, done: make(chan struct{})}, numbers: &sync.Map{}, heard: &heardOf{}}
	go h.serve()
	t.Cleanup(func() { _ = far.Close(); <-h.done; _ = near.Close() })
	for _, c := range []net.Conn{near, far} {
		if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	return h, far, bufio.NewReader(far)
}

// TestAutohost: a host lets in who asks, asks for the number of whom it does not know, and
// reports the players and the match of its game.
func TestAutohost(t *testing.T) {
	h, far, in := hostPair(t)
	tell := func(lines string) {
		t.Helper()
		if _, err := io.WriteString(far, lines); err != nil {
			t.Fatal(err)
		}
	}
	want := func(line string) {
		t.Helper()
		got, err := in.ReadString('\n')
		if err != nil || strings.TrimSuffix(got, "\n") != line {
			t.Fatalf("got %q, %v; want %q", got, err, line)
		}
	}
	tell("ADDUSER a ?? 7 x\nJOINBATTLEREQUEST a 10.0.0.1\n")
	want("GETUSERID a")
	want("JOINBATTLEACCEPT a")
	tell("USERID a 123 deadbeef 7\nJOINBATTLEREQUEST a 10.0.0.1\n")
	want("JOINBATTLEACCEPT a")
	opened := make(chan error, 1)
	go func() { opened <- h.open(context.Background(), 3) }()
	want("JOIN autohosts")
	tell("CLIENTS autohosts h\n")
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "OPENBATTLE 0 0 * 10003 16 ") {
		t.Fatalf("%q, %v", line, err)
	}
	tell("OPENBATTLE 12\nSETSCRIPTTAGS server/match/uuid=x\tgame/server_match_id=99\n")
	for range 4 {
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-opened; err != nil || h.battle != "12" {
		t.Fatalf("battle %q, %v", h.battle, err)
	}
	go h.launch(nil)
	for _, line := range []string{"SAYBATTLEEX * Launching game...", "SAYEX autohosts * Launching game...", "MYSTATUS 65"} {
		want(line)
	}
	if !h.going() {
		t.Error("no game goes on")
	}
	h.mu.Lock()
	h.players = []string{"a", "b"}
	h.mu.Unlock()
	go h.stop(nil)
	line, err := in.ReadString('\n')
	data, ok := strings.CutPrefix(strings.TrimSpace(line), "SAYPRIVATE AutohostMonitor endGameData ")
	if err != nil || !ok {
		t.Fatalf("%q, %v", line, err)
	}
	for range 3 {
		if _, err := in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	packed, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		t.Fatal(err)
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Players []struct {
			AccountID string `json:"accountId"`
			Name      string
			Win       int
		}
		BattleContext struct {
			ScriptTags map[string]string
		}
	}
	if err := json.NewDecoder(z).Decode(&report); err != nil {
		t.Fatal(err)
	}
	if len(report.Players) != 2 || report.Players[0].AccountID != "7" || report.Players[0].Win != 1 || report.Players[1].Win != 0 ||
		report.BattleContext.ScriptTags["game/server_match_id"] != "99" {
		t.Errorf("%+v", report)
	}
}

// TestChurnIsEven: so much happens in the time that was given, and what could not be done is told.
func TestChurnIsEven(t *testing.T) {
	e := &evening{hosts: []*autohost{{}, {}}}
	c := newChurn(e, 1)
	done := 0
	c.acts = []*act{{name: "x", perHour: 360000, do: func(context.Context, *autohost) bool { done++; return done%2 == 0 }}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // as soon as ten have been done
		for c.acts[0].failed.Load() < 5 {
			<-time.After(time.Millisecond)
		}
		cancel()
	}()
	began := time.Now()
	c.run(ctx)
	if most := 200*time.Since(began).Seconds() + 1; float64(done) > most || done < 9 {
		t.Errorf("%d done, want at most %v", done, most)
	}
	var s Section
	c.report(&s, time.Second)
	if len(s.Notes) != 1 || !strings.Contains(s.Notes[0], "not done: x") {
		t.Errorf("%v", s.Notes)
	}
}

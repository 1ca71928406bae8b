package app

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// metrics are what a node shows: by name and labels, and of which type each name is.
type metrics struct {
	values map[string]float64 // `name` or `name{label="value"}`
	types  map[string]string  // name to type and label
}

func readMetrics(t *testing.T, n scenario.Node) metrics {
	t.Helper()
	resp, err := http.Get("http://" + n.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s, %v", resp.Status, err)
	}
	m := metrics{map[string]float64{}, map[string]string{}}
	family := ""
	for scan := bufio.NewScanner(bytes.NewReader(body)); scan.Scan(); {
		line := scan.Text()
		if about, ok := strings.CutPrefix(line, "# TYPE teiserver_"); ok {
			name, kind, _ := strings.Cut(about, " ")
			family = "teiserver_" + name
			m.types[family] = kind + " "
			continue
		}
		series, text, ok := strings.Cut(line, " ")
		if !ok || !strings.HasPrefix(series, "teiserver_") {
			continue
		}
		if m.values[series], err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if _, labels, ok := strings.Cut(series, "{"); ok {
			if label, _, _ := strings.Cut(labels, "="); label != "le" {
				kind, _, _ := strings.Cut(m.types[family], " ")
				m.types[family] = kind + " " + label
			}
		}
	}
	return m
}

// TestMetrics starts a cluster: what its nodes show is what docs/metrics.md says, and
// each metric moves when that of which it tells happens.
func TestMetrics(t *testing.T) {
	t.Parallel()
	env := start(t, 2)
	t.Run("page", func(t *testing.T) { metricsPage(t, env) })
	t.Run("moved", func(t *testing.T) { metricsMove(t, env) })
}

func metricsPage(t *testing.T, env scenario.Env) {
	page := map[string]string{}
	raw, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if name := strings.Trim(strings.TrimSpace(cells[0]), "`"); strings.HasPrefix(name, "teiserver_") && len(cells) >= 4 {
			page[name] = strings.TrimSpace(cells[1]) + " " + strings.TrimSpace(cells[2])
		}
	}
	code := readMetrics(t, env.Nodes[0]).types
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/metrics.md differs from /metrics (-code +page):\n%s", diff)
	}
	// The page says what a node without a cluster leaves out.
	alone := readMetrics(t, start(t, 1).Nodes[0]).types
	for name := range code {
		_, shown := alone[name]
		left := strings.HasPrefix(name, "teiserver_lease_") || slices.Contains([]string{
			"teiserver_takeover_seconds", "teiserver_host_clock_ahead_seconds", "teiserver_bus_peers",
		}, name)
		if shown == left {
			t.Errorf("%s: shown by a node without a cluster: %v", name, shown)
		}
	}
}

// loggedIn connects a client to a node.
func loggedIn(ctx context.Context, t *testing.T, at scenario.Node, name string, flavor springclient.Flavor) *springclient.Client {
	t.Helper()
	c, err := springclient.Dial(ctx, at.Spring, flavor)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := c.Greeting(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Login(ctx, name); err != nil {
		t.Fatal(err)
	}
	return c
}

func metricsMove(t *testing.T, env scenario.Env) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	near, far := env.Nodes[0], env.Nodes[1]
	bot, player := env.Account(t, scenario.Bot), env.Account(t, scenario.Plain)
	nearBefore, farBefore := calm(ctx, t, near), calm(ctx, t, far)

	// A host on one node and a player on the other, who is first refused.
	host := loggedIn(ctx, t, near, bot, springclient.Host)
	other, err := springclient.Dial(ctx, far.Spring, springclient.Player)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	if err := other.LoginAs(ctx, player, "wrong"); err == nil {
		t.Fatal("logged in with a wrong password")
	}
	guest := loggedIn(ctx, t, far, player, springclient.Player)
	if err := guest.SendRaw([]byte{0xff, 0xfe, '\n'}); err != nil {
		t.Fatal(err)
	}
	id, err := host.OpenBattle(ctx, springclient.Battle{Password: "secret", Title: "Metrics"})
	if err != nil {
		t.Fatal(err)
	}
	await := func(c *springclient.Client, pattern string, args ...any) {
		t.Helper()
		if _, err := c.Expect(ctx, pattern, args...); err != nil {
			t.Fatal(err)
		}
	}
	await(guest, "BATTLEOPENED %d …", id)
	if err := guest.AskToJoin(id, "wrong", "1"); err != nil {
		t.Fatal(err)
	}
	await(guest, "JOINBATTLEFAILED …")
	if err := guest.AskToJoin(id, "secret", "1"); err != nil {
		t.Fatal(err)
	}
	await(host, "JOINBATTLEREQUEST %s …", player)
	if err := host.Send("JOINBATTLEACCEPT %s", player); err != nil {
		t.Fatal(err)
	}
	if err := guest.Joined(ctx, id); err != nil {
		t.Fatal(err)
	}

	risen(ctx, t, "near", near, nearBefore, `connections`, `clients`, `logins_total`, `lines_received_total`,
		`sent_bytes_total`, `roster_users`, `roster_lobbies`, `lease_renewal_seconds_count`, `lease_renewal_seconds_sum`,
		`processes{kind="lobby"}`, `process_commands_total{outcome="applied"}`, `snapshots_total`, `claims_total`,
		`calls_total{place="local"}`, `bus_sent_total`, `bus_sent_bytes_total`, `bus_received_total`,
		`bus_received_bytes_total`, `feeds_followed`, `cache_misses_total{table="user"}`, `cache_entries{table="relations"}`,
		`store_statements_total{lane="lease"}`, `store_statements_total{lane="watch"}`, `store_statements_total{lane="durable"}`,
		`store_statements_total{lane="relaxed"}`, `store_statements_total{lane="read"}`, `store_seconds_count{lane="durable"}`, `store_seconds_sum{lane="read"}`)
	risen(ctx, t, "far", far, farBefore, `logins_refused_total`, `lines_dropped_total`, `calls_total{place="remote"}`,
		`calls_refused_total`, `feeds_followed`, `feed_views_total`, `cache_hits_total{table="setting"}`, `roster_lobbies`)

	now := readMetrics(t, near)
	for name, want := range map[string][2]float64{
		"cluster_members":               {2, 2},
		"bus_peers":                     {1, 1},
		"feeds_published":               {1, 1000}, // processes move to a node that has come
		"lease_trust_seconds":           {0.0001, 2.25},
		"lease_renewal_age_seconds":     {0, 2.25},
		"lease_detection_worst_seconds": {3.5, 3.5},
		"host_clock_ahead_seconds":      {-0.5, 0.5},
		"lease_detection_seconds_count": {0, 0},
	} {
		if v, ok := now.values["teiserver_"+name]; !ok || v < want[0] || v > want[1] {
			t.Errorf("%s is %v (%v), want %v to %v", name, v, ok, want[0], want[1])
		}
	}
}

// calm waits until the connections that made the accounts are gone.
func calm(ctx context.Context, t *testing.T, n scenario.Node) metrics {
	t.Helper()
	for {
		m := readMetrics(t, n)
		if m.values["teiserver_connections"] == 0 && m.values["teiserver_clients"] == 0 {
			return m
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("connections are left")
		}
	}
}

// risen waits until each of these is above what it was.
func risen(ctx context.Context, t *testing.T, what string, n scenario.Node, before metrics, names ...string) {
	t.Helper()
	left := map[string]string{}
	for _, name := range names {
		left["teiserver_"+name] = ""
	}
	for {
		now := readMetrics(t, n)
		for name := range maps.Clone(left) {
			value, ok := now.values[name]
			if left[name] = fmt.Sprintf("%v after %v, shown %v", value, before.values[name], ok); value > before.values[name] {
				delete(left, name)
			}
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Errorf("%s: not risen: %v", what, left)
			return
		}
	}
}

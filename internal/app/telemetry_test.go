package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/store"
	"teiserver/internal/telemetry"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// TestTelemetryAddsUp: three nodes with clients on each; one leaves. The rows of minutes
// add up to what all of them have counted, and each user is in them once.
func TestTelemetryAddsUp(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var servers []*Server
	var members []string
	for i := range 3 {
		members = append(members, freeAddress(t))
		name := string(rune('a' + i))
		cfg := config.Config{
			DataDir: filepath.Join(dir, name), NodeName: name, Database: config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
			SpringListen: "127.0.0.1:0", LogLevel: "warn", LogFormat: "text", Unlimited: true, StopTimeout: 10 * time.Second,
			ClusterListen: members[i], ClusterJoin: members[:i], ClusterSecret: "a secret for this test",
		}
		if err := SetConfig(ctx, cfg, "job."+job.ServerMinute, "off"); err != nil { // the test writes the rows
			t.Fatal(err)
		}
		s, err := Start(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Stop(context.Background()) })
		servers = append(servers, s)
	}
	minute := int64(0)
	write := func(s *Server) telemetry.Minute {
		t.Helper()
		minute++
		period := job.Minute.Name(time.Unix(60*minute, 0))
		err := s.telemetry.Minute(ctx, job.Run{Mark: job.Mark{Job: job.ServerMinute, Period: period, Node: "test"}, Now: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		return lastMinute(ctx, t, s.store, period)
	}
	sum := map[string]int64{}
	add := func(m telemetry.Minute) telemetry.Minute {
		for name, n := range m.Counters {
			sum[name] += n
		}
		return m
	}

	add(write(servers[0]))
	var online []*springclient.Client
	for i := range 7 {
		s := servers[i%3]
		name := "User" + string(rune('A'+i))
		if err := AddUser(ctx, s.cfg, NewUser{Name: name, Password: springclient.Password, Email: name + "@example.com", Role: string(scenario.Plain)}); err != nil {
			t.Fatal(err)
		}
		at := scenario.Node{Spring: s.Addresses()["spring-listen"]}
		online = append(online, loggedIn(ctx, t, at, name, springclient.Player))
	}
	for { // until one node sees them all
		if users, _ := servers[1].roster.Count(); users >= 7+len(residents())-1 { // DiscordBridge is away
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("users are missing")
		}
	}
	m := add(write(servers[1]))
	if len(m.Client.Menu) != 7 || m.Nodes != 3 || m.Silent != 0 || m.Counters[telemetry.UsersIn] != 7 {
		t.Errorf("%+v", m)
	}
	online[2].Close() // on the third node, which then leaves, with another one
	if err := servers[2].Stop(ctx); err != nil {
		t.Fatal(err)
	}
	add(write(servers[0]))
	if m = add(write(servers[1])); m.Counters[telemetry.UsersOut] != 0 {
		t.Errorf("counted twice: %+v", m.Counters)
	}
	if sum[telemetry.UsersIn] != 7 || sum[telemetry.UsersOut] != 2 {
		t.Errorf("rows add up to %v", sum)
	}
	lines := int64(0)
	for _, s := range servers {
		lines += s.spring.Counters.LinesIn.Load()
	}
	if sum[telemetry.LinesIn] != lines {
		t.Errorf("rows have %d lines, the nodes counted %d", sum[telemetry.LinesIn], lines)
	}
}

func lastMinute(ctx context.Context, t *testing.T, st *store.Store, period string) (m telemetry.Minute) {
	t.Helper()
	rows, err := st.Rows(ctx, string(job.Minute), period, period+"Z")
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	if err := json.Unmarshal(rows[0].Data, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

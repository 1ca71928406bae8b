package app

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teiserver/internal/store/engine"
)

// TestRule11_DurabilityIsSaid: what survives a failover, and what to do if nothing does.
func TestRule11_DurabilityIsSaid(t *testing.T) {
	t.Parallel()
	standby := func(sync string) []engine.Standby {
		return []engine.Standby{{Name: "b", State: "streaming", Sync: sync}}
	}
	for name, tc := range map[string]struct {
		server engine.Server
		level  string
		text   string
	}{
		"alone":           {engine.Server{}, levelWarn, "there is no standby"},
		"asynchronous":    {engine.Server{Standbys: standby("async")}, levelWarn, "no synchronous standby: acknowledged commands of the last moments are lost in a failover to b"},
		"synchronous":     {engine.Server{Named: "*", Standbys: standby("sync")}, levelOK, "survive a failover: b has them"},
		"quorum":          {engine.Server{Named: "ANY 1 (b, c)", Standbys: standby("quorum")}, levelOK, "survive a failover"},
		"only potential":  {engine.Server{Named: "x", Standbys: standby("potential")}, levelFail, "none of these follows"},
		"catching up":     {engine.Server{Named: "b", Standbys: []engine.Standby{{Name: "b", State: "catchup", Sync: "sync"}}}, levelFail, "none of these follows"},
		"named, not here": {engine.Server{Named: "b"}, levelFail, "no write is acknowledged until one does"},
		"hidden":          {engine.Server{Named: "b", Standbys: []engine.Standby{{Name: "b"}}}, levelWarn, "GRANT pg_monitor"},
		"a standby":       {engine.Server{Recovery: true}, levelOK, "ask the primary"},
	} {
		if level, text := durability(&tc.server); level != tc.level || !strings.Contains(text, tc.text) {
			t.Errorf("%s: %s %q, want %s %q", name, level, text, tc.level, tc.text)
		}
	}
	var b bytes.Buffer
	s := clusterStatus{Durable: &durable{false, "no synchronous standby"}}
	if err := writeStatus(s, false, &b); err != nil || !strings.Contains(b.String(), "\ndurability: no synchronous standby\n") {
		t.Errorf("%v: %s", err, b.String())
	}
}

// checked runs a check and returns its lines by what they are about.
func checked(t *testing.T, dir string, change func(dir string)) (lines string, failed bool) {
	t.Helper()
	cfg := aloneIn(dir)
	change(dir)
	var b bytes.Buffer
	err := Check(t.Context(), cfg, false, &b)
	return b.String(), err != nil
}

// TestCheck: what is looked at before the first start, beside a node, and when things are
// not as they should be.
func TestCheck(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(dir string)
		failed bool
		want   []string
	}{
		"before the first start": {func(dir string) { _ = os.Remove(dir) }, false,
			[]string{"ok    data folder   ", "ok    database      "}},
		"open to others": {func(dir string) { _ = os.Chmod(dir, 0o777) }, false, []string{"warn  data folder   "}},
		"another file": {func(dir string) {
			_ = os.WriteFile(filepath.Join(dir, "teiserver.db"), []byte("hello, this is text"), 0o644)
		},
			true, []string{"fail  database      ", "is not a SQLite database", "warn  database      ", "chmod 600"}},
		"no folder": {func(dir string) {
			_ = os.Remove(dir)
			_ = os.WriteFile(dir, nil, 0o600)
		}, true, []string{"fail  data folder   "}},
	} {
		lines, failed := checked(t, filepath.Join(made(t), "data"), tc.change)
		for _, want := range tc.want {
			if failed != tc.failed || !strings.Contains(lines, want) {
				t.Errorf("%s: failed %v, want %v and %q:\n%s", name, failed, tc.failed, want, lines)
			}
		}
	}
	_, cfg := limited(t, nil)
	var b bytes.Buffer
	if err := Check(t.Context(), cfg, true, &b); err != nil {
		t.Error(err)
	}
	var got struct {
		OK       bool
		Findings []finding
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil || !got.OK {
		t.Errorf("%v: %s", err, b.String())
	}
	seen := map[string]string{}
	for _, f := range got.Findings {
		seen[f.What] = f.Level + " " + f.Text
	}
	for what, want := range map[string]string{"nodes": "ok 1 alive", "schema": "ok ", "certificate": "ok that in the store is good until ", "durability": "ok "} {
		if !strings.HasPrefix(seen[what], want) {
			t.Errorf("%s: %q, want %q", what, seen[what], want)
		}
	}
}

// made is a folder with an empty one named data in it.
func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for days, want := range map[int]string{-1: levelFail, 0: levelFail, 1: levelWarn, 29: levelWarn, 31: levelOK} {
		var f findings
		checkExpiry(&f, "x", now.AddDate(0, 0, days), now)
		if f[0].Level != want {
			t.Errorf("%d days: %+v, want %s", days, f[0], want)
		}
	}
}

// TestPeerIsCalled: a node that is named and does not answer is a warning: it may be down.
func TestPeerIsCalled(t *testing.T) {
	t.Parallel()
	var f findings
	cfg := aloneIn(t.TempDir())
	cfg.ClusterJoin = []string{"127.0.0.1:1"}
	checkPeers(context.Background(), &f, cfg)
	if len(f) != 1 || f[0].Level != levelWarn {
		t.Errorf("%+v", f)
	}
}

package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/store"
)

func adminConfig(t *testing.T) config.Config {
	t.Helper()
	return config.Config{
		Database: config.DatabaseURL("sqlite:" + filepath.Join(t.TempDir(), "t.db")), LogLevel: "error", NodeName: "n",
	}
}

func TestAddUser(t *testing.T) {
	t.Parallel()
	cfg := adminConfig(t)
	cfg.Unlimited = true // cheap hashes
	ctx := t.Context()
	if err := AddUser(ctx, cfg, NewUser{Name: "Bob", Password: "secret", Email: "bob@example.com", Role: "admin, bot"}); err != nil {
		t.Fatal(err)
	}
	if err := AddUser(ctx, cfg, NewUser{Name: "bob", Password: "secret"}); !errors.Is(err, account.ErrNameTaken) {
		t.Errorf("same name: %v", err)
	}
	if err := AddUser(ctx, cfg, NewUser{Name: "Carol", Password: "secret", Email: "BOB@example.com"}); !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("same address: %v", err)
	}
	if err := AddUser(ctx, cfg, NewUser{Name: "Dave", Password: "secret", Role: "king"}); err == nil {
		t.Error("a king")
	}
	err := withStore(ctx, cfg, func(st *store.Store) error {
		id, err := st.UserIDByName(ctx, "bob")
		if err != nil {
			return err
		}
		u, err := st.UserByID(ctx, id)
		if err != nil {
			return err
		}
		if diff := cmp.Diff([]account.Role{account.Admin, account.Bot, account.Verified}, u.Roles); diff != "" || u.Code != "" {
			t.Error(diff, u.Code)
		}
		accounts := account.NewService(st, nil, nil, settingsOf(cfg, st), account.Options{})
		_, err = accounts.Authenticate(ctx, account.LoginRequest{Name: "Bob", Password: account.ClientPassword("secret"), Hash: "1"})
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestConfigCommands(t *testing.T) {
	t.Parallel()
	cfg, ctx := adminConfig(t), t.Context()
	get := func() string {
		t.Helper()
		var b bytes.Buffer
		if err := GetConfig(ctx, cfg, "lobby.player_limit", &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if err := GetConfig(ctx, cfg, "lobby.player_limit", io.Discard); !errors.Is(err, store.ErrMissing) {
		t.Errorf("without a database: %v", err)
	}
	if err := ResetConfig(ctx, cfg, "lobby.player_limit"); err != nil || get() != "16\n" {
		t.Errorf("default %q, %v", get(), err)
	}
	if err := SetConfig(ctx, cfg, "lobby.player_limit", "32"); err != nil {
		t.Fatal(err)
	}
	if got := get(); got != "32\n" {
		t.Errorf("set %q", got)
	}
	var text, asJSON bytes.Buffer
	if err := errors.Join(ListConfig(ctx, cfg, false, &text), ListConfig(ctx, cfg, true, &asJSON)); err != nil {
		t.Fatal(err)
	}
	var got struct{ Settings []map[string]any }
	if err := json.Unmarshal(asJSON.Bytes(), &got); err != nil || len(got.Settings) < 10 {
		t.Errorf("%v: %s", err, asJSON.String())
	}
	found := false
	for line := range strings.Lines(text.String()) {
		if f := strings.Fields(line); f[0] == "lobby.player_limit" {
			found = f[1] == "32" && f[2] == "set"
		}
	}
	if !found {
		t.Errorf("list:\n%s", text.String())
	}
	if err := ResetConfig(ctx, cfg, "lobby.player_limit"); err != nil || get() != "16\n" {
		t.Errorf("reset: %q %v", get(), err)
	}
	if err := SetConfig(ctx, cfg, "lobby.player_limit", "x"); err == nil {
		t.Error("x was set")
	}
}

func TestClusterTables(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	nodes := []lease.Node{
		{Name: "eu-1", Incarnation: 3, State: "serving", Left: 2140 * time.Millisecond, Clients: 5, Processes: 2, Hears: []string{"eu-2", "eu-3"}, Version: "1", Address: "a:1"},
		{Name: "eu-2", Incarnation: 2, State: "serving", Left: -time.Second},
		{Name: "eu-3", Incarnation: 1, State: "gone", Left: time.Second, Note: "what it did last"},
		{Name: "eu-4", Incarnation: 4, State: "draining", Left: time.Second, Note: "waiting for links", Hears: []string{"eu-1"}},
	}
	status := clusterStatus{Nodes: nodes, Unheard: brokenLinks(nodes), Database: "sqlite x.db", RoundTrip: 0.84}
	if err := writeStatus(status, false, &b); err != nil {
		t.Fatal(err)
	}
	want := `NODE  INCARNATION  STATE              LEASE    CLIENTS  PROCESSES  HEARS      VERSION  ADDRESS
eu-1  3            serving            2.1s     5        2          eu-2,eu-3  1        a:1
eu-2  2            serving            expired  0        0          -          -        -
eu-3  1            gone               -        0        0          -          -        -
eu-4  4            waiting for links  1s       0        0          eu-1       -        -
eu-1 does not hear eu-4
eu-2 does not hear eu-1
eu-2 does not hear eu-4
eu-4 does not hear eu-2
database sqlite x.db, round trip 0.8 ms
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	owners := []registry.Owner{
		{Key: registry.NewKey("lobby", 2), Node: "eu-2", Incarnation: 2, Epoch: 4, State: registry.Owned, Gone: true, Since: 0},
		{Key: registry.NewKey("chat", "main"), Node: "eu-1", Incarnation: 3, Epoch: 1, State: registry.Released, Since: 1000},
	}
	kinds := []process.Kind{
		{Name: "coordinator", Start: process.Ensured, Scope: process.PerCluster},
		{Name: "chat", Start: process.OnDemand, Idle: time.Minute}, {Name: "lobby"},
	}
	if err := writeOwners(owners, missingOf(owners, kinds), false, &b); err != nil {
		t.Fatal(err)
	}
	want = `PROCESS    NODE  INCARNATION  EPOCH  STATE             SINCE
chat/main  eu-1  3            1      released          1970-01-01 00:00:01
lobby/2    eu-2  2            4      owned, node gone  1970-01-01 00:00:00
lobby/2 should run and does not: its node is gone and nobody has taken it over yet
coordinator/main should run and does not: no node has started it
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := writeOwners(nil, nil, true, &b); err != nil || strings.Join(strings.Fields(b.String()), "") != `{"processes":[],"missing":[]}` {
		t.Errorf("none: %s %v", b.String(), err)
	}
}

func TestClusterCommandsOnAnEmptyStore(t *testing.T) {
	t.Parallel()
	cfg := adminConfig(t)
	if err := ResetConfig(t.Context(), cfg, "spring.motd"); err != nil { // makes it
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := errors.Join(ClusterStatus(t.Context(), cfg, false, &b), ClusterProcesses(t.Context(), cfg, false, &b)); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(b.String(), "NODE") {
		t.Errorf("%q", b.String())
	}
	for _, j := range job.Table {
		never := regexp.MustCompile(`(?m)^` + j.Name + ` +- +never +- +0 +-$`).MatchString(b.String())
		if never != (j.Every.Unit != "") {
			t.Errorf("%s is listed as never done: %v\n%s", j.Name, never, b.String())
		}
	}
}

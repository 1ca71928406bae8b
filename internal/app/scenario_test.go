package app

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"teiserver/internal/config"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
	"teiserver/test/transcript"
)

// freeAddress returns a loopback address that nobody listens on. It is below the ports that
// the system gives to whoever asks for any, as other tests do at the same time.
func freeAddress(t *testing.T) string {
	t.Helper()
	const lowest, beyond, tries = 15_000, 32_000, 1000
	for range tries {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", lowest+rand.IntN(beyond-lowest)))
		if err == nil {
			_ = ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// start starts nodes in this process on one SQLite file and stops them when the test ends.
func start(t *testing.T, nodes int) scenario.Env {
	t.Helper()
	return startSite(t, nodes, nil)
}

// startSite starts nodes with all their limits and these settings; without settings,
// without limits.
func startSite(t *testing.T, nodes int, settings map[string]string) scenario.Env {
	t.Helper()
	dir := t.TempDir()
	var members []string
	for range nodes {
		members = append(members, freeAddress(t))
	}
	var env []scenario.Node
	var any config.Config
	for i := range nodes {
		cfg := config.Config{
			DataDir: filepath.Join(dir, fmt.Sprint(i)), NodeName: fmt.Sprintf("n%d", i+1),
			Database:     config.DatabaseURL("sqlite:" + filepath.Join(dir, "teiserver.db")),
			SpringListen: "127.0.0.1:0", SpringTLSListen: "127.0.0.1:0", HTTPListen: "127.0.0.1:0",
			LogLevel: "warn", LogFormat: "text", Unlimited: settings == nil, StopTimeout: 10 * time.Second,
		}
		if nodes > 1 {
			cfg.ClusterListen, cfg.ClusterJoin, cfg.ClusterSecret = members[i], members[:i], "a secret for this test"
		}
		for key, value := range settings {
			if err := SetConfig(t.Context(), cfg, key, value); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})).With("node", cfg.NodeName))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), cfg.StopTimeout)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
		at := s.Addresses()
		env = append(env, scenario.Node{Name: cfg.NodeName, Spring: at["spring-listen"], TLS: at["spring-tls-listen"], HTTP: at["http-listen"]})
		any = cfg
	}
	made := scenario.NewEnv(env, func(t testing.TB, name string, role scenario.Role) {
		err := AddUser(t.Context(), any, NewUser{Name: name, Password: springclient.Password, Email: name + "@example.com", Role: string(role)})
		if err != nil {
			t.Fatal(err)
		}
	})
	made.ShowMatch = func(t testing.TB, id int64) []byte {
		var b bytes.Buffer
		if err := ShowMatch(context.Background(), any, id, &b); err != nil {
			t.Error(err)
		}
		return b.Bytes()
	}
	return made
}

// TestOneNode and TestThreeNodes run every scenario and conversation in this
// process, where the race detector sees all nodes; one after the other, as each takes
// what there is.
func TestOneNode(t *testing.T) { play(t, start(t, 1)) }

func TestThreeNodes(t *testing.T) { play(t, start(t, 3)) }

func play(t *testing.T, env scenario.Env) {
	t.Run("scenario", func(t *testing.T) { scenario.Run(t, env) })
	t.Run("transcript", func(t *testing.T) { transcript.Run(t, env) })
}

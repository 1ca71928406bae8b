package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
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
	return startNodes(t, nodes, settings, settings == nil)
}

func startNodes(t *testing.T, nodes int, settings map[string]string, unlimited bool) scenario.Env {
	t.Helper()
	env, _ := startServers(t, nodes, settings, unlimited)
	return env
}

// startServers is startNodes for who looks at the servers themselves.
func startServers(t *testing.T, nodes int, settings map[string]string, unlimited bool) (scenario.Env, []*Server) {
	t.Helper()
	return startWith(t, nodes, settings, unlimited, func(*config.Config) {})
}

// startWith is startServers with changes of each node's configuration.
func startWith(t *testing.T, nodes int, settings map[string]string, unlimited bool, change func(*config.Config)) (scenario.Env, []*Server) {
	t.Helper()
	var servers []*Server
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
			LogLevel: "warn", LogFormat: "text", Unlimited: unlimited, StopTimeout: 10 * time.Second,
		}
		if nodes > 1 {
			cfg.ClusterListen, cfg.ClusterJoin, cfg.ClusterSecret = members[i], members[:i], "a secret for this test"
		}
		change(&cfg)
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
		servers = append(servers, s)
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
	made.Operate = func(t testing.TB, args ...string) []byte {
		var b bytes.Buffer
		if err := operate(context.Background(), any, args, &b); err != nil {
			t.Errorf("%s: %v", strings.Join(args, " "), err)
		}
		return b.Bytes()
	}
	return made, servers
}

// operate does what the command line would, for the commands that scenarios use.
func operate(ctx context.Context, cfg config.Config, args []string, w io.Writer) error {
	flags, words := map[string]string{}, []string{}
	for i := 0; i < len(args); i++ {
		if name, is := strings.CutPrefix(args[i], "--"); is {
			i++
			flags[name] = args[i]
			continue
		}
		words = append(words, args[i])
	}
	last := words[len(words)-1]
	number, _ := strconv.ParseInt(last, 10, 64)
	if len(words) == 4 && words[0] == "config" && words[1] == "set" {
		return SetConfig(ctx, cfg, words[2], last)
	}
	if len(words) == 4 && words[0] == "rating" && words[1] == "set" {
		skill, _ := strconv.ParseFloat(flags["skill"], 64)
		uncertainty, _ := strconv.ParseFloat(flags["uncertainty"], 64)
		return SetRating(ctx, cfg, RatingChange{User: words[2], Type: last, Skill: &skill, Uncertainty: &uncertainty}, w)
	}
	switch strings.Join(words[:len(words)-1], " ") {
	case "match show":
		return ShowMatch(ctx, cfg, number, w)
	case "achievement of":
		return ShowAchievements(ctx, cfg, last, false, w)
	case "moderation action add":
		return AddAction(ctx, cfg, NewAction{User: last, Restrict: strings.Split(flags["restrict"], ","), For: flags["for"], Reason: flags["reason"]}, w)
	case "moderation action revoke":
		return RevokeAction(ctx, cfg, number, "", "", w)
	case "moderation alt":
		return SetAlt(ctx, cfg, last, flags["of"], "", w)
	case "moderation ban":
		return AddBan(ctx, cfg, NewBan{Keys: strings.Split(flags["key"], ","), Reason: flags["reason"]}, w)
	case "moderation report list":
		return ListReports(ctx, cfg, last, true, false, w)
	case "user role":
		return SetRoles(ctx, cfg, last, nil, strings.Split(flags["take"], ","), "", w)
	case "moderation check":
		return CheckUser(ctx, cfg, last, w)
	case "moderation shadowban":
		return SetShadowban(ctx, cfg, last, true, "", w)
	}
	return fmt.Errorf("no scenario has used %q before", words)
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

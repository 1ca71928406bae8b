package layers

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// rule says what the packages under a path may import of ours, and why.
type rule struct {
	of  []string // prefixes below teiserver/ that may be imported
	why string
}

// domain may import each other only as listed here: who asks whom, one way.
const (
	seams = "the domain sees call, publish, own, cache, next id; leases and routes stay below"
	pure  = "the codec has no state and does no I/O: it knows the shapes it translates, nothing that acts"
)

// table is read top down; the first prefix that fits a package is its rule.
var table = []struct {
	pkg  string
	rule rule
}{
	{"cmd/teiserver", rule{[]string{"internal/app", "internal/config"}, "the command line only reads flags and calls the app"}},
	{"cmd/demo", rule{[]string{"test/springclient"}, "a demo knows the server from outside only"}},
	{"cmd/loadtest", rule{[]string{"test/springclient"}, "a load tool knows the server from outside only"}},
	{"internal/app", rule{[]string{"internal/"}, "the one package that knows all"}},
	{"internal/config", rule{[]string{"internal/limit"}, "configuration is free for all; how networks are written it shares"}},
	{"internal/refusal", rule{nil, "free for all, knows nobody"}},
	{"internal/geoip", rule{nil, "countries of addresses: knows nobody"}},
	{"internal/failpoint", rule{nil, "free for whoever is broken on purpose, knows nobody"}},
	{"internal/guard", rule{nil, "free for whoever is kept from ending the node, knows nobody"}},
	{"internal/limit", rule{nil, "free for whoever bounds something, knows nobody"}},
	{"internal/meter", rule{nil, "free for whoever measures, knows nobody"}},
	{"internal/ops", rule{[]string{"internal/config", "internal/meter"}, "operators' listener: fed by callbacks"}},

	{"internal/spring/certificate", rule{nil, "a certificate needs a place to keep it, given as a function"}},
	{"internal/spring/wire", rule{[]string{"internal/party", "internal/roster", "internal/lobby", "internal/chat", "internal/refusal"}, pure}},
	{"internal/spring", rule{[]string{"internal/spring/wire", "internal/client", "internal/roster", "internal/account", "internal/chat", "internal/friend", "internal/limit", "internal/lobby", "internal/login", "internal/setting", "internal/telemetry", "internal/refusal", "internal/cluster"}, "a protocol translates for a client"}},
	{"internal/client", rule{[]string{"internal/party", "internal/matchmaking", "internal/roster", "internal/account", "internal/chat", "internal/consul", "internal/coordinator", "internal/friend", "internal/lobby", "internal/moderation", "internal/monitor", "internal/resident", "internal/setting", "internal/refusal", "internal/cluster", "internal/cluster/bus", "internal/cluster/cache", "internal/cluster/message", "internal/guard"}, "a connection asks the domain and is shown the roster"}},
	{"internal/roster", rule{[]string{"internal/party", "internal/account", "internal/lobby", "internal/chat", "internal/cluster", "internal/cluster/bus", "internal/cluster/feed", "internal/cluster/message", "internal/cluster/process"}, "the view merges feeds"}},

	{"internal/account", rule{[]string{"internal/cluster/cache", "internal/cluster/bus", "internal/cluster/message", "internal/limit", "internal/mail", "internal/refusal", "internal/setting"}, seams}},
	{"internal/passwordpage", rule{[]string{"internal/account", "internal/refusal"}, "a page asks accounts"}},
	{"internal/mail/mailtest", rule{nil, "a mail server for tests knows nobody"}},
	{"internal/mail", rule{[]string{"internal/cluster/registry", "internal/job"}, "letters leave, and know nobody who writes them"}},
	{"internal/friend", rule{[]string{"internal/cluster/cache", "internal/account", "internal/limit", "internal/refusal"}, seams}},
	{"internal/setting", rule{[]string{"internal/cluster/cache", "internal/limit", "internal/refusal"}, seams}},
	{"internal/consul", rule{[]string{"internal/balance"}, "the consul is pure: state, rules and texts of one lobby, in whose process it lives"}},
	{"internal/party", rule{[]string{"internal/cluster", "internal/cluster/bus", "internal/cluster/feed", "internal/cluster/process", "internal/cluster/message", "internal/refusal", "internal/guard"}, seams}},
	{"internal/matchmaking", rule{[]string{"internal/cluster", "internal/cluster/bus", "internal/cluster/feed", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/lobby", "internal/setting", "internal/refusal", "internal/guard"}, seams}},
	{"internal/lobby", rule{[]string{"internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/balance", "internal/consul", "internal/match", "internal/refusal"}, seams}},
	{"internal/chat", rule{[]string{"internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/refusal"}, seams}},
	{"internal/resident", rule{[]string{"internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/account", "internal/refusal"}, seams}},
	{"internal/coordinator", rule{[]string{"internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/resident", "internal/account", "internal/setting", "internal/refusal"}, seams}},
	{"internal/moderation", rule{[]string{"internal/cluster/cache", "internal/account", "internal/refusal"}, seams}},
	{"internal/automod", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/account", "internal/moderation", "internal/setting", "internal/refusal"}, seams}},
	{"internal/login", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/account", "internal/setting", "internal/refusal"}, seams}},
	{"internal/balance", rule{nil, "pure: players in, teams out"}},
	{"internal/rating", rule{[]string{"internal/cluster/cache", "internal/match", "internal/setting"}, seams}},
	{"internal/spadsapi", rule{[]string{"internal/account", "internal/balance", "internal/cluster", "internal/consul", "internal/lobby", "internal/match", "internal/rating", "internal/roster", "internal/setting", "internal/refusal"}, "a protocol translates for hosts"}},
	{"internal/job", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/setting"}, seams}},
	{"internal/telemetry", rule{[]string{"internal/cluster", "internal/cluster/bus", "internal/cluster/message", "internal/cluster/registry", "internal/job", "internal/setting", "internal/guard"}, seams}},
	{"internal/match", rule{[]string{"internal/cluster/registry"}, seams}},
	{"internal/monitor", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/account", "internal/chat", "internal/lobby", "internal/match", "internal/resident", "internal/refusal"}, seams}},

	{"internal/accolade", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/account", "internal/match", "internal/resident", "internal/setting", "internal/refusal"}, seams}},
	{"internal/achievement", rule{[]string{"internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/setting", "internal/refusal"}, seams}},

	{"internal/bridge/discord", rule{[]string{"internal/bridge"}, "a library behind the bridge's interface"}},
	{"internal/bridge/bridgetest", rule{nil, "a stand-in for Discord knows nobody"}},
	{"internal/bridge", rule{[]string{"internal/cluster", "internal/cluster/process", "internal/cluster/message", "internal/cluster/registry", "internal/account", "internal/chat", "internal/coordinator", "internal/resident", "internal/refusal"}, seams}},

	{"internal/cluster/bus/bustest", rule{[]string{"internal/cluster/bus", "internal/cluster/message", "internal/refusal"}, "the suite of both buses"}},
	{"internal/cluster/clustertest", rule{[]string{"internal/cluster/", "internal/refusal"}, "suites for whoever implements the stores of the runtime"}},
	{"internal/cluster/simulation", rule{[]string{"internal/cluster/"}, "whole clusters in one process: its tests know the runtime, and nothing above it"}},
	{"internal/cluster/message/messagetest", rule{[]string{"internal/cluster/message"}, "a round trip for every registered type"}},
	{"internal/cluster/message", rule{nil, "the lowest floor"}},
	{"internal/cluster/bus", rule{[]string{"internal/cluster/message", "internal/refusal"}, "downwards only"}},
	{"internal/cluster/lease", rule{[]string{"internal/failpoint", "internal/meter"}, "the lease knows its store and the clock"}},
	{"internal/cluster/registry", rule{[]string{"internal/cluster/lease", "internal/cluster/bus", "internal/cluster/message"}, "process → registry → lease"}},
	{"internal/cluster/sequence", rule{nil, "numbers in blocks from a store"}},
	{"internal/cluster/feed", rule{[]string{"internal/cluster/bus", "internal/cluster/message", "internal/refusal"}, "feed → bus"}},
	{"internal/cluster/cache", rule{[]string{"internal/cluster/bus", "internal/cluster/message"}, "cache → bus"}},
	{"internal/cluster/process", rule{[]string{"internal/failpoint", "internal/cluster/registry", "internal/cluster/lease", "internal/cluster/feed", "internal/cluster/bus", "internal/cluster/message", "internal/refusal"}, "process → registry → lease"}},
	{"internal/cluster", rule{[]string{"internal/cluster/", "internal/guard", "internal/meter", "internal/refusal"}, "the facade over its own floor"}},

	{"internal/store", rule{[]string{"internal/failpoint", "internal/store/", "internal/meter", "internal/accolade", "internal/achievement", "internal/account", "internal/chat", "internal/friend", "internal/job", "internal/mail", "internal/match", "internal/moderation", "internal/rating", "internal/setting", "internal/telemetry", "internal/cluster/lease", "internal/cluster/registry", "internal/cluster/sequence", "internal/cluster/cache", "internal/cluster/clustertest"}, "a store implements the interfaces of those above"}},
	{"internal/layers", rule{nil, "a table and a test"}},
	{"test/scenario", rule{[]string{"test/", "internal/app", "internal/config", "internal/spring/wire"}, "tests from outside; which commands there are, and whether arguments fit, the codec says"}},
	{"test/", rule{[]string{"test/", "internal/store/pgtest", "internal/app", "internal/config"}, "tests from outside"}},
}

// engines are modules that one place only may import.
var engines = map[string][]string{
	"github.com/nats-io/":             {"internal/cluster/bus"},
	"modernc.org/sqlite":              {"internal/store"},
	"github.com/jackc/pgx":            {"internal/store"},
	"github.com/riverqueue/":          {"internal/job", "internal/store"},
	"database/sql":                    {"internal/store"},
	"github.com/alecthomas/kong":      {"cmd/teiserver", "cmd/loadtest", "cmd/demo", "internal/config"},
	"github.com/pires/":               {"internal/spring"},
	"github.com/oschwald/":            {"internal/geoip"},
	"github.com/maxmind/":             {},
	"github.com/BurntSushi/toml":      {"internal/config"},
	"github.com/prometheus/":          {"internal/ops"},
	"golang.org/x/crypto/argon2":      {"internal/account"},
	"github.com/bwmarrin/":            {"internal/bridge/discord"},
	"github.com/wneessen/":            {"internal/mail"},
	"github.com/gorilla/":             {"internal/bridge"},
	"net/http":                        {"internal/ops", "internal/spadsapi", "internal/passwordpage", "internal/app", "internal/bridge", "cmd/loadtest", "cmd/demo", "test/"},
	"github.com/anishathalye/":        {"internal/cluster/clustertest", "test/faults"},
	"github.com/rogpeppe/go-internal": {},
}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "teiserver/...")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}

func fits(path, prefix string) bool {
	if strings.HasSuffix(prefix, "/") {
		return strings.HasPrefix(path+"/", prefix)
	}
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, "teiserver/")
		var r *rule
		for i := range table {
			if fits(path, table[i].pkg) {
				r = &table[i].rule
				break
			}
		}
		if r == nil {
			t.Errorf("%s has no row in the table: say who may import it and why", path)
			continue
		}
		for _, imp := range p.Imports {
			ours, isOurs := strings.CutPrefix(imp, "teiserver/")
			if isOurs && !allowed(ours, r.of) {
				t.Errorf("%s imports %s: %s", path, ours, r.why)
			}
			for engine, places := range engines {
				if (imp == engine || strings.HasPrefix(imp, strings.TrimSuffix(engine, "/")+"/")) && !anyFits(path, places) {
					t.Errorf("%s imports %s, which belongs to %v", path, imp, places)
				}
			}
		}
	}
}

func allowed(path string, list []string) bool {
	for _, a := range list {
		if path == a || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a) {
			return true
		}
	}
	return false
}

func anyFits(path string, places []string) bool {
	for _, p := range places {
		if fits(path, p) {
			return true
		}
	}
	return false
}

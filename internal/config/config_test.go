package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/config.md")

// parse runs the flags as the command line does.
func parse(t *testing.T, args ...string) (Config, error) {
	t.Helper()
	var grammar struct {
		Serve struct {
			Config `embed:""`
		} `cmd:""`
	}
	k, err := kong.New(&grammar, kong.Name("teiserver"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = k.Parse(append([]string{"serve"}, args...))
	return grammar.Serve.Config, err
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "teiserver.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDefaults(t *testing.T) {
	c, err := parse(t)
	if err != nil {
		t.Fatal(err)
	}
	host := c.NodeName
	if !validNodeName(host) {
		t.Errorf("node name %q", host)
	}
	want := Config{
		DataDir: "./data", NodeName: host, Database: "sqlite:data/teiserver.db",
		SpringListen: ":8200", SpringTLSListen: ":8201", HTTPListen: "127.0.0.1:4000",
		Mail: "log:", LogFormat: "text", LogLevel: "info", StopTimeout: 10 * time.Second, DrainTimeout: 30 * time.Second,
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	if c.Clustered() {
		t.Error("clustered without cluster-listen")
	}
}

// TestEnvTwins: each flag has exactly one environment variable, named after it,
// and that variable has the flag's effect.
func TestEnvTwins(t *testing.T) {
	// A value that differs from the default, and what it needs beside it.
	samples := map[string][]string{
		"config": nil, "data-dir": {"text"}, "node-name": {"text"}, "database": {"sqlite:text"},
		"spring-proxy-from": {"10.0.0.1,10.1.0.0/16"},
		"spring-listen":     {":1"}, "spring-tls-listen": {":1"}, "http-listen": {":1"},
		"tls-cert": {"c", "--tls-key=k"}, "tls-key": {"k", "--tls-cert=c"},
		"cluster-listen":    {"127.0.0.1:1", "--cluster-secret=s"},
		"cluster-advertise": {"10.0.0.1:1", "--cluster-listen=127.0.0.1:1", "--cluster-secret=s"},
		"cluster-join":      {"127.0.0.1:1,127.0.0.1:2", "--cluster-listen=127.0.0.1:1", "--cluster-secret=s"},
		"cluster-secret":    {"s"},
		"cluster-cert":      {"c", "--cluster-key=k", "--cluster-ca=a"},
		"cluster-key":       {"k", "--cluster-cert=c", "--cluster-ca=a"},
		"cluster-ca":        {"a", "--cluster-cert=c", "--cluster-key=k"},
		"log-format":        {"json"}, "log-level": {"debug"}, "stop-timeout": {"3s"}, "drain-timeout": {"4s"},
		"mail": {"file:mail"}, "mail-from": {"a@example.org"},
		"mail-password": {"p", "--mail=smtp://robot@mail.example.org", "--mail-from=a@example.org"},
		"geoip":         {"countries.mmdb"},
		"discord-token": {"t"}, "discord-api": {"http://127.0.0.1:1"},
		"unlimited": {"true", "--spring-listen=127.0.0.1:1", "--spring-tls-listen="},
	}
	for _, e := range entries() {
		want := "TEISERVER_" + strings.ToUpper(strings.ReplaceAll(e.flag, "-", "_"))
		if e.env != want {
			t.Errorf("--%s: environment variable %q, want %q", e.flag, e.env, want)
		}
		if e.help == "" || !strings.HasSuffix(e.help, ".") {
			t.Errorf("--%s: help %q is not a sentence", e.flag, e.help)
		}
		sample, ok := samples[e.flag]
		if !ok {
			t.Errorf("--%s: the test has no sample", e.flag)
		}
		if len(sample) == 0 {
			continue // TestPrecedence
		}
		value, rest := sample[0], sample[1:]
		t.Run(e.flag, func(t *testing.T) {
			run := func(args ...string) Config {
				c, err := parse(t, args...)
				if err != nil {
					t.Fatal(err)
				}
				return c
			}
			byFlag := run(append(rest, "--"+e.flag+"="+value)...)
			t.Setenv(e.env, value)
			byEnv := run(rest...)
			if diff := cmp.Diff(byFlag, byEnv); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	path := write(t, `
node-name     = "file"
spring-listen = "127.0.0.1:1"
http-listen   = "127.0.0.1:2"
cluster-listen = "127.0.0.1:9"
cluster-secret = "s"
cluster-join  = ["127.0.0.1:3", "127.0.0.1:4"]
unlimited     = false
stop-timeout  = "4s"
`)
	t.Setenv("TEISERVER_HTTP_LISTEN", "127.0.0.1:22")
	t.Setenv("TEISERVER_NODE_NAME", "environment")
	t.Setenv("TEISERVER_STOP_TIMEOUT", "7s")
	check := func(c Config, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		got := []string{c.NodeName, c.HTTPListen, c.SpringListen, c.SpringTLSListen, strings.Join(c.ClusterJoin, "+"), c.StopTimeout.String()}
		want := []string{"flag", "127.0.0.1:22", "127.0.0.1:1", ":8201", "127.0.0.1:3+127.0.0.1:4", "7s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	check(parse(t, "--config", path, "--node-name", "flag"))
	t.Setenv("TEISERVER_CONFIG", path)
	check(parse(t, "--node-name", "flag"))
	other := write(t, `spring-listen = "127.0.0.1:77"`)
	c, err := parse(t, "--config="+other)
	if err != nil || c.SpringListen != "127.0.0.1:77" {
		t.Errorf("flag --config does not win over its variable: %q, %v", c.SpringListen, err)
	}
}

func TestFileErrors(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"unknown":      {"node-name = \"a\"\n\nspring-lisen = \":1\"\n", `line 3: unknown key "spring-lisen"`},
		"underscore":   {"node_name = \"a\"\n", `line 1: unknown key "node_name"`},
		"first first":  {"zzz = 1\naaa = 2\n", `line 1: unknown key "zzz"`},
		"table":        {"\n[cluster]\nlisten = \":1\"\n", `line 2: unknown key "cluster"`},
		"config":       {"config = \"other.toml\"\n", `line 1: unknown key "config"`},
		"wrong type":   {"# hello\nspring-listen = 1.5\n", "line 2: spring-listen: want a text, true or false, or a list of texts"},
		"list":         {"cluster-join = [1, 2]\n", "line 1: cluster-join: a list may have texts only"},
		"syntax":       {"node-name = \"a\"\nspring-listen =\n", "line 2:"},
		"bad duration": {"stop-timeout = \"soon\"\n", "--stop-timeout"},
		"bad level":    {"log-level = \"loud\"\n", "--log-level"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(t, "--config", write(t, tc.text))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want …%s…", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
	_, err := parse(t, "--config", filepath.Join(t.TempDir(), "missing.toml"))
	if err == nil || !strings.Contains(err.Error(), "missing.toml") {
		t.Errorf("missing file: %v", err)
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	long := "a long enough secret"
	for name, tc := range map[string]struct {
		change func(c *Config)
		want   string // "" if it is right
	}{
		"defaults":            {func(c *Config) {}, ""},
		"no spring":           {func(c *Config) { c.SpringListen = "" }, "--spring-listen: an address is needed, like :8200 or 127.0.0.1:8200"},
		"no others":           {func(c *Config) { c.SpringTLSListen, c.HTTPListen = "", "" }, ""},
		"no port":             {func(c *Config) { c.SpringListen = "127.0.0.1" }, `--spring-listen: "127.0.0.1" is not an address; use host:port, like 127.0.0.1:8200`},
		"high port":           {func(c *Config) { c.HTTPListen = ":70000" }, `--http-listen: ":70000" has no port from 0 to 65535`},
		"named port":          {func(c *Config) { c.HTTPListen = ":http" }, `--http-listen: ":http" has no port from 0 to 65535`},
		"blank host":          {func(c *Config) { c.HTTPListen = "a b:1" }, `--http-listen: "a b:1" has no valid host`},
		"ipv6":                {func(c *Config) { c.HTTPListen = "[::1]:4000" }, ""},
		"same address":        {func(c *Config) { c.SpringTLSListen = ":8200" }, "--spring-tls-listen: :8200 is already the address of --spring-listen"},
		"any port twice":      {func(c *Config) { c.SpringListen, c.SpringTLSListen = "127.0.0.1:0", "127.0.0.1:0" }, ""},
		"join without listen": {func(c *Config) { c.ClusterJoin = []string{"a:1"} }, "--cluster-join: it needs --cluster-listen: the other nodes must be able to reach this one"},
		"join nowhere":        {func(c *Config) { c.ClusterListen, c.ClusterSecret, c.ClusterJoin = ":1", Secret(long), []string{":2"} }, `--cluster-join: ":2" needs a host and a port of another node`},
		"advertise alone":     {func(c *Config) { c.ClusterAdvertise = "a:1" }, "--cluster-advertise: it needs --cluster-listen: it says where others reach that address"},
		"advertise a host":    {func(c *Config) { c.ClusterListen, c.ClusterSecret, c.ClusterAdvertise = ":1", Secret(long), "eu-1:2" }, ""},
		"advertise nowhere":   {func(c *Config) { c.ClusterListen, c.ClusterSecret, c.ClusterAdvertise = ":1", Secret(long), ":2" }, `--cluster-advertise: ":2" needs the host and the port at which other nodes reach this one`},
		"advertise all": {func(c *Config) {
			c.ClusterListen, c.ClusterSecret, c.ClusterAdvertise = ":1", Secret(long), "0.0.0.0:2"
		}, `--cluster-advertise: "0.0.0.0:2" needs the host and the port at which other nodes reach this one`},
		"advertise no port":  {func(c *Config) { c.ClusterListen, c.ClusterSecret, c.ClusterAdvertise = ":1", Secret(long), "a:0" }, `--cluster-advertise: "a:0" needs the host and the port at which other nodes reach this one`},
		"listen alone":       {func(c *Config) { c.ClusterListen = "127.0.0.1:1" }, "--cluster-secret: --cluster-listen needs a secret that all nodes share"},
		"short on loopback":  {func(c *Config) { c.ClusterListen, c.ClusterSecret = "127.0.0.1:1", "x" }, ""},
		"short on network":   {func(c *Config) { c.ClusterListen, c.ClusterSecret = ":1", "x" }, "--cluster-secret: 1 characters are too few for an address that is not on loopback; use 16 or more"},
		"long on network":    {func(c *Config) { c.ClusterListen, c.ClusterSecret = ":1", Secret(long) }, ""},
		"unlimited":          {func(c *Config) { c.Unlimited, c.SpringTLSListen = true, "" }, "--unlimited: --spring-listen :8200 can be reached from other machines; use a loopback address such as 127.0.0.1"},
		"unlimited loopback": {func(c *Config) { c.Unlimited, c.SpringListen, c.SpringTLSListen = true, "127.1.2.3:1", "localhost:2" }, ""},
		"unlimited by cluster": {func(c *Config) {
			c.Unlimited, c.SpringListen, c.SpringTLSListen = true, "[::1]:1", ""
			c.ClusterListen, c.ClusterSecret = "10.0.0.1:3", Secret(long)
		}, "--unlimited: --cluster-listen 10.0.0.1:3 can be reached from other machines; use a loopback address such as 127.0.0.1"},
		"balancers":         {func(c *Config) { c.SpringProxyFrom = []string{"10.0.0.1", "10.1.2.3/16", "2001:db8::/64", "::1"} }, ""},
		"balancer by name":  {func(c *Config) { c.SpringProxyFrom = []string{"lb-1"} }, `--spring-proxy-from: "lb-1" is no address and no network like 10.0.0.0/8`},
		"balancers: many":   {func(c *Config) { c.SpringProxyFrom = []string{"10.0.0.0/8", "10.0.0.0/7", "::/1", "fd00::/16"} }, "--spring-proxy-from: 10.0.0.0/7 is very many networks, whose users could then say to be anybody; name the balancers; --spring-proxy-from: ::/1 is very many networks, whose users could then say to be anybody; name the balancers"},
		"balancers: mapped": {func(c *Config) { c.SpringProxyFrom = []string{"::ffff:10.0.0.0/104", "::ffff:0:0/96"} }, "--spring-proxy-from: ::ffff:0:0/96 is everybody, who could then say to be anybody"},
		"balancers: all":    {func(c *Config) { c.SpringProxyFrom = []string{"0.0.0.0/0", "::/0"} }, "--spring-proxy-from: 0.0.0.0/0 is everybody, who could then say to be anybody; --spring-proxy-from: ::/0 is everybody, who could then say to be anybody"},
		"cert without key":  {func(c *Config) { c.TLSCert = "c" }, "--tls-cert: it needs --tls-key as well"},
		"key without cert":  {func(c *Config) { c.TLSKey = "c" }, "--tls-key: it needs --tls-cert as well"},
		"cluster cert only": {func(c *Config) { c.ClusterCert, c.ClusterKey = "c", "k" }, "--cluster-cert: it needs --cluster-ca as well"},
		"node name":         {func(c *Config) { c.NodeName = "a.b" }, `--node-name: "a.b" may have 1 to 64 of the characters a-z A-Z 0-9 - _`},
		"no data dir":       {func(c *Config) { c.DataDir = "" }, "--data-dir: a folder is needed"},
		"database kind":     {func(c *Config) { c.Database = "mysql://u:secret@h/d" }, "--database: it begins with neither sqlite: nor postgres://"},
		"database password": {func(c *Config) { c.Database = "postgres://u:sec%ret@h/d" }, "--database: the address of the PostgreSQL database cannot be read; special characters in a password are written as %XX"},
		"database hosts":    {func(c *Config) { c.Database = "postgres://u@h1:5432,h2:5433/d?target_session_attrs=read-write" }, ""},
		"sqlite file":       {func(c *Config) { c.Database = "sqlite:" }, "--database: sqlite: needs a file after it"},
		"stop timeout":      {func(c *Config) { c.StopTimeout = 0 }, "--stop-timeout: 0s is not between 1ms and 10m0s"},
		"drain timeout":     {func(c *Config) { c.DrainTimeout = 0 }, "--drain-timeout: 0s is not between 1ms and 1h0m0s"},
		"two":               {func(c *Config) { c.DataDir, c.StopTimeout = "", -1 }, "--data-dir: a folder is needed; --stop-timeout: -1ns is not between 1ms and 10m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{
				DataDir: "d", NodeName: "n", Database: "sqlite:d/x.db", SpringListen: ":8200", SpringTLSListen: ":8201",
				HTTPListen: "127.0.0.1:4000", StopTimeout: time.Second, DrainTimeout: time.Second,
			}
			tc.change(&c)
			got := ""
			if err := c.Validate(); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	c := Config{ClusterListen: "127.0.0.1:1", Database: "sqlite:x"}
	if w := c.Warnings(); w != nil {
		t.Errorf("on loopback: %q", w)
	}
	c.ClusterListen = "10.0.0.1:1"
	if w := c.Warnings(); len(w) != 2 {
		t.Errorf("no TLS and SQLite: %q", w)
	}
	c.ClusterCert, c.Database = "c", "postgres://h/d"
	if w := c.Warnings(); w != nil {
		t.Errorf("all right: %q", w)
	}
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true, "LOCALHOST:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "localhost.example.com:1": false, "127.0.0.1": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
}

// TestSecretsStayHidden prints a configuration in all the ways it could leak.
func TestSecretsStayHidden(t *testing.T) {
	t.Parallel()
	c := Config{
		ClusterSecret: "hunter2", Database: "postgres://u:hunter2@h/d?sslpassword=hunter2",
		LogFormat: "json", LogLevel: "info", NodeName: "n",
	}
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&b, verb+"\n", c)
		fmt.Fprintf(&b, verb+"\n", &c)
		fmt.Fprintf(&b, verb+" "+verb+"\n", c.ClusterSecret, c.Database)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Write(text)
	c.Logger(&b).Info("x", "secret", c.ClusterSecret, "database", c.Database, "all", c)
	c.LogFormat = "text"
	c.Logger(&b).Info("x", "secret", c.ClusterSecret, "database", c.Database, "all", c)
	if strings.Contains(b.String(), "hunter2") || strings.Contains(b.String(), fmt.Sprintf("%x", "hunter2")) {
		t.Errorf("leaked: %s", b.String())
	}
	if !strings.Contains(b.String(), "redacted") {
		t.Errorf("no trace of it: %s", b.String())
	}
	if c.ClusterSecret.Reveal() != "hunter2" || !strings.Contains(c.Database.Reveal(), "hunter2") {
		t.Error("Reveal does not reveal")
	}
	if got := DatabaseURL("postgres://u:hunter2%@h/d").String(); got != "redacted" {
		t.Errorf("unreadable address: %q", got)
	}
}

func TestLogger(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	c := Config{NodeName: "n1", LogLevel: "warn", LogFormat: "text"}
	log := c.Logger(&b)
	log.Info("quiet")
	log.Warn("plain", "user", 1)
	log.Warn("other", "node", "n2")
	log.With("node", "n3").Warn("with")
	log.With("user", 1).Warn("with user")
	log.WithGroup("g").Warn("group", "node", "n4")
	want := []string{
		"level=WARN msg=plain user=1 node=n1",
		"level=WARN msg=other node=n2",
		"level=WARN msg=with node=n3",
		`level=WARN msg="with user" user=1 node=n1`,
		"level=WARN msg=group node=n1 g.node=n4",
	}
	var got []string
	for line := range strings.Lines(b.String()) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ") // the time
		got = append(got, rest)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	b.Reset()
	c.LogFormat, c.LogLevel = "json", "info"
	c.Logger(&b).Info("loud")
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil || line["msg"] != "loud" || line["node"] != "n1" {
		t.Errorf("%v: %s", err, b.String())
	}
}

// TestReference compares docs/config.md with the code; -update rewrites it.
func TestReference(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "config.md")
	want := Reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/config.md differs from the code; rewrite it with: go test ./internal/config -run TestReference -update\n%s", diff)
	}
	start := strings.Index(want, "```toml\n") + len("```toml\n")
	example := want[start : start+strings.Index(want[start:], "```")]
	if _, err := parse(t, "--config", write(t, example)); err != nil {
		t.Errorf("the example is not valid: %v", err)
	}
}

func TestMailer(t *testing.T) {
	for text, want := range map[string]Mailer{
		"log:":                             {Way: MailLog},
		"none":                             {Way: MailNone},
		"file:/var/mail":                   {Way: MailFile, Folder: "/var/mail"},
		"smtp://robot@mail.example.org":    {Way: MailSMTP, Host: "mail.example.org", Port: 587, User: "robot"},
		"smtps://a%40b.c@mail.example.org": {Way: MailSMTPS, Host: "mail.example.org", Port: 465, User: "a@b.c"},
		"smtp://mail.example.org:2525":     {Way: MailSMTP, Host: "mail.example.org", Port: 2525},
		"smtp+plain://127.0.0.1:1025":      {Way: MailPlain, Host: "127.0.0.1", Port: 1025},
		"smtp+plain://[::1]":               {Way: MailPlain, Host: "::1", Port: 25},
	} {
		c := Config{Mail: text, MailFrom: "Our game <noreply@example.org>"}
		got, err := c.Mailer()
		want.From = mail.Address{Name: "Our game", Address: "noreply@example.org"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", text, err, diff)
		}
	}
	for text, want := range map[string]string{
		"--mail=post": "--mail: use smtp://USER@HOST:PORT", "--mail=smtp://u:secret@h": "--mail: the password is given by --mail-password",
		"--mail=smtp+plain://mail.example.org": "--mail: without TLS the mail server must be on this machine", "--mail=smtp://h:0": "is no port",
		"--mail=file:": "--mail: file: needs a folder", "--mail=smtps://h": "--mail-from: mail needs an address",
		"--mail-from=nobody": "is no address like", "--mail-password=x": "--mail-password: --mail names no user",
	} {
		args := []string{text}
		if strings.HasPrefix(text, "--mail=smtp://h") {
			args = append(args, "--mail-from=a@b.c")
		}
		if _, err := parse(t, args...); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := parse(t, "--mail=smtp://u@h", "--mail-from=a@b.c"); err == nil || !strings.Contains(err.Error(), "--mail-password: --mail names a user") {
		t.Error(err)
	}
}

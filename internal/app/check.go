package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"teiserver/internal/config"
	"teiserver/internal/spring/certificate"
	"teiserver/internal/store"
)

// The levels of a finding.
const (
	levelOK   = "ok"
	levelWarn = "warn" // it works, and a promise is not kept or will not be
	levelFail = "fail" // a node would not start or not do its work
)

// finding is one thing that was looked at.
type finding struct {
	Level string `json:"level"`
	What  string `json:"what"`
	Text  string `json:"text"`
}

// findings are what a check has seen so far.
type findings []finding

func (f *findings) ok(what, format string, args ...any)   { f.add(levelOK, what, format, args...) }
func (f *findings) warn(what, format string, args ...any) { f.add(levelWarn, what, format, args...) }
func (f *findings) fail(what, format string, args ...any) { f.add(levelFail, what, format, args...) }

func (f *findings) add(level, what, format string, args ...any) {
	*f = append(*f, finding{level, what, fmt.Sprintf(format, args...)})
}

func (f findings) count(level string) (n int) {
	for _, x := range f {
		if x.Level == level {
			n++
		}
	}
	return n
}

// dialLimit is how long a check waits for what it calls.
const dialLimit = 3 * time.Second

// Check looks at the configuration and at all that it names, beside nodes that run or
// before the first start, and changes nothing. What a node could not work with is an error.
func Check(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	f := examine(ctx, cfg)
	if err := writeFindings(f, asJSON, w); err != nil {
		return err
	}
	if n := f.count(levelFail); n > 0 {
		return fmt.Errorf("check: %d of %d findings are failures", n, len(f))
	}
	return nil
}

func writeFindings(f findings, asJSON bool, w io.Writer) error {
	if asJSON {
		return writeObject(w, map[string]any{"ok": f.count(levelFail) == 0, "findings": list(f)})
	}
	for _, x := range f {
		if _, err := fmt.Fprintf(w, "%-4s  %-12s  %s\n", x.Level, x.What, x.Text); err != nil {
			return err
		}
	}
	return nil
}

func examine(ctx context.Context, cfg config.Config) findings {
	var f findings
	f.ok("config", "node %s, %s", cfg.NodeName, map[bool]string{true: "of a cluster", false: "alone"}[cfg.Clustered()])
	for _, warning := range cfg.Warnings() {
		f.warn("config", "%s", warning)
	}
	checkFiles(&f, cfg)
	checkCertificates(&f, cfg, time.Now())
	current := checkDatabase(ctx, &f, cfg)
	if current {
		checkNodes(ctx, &f, cfg)
	}
	checkPeers(ctx, &f, cfg)
	return f
}

// What makes a round trip slow and two clocks apart.
const (
	slowRoundTrip = 50 * time.Millisecond // a durable command takes one or two
	verySlow      = 500 * time.Millisecond
	clocksApart   = 2 * time.Second
)

// minPostgres is the oldest server that is supported, as it numbers itself.
const minPostgres = 14_0000

// madeByStart reports a file in a data folder that is not there yet.
func madeByStart(cfg config.Config) bool {
	path, file := strings.CutPrefix(cfg.Database.Reveal(), "sqlite:")
	_, err := os.Stat(cfg.DataDir)
	return file && errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) == filepath.Clean(cfg.DataDir)
}

// checkDatabase reports whether its schema is that of this program.
func checkDatabase(ctx context.Context, f *findings, cfg config.Config) (current bool) {
	if madeByStart(cfg) {
		f.ok("database", "%s is not there yet, the first start makes it", cfg.Database)
		return false
	}
	e, err := store.Examine(ctx, cfg.Database.Reveal())
	if err != nil {
		f.fail("database", "%v", err)
		return false
	}
	if e.Version == "" {
		f.ok("database", "%s is not there yet, the first start makes it", e.Name)
		return false
	}
	f.ok("database", "%s answers, version %s", e.Name, e.Version)
	switch {
	case e.Schema > e.Known:
		f.fail("schema", "%d, this teiserver knows schemas up to %d: use a newer teiserver", e.Schema, e.Known)
	case e.Schema == 0:
		f.ok("schema", "empty, the first start makes it")
	case e.Schema < e.Known:
		f.warn("schema", "%d of %d: %d migrations are pending, the next start of a node applies them", e.Schema, e.Known, e.Known-e.Schema)
	default:
		f.ok("schema", "%d, up to date", e.Schema)
	}
	trip := e.RoundTrip.Round(100 * time.Microsecond)
	switch {
	case e.RoundTrip >= verySlow:
		f.fail("round trip", "%v: leases are renewed each 750 ms", trip)
	case e.RoundTrip >= slowRoundTrip:
		f.warn("round trip", "%v: logins, battles and takeovers wait for it", trip)
	default:
		f.ok("round trip", "%v", trip)
	}
	if e.Server == nil {
		f.ok("disk", "on a local file system; a node waits for it at each durable write")
		f.ok("durability", "acknowledged commands survive a crash and a loss of power; there is no standby, keep backups")
		return e.Schema == e.Known
	}
	if e.Ahead.Abs() >= clocksApart {
		f.warn("clock", "the database's differs from this host's by %v: leases do not mind, logs and times do", e.Ahead.Round(100*time.Millisecond))
	} else {
		f.ok("clock", "within %v of the database's", e.Ahead.Abs().Truncate(time.Millisecond)+time.Millisecond)
	}
	checkServer(f, e)
	return e.Schema == e.Known && !e.Server.Recovery
}

func checkServer(f *findings, e store.Examination) {
	s := e.Server
	if s.Number < minPostgres {
		f.fail("database", "PostgreSQL %s is too old, 14 or newer is needed", e.Version)
	}
	if s.Recovery {
		f.fail("database", "it is a standby, where nothing can be written: name the primary, or all hosts with target_session_attrs=read-write")
	}
	if !s.Fsync {
		f.fail("durability", "fsync is off: a loss of power loses or destroys the database")
	}
	if !s.FullPageWrites {
		f.warn("durability", "full_page_writes is off: a loss of power may destroy pages")
	}
	level, text := durability(s)
	f.add(level, "durability", "%s", text)
}

// checkNodes looks at who lives and who hears whom.
func checkNodes(ctx context.Context, f *findings, cfg config.Config) {
	err := readStore(ctx, cfg, func(st *store.Store) error {
		nodes, err := st.Nodes(ctx)
		if err != nil {
			return err
		}
		living := 0
		for _, n := range nodes {
			switch {
			case !alive(n):
			case n.TTL > 0 && n.Left < 0:
				f.warn("nodes", "the lease of %s ran out %v ago", n.Name, (-n.Left).Round(time.Second))
			default:
				living++
			}
		}
		f.ok("nodes", "%d alive", living)
		for _, u := range brokenLinks(nodes) {
			f.warn("links", "%s does not hear %s", u.Node, u.Of)
		}
		checkStored(ctx, f, cfg, st)
		line, ok, err := st.Timeline(ctx)
		if err == nil && ok && line.ID > 1 {
			f.ok("timeline", "%d: %s", line.ID, line.Why)
		}
		return err
	})
	if err != nil {
		f.fail("nodes", "%v", err)
	}
}

// checkStored looks at the certificate that is kept in the store, if there is one.
func checkStored(ctx context.Context, f *findings, cfg config.Config, st *store.Store) {
	if cfg.TLSCert != "" {
		return
	}
	none := func() ([]byte, error) { return nil, errors.New("none yet") }
	c, err := certificate.Load(ctx, certificate.Source{
		Secret: func(ctx context.Context, name string, _ func() ([]byte, error)) ([]byte, error) {
			return st.Secret(ctx, name, none)
		},
	})
	if err != nil {
		f.ok("certificate", "the first start makes one")
		return
	}
	checkExpiry(f, "that in the store", c.Expires(), time.Now())
}

// checkPeers calls the other nodes that the configuration names.
func checkPeers(ctx context.Context, f *findings, cfg config.Config) {
	for _, address := range cfg.ClusterJoin {
		d := net.Dialer{Timeout: dialLimit}
		conn, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			f.warn("peer", "%s does not answer: %v", address, err)
			continue
		}
		_ = conn.Close()
		f.ok("peer", "%s answers", address)
	}
}

package store

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/store/pgtest"
)

// proxy stands between a store and its server.
type proxy struct {
	t       *testing.T
	ln      net.Listener
	network string
	server  string
	mute    atomic.Bool // the next answer is thrown away with its connection

	mu    sync.Mutex
	conns []net.Conn
	ends  sync.WaitGroup
}

// newProxy returns a proxy and the address of the database behind it.
func newProxy(t *testing.T, address string) (*proxy, string) {
	t.Helper()
	config, err := pgconn.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{t: t}
	p.network, p.server = pgconn.NetworkAddress(config.Host, config.Port)
	if p.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.ends.Go(p.accept)
	t.Cleanup(func() {
		p.ln.Close()
		p.cut()
		p.ends.Wait()
	})
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = p.ln.Addr().String()
	u.RawQuery = url.Values{"sslmode": {"disable"}, "pool_max_conns": {"1"}}.Encode()
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.server)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, client, server)
		p.mu.Unlock()
		p.ends.Go(func() {
			defer server.Close()
			_, _ = io.Copy(server, client)
		})
		p.ends.Go(func() {
			defer client.Close()
			p.answers(client, server)
		})
	}
}

func (p *proxy) answers(client, server net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || p.mute.CompareAndSwap(true, false) {
			server.Close()
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// cut breaks all connections.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func owned(t *testing.T, s *Store) registry.Ownership {
	t.Helper()
	m, err := s.Join(t.Context(), lease.Candidate{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	o, err := s.Claim(t.Context(), registry.NewKey("lobby", 1), m.Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func fenceOf(o registry.Ownership) registry.Fence {
	return registry.Fence{Key: o.Key, Incarnation: o.Incarnation, Epoch: o.Epoch, Writes: o.Writes}
}

// The answer to a write is lost: it has an unknown outcome, is not repeated by
// itself, and is found by who claims the key again.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	p, address := newProxy(t, pgtest.URL(t))
	s := openStore(t, address, Options{Use: Setup})
	s.use = Single // without the connection of the lock, whose answers would be lost instead
	o := owned(t, s)
	f := fenceOf(o)
	if err := s.CreateMatch(t.Context(), f, match.Match{ID: 1}); err != nil {
		t.Fatal(err) // its statements are prepared now
	}
	f.Writes++
	p.mute.Store(true)
	err := s.CreateMatch(t.Context(), f, match.Match{ID: 2})
	if err == nil || errors.Is(err, registry.ErrFenced) {
		t.Fatalf("the answer was lost: %v", err)
	}
	again, err := s.Claim(t.Context(), o.Key, o.Incarnation)
	if err != nil {
		t.Fatal(err)
	}
	if again.Writes != 2 || again.Epoch != 2 {
		t.Errorf("claimed again: %+v", again)
	}
	if _, err := s.MatchByID(t.Context(), 2); err != nil {
		t.Error(err)
	}
	if err := s.CreateMatch(t.Context(), fenceOf(again), match.Match{ID: 2}); err != nil {
		t.Errorf("retry: %v", err)
	}
}

// The connection of a write is killed while it waits: nothing of it happens.
func TestWriteKilled(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	o := owned(t, s)
	ctx := t.Context()

	blocker, err := raw(t, address).Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blocker.Exec(ctx, "SELECT 1 FROM owner FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() { wrote <- s.CreateMatch(context.Background(), fenceOf(o), match.Match{ID: 1}) }()
	kill(t, raw(t, address), `SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' LIMIT 1`)
	if err := <-wrote; err == nil || errors.Is(err, registry.ErrFenced) {
		t.Errorf("killed write: %v", err)
	}
	if err := blocker.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if m, err := s.MatchByID(ctx, 1); !errors.Is(err, ErrNoMatch) {
		t.Errorf("match of a killed write: %+v, %v", m, err)
	}
	if err := s.CreateMatch(ctx, fenceOf(o), match.Match{ID: 1}); err != nil {
		t.Errorf("the fence was counted by a killed write: %v", err)
	}
}

// blocked waits until a session of the store waits for a row.
func blocked(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for waiting := 0; waiting == 0; {
		err := conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// beside runs SQL in a transaction, more of it when the call waits for it, and
// commits it then.
func beside(t *testing.T, address, text, more string, call func(ctx context.Context)) {
	t.Helper()
	tx, err := raw(t, address).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		call(context.Background())
	}()
	blocked(t, raw(t, address))
	if _, err := tx.Exec(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-done
}

// A claim that waited for the last write of the owner before it loads that write.
func TestClaimAfterLastWrite(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	o := owned(t, s)
	if _, err := s.Save(t.Context(), []registry.Snapshot{{Fence: fenceOf(o), Body: []byte("first")}}); err != nil {
		t.Fatal(err)
	}
	beside(t, address, "UPDATE owner SET writes = writes + 1; UPDATE snapshot SET body = 'last'", "", func(ctx context.Context) {
		got, err := s.Claim(ctx, o.Key, o.Incarnation)
		if err != nil || string(got.Snapshot) != "last" || got.Writes != 2 {
			t.Errorf("claimed %q with %d writes, %v", got.Snapshot, got.Writes, err)
		}
	})
}

// A claim that waited for the claim of a node which joined meanwhile, and which it
// therefore does not see, must not take that node for gone.
func TestClaimBesideNewcomer(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	o := owned(t, s)
	beside(t, address, `WITH newcomer AS (
			INSERT INTO node (name, state, address, version, host_boot, ttl, clock_boot, touched_at)
			VALUES ('b', 'serving', '', '', '', 0, '', 0) RETURNING incarnation
		)
		INSERT INTO owner (kind, id, incarnation, epoch, state, fresh, since)
		SELECT 'lobby', '2', incarnation, 1, 'owned', TRUE, 0 FROM newcomer`, "", func(ctx context.Context) {
		_, err := s.Claim(ctx, registry.NewKey("lobby", 2), o.Incarnation)
		var held *registry.HeldError
		if !errors.As(err, &held) || held.Owner.Node != "b" {
			t.Errorf("claim: %v", err)
		}
	})
}

// An update that waited for another of the same user does not overwrite it.
func TestUpdateBesideUpdate(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	if _, err := s.InsertUser(t.Context(), &account.User{ID: 1, Name: "alice"}); err != nil {
		t.Fatal(err)
	}
	u, err := s.UserByID(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	beside(t, address, "UPDATE users SET version = version + 100", "", func(ctx context.Context) {
		if _, err := s.UpdateUser(ctx, u); !errors.Is(err, account.ErrConflict) {
			t.Errorf("update: %v", err)
		}
	})
}

// Of two writers of a setting the later one has the higher version, also if it began
// first: who keeps the older version would keep the older text.
func TestSettingBesideSetting(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	if _, err := s.PutSetting(t.Context(), "motd", "first", false); err != nil {
		t.Fatal(err)
	}
	beside(t, address, "UPDATE setting SET text = 'second'", `
		WITH logged AS (INSERT INTO change (tbl, key, at) VALUES ('setting', 'motd', 0) RETURNING version)
		UPDATE setting SET version = logged.version FROM logged`, func(ctx context.Context) {
		if _, err := s.PutSetting(ctx, "motd", "third", false); err != nil {
			t.Error(err)
		}
	})
	v, _, err := s.Setting(t.Context(), "motd")
	if err != nil {
		t.Fatal(err)
	}
	last, err := s.LastChange(t.Context())
	if err != nil || v.Text != "third" || v.Version != last {
		t.Errorf("setting %+v, last change %d, %v", v, last, err)
	}
}

// When the server has ended all sessions at most one call notices.
func TestSessionsEnded(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{Use: Setup})
	var readers sync.WaitGroup
	for range 16 {
		readers.Go(func() { _, _ = s.CountUsers(context.Background()) })
	}
	readers.Wait()
	change(t, address, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	_, _ = s.CountUsers(t.Context())
	for range 16 {
		if _, err := s.CountUsers(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What fails only when it is committed has failed.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	o := owned(t, s)
	change(t, address, `
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused'; END $$;
		CREATE CONSTRAINT TRIGGER refuse_match AFTER INSERT ON matches
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
		CREATE CONSTRAINT TRIGGER refuse_block AFTER INSERT ON sequence
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
		CREATE CONSTRAINT TRIGGER refuse_user AFTER INSERT ON users
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`)
	if err := s.CreateMatch(t.Context(), fenceOf(o), match.Match{ID: 1}); err == nil {
		t.Error("a batch was not committed, and gave no error")
	}
	if n, err := s.Reserve(t.Context(), "a", 1); err == nil {
		t.Errorf("a statement was not committed, and gave %d", n)
	}
	if _, err := s.InsertUser(t.Context(), &account.User{ID: 1, Name: "alice"}); err == nil {
		t.Error("a transaction was not committed, and gave no error")
	}
}

// kill ends the session that a query finds, as soon as it finds one.
func kill(t *testing.T, conn *pgx.Conn, query string) {
	t.Helper()
	for t.Context().Err() == nil {
		var pid int64
		err := conn.QueryRow(t.Context(), query).Scan(&pid)
		if errors.Is(err, pgx.ErrNoRows) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend($1)", pid); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("no such session")
}

// A server that is away gives errors, not waits; when it is back all goes on.
func TestServerAway(t *testing.T) {
	t.Parallel()
	p, address := newProxy(t, pgtest.URL(t))
	s := openStore(t, address, Options{Use: Clustered})
	m, err := s.Join(t.Context(), lease.Candidate{Name: "a", TTL: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	where := p.ln.Addr().String()
	p.ln.Close()
	p.cut()
	for name, call := range map[string]func(ctx context.Context) error{
		"renew": func(ctx context.Context) error { _, err := s.Renew(ctx, m.Incarnation, lease.Report{}); return err },
		"read":  func(ctx context.Context) error { _, err := s.CountUsers(ctx); return err },
		"save": func(ctx context.Context) error {
			_, err := s.Save(ctx, []registry.Snapshot{{}})
			return err
		},
		"ping": s.Ping,
	} {
		// No deadline: the call ends by itself, before the test does.
		if err := call(context.Background()); err == nil || errors.Is(err, lease.ErrCondemned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p.ln, err = net.Listen("tcp", where); err != nil {
		t.Fatal(err)
	}
	p.ends.Go(p.accept)
	if _, err := s.Renew(t.Context(), m.Incarnation, lease.Report{Serving: true}); err != nil {
		t.Errorf("renewal after the outage: %v", err)
	}
	if _, err := s.CountUsers(t.Context()); err != nil {
		t.Errorf("read after the outage: %v", err)
	}
	select {
	case err := <-s.Lost():
		t.Errorf("lost: %v", err)
	default:
	}
}

const holder = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) LIMIT 1`

// The connection that holds the database is taken anew when it breaks.
func TestHeldAgain(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	conn := raw(t, address)
	var before, after int64
	if err := conn.QueryRow(t.Context(), holder).Scan(&before); err != nil {
		t.Fatal(err)
	}
	kill(t, conn, holder)
	for after == 0 || after == before {
		err := conn.QueryRow(t.Context(), holder).Scan(&after)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			t.Fatal(err)
		}
	}
	if _, err := Open(t.Context(), address, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second node: %v", err)
	}
	select {
	case err := <-s.Lost():
		t.Errorf("lost: %v", err)
	default:
	}
}

// If another has taken the database meanwhile, the store says that it is lost.
func TestHoldLost(t *testing.T) {
	t.Parallel()
	address := pgtest.URL(t)
	s := openStore(t, address, Options{})
	conn := raw(t, address)
	kill(t, conn, holder)
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(74610001)"); err != nil {
		t.Fatal(err)
	}
	if err := <-s.Lost(); !errors.Is(err, ErrInUse) {
		t.Errorf("lost: %v", err)
	}
}

package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// pairScript runs a primary and a standby that follows it, and does what its input says
// until that ends, with the test.
const pairScript = `
cd "$DATA_DIR"
say() { echo "$1: $(tail -n 3 log one.log two.log 2>/dev/null | tr '\n' ' ')"; exit 1; }
trap 'for d in one two; do pg_ctl -D $d -m immediate stop >/dev/null 2>&1; done; cd /; rm -rf "$DATA_DIR"' EXIT
initdb -D one -U teiserver -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || say "initdb"
{ echo "$SETTINGS"; echo "unix_socket_directories = '$DATA_DIR'"; echo "port = 5431"; echo "wal_level = replica"; } >>one/postgresql.conf
pg_ctl -D one -l one.log -w start >/dev/null 2>&1 </dev/null || say "the primary did not start"
pg_basebackup -h "$DATA_DIR" -p 5431 -U teiserver -D two -R -X stream -c fast --no-sync >log 2>&1 || say "pg_basebackup"
sed -i 's/^port = .*/port = 5432/' two/postgresql.conf
pg_ctl -D two -l two.log -w start >/dev/null 2>&1 </dev/null || say "the standby did not start"
echo ready
while read -r word; do
	case "$word" in
	detach) echo "primary_conninfo = ''" >>two/postgresql.auto.conf; pg_ctl -D two reload >/dev/null 2>&1 || say "$word" ;;
	synchronous) echo "synchronous_standby_names = '*'" >>one/postgresql.auto.conf; pg_ctl -D one reload >/dev/null 2>&1 || say "$word" ;;
	kill) pg_ctl -D one -m immediate -w stop >/dev/null 2>&1 </dev/null || say "$word" ;;
	promote) pg_ctl -D two -w promote >/dev/null 2>&1 </dev/null || say "$word" ;;
	esac
	echo done
done
`

// Pair is a primary with a standby, which follows asynchronously.
type Pair struct {
	t   testing.TB
	dir string
	in  io.WriteCloser
	out *bufio.Reader
}

// NewPair starts a pair that ends with the test.
func NewPair(t testing.TB) *Pair {
	t.Helper()
	p := runScript(t, pairScript)
	p.until("SELECT COUNT(*) = 1 FROM pg_stat_replication WHERE state = 'streaming' AND $1::text IS NOT NULL", "")
	return p
}

// runScript runs servers that end with the test.
func runScript(t testing.TB, script string) *Pair {
	t.Helper()
	p, wait, err := startScript(t, script)
	if err != nil {
		t.Fatalf("PostgreSQL to test with: %v", err)
	}
	t.Cleanup(func() {
		_ = p.in.Close()
		_ = wait()
	})
	return p
}

func startScript(t testing.TB, script string) (p *Pair, wait func() error, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, nil, err
	}
	dir, err := os.MkdirTemp("", "pg") // the path of a socket has to be short
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", script) //nolint:gosec // one of two constants
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATA_DIR="+dir, "SETTINGS="+settings, "PATH="+bin+":"+os.Getenv("PATH"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := unprivileged(cmd, dir); err != nil {
		return nil, nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	p = &Pair{t, dir, in, bufio.NewReader(out)}
	return p, cmd.Wait, p.answer("ready")
}

func (p *Pair) answer(want string) error {
	line, err := p.out.ReadString('\n')
	if line = strings.TrimSpace(line); line != want {
		return errors.Join(errors.New(line), err)
	}
	return nil
}

func (p *Pair) do(word string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, word); err != nil {
		p.t.Fatalf("%s: %v", word, err)
	}
	if err := p.answer("done"); err != nil {
		p.t.Fatalf("%s: %v", word, err)
	}
}

// Detach lets the standby follow no more, once it has all that was committed before.
func (p *Pair) Detach() {
	p.t.Helper()
	p.until("SELECT COUNT(*) = 1 FROM pg_stat_replication WHERE replay_lsn >= $1::pg_lsn", p.ask("SELECT pg_current_wal_lsn()::text"))
	p.do("detach")
	p.until("SELECT COUNT(*) = 0 FROM pg_stat_replication WHERE $1::text IS NOT NULL", "")
}

// ask asks the primary for a text.
func (p *Pair) ask(sql string) (text string) {
	p.t.Helper()
	p.query(func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql).Scan(&text) })
	return text
}

// until asks the primary again and again until it says yes.
func (p *Pair) until(sql string, arg any) {
	p.t.Helper()
	p.query(func(ctx context.Context, conn *pgx.Conn) error {
		for yes := false; !yes; {
			if err := conn.QueryRow(ctx, sql, arg).Scan(&yes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *Pair) query(f func(ctx context.Context, conn *pgx.Conn) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.Primary())
	if err == nil {
		err = f(ctx, conn)
		_ = conn.Close(ctx)
	}
	if err != nil {
		p.t.Fatalf("ask the primary: %v", err)
	}
}

// Synchronous lets the primary acknowledge no more than the standby has.
func (p *Pair) Synchronous() { p.t.Helper(); p.do("synchronous") }

// Kill ends the primary as a crash does.
func (p *Pair) Kill() { p.t.Helper(); p.do("kill") }

// Promote makes the standby the primary.
func (p *Pair) Promote() { p.t.Helper(); p.do("promote") }

// URL names both: who connects gets the one that can be written.
func (p *Pair) URL() string {
	return p.address(p.dir+","+p.dir, "5431,5432", url.Values{"target_session_attrs": {"read-write"}})
}

// Primary and Standby name one each, as they are at the beginning.
func (p *Pair) Primary() string { return p.address(p.dir, "5431", url.Values{}) }

// Standby names the second.
func (p *Pair) Standby() string { return p.address(p.dir, "5432", url.Values{}) }

func (p *Pair) address(host, port string, query url.Values) string {
	query.Set("host", host)
	query.Set("port", port)
	u := url.URL{Scheme: "postgres", User: url.User("teiserver"), Path: "/postgres", RawQuery: query.Encode()}
	return u.String()
}

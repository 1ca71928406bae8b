//go:build faults

package faults

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"teiserver/test/faults/network"
)

// postgres is a database server, in a host of its own.
type postgres struct {
	host *network.Host
	bin  string
	data string
	as   *syscall.Credential
	log  *os.File

	cmd   *exec.Cmd
	ended chan struct{}
}

// What was committed has to survive the server's own end, not that of the machine. A
// standby that was away for a while finds what it has missed.
const postgresSettings = `
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 32MB
autovacuum = off
unix_socket_directories = ''
timezone = 'UTC'
wal_keep_size = 1GB
wal_retrieve_retry_interval = 200ms
`

const postgresAccess = `
host all all 127.77.0.0/24 trust
host replication all 127.77.0.0/24 trust
`

// newPostgres prepares a server that has no data yet.
func newPostgres(dir string, host *network.Host) (*postgres, error) {
	p := &postgres{host: host, data: filepath.Join(dir, "pg-"+host.Name)}
	path, err := exec.LookPath("postgres")
	if err == nil {
		path, err = filepath.EvalSymlinks(path) // its neighbors are beside the real file
	}
	if err != nil {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
		if len(found) == 0 {
			return nil, fmt.Errorf("PostgreSQL is not installed, scripts/prepare does it: %w", err)
		}
		path = slices.Max(found)
	}
	p.bin = filepath.Dir(path)
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return nil, err
		}
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	p.log, err = os.Create(filepath.Join(dir, "postgres-"+host.Name+".log"))
	return p, err
}

// folder makes an empty folder that the server's user has.
func (p *postgres) folder(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return os.Chown(path, int(p.as.Uid), int(p.as.Gid))
}

// tool runs one of PostgreSQL's programs in the server's host.
func (p *postgres) tool(name string, args ...string) error {
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(p.bin, name), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true}
	cmd.Dir = p.data
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := p.host.Start(cmd); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out.String())
	}
	return nil
}

// begin makes a new database and starts.
func (p *postgres) begin() error {
	if err := p.folder(p.data); err != nil {
		return err
	}
	if err := p.tool("initdb", "-D", p.data, "-U", "teiserver", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"); err != nil {
		return err
	}
	for file, text := range map[string]string{"postgresql.conf": postgresSettings, "pg_hba.conf": postgresAccess} {
		f, err := os.OpenFile(filepath.Join(p.data, file), os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	return p.start()
}

// backup copies the database of a server that runs into a folder.
func (p *postgres) backup(of *postgres, into string, flags ...string) error {
	if err := p.folder(into); err != nil {
		return err
	}
	return p.tool("pg_basebackup", append([]string{"-h", of.host.Address, "-p", "5432", "-U", "teiserver", "-D", into, "-X", "stream", "-c", "fast", "--no-sync"}, flags...)...)
}

// follow makes this server, which does not run, a standby of another, and starts it.
func (p *postgres) follow(primary *postgres) error {
	if err := p.folder(p.data); err != nil { // the tools stand in it
		return err
	}
	if err := p.backup(primary, p.data+".new", "-R"); err != nil {
		return err
	}
	if err := os.RemoveAll(p.data); err != nil {
		return err
	}
	if err := os.Rename(p.data+".new", p.data); err != nil {
		return err
	}
	return p.start()
}

func (p *postgres) url() string { return "postgres://teiserver@" + p.host.Address + ":5432/postgres" }

func (p *postgres) start() error {
	p.cmd = exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data, "-c", "listen_addresses="+p.host.Address)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true}
	p.cmd.Dir = p.data
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.host.Start(p.cmd); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	p.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) { _ = cmd.Wait(); close(ended) }(p.cmd, p.ended)
	return nil
}

// stop ends the server: SIGINT is an orderly end, SIGQUIT one as in a crash.
func (p *postgres) stop(sig syscall.Signal) {
	if p.ended == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// signal tells all of the server's processes; with SIGSTOP until all stand.
func (p *postgres) signal(sig syscall.Signal) {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	for range 100 {
		all := append([]int{p.cmd.Process.Pid}, children(p.cmd.Process.Pid)...)
		running := false
		for _, pid := range all {
			if sig == syscall.SIGSTOP && stopped(pid) {
				continue
			}
			running = true
			_ = syscall.Kill(pid, sig)
		}
		if sig != syscall.SIGSTOP || !running {
			return
		}
		rest(2 * time.Millisecond)
	}
}

// connect connects from a host.
func connect(ctx context.Context, from *network.Host, url string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.DialFunc = from.Dial
	return pgx.ConnectConfig(ctx, cfg)
}

func children(of int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		_, rest, _ := bytes.Cut(b, []byte(") "))
		f := strings.Fields(string(rest))
		if len(f) > 1 && f[1] == strconv.Itoa(of) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// stopped reports whether every thread of a process is stopped by a signal, or the
// process is none anymore.
func stopped(pid int) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, file := range threads {
		stat, err := os.ReadFile(file)
		_, state, ok := strings.Cut(string(stat), ") ")
		if err == nil && ok && !strings.HasPrefix(state, "T") && !strings.HasPrefix(state, "Z") {
			return false
		}
	}
	return true
}

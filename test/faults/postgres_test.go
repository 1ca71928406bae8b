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

// postgres is the database server, in a host of its own.
type postgres struct {
	host *network.Host
	bin  string
	data string
	as   *syscall.Credential
	log  *os.File

	cmd   *exec.Cmd
	ended chan struct{}
}

// What was committed has to survive the server's own end, not that of the machine.
const postgresSettings = `
fsync = off
full_page_writes = off
max_connections = 200
shared_buffers = 32MB
autovacuum = off
unix_socket_directories = ''
timezone = 'UTC'
`

func newPostgres(dir string, host *network.Host) (*postgres, error) {
	p := &postgres{host: host, data: filepath.Join(dir, "pg")}
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
	if err := os.Mkdir(p.data, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chown(p.data, uid, gid); err != nil {
		return nil, err
	}
	if p.log, err = os.Create(filepath.Join(dir, "postgres.log")); err != nil {
		return nil, err
	}
	cmd := exec.Command(filepath.Join(p.bin, "initdb"), "-D", p.data, "-U", "teiserver", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as}
	cmd.Dir = p.data
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for file, text := range map[string]string{
		"postgresql.conf": postgresSettings + "listen_addresses = '" + host.Address + "'\n",
		"pg_hba.conf":     "host all all 127.77.0.0/24 trust\n",
	} {
		f, err := os.OpenFile(filepath.Join(p.data, file), os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		_, err = f.WriteString(text)
		if closed := f.Close(); err == nil {
			err = closed
		}
		if err != nil {
			return nil, err
		}
	}
	return p, p.start()
}

func (p *postgres) url() string { return "postgres://teiserver@" + p.host.Address + ":5432/postgres" }

func (p *postgres) start() error {
	p.cmd = exec.Command(filepath.Join(p.bin, "postgres"), "-D", p.data)
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

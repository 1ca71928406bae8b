package pgtest

import (
	"bufio"
	"errors"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// settings make the server fast and small: its data needs to survive nothing.
const settings = `
listen_addresses = ''
fsync = off
full_page_writes = off
max_connections = 400
shared_buffers = 32MB
max_wal_size = 256MB
autovacuum = off
log_min_messages = fatal
`

// script runs the server until its input ends, which is when the test binary ends.
const script = `
cd "$DATA_DIR"
say() { echo "$1: $(tail -n 3 log | tr '\n' ' ')"; exit 1; }
initdb -D data -U teiserver -A trust -E UTF8 --locale=C --no-sync >log 2>&1 || say "initdb"
{ echo "$SETTINGS"; echo "unix_socket_directories = '$DATA_DIR'"; } >>data/postgresql.conf
trap 'pg_ctl -D data -m immediate stop >/dev/null 2>&1; cd /; rm -rf "$DATA_DIR"' EXIT
pg_ctl -D data -l log -w start >/dev/null 2>&1 </dev/null || say "the server did not start"
echo ready
cat >/dev/null
`

// instance is a server to make databases on.
type instance struct {
	address string
	life    io.Closer // the throw-away server ends when this is closed, or collected
}

// start starts a throw-away server.
func start() (*instance, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	// Not the folder of a test: the path of a socket has to be short.
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATA_DIR="+dir, "SETTINGS="+settings, "PATH="+bin+":"+os.Getenv("PATH"))
	// A process group of its own: an interrupt at the terminal ends the test binary,
	// and with it the server's input.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := unprivileged(cmd, dir); err != nil {
		return nil, err
	}
	// Never closed by us: the system does it when this process is gone.
	life, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if line = strings.TrimSpace(line); line != "ready" {
		return nil, errors.Join(errors.New(line), err)
	}
	address := url.URL{Scheme: "postgres", User: url.User("teiserver"), Path: "/postgres"}
	address.RawQuery = url.Values{"host": {dir}}.Encode()
	return &instance{address.String(), life}, nil
}

// binaries is the folder with the newest server on this machine.
func binaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		// Its neighbors are beside the real file, not beside a link to it.
		real, err := filepath.EvalSymlinks(path)
		return filepath.Dir(real), err
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return "", errors.New("PostgreSQL is not installed: make test installs it, or apt-get install postgresql, or set " + Env)
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	return filepath.Dir(found[0]), nil
}

func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// unprivileged runs the command as another user if this one is root, which
// PostgreSQL refuses to be.
func unprivileged(cmd *exec.Cmd, dir string) error {
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return err
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)} //nolint:gosec // ids have 32 bits
		return os.Chown(dir, uid, gid)
	}
	return errors.New("root cannot run PostgreSQL, and there is no user postgres or nobody")
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"teiserver/test/springclient"
)

// patience is how long a script waits for a node. scriptsEnd kills what hangs, with
// its output shown: a node that should have refused to start would run for ever.
const (
	patience   = 3 * time.Minute
	scriptsEnd = 10 * time.Minute
)

// TestScript runs the program as an operator does. Beside the commands of testscript
// the scripts have:
//
//	ready [ADDRESS]               waits until a node says that it is ready
//	unready REASON [ADDRESS]      waits until it says that it is not, for this reason
//	[!] get PATH [ADDRESS]        prints the operators' page of a node; ! if it is not 200
//	terminate                     sends SIGTERM to all that runs in the background
//	ended CODE                    what ended of terminate, and was waited for, has this code
//	stall [ADDRESS]               asks a node for a profile of a minute and does not wait for it:
//	                              an orderly stop takes as long
//	[!] login ADDRESS NAME PASSWORD  logs in and prints what the server says
//	certificate MODE ADDRESS      prints the SHA-256 of the certificate of a handshake; MODE is
//	                              tls or stls
//	makecert CERT KEY             writes a certificate and its key
//
// ADDRESS is $HTTP if it is not given. $HTTP, $SPRING, $TLS, $CLUSTER and the same with
// a 2, and $CLUSTER3, are free addresses.
func TestScript(t *testing.T) {
	ports := freePorts{given: map[int]bool{}}
	testscript.Run(t, testscript.Params{
		Dir:      "testdata/script",
		Deadline: time.Now().Add(scriptsEnd),
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"HTTP", "SPRING", "TLS", "CLUSTER", "HTTP2", "SPRING2", "TLS2", "CLUSTER2", "CLUSTER3"} {
				address, err := ports.next()
				if err != nil {
					return err
				}
				env.Setenv(name, address)
			}
			env.Values[terminatedKey{}] = &terminated{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"ready": ready, "unready": unready, "get": get, "terminate": terminate, "ended": ended, "stall": stall, "login": login,
			"certificate": certificateOf, "makecert": makeCertificate,
		},
	})
}

// freePorts finds ports that nobody listens on. It gives none twice, and none that the
// system gives to connections.
type freePorts struct {
	mu    sync.Mutex
	given map[int]bool
}

func (p *freePorts) next() (string, error) {
	const lowest, beyond, tries = 15_000, 32_000, 1000
	p.mu.Lock()
	defer p.mu.Unlock()
	for range tries {
		port := lowest + rand.IntN(beyond-lowest)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if p.given[port] {
			continue
		}
		ln, err := net.Listen("tcp", address)
		if err != nil {
			continue // taken
		}
		p.given[port] = true
		return address, ln.Close()
	}
	return "", fmt.Errorf("no free port from %d to %d", lowest, beyond)
}

func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: ready [address]")
	}
	untilReadyz(ts, httpAddress(ts, args), func(status int, _ string) bool { return status == http.StatusOK })
}

func unready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: unready reason [address]")
	}
	untilReadyz(ts, httpAddress(ts, args[1:]), func(status int, body string) bool {
		return status == http.StatusServiceUnavailable && strings.Contains(body, args[0])
	})
}

func untilReadyz(ts *testscript.TestScript, address string, ok func(status int, body string) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		status, body, err := fetch(ctx, address, "readyz")
		if ok(status, string(body)) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s says %d %s %v", address, status, body, err)
		}
	}
}

func get(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: [!] get path [address]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	status, body, err := fetch(ctx, httpAddress(ts, args[1:]), args[0])
	if err != nil {
		ts.Fatalf("get %s: %v", args[0], err)
	}
	if (status == http.StatusOK) == neg {
		ts.Fatalf("get %s: %d %s", args[0], status, body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

func httpAddress(ts *testscript.TestScript, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return ts.Getenv("HTTP")
}

func fetch(ctx context.Context, address, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: terminate")
	}
	told, _ := ts.Value(terminatedKey{}).(*terminated)
	told.cmds = ts.BackgroundCmds()
	for _, cmd := range told.cmds {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			ts.Fatalf("terminate: %v", err)
		}
	}
}

// terminated are the processes that terminate told to end.
type (
	terminated    struct{ cmds []*exec.Cmd }
	terminatedKey struct{}
)

func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ended code")
	}
	told, _ := ts.Value(terminatedKey{}).(*terminated)
	for _, cmd := range told.cmds {
		if cmd.ProcessState == nil {
			ts.Fatalf("%s was not waited for", cmd)
		}
		if code := cmd.ProcessState.ExitCode(); strconv.Itoa(code) != args[0] {
			ts.Fatalf("%s ended with %v, want %s", cmd, cmd.ProcessState, args[0])
		}
	}
}

func stall(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: stall [address]")
	}
	address := httpAddress(ts, args)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", address)
	ts.Check(err)
	ts.Defer(func() { _ = nc.Close() })
	_, err = fmt.Fprintf(nc, "GET /debug/pprof/profile?seconds=60 HTTP/1.1\r\nHost: %s\r\n\r\n", address)
	ts.Check(err)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, stacks, err := fetch(ctx, address, "debug/pprof/goroutine?debug=2")
		if strings.Contains(string(stacks), "net/http/pprof.Profile(") {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s makes no profile: %v", address, err)
		}
	}
}

func login(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: [!] login address name password")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := springclient.Dial(ctx, args[0], springclient.Player)
	ts.Check(err)
	defer c.Close()
	err = c.LoginAs(ctx, args[1], args[2])
	if (err == nil) == neg {
		ts.Fatalf("login %s: %v", args[1], err)
	}
	for _, v := range c.Violations() {
		ts.Fatalf("login %s: %v", args[1], v)
	}
	_, err = io.WriteString(ts.Stdout(), strings.Join(c.Lines(0), "\n")+"\n")
	ts.Check(err)
}

package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// Config says what to start.
type Config struct {
	Binary string
	Nodes  int
	// Database is the URL that all nodes use; empty for SQLite in the node's folder,
	// which is possible for one node only.
	Database string
	// Extra are flags for every node.
	Extra []string
	// Limited has the nodes keep the limits that an operator's have.
	Limited bool
}

// Cluster is the running nodes.
type Cluster struct {
	scenario.Env
	Processes []*Process
	binary    string
	database  string
}

// Start starts the nodes at once, waits until all are ready, and has them ended
// with the test.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	c := Prepare(t, cfg)
	all := make([]int, cfg.Nodes)
	for i := range all {
		all[i] = i
	}
	c.StartNodes(t, all...)
	return c
}

// Prepare makes the nodes and starts none; those that are started end with the test.
func Prepare(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	c := &Cluster{binary: cfg.Binary, database: cfg.Database}
	dir := t.TempDir()
	if c.database == "" {
		if cfg.Nodes != 1 {
			t.Fatal("several nodes need a database that they share")
		}
		c.database = "sqlite:" + filepath.Join(dir, "node1", "teiserver.db")
	}
	addrs, err := freeAddresses(4 * cfg.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	var peers []string
	for i := range cfg.Nodes {
		peers = append(peers, addrs[4*i+3])
	}
	for i := range cfg.Nodes {
		p, err := c.process(dir, i, addrs[4*i:4*i+4], peers, cfg)
		if err != nil {
			t.Fatal(err)
		}
		c.Processes = append(c.Processes, p)
	}
	t.Cleanup(func() { c.end(t) })
	nodes := make([]scenario.Node, len(c.Processes))
	for i, p := range c.Processes {
		nodes[i] = p.Node
	}
	c.Env = scenario.NewEnv(nodes, c.addUser)
	c.Operate = c.operate
	return c
}

// StartNodes starts these nodes at once and waits until all are ready.
func (c *Cluster) StartNodes(t testing.TB, nodes ...int) {
	t.Helper()
	for _, i := range nodes {
		if err := c.Processes[i].start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range nodes {
		if err := c.Processes[i].WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// process prepares a node: addr is its Spring, TLS, HTTP and cluster address.
func (c *Cluster) process(dir string, i int, addr, peers []string, cfg Config) (*Process, error) {
	name := fmt.Sprintf("node%d", i+1)
	data := filepath.Join(dir, name)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of %s: %w", name, err)
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("make the log of %s: %w", name, err)
	}
	args := []string{
		"serve", "--data-dir", data, "--node-name", name, "--spring-listen", addr[0], "--spring-tls-listen", addr[1],
		"--http-listen", addr[2], "--database", c.database,
	}
	if !cfg.Limited {
		args = append(args, "--unlimited")
	}
	if cfg.Nodes > 1 {
		args = append(args, "--cluster-listen", addr[3], "--cluster-join", strings.Join(peers, ","), "--cluster-secret", "test secret of this cluster")
	}
	return &Process{
		Node:    scenario.Node{Name: name, Spring: addr[0], TLS: addr[1], HTTP: addr[2]},
		DataDir: data, args: append(args, cfg.Extra...), binary: c.binary, log: log,
	}, nil
}

// addUser makes an account by the command line, beside the running server.
func (c *Cluster) addUser(t testing.TB, name string, role scenario.Role) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, "user", "add", name, "--password", springclient.Password,
		"--email", strings.ToLower(name)+"@example.com", "--role", string(role), "--database", c.database, "--data-dir", c.Processes[0].DataDir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("add user %s: %v\n%s", name, err, out)
	}
}

// operate runs the command line beside the nodes.
func (c *Cluster) operate(t testing.TB, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, append(args, "--database", c.database, "--data-dir", c.Processes[0].DataDir)...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out.Bytes(), log.Bytes())
	}
	return out.Bytes()
}

func (c *Cluster) end(t testing.TB) {
	for _, p := range c.Processes {
		if p.cmd == nil || p.cmd.Process == nil {
			continue
		}
		p.alone(t)
		_ = p.Resume() // a paused process does not end by SIGTERM
		p.Stop()
		p.check(t)
		p.show(t)
		_ = p.log.Close()
	}
}

package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// patience is how long anything may take. It ends hopeless waiting and measures nothing.
const patience = 45 * time.Second

// The name of the account through which the server speaks.
const coordinatorName = "Coordinator"

// residents is how many accounts of the server's own are always online: the Coordinator,
// the monitor of matches and AccoladesBot.
const residents = 3

// rig is three nodes and the clients that a fault test has on them.
type rig struct {
	*testing.T
	c       *Cluster
	serial  int
	persons []*person
}

// person is a client that fails the test by itself.
type person struct {
	*springclient.Client
	r    *rig
	name string
	node int
	from int  // the lines from here on are what the test looks at
	cut  bool // its node was killed: the last line may be half a line
	away bool // its node does not run now
}

// newRig starts three nodes. What every client has been told is judged at the end.
func newRig(t *testing.T, database string) *rig { return newRigOf(t, 3, database) }

// newRigOf is newRig with another number of nodes.
func newRigOf(t *testing.T, nodes int, database string) *rig {
	r := &rig{T: t, c: Start(t, Config{Binary: binary, Nodes: nodes, Database: database})}
	t.Cleanup(r.leave)
	return r
}

// databases are what the nodes of one host can share.
func databases(t *testing.T) map[string]string {
	return map[string]string{"postgres": pgtest.URL(t), "sqlite": "sqlite:" + t.TempDir() + "/teiserver.db"}
}

func (r *rig) leave() {
	for _, p := range r.persons {
		p.Close()
		for _, v := range p.Violations() {
			if p.cut && v.Why == "the connection ended inside a line" {
				continue
			}
			r.Errorf("%s on node %d: %v", p.name, p.node+1, v)
			break
		}
	}
}

func limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// account makes an account with a role.
func (r *rig) account(hint string, role scenario.Role) string {
	r.Helper()
	r.serial++
	name := fmt.Sprintf("%s%d", hint, r.serial)
	if role != scenario.Plain {
		r.c.addUser(r, name, role)
		return name
	}
	ctx, cancel := limit()
	defer cancel()
	c, err := springclient.Dial(ctx, r.c.Processes[r.serial%len(r.c.Processes)].Spring, springclient.Player)
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	if err := c.Register(ctx, name); err != nil {
		r.Fatal(err)
	}
	return name
}

// online logs an account in on a node.
func (r *rig) online(node int, flavor springclient.Flavor, name string) *person {
	r.Helper()
	p, err := r.enter(node, flavor, name)
	if err != nil {
		r.Fatalf("%s on node %d: %v", name, node+1, err)
	}
	return p
}

func (r *rig) enter(node int, flavor springclient.Flavor, name string) (*person, error) {
	ctx, cancel := limit()
	defer cancel()
	c, err := springclient.Dial(ctx, r.c.Processes[node].Spring, flavor)
	if err != nil {
		return nil, err
	}
	p := &person{Client: c, r: r, name: name, node: node}
	r.persons = append(r.persons, p)
	return p, c.Login(ctx, name)
}

// playerOn is player with an account that is made on that node: the others may not run.
func (r *rig) playerOn(node int) *person {
	r.Helper()
	r.serial++
	name := fmt.Sprintf("Player%d", r.serial)
	ctx, cancel := limit()
	defer cancel()
	c, err := springclient.Dial(ctx, r.c.Processes[node].Spring, springclient.Player)
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	if err := c.Register(ctx, name); err != nil {
		r.Fatal(err)
	}
	return r.online(node, springclient.Player, name)
}

func (r *rig) player(node int) *person {
	r.Helper()
	return r.online(node, springclient.Player, r.account("Player", scenario.Plain))
}

func (r *rig) host(node int) *person {
	r.Helper()
	return r.online(node, springclient.Host, r.account("Host", scenario.Bot))
}

// here lists who is connected to a node that runs.
func (r *rig) here() []*person {
	var list []*person
	for _, p := range r.persons {
		if p.Open() && !p.away {
			list = append(list, p)
		}
	}
	return list
}

// meet waits until everybody sees everybody and all models are the same.
func (r *rig) meet() {
	r.Helper()
	here := r.here()
	clients := make([]*springclient.Client, len(here))
	for i, p := range here {
		clients[i] = p.Client
		for _, other := range here {
			p.await("the sight of "+other.name, func(m *springclient.Model) bool { return m.Users[other.name] != nil })
		}
	}
	r.until("the clients agree", func() error {
		if diff := scenario.Disagreement(clients...); diff != "" {
			return errors.New(diff)
		}
		return nil
	})
}

// mark makes what comes from now on what the test looks at.
func (r *rig) mark() {
	for _, p := range r.here() {
		p.sync()
		p.Skip()
		p.from = p.Mark()
	}
}

// until waits until a function has nothing to say against it.
func (r *rig) until(what string, f func() error) {
	r.Helper()
	if err := settle(f); err != nil {
		r.Fatalf("%s: %v", what, err)
	}
}

func settle(f func() error) error {
	ctx, cancel := limit()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", patience, err)
		}
	}
}

// command runs the command line beside the nodes and returns what it prints.
func (c *Cluster) command(args ...string) (string, error) {
	ctx, cancel := limit()
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binary, append(args, "--database", c.database, "--data-dir", c.Processes[0].DataDir)...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return string(out), err
}

// nodes reads `cluster status`: the newest row of each name.
func (r *rig) nodes() map[string]lease.Node {
	r.Helper()
	var got struct{ Nodes []lease.Node }
	r.read(&got, "cluster", "status", "--json")
	newest := map[string]lease.Node{}
	for _, n := range got.Nodes {
		if n.Incarnation > newest[n.Name].Incarnation {
			newest[n.Name] = n
		}
	}
	return newest
}

// owners reads `cluster processes`.
func (r *rig) owners() map[string]registry.Owner {
	r.Helper()
	owners, _ := r.processes()
	return owners
}

// processes reads `cluster processes`: what has an owner, and what should run and does not.
// A key that is listed twice is an error, and so is one of a node that is gone which is not
// called missing.
func (r *rig) processes() (owners map[string]registry.Owner, missing []string) {
	r.Helper()
	var got struct {
		Processes []registry.Owner
		Missing   []struct{ Key registry.Key }
	}
	r.read(&got, "cluster", "processes", "--json")
	for _, m := range got.Missing {
		missing = append(missing, m.Key.String())
	}
	owners = map[string]registry.Owner{}
	for _, o := range got.Processes {
		if _, twice := owners[o.Key.String()]; twice {
			r.Errorf("%s is listed twice: %+v", o.Key, got.Processes)
		}
		if o.State == registry.Owned && o.Gone && !slices.Contains(missing, o.Key.String()) {
			r.Errorf("%s is of a node that is gone, and missing are only %v", o.Key, missing)
		}
		owners[o.Key.String()] = o
	}
	return owners, missing
}

// ensured are the keys that every cluster runs: docs/processes.md, which a test compares with
// the code, lists their kinds.
var ensured = sync.OnceValues(func() (keys []string, err error) {
	page, err := os.ReadFile("../../docs/processes.md")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.TrimSpace(cells[3]) == "ensured" {
			keys = append(keys, strings.Trim(cells[1], " `")+"/main")
		}
	}
	if !slices.Contains(keys, "coordinator/main") || !slices.Contains(keys, "match_monitor/main") {
		return nil, fmt.Errorf("docs/processes.md lists the ensured kinds %v", keys)
	}
	return keys, nil
})

func (r *rig) read(into any, args ...string) {
	r.Helper()
	out, err := r.c.command(args...)
	if err != nil {
		r.Fatal(err)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		r.Fatalf("%v: %v\n%s", args, err, out)
	}
}

// asleep is a process that sleeps until somebody wants something of it: what does the jobs.
func asleep(o registry.Owner) bool { return o.State == registry.Released && o.Key.Kind == "job" }

// living waits until every process has an owner that lives.
func (r *rig) living() map[string]registry.Owner {
	r.Helper()
	var owners map[string]registry.Owner
	singletons, err := ensured()
	if err != nil {
		r.Fatal(err)
	}
	r.until("every process has a living owner", func() error {
		var missing []string
		owners, missing = r.processes()
		nodes := r.nodes()
		if len(missing) > 0 {
			return fmt.Errorf("%v are missing", missing)
		}
		for key, o := range owners {
			if asleep(o) {
				continue
			}
			if n := nodes[o.Node]; o.State != registry.Owned || o.Gone || n.Incarnation != o.Incarnation || n.State != lease.Serving {
				return fmt.Errorf("%s: %+v of %+v", key, o, n)
			}
		}
		for _, key := range singletons {
			if o := owners[key]; o.State != registry.Owned {
				return fmt.Errorf("nobody runs %s: %+v", key, o)
			}
		}
		return nil
	})
	return owners
}

// nodeOf is the number of a node's name.
func (r *rig) nodeOf(name string) int {
	for i, p := range r.c.Processes {
		if p.Name == name {
			return i
		}
	}
	r.Fatalf("no node %q", name)
	return -1
}

func (p *person) send(format string, args ...any) {
	p.r.Helper()
	if err := p.Send(format, args...); err != nil {
		p.r.Fatalf("%s: %v", p.name, err)
	}
}

func (p *person) want(format string, args ...any) string {
	p.r.Helper()
	ctx, cancel := limit()
	defer cancel()
	line, err := p.Expect(ctx, format, args...)
	if err != nil {
		p.r.Fatalf("%s on node %d: %v", p.name, p.node+1, err)
	}
	return line
}

func (p *person) await(what string, ok func(*springclient.Model) bool) {
	p.r.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := p.Await(ctx, what, ok); err != nil {
		p.r.Fatalf("%s on node %d: %v", p.name, p.node+1, err)
	}
}

func (p *person) sync() {
	p.r.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := p.Ping(ctx); err != nil {
		p.r.Fatalf("%s on node %d: %v", p.name, p.node+1, err)
	}
}

func (p *person) open(title string) int64 {
	p.r.Helper()
	ctx, cancel := limit()
	defer cancel()
	id, err := p.OpenBattle(ctx, springclient.Battle{Title: title})
	if err != nil {
		p.r.Fatalf("%s on node %d: %v", p.name, p.node+1, err)
	}
	return id
}

// admit lets a player into the host's battle.
func (p *person) admit(player *person, id int64) {
	p.r.Helper()
	player.await("the battle", func(m *springclient.Model) bool { return m.Battles[id] != nil })
	player.send("JOINBATTLE %d empty 99%d", id, id)
	p.want("JOINBATTLEREQUEST %s *", player.name)
	p.send("JOINBATTLEACCEPT %s", player.name)
	ctx, cancel := limit()
	defer cancel()
	if err := player.Joined(ctx, id); err != nil {
		p.r.Fatalf("%s: %v", player.name, err)
	}
}

func (p *person) join(channel string) {
	p.r.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := p.Join(ctx, channel); err != nil {
		p.r.Fatalf("%s on node %d: %v", p.name, p.node+1, err)
	}
}

// told compares what has come since the mark with what has to come, each line
// exactly once in any order. Lines that fit may are left out.
func (p *person) told(must, may []string) {
	p.r.Helper()
	left := map[string]int{}
	for _, line := range must {
		left[line]++
	}
	var allowed []*springclient.Pattern
	for _, text := range append(may, "#* PONG") {
		pattern, err := springclient.Compile(text)
		if err != nil {
			p.r.Fatal(err)
		}
		allowed = append(allowed, pattern)
	}
lines:
	for _, line := range p.Lines(p.from) {
		if left[line] > 0 {
			left[line]--
			continue
		}
		for _, pattern := range allowed {
			if pattern.Match(line) {
				continue lines
			}
		}
		p.r.Errorf("%s on node %d was told too much: %q", p.name, p.node+1, line)
	}
	for line, n := range left {
		if n > 0 {
			p.r.Errorf("%s on node %d was not told %q\n%s", p.name, p.node+1, line, p.Tail(20))
		}
	}
}

package scenario

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// patience is how long anything may take. Far more than a healthy server needs
// on a busy machine: it ends hopeless waiting and measures nothing.
const patience = 150 * time.Second

// world is one run of a scenario: its clients and what must hold at its end.
type world struct {
	*testing.T
	env Env

	anyHash bool // hosts send hashes of maps that are no integers

	mu     sync.Mutex
	turn   int // of the nodes
	actors []*actor
}

// actor is a client that fails the test by itself.
type actor struct {
	*springclient.Client
	w    *world
	node int
	name string // "" before the login
}

// enter begins a scenario and has its end checked.
func enter(t *testing.T, env Env) *world {
	w := &world{T: t, env: env}
	t.Cleanup(w.leave)
	return w
}

// limit returns a context that ends after the usual patience.
func limit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// leave checks what holds at the end of every scenario and ends its clients.
func (w *world) leave() {
	if !w.Failed() {
		w.converge()
	}
	for _, a := range w.all() {
		all := a.Violations()
		for _, v := range all[:min(3, len(all))] {
			w.Errorf("%s on %s: violation 1 to 3 of %d: %v", a.label(), w.env.Nodes[a.node].Name, len(all), v)
		}
	}
	errs := sideBySide(len(w.all()), 32, func(i int) error {
		a := w.all()[i]
		if a.name == "" || !a.Open() {
			a.Close()
			return nil
		}
		ctx, cancel := limit()
		defer cancel()
		return a.Quit(ctx)
	})
	for _, err := range errs {
		w.Errorf("end: %v", err)
	}
}

func (w *world) all() []*actor {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.actors)
}

func (a *actor) label() string {
	if a.name == "" {
		return "a connection"
	}
	return a.name
}

// nextNode returns the nodes in turn.
func (w *world) nextNode() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.turn++
	return (w.turn - 1) % len(w.env.Nodes)
}

// dial opens a connection and waits for the greeting.
func (w *world) dial(node int, flavor springclient.Flavor) (*actor, error) {
	ctx, cancel := limit()
	defer cancel()
	c, err := springclient.Dial(ctx, w.env.Nodes[node].Spring, flavor)
	if err != nil {
		return nil, err
	}
	return w.adopt(c, node), c.Greeting(ctx)
}

// adopt makes a connection one of the scenario's clients.
func (w *world) adopt(c *springclient.Client, node int) *actor {
	a := &actor{Client: c, w: w, node: node}
	if w.anyHash {
		c.TakeAnyHash()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.actors = append(w.actors, a)
	return a
}

// connect is dial on the next node; it ends the test on failure.
func (w *world) connect(flavor springclient.Flavor) *actor {
	w.Helper()
	return w.connectTo(w.nextNode(), flavor)
}

func (w *world) connectTo(node int, flavor springclient.Flavor) *actor {
	w.Helper()
	a, err := w.dial(node, flavor)
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// online logs an account in on a node.
func (w *world) online(node int, flavor springclient.Flavor, name string) *actor {
	w.Helper()
	a := w.connectTo(node, flavor)
	a.login(name)
	return a
}

func (a *actor) login(name string) {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := a.Login(ctx, name); err != nil {
		a.w.Fatal(err)
	}
	a.name = name
}

// player logs a plain account in on the next node.
func (w *world) player() *actor {
	w.Helper()
	return w.online(w.nextNode(), springclient.Player, w.env.Account(w, Plain))
}

// newcomer is a player whose account nobody has used or will use.
func (w *world) newcomer() *actor {
	w.Helper()
	return w.online(w.nextNode(), springclient.Player, w.env.Fresh(w, Plain))
}

// host logs a bot account in on the next node.
func (w *world) host() *actor {
	w.Helper()
	return w.online(w.nextNode(), springclient.Host, w.env.Account(w, Bot))
}

// moderator logs a moderator in on the next node, with a player's client.
func (w *world) moderator() *actor {
	w.Helper()
	return w.online(w.nextNode(), springclient.Player, w.env.Account(w, Moderator))
}

// meet waits until every client that is logged in sees every other.
func (w *world) meet() {
	w.Helper()
	for _, a := range w.all() {
		for _, b := range w.all() {
			if a.name != "" && b.name != "" && a.Open() && b.Open() {
				a.await("the sight of "+b.name, func(m *springclient.Model) bool { return m.Users[b.name] != nil })
			}
		}
	}
	w.skip()
}

// skip lets every client's next want look only at lines that come from now on. What
// belongs to a line that it has seen, such as the status of a new user, has come then.
func (w *world) skip() {
	w.Helper()
	for _, a := range w.all() {
		if a.name != "" && a.Open() {
			a.sync()
		}
		a.Skip()
	}
}

func (a *actor) send(format string, args ...any) {
	a.w.Helper()
	if err := a.Send(format, args...); err != nil {
		a.w.Fatalf("%s: %v", a.label(), err)
	}
}

func (a *actor) want(format string, args ...any) string {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	line, err := a.Expect(ctx, format, args...)
	if err != nil {
		a.w.Fatalf("%s on node %d: %v", a.label(), a.node+1, err)
	}
	return line
}

// wantAll waits for lines in this order; others may come between.
func (a *actor) wantAll(patterns ...string) {
	a.w.Helper()
	for _, p := range patterns {
		a.want("%s", p)
	}
}

// wantNext waits for lines in this order with nothing between them.
func (a *actor) wantNext(patterns ...string) {
	a.w.Helper()
	for _, pattern := range patterns {
		p, err := springclient.Compile(pattern)
		if err != nil {
			a.w.Fatal(err)
		}
		ctx, cancel := limit()
		line, err := a.Next(ctx)
		cancel()
		if err != nil {
			a.w.Fatalf("%s: %v", a.label(), err)
		}
		if !p.Match(line) {
			a.w.Fatalf("%s got %q, want %q next\n%s", a.label(), line, pattern, a.Tail(20))
		}
	}
}

func (a *actor) await(what string, ok func(*springclient.Model) bool) {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := a.Await(ctx, what, ok); err != nil {
		a.w.Fatalf("%s on node %d: %v", a.label(), a.node+1, err)
	}
}

// sync waits until the server has worked through what this client has sent.
func (a *actor) sync() {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := a.Ping(ctx); err != nil {
		a.w.Fatalf("%s: %v", a.label(), err)
	}
}

// never fails if a line fits that has come since the mark.
func (a *actor) never(mark int, format string, args ...any) {
	a.w.Helper()
	pattern := fmt.Sprintf(format, args...)
	if n := a.Count(mark, pattern); n != 0 {
		a.w.Errorf("%s got %d lines %q\n%s", a.label(), n, pattern, a.Tail(30))
	}
}

// gone waits until the server has closed the connection.
func (a *actor) gone() {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	if err := a.WaitClosed(ctx); err != nil {
		a.w.Fatalf("%s: %v", a.label(), err)
	}
}

// id returns the account id that the client sees.
func (a *actor) id(name string) int64 {
	a.w.Helper()
	u, ok := a.Snapshot().World.Users[name]
	if !ok {
		a.w.Fatalf("%s does not see %s", a.label(), name)
	}
	return u.ID
}

// open opens a battle and waits until all clients see it.
func (a *actor) open(b springclient.Battle) int64 {
	a.w.Helper()
	ctx, cancel := limit()
	defer cancel()
	id, err := a.OpenBattle(ctx, b)
	if err != nil {
		a.w.Fatalf("%s: %v", a.label(), err)
	}
	for _, other := range a.w.all() {
		if other.name != "" && other.Open() {
			other.await(fmt.Sprintf("battle %d", id), func(m *springclient.Model) bool { return m.Battles[id] != nil })
		}
	}
	return id
}

// admit lets a player into the host's battle, through the whole handshake.
func (a *actor) admit(player *actor, id int64, password string) {
	a.w.Helper()
	player.send("JOINBATTLE %d %s 99%d", id, password, id)
	a.want("JOINBATTLEREQUEST %s *", player.name)
	a.send("JOINBATTLEACCEPT %s", player.name)
	ctx, cancel := limit()
	defer cancel()
	if err := player.Joined(ctx, id); err != nil {
		a.w.Fatalf("%s: %v", player.label(), err)
	}
	for _, other := range a.w.all() {
		if other.name != "" && other.Open() && (other.Flavor() == springclient.Player || other == a) {
			other.await(player.name+" in the battle", func(m *springclient.Model) bool {
				b := m.Battles[id]
				return b != nil && b.Members[player.name]
			})
		}
	}
}

package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"teiserver/test/springclient"
)

// Node is where one node listens. TLS and HTTP may be empty.
type Node struct {
	Name   string
	Spring string
	TLS    string
	HTTP   string
}

// Role is what an account may do.
type Role string

// The roles that AddUser is asked for.
const (
	Plain     Role = "user"
	Bot       Role = "bot"
	Moderator Role = "moderator"
	Admin     Role = "admin"
)

// AddUser makes an account with a role and springclient.Password, in whatever way
// the runner has. Plain accounts are registered over the wire instead.
type AddUser func(t testing.TB, name string, role Role)

// Env is a running server or cluster.
type Env struct {
	Nodes   []Node
	AddUser AddUser
	// ShowMatch prints the record of a match, in whatever way the runner has; nil: in none.
	ShowMatch func(t testing.TB, id int64) []byte

	// Operate runs the command line beside the nodes and returns what it prints, in whatever
	// way the runner has: "moderation action add Bob --restrict Login …".
	Operate func(t testing.TB, args ...string) []byte

	// Mailed waits for the letter with the code of a new account, by its address, in whatever
	// way the runner has; nil: in none.
	Mailed func(t testing.TB, to string) string

	accounts *accounts
}

// NewEnv makes an Env of nodes that are ready.
func NewEnv(nodes []Node, add AddUser) Env {
	return Env{Nodes: nodes, AddUser: add, accounts: &accounts{tag: strconv.FormatInt(rand.Int64N(36*36*36), 36), free: map[Role][]string{}}}
}

// Scenario is one entry of All.
type Scenario struct {
	Name string
	Run  func(t *testing.T, env Env)
}

// Run runs every scenario as a subtest.
func Run(t *testing.T, env Env) {
	for _, s := range All {
		t.Run(s.Name, func(t *testing.T) { s.Run(t, env) })
	}
}

// RunShort runs those that take no crowds and no floods.
func RunShort(t *testing.T, env Env) {
	for _, s := range All {
		if !slices.Contains(long, s.Name) {
			t.Run(s.Name, func(t *testing.T) { s.Run(t, env) })
		}
	}
}

// accounts hands out names. Accounts are used again when a scenario has returned
// them: making one costs the server a password hash.
type accounts struct {
	tag string // keeps runs against one store apart

	mu   sync.Mutex
	next int
	free map[Role][]string
}

// name returns a name that nobody has, beginning with a hint.
func (a *accounts) name(hint string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next++
	return hint + a.tag + "x" + strconv.Itoa(a.next)
}

func (a *accounts) reuse(r Role) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.free[r]
	if len(list) == 0 {
		return "", false
	}
	a.free[r] = list[1:]
	return list[0], true
}

func (a *accounts) giveBack(r Role, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.free[r] = append(a.free[r], name)
}

// Account returns an account with a role that nobody uses, and takes it back
// when the test ends.
func (e Env) Account(t testing.TB, role Role) string {
	t.Helper()
	name, ok := e.accounts.reuse(role)
	if !ok {
		name = e.Fresh(t, role)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			e.accounts.giveBack(role, name)
		}
	})
	return name
}

// Fresh returns a new account that is never used again.
func (e Env) Fresh(t testing.TB, role Role) string {
	t.Helper()
	name := e.accounts.name(map[Role]string{Plain: "Pl", Bot: "Bot", Moderator: "Mod", Admin: "Adm"}[role])
	if role != Plain {
		e.AddUser(t, name, role)
		return name
	}
	if err := e.register(name); err != nil {
		t.Fatal(err)
	}
	return name
}

// Name returns a name that no account has.
func (e Env) Name() string { return e.accounts.name("New") }

// register makes an account over the wire on any node.
func (e Env) register(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := springclient.Dial(ctx, e.Nodes[rand.IntN(len(e.Nodes))].Spring, springclient.Player)
	if err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	defer c.Close()
	return c.Register(ctx, name)
}

// crowd returns n plain accounts, making those that are missing side by side.
func (e Env) crowd(t testing.TB, n int) []string {
	t.Helper()
	out := make([]string, n)
	var missing []int
	for i := range out {
		var ok bool
		if out[i], ok = e.accounts.reuse(Plain); !ok {
			out[i] = e.accounts.name("Pl")
			missing = append(missing, i)
		}
	}
	errs := sideBySide(len(missing), 8, func(i int) error { return e.register(out[missing[i]]) })
	for _, err := range errs {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, name := range out {
			if !t.Failed() {
				e.accounts.giveBack(Plain, name)
			}
		}
	})
	return out
}

// sideBySide runs a function n times on some goroutines and returns its errors.
func sideBySide(n, workers int, f func(i int) error) []error {
	var mu sync.Mutex
	var errs []error
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(workers, n) {
		wg.Go(func() {
			for i := range next {
				if err := f(i); err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return errs
}

package account

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// nodes are the services of a cluster over one store, in virtual time.
type nodes struct {
	*testing.T
	store  *memoryStore
	net    *bus.Network
	last   int64 // user
	texts  map[string]string
	secret string
	end    []func()

	mu     sync.Mutex
	gone   map[string]bool
	online map[string]map[int64]bool // by node
}

// set changes who is online or gone.
func (n *nodes) set(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
}

func (n *nodes) lives(o bus.Origin) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.gone[o.Node]
}

func (n *nodes) here(node string, user int64) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.online[node][user]
}

type sharer struct {
	*Service
	bus  bus.Bus
	kill func()
}

// inNodes runs a test in a bubble with nodes a, b and c.
func inNodes(t *testing.T, texts map[string]string, test func(n *nodes, a, b, c *sharer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nodes{
			T: t, store: newMemoryStore(), net: bus.NewNetwork(), texts: texts, secret: "secret",
			gone: map[string]bool{}, online: map[string]map[int64]bool{},
		}
		defer func() {
			for _, end := range n.end {
				end()
			}
		}()
		a, b, c := n.join("a", 1), n.join("b", 2), n.join("c", 3)
		wait(time.Second)
		test(n, a, b, c)
	})
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (n *nodes) join(name string, incarnation int64) *sharer {
	x := &sharer{bus: n.net.Join(bus.Origin{Node: name, Incarnation: incarnation})}
	n.set(func() { n.online[name] = map[int64]bool{} })
	o := Options{
		Cheap: true, Log: slog.New(slog.DiscardHandler),
		Here:  func(user int64) bool { return n.here(name, user) },
		Peers: &Peers{Bus: x.bus, Living: n.lives, Secret: n.secret, Cluster: "test"},
	}
	x.Service = NewService(n.store, nil, func(context.Context) (int64, error) { n.last++; return n.last, nil }, setting.Fixed(n.texts), o)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { x.Run(ctx) })
	x.kill = sync.OnceFunc(func() {
		cancel()
		all.Wait()
		_ = x.bus.Close()
	})
	n.end = append(n.end, x.kill)
	return x
}

// users makes accounts.
func (n *nodes) users(s *sharer, count int) (names []string) {
	n.Helper()
	for i := range count {
		name := fmt.Sprint("user", i)
		if _, err := s.Create(n.Context(), NewUser{Name: name, Password: pass, Email: name + "@example.com"}); err != nil {
			n.Fatal(err)
		}
		names = append(names, name)
	}
	return names
}

func (n *nodes) login(s *sharer, name, password string) error {
	n.Helper()
	u, err := s.Authenticate(n.Context(), LoginRequest{Name: name, Password: password, Hash: "1 2", IP: "10.0.0.1", Client: "Test"})
	if err == nil {
		n.set(func() { n.online[s.bus.Self().Node][u.ID] = true })
	}
	return err
}

// enter logs in and says whether that cost a hash.
func (n *nodes) enter(s *sharer, name, password string) (hashed bool) {
	n.Helper()
	before := s.Counters.Hashed.Load()
	if err := n.login(s, name, password); err != nil {
		n.Errorf("%s: %v", name, err)
	}
	return s.Counters.Hashed.Load() > before
}

// TestDeadNodesUsersCostNoHash: an hour after they logged in their node dies; the
// others let all of them in without one hash, and so does whoever comes after.
func TestDeadNodesUsersCostNoHash(t *testing.T) {
	t.Parallel()
	inNodes(t, nil, func(n *nodes, a, b, c *sharer) {
		names := n.users(a, 3*pageMarks/2)
		for _, name := range names {
			if !n.enter(a, name, pass) {
				t.Fatal("nothing to remember, and remembered")
			}
		}
		wait(time.Hour + time.Minute)
		a.kill()
		n.set(func() { n.gone["a"] = true })
		wait(5 * time.Second)
		for i, name := range names {
			if n.enter([]*sharer{b, c}[i%2], name, pass) {
				t.Fatalf("%s cost a hash", name)
			}
		}
		if r := b.Counters.Remembered.Load() + c.Counters.Remembered.Load(); int(r) != len(names) {
			t.Errorf("%d were remembered", r)
		}
		d := n.join("a", 4) // another life, with nothing in its memory
		n.set(func() { n.gone["a"] = false })
		wait(2 * lookEvery)
		for _, name := range names[:10] {
			if n.enter(d, name, pass) {
				t.Errorf("%s cost a hash on a node that has joined", name)
			}
		}
	})
}

// TestSharedAtOnce: within a moment, in few messages.
func TestSharedAtOnce(t *testing.T) {
	t.Parallel()
	inNodes(t, nil, func(n *nodes, a, b, _ *sharer) {
		messages := 0
		b.bus.Subscribe(TopicRemembered, func(bus.Message) { messages++ })
		names := n.users(a, 100)
		for _, name := range names {
			n.enter(a, name, pass)
		}
		wait(2 * gatherFor)
		for _, name := range names {
			if n.enter(b, name, pass) {
				t.Errorf("%s cost a hash", name)
			}
		}
		if messages != 1 {
			t.Errorf("%d messages", messages)
		}
	})
}

// TestSharedIsForgotten: by a new password, a new name, in time, and when its message
// is lost.
func TestSharedIsForgotten(t *testing.T) {
	t.Parallel()
	inNodes(t, nil, func(n *nodes, a, b, c *sharer) {
		names := n.users(a, 4)
		for _, name := range names[:3] {
			n.enter(a, name, pass)
		}
		wait(time.Second)
		if err := c.ChangePassword(n.Context(), 1, pass, "another password"); err != nil {
			t.Fatal(err)
		}
		if err := n.login(b, names[0], pass); !refusal.Is(err, refusal.Password) {
			t.Errorf("the old password: %v", err)
		}
		if !n.enter(b, names[0], "another password") {
			t.Error("the new password cost no hash")
		}
		if err := c.Rename(n.Context(), 2, "renamed"); err != nil {
			t.Fatal(err)
		}
		if !n.enter(b, "renamed", pass) {
			t.Error("the old name is remembered")
		}
		n.set(func() { clear(n.online["a"]) })
		wait(life + time.Second)
		if !n.enter(b, names[2], pass) {
			t.Error("remembered for ever")
		}
		n.net.Cut("a", "b")
		n.enter(a, names[3], pass)
		wait(time.Second)
		if !n.enter(b, names[3], pass) {
			t.Error("heard of over a cut")
		}
	})
}

// TestWrongPasswordStaysWrong: it is refused and counted as ever, on a node that
// remembers the right one as well; and remembered right ones count as tries.
func TestWrongPasswordStaysWrong(t *testing.T) {
	t.Parallel()
	inNodes(t, map[string]string{"account.login_attempts": "1000"}, func(n *nodes, a, b, _ *sharer) {
		name := n.users(a, 1)[0]
		n.enter(a, name, pass)
		wait(time.Second)
		for i := range perWindow {
			if err := n.login(b, name, fmt.Sprint("wrong password", i)); !refusal.Is(err, refusal.Password) {
				t.Errorf("a wrong password: %v", err)
			}
		}
		if h := b.Counters.Hashed.Load(); h != perWindow {
			t.Errorf("%d of %d wrong passwords were hashed", h, perWindow)
		}
		if err := n.login(b, name, pass); !refusal.Is(err, refusal.Flood) {
			t.Errorf("after so many: %v", err)
		}
		wait(tryWindow)
		for range perWindow {
			if n.enter(b, name, pass) {
				t.Error("forgotten by wrong ones")
			}
		}
		if err := n.login(b, name, pass); !refusal.Is(err, refusal.Flood) {
			t.Errorf("right ones without end: %v", err)
		}
	})
}

// TestNotBelieved: what is not of a living node of this cluster, or was changed on its
// way, or comes too late.
func TestNotBelieved(t *testing.T) {
	t.Parallel()
	inNodes(t, nil, func(n *nodes, a, b, c *sharer) {
		name := n.users(a, 1)[0]
		u, err := n.store.UserByID(n.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		right := a.remembered.mark(u, pass)
		good := vouched{Until: time.Now().Add(time.Minute).UnixMilli(), Marks: right[:]}
		good.Tag = a.sharing.tag(a.bus.Self(), good)
		altered := func(f func(v *vouched)) vouched {
			v := good
			v.Marks = append([]byte(nil), good.Marks...)
			f(&v)
			return v
		}
		signed := func(s *sharer, v vouched) vouched {
			v.Tag = s.sharing.tag(s.bus.Self(), v)
			return v
		}
		n.secret = "another secret"
		foreign := n.join("x", 9)
		late := signed(a, altered(func(v *vouched) { v.Until = time.Now().UnixMilli() }))
		for what, send := range map[string]struct {
			by *sharer
			v  vouched
		}{
			"longer":          {a, altered(func(v *vouched) { v.Until++ })},
			"no tag":          {a, altered(func(v *vouched) { v.Tag = nil })},
			"a part":          {a, signed(a, altered(func(v *vouched) { v.Marks = v.Marks[:31] }))},
			"too long":        {a, signed(a, altered(func(v *vouched) { v.Marks = append(v.Marks, make([]byte, 32*pageMarks)...) }))},
			"another sender":  {c, good},
			"another cluster": {foreign, signed(foreign, good)},
			"late":            {a, late},
		} {
			if err := send.by.bus.Publish(TopicRemembered, send.v); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(b.remembered.until) != 0 {
				t.Errorf("%s: believed", what)
			}
		}
		n.set(func() { n.gone["a"] = true })
		_ = a.bus.Publish(TopicRemembered, good)
		synctest.Wait()
		if len(b.remembered.until) != 0 {
			t.Error("a node that is gone is believed")
		}
		n.set(func() { n.gone["a"] = false })
		_ = a.bus.Publish(TopicRemembered, good)
		synctest.Wait()
		if n.enter(b, name, pass) {
			t.Error("a good one is not believed")
		}
	})
}

// TestNotRemembered: the site has switched it off.
func TestNotRemembered(t *testing.T) {
	t.Parallel()
	inNodes(t, map[string]string{"login.remember_minutes": "0"}, func(n *nodes, a, b, _ *sharer) {
		messages := 0
		b.bus.Subscribe(TopicRemembered, func(bus.Message) { messages++ })
		name := n.users(a, 1)[0]
		for range 2 {
			if !n.enter(a, name, pass) {
				t.Error("remembered by its own node")
			}
		}
		wait(time.Hour)
		if !n.enter(b, name, pass) || messages != 0 {
			t.Errorf("told to the others in %d messages", messages)
		}
	})
}

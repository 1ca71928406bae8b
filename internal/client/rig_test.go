package client

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/coordinator"
	"teiserver/internal/friend"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/matchmaking"
	"teiserver/internal/moderation"
	"teiserver/internal/party"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// rig is a cluster with everything below the protocol, in virtual time.
type rig struct {
	*testing.T
	store *clustertest.Store
	net   *bus.Network
	data  *data
	nodes []*rigNode
	wrap  func(r cluster.Runtime) cluster.Runtime // of the services that are made now; nil: nothing
}

type rigNode struct {
	*cluster.Node
	roster *roster.Roster
	svc    *Service
}

// What the tests do not use of the stores panics.
type (
	relations interface{ friend.Store }
	matches   interface{ match.Store }
	channels  interface{ chat.Store }
)

// data is what the domain stores, shared by all nodes.
type data struct {
	relations
	matches
	channels

	mu       sync.Mutex
	epochs   map[int64]account.Claim
	ignores  map[int64][]int64
	related  map[int64]*friend.Relations
	slow     func(call int) time.Duration // of reads of relations
	calls    int
	claiming func(user int64)
	opening  func() // while a lobby's first record is written
	users    map[int64]*account.User
	actions  map[int64][]coordinator.Action
	looked   []int64 // whose actions were read
	bomb     int64   // the user over whose actions the store panics

	standings map[int64]*moderation.Standing
	away      int // so many reads of standings fail
	reports   []moderation.Report
	unbridged [][]int64
	silenced  [][]int64
	phrases   map[string]string // severity of a text
	parroted  []string          // what the parrot has heard
}

func (d *data) UserByID(_ context.Context, id int64) (*account.User, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.users[id], nil
}

func (d *data) UserByName(_ context.Context, name string) (*account.User, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range d.users {
		if strings.EqualFold(u.Name, name) {
			return u, nil
		}
	}
	return nil, nil
}

func (d *data) Actions(_ context.Context, user int64) ([]coordinator.Action, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked = append(d.looked, user)
	if d.bomb != 0 && user == d.bomb {
		panic("a bug in actions")
	}
	return d.actions[user], nil
}

func (d *data) Restricted(context.Context, int64) ([]string, error) { return nil, nil }
func (d *data) Smurfs(context.Context, int64) ([]string, error)     { return nil, nil }

func (d *data) ClaimSession(_ context.Context, user int64, node string, incarnation int64) (now, before account.Claim, err error) {
	if d.claiming != nil {
		d.claiming(user)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before = d.epochs[user]
	now = account.Claim{User: user, Epoch: before.Epoch + 1, Node: node, Incarnation: incarnation}
	d.epochs[user] = now
	return now, before, nil
}

func (d *data) KeepSessions(_ context.Context, node string, incarnation int64, held []account.Claim) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range held {
		if d.epochs[c.User].Epoch <= c.Epoch {
			d.epochs[c.User] = account.Claim{User: c.User, Epoch: c.Epoch, Node: node, Incarnation: incarnation}
		}
	}
	return nil
}

func (d *data) Sessions(_ context.Context, incarnation int64) (list []account.Claim, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.epochs {
		if c.Incarnation == incarnation {
			list = append(list, c)
		}
	}
	return list, nil
}

func (d *data) Relations(_ context.Context, user int64) (*friend.Relations, error) {
	d.mu.Lock()
	r := &friend.Relations{}
	if has := d.related[user]; has != nil {
		*r = *has
	}
	r.Ignores = append(slices.Clone(r.Ignores), d.ignores[user]...)
	d.calls++
	call, slow := d.calls, d.slow
	d.mu.Unlock()
	var wait time.Duration
	if slow != nil {
		wait = slow(call)
	}
	<-time.After(wait)
	return r, nil
}

func (d *data) ignore(user int64, others ...int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ignores[user] = others
}

func (d *data) relate(user int64, r *friend.Relations) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.related = map[int64]*friend.Relations{user: r}
}

func (d *data) CreateMatch(context.Context, registry.Fence, match.Match) error {
	if d.opening != nil {
		d.opening()
	}
	return nil
}

func (d *data) NewChannel(context.Context, registry.Fence, chat.Channel) error { return nil }

func (d *data) FindChannel(context.Context, string) (c chat.Channel, ok bool, err error) {
	return c, false, nil
}

// noLog is a change log in which nothing ever changes.
type noLog struct{}

func (noLog) Changes(context.Context, int64, int) ([]cache.Change, error) { return nil, nil }
func (noLog) LastChange(context.Context) (int64, error)                   { return 0, nil }
func (noLog) TrimChanges(context.Context, int64) error                    { return nil }

// inCluster runs a test in a bubble with this many nodes that hear each other.
func inCluster(t *testing.T, nodes int, test func(r *rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			T: t, store: clustertest.NewStore(), net: bus.NewNetwork(),
			data: &data{epochs: map[int64]account.Claim{}, ignores: map[int64][]int64{},
				users: map[int64]*account.User{}, actions: map[int64][]coordinator.Action{}},
		}
		for i := range nodes {
			r.nodes = append(r.nodes, r.add(string(rune('a'+i))))
		}
		for _, n := range r.nodes {
			<-n.Ready()
			if err := n.roster.Filled(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		pass(3 * time.Second)
		test(r)
	})
}

func (r *rig) add(name string) *rigNode {
	r.Helper()
	var b bus.Bus
	n := &rigNode{}
	n.Node = cluster.New(cluster.Options{
		Name: name, BootID: "boot-" + name,
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			b = r.net.Join(self)
			return b, nil
		},
		Leases: r.store, Owners: r.store, Sequences: r.store, Clock: &clock{began: time.Now()},
		OnTimeline: func(lease.Membership) { n.svc.OnTimeline() },
		Log:        slog.New(slog.NewTextHandler(r.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	n.Register(lobby.NewKind(r.data, nil))
	n.Register(chat.NewKind(r.data))
	n.Register(coordinator.NewKind(99))
	n.Register(parrot(r.data))
	n.Register(parrotChat())
	n.Register(party.NewKind())
	for _, k := range matchmaking.Kinds(r.data, rigWorld{n}) {
		n.Register(k)
	}
	if err := n.Start(context.Background()); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { n.stop(r) })
	caches := cache.New(b, noLog{}, cache.Options{})
	n.roster = roster.New(n, nil)
	n.roster.SpeakAs(99)
	runtime := cluster.Runtime(n)
	if r.wrap != nil {
		runtime = r.wrap(n)
	}
	n.svc = NewService(Options{
		Runtime: runtime, Now: n.Now, Roster: n.roster, Friends: friend.NewService(r.data, nil, nil, slog.New(slog.DiscardHandler)),
		Settings: setting.Fixed(map[string]string{"matchmaking.queues": rigQueues, "matchmaking.ready_seconds": "120"}),
		Sessions: r.data, Incarnation: func() int64 { return n.Membership().Incarnation }, Caches: caches, Audit: true, Log: slog.New(slog.DiscardHandler),
		Moderation:  r.data,
		Coordinator: 99, Residents: []Mailbox{{ID: 99, Kind: coordinator.Kind}, {ID: 98, Kind: "match_monitor", Chat: "parrot_chat"}},
		Desk: &coordinator.Desk{
			Accounts: r.data, Settings: setting.Fixed(nil), Processes: n, Moderation: r.data, Log: slog.New(slog.DiscardHandler),
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { n.svc.Run(ctx) })
	all.Go(func() { _ = n.roster.Serve(ctx) })
	all.Go(func() { _ = caches.Run(ctx) })
	r.Cleanup(func() { cancel(); all.Wait() })
	return n
}

func (n *rigNode) stop(r *rig) {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Stop(ctx); err != nil {
		r.Errorf("stop: %v", err)
	}
}

// clock is virtual time as the lease reads it.
type clock struct{ began time.Time }

func (c *clock) Boot() time.Duration { return time.Since(c.began) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() }

// pass lets virtual time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// actor is a client with the screen it is shown on.
type actor struct {
	*Client
	node *rigNode

	mu     sync.Mutex
	log    []string
	heard  []string // lines
	queued []string // of matchmaking
	ended  string
}

func (a *actor) Begin(roster.World) {}

func (a *actor) Show(u *roster.Update) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.log = append(a.log, fmt.Sprintf("%T", u.Event)[len("roster."):])
	if line := matchLine(u.Event); line != "" {
		a.queued = append(a.queued, line)
	}
	switch e := u.Event.(type) {
	case roster.PrivateSaid:
		a.heard = append(a.heard, e.From.Name+": "+e.Text)
	case roster.RoomSaid:
		a.heard = append(a.heard, map[bool]string{true: "* "}[e.Emote]+e.User.Name+" "+e.Text)
	case roster.Rang:
		a.heard = append(a.heard, e.By.Name+" rings")
	}
}

func (a *actor) End(reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = reason
}

// hears takes the lines that were heard since the last time.
func (a *actor) hears() []string {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	list := a.heard
	a.heard = nil
	return list
}

// saw counts updates of a kind.
func (a *actor) saw(kind string) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.log {
		if l == kind {
			n++
		}
	}
	return n
}

// enter logs a user in.
func (r *rig) enter(n *rigNode, user int64, roles ...account.Role) *actor {
	r.Helper()
	a := &actor{node: n}
	u := &account.User{ID: user, Name: fmt.Sprintf("u%d", user), Roles: roles}
	r.data.mu.Lock()
	r.data.users[user] = u
	r.data.mu.Unlock()
	c, err := n.svc.Enter(context.Background(), u, Presence{Client: "test", IP: "127.0.0.1"}, a, func() {})
	if err != nil {
		r.Fatalf("user %d does not enter: %v", user, err)
	}
	a.Client = c
	pass(100 * time.Millisecond)
	return a
}

// open opens a lobby and waits until its host is shown it.
func (r *rig) open(a *actor) int64 {
	r.Helper()
	if err := a.OpenLobby(context.Background(), lobby.Info{Title: "t"}, ""); err != nil {
		r.Fatalf("open: %v", err)
	}
	pass(time.Second)
	in, ok := a.Lobby()
	if !ok {
		r.Fatal("the lobby is not shown")
	}
	return in.Info.ID
}

func (r *rig) ask(a *actor, id int64) {
	r.Helper()
	if err := a.JoinLobby(context.Background(), id, "", "1"); err != nil {
		r.Fatalf("join %d: %v", id, err)
	}
	pass(100 * time.Millisecond)
}

func (r *rig) accept(host, a *actor) {
	r.Helper()
	if err := host.Answer(context.Background(), a.User().Name, true, ""); err != nil {
		r.Fatalf("accept: %v", err)
	}
	pass(100 * time.Millisecond)
}

// room is what a lobby's owner says of it now.
func (r *rig) room(host *actor) lobby.View {
	r.Helper()
	pass(time.Second)
	in, ok := host.Lobby()
	if !ok {
		r.Fatal("no lobby is shown to its host")
	}
	v, ok := host.node.roster.Room(in.Info.ID)
	if !ok {
		r.Fatal("its host's node does not follow the lobby")
	}
	return v
}

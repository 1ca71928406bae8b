package accolade

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/setting"
)

// memory is the store of a cluster. Durable writes go through the fences of
// clustertest.Store.
type memory struct {
	fences *clustertest.Store

	mu        sync.Mutex
	questions map[[2]int64]*Question // by match and giver
	said      map[[2]int64]bool
	given     []Answered
	misses    map[int64]int
	members   map[int64][]match.Membership
}

func newMemory() *memory {
	return &memory{
		fences: clustertest.NewStore(), questions: map[[2]int64]*Question{}, said: map[[2]int64]bool{}, misses: map[int64]int{},
		members: map[int64][]match.Membership{},
	}
}

func (m *memory) KeepState(ctx context.Context, f registry.Fence) error {
	return m.fences.Write(ctx, f, "state")
}

func (m *memory) PutQuestion(ctx context.Context, f registry.Fence, a Asked) error {
	if err := m.fences.Write(ctx, f, fmt.Sprint(a)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if key := [2]int64{a.Match, a.Giver}; m.questions[key] == nil {
		m.questions[key] = &Question{Giver: a.Giver, Recipient: a.Recipient}
	}
	return nil
}

func (m *memory) BeginQuestion(_ context.Context, a Asked) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]int64{a.Match, a.Giver}
	if q := m.questions[key]; q == nil || q.Recipient != a.Recipient || m.said[key] {
		return false, nil
	}
	m.said[key] = true
	return true, nil
}

func (m *memory) PutAnswer(ctx context.Context, f registry.Fence, a Answered) error {
	if err := m.fences.Write(ctx, f, fmt.Sprint(a)); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.questions[[2]int64{a.Match, a.Giver}].Outcome = a.Outcome
	m.given = append(m.given, a)
	m.misses[a.Giver] = min(max(m.misses[a.Giver]+a.Miss, 0), MostMisses)
	return nil
}

func (m *memory) BadgeTypes(context.Context) ([]BadgeType, error) {
	return []BadgeType{{Badge: badges[0]}, {Badge: badges[1]}}, nil
}

func (m *memory) GivenTo(_ context.Context, giver int64, _ time.Duration) (list []int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.given {
		if a.Giver == giver && (a.Outcome == Given || a.Outcome == Declined) {
			list = append(list, a.Recipient)
		}
	}
	return list, nil
}

func (m *memory) AccoladesOf(context.Context, int64) ([]Count, error)  { return nil, nil }
func (m *memory) Questions(context.Context, int64) ([]Question, error) { return nil, nil }

func (m *memory) MatchByID(context.Context, int64) (*match.Match, error) { panic("not asked for") }

func (m *memory) Memberships(_ context.Context, id int64) ([]match.Membership, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.members[id], nil
}

func (m *memory) Stat(_ context.Context, user int64, key string) (string, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key != StatMisses {
		return "", false, nil
	}
	return strconv.Itoa(m.misses[user]), true, nil
}

func (m *memory) answers() []Answered {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.given)
}

func (m *memory) missesOf(user int64) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.misses[user]
}

// people are users who are online, and what they are told.
type people struct {
	mu     sync.Mutex
	online map[int64]bool
	told   map[int64][]string
}

func newPeople(online ...int64) *people {
	p := &people{online: map[int64]bool{}, told: map[int64][]string{}}
	for _, u := range online {
		p.online[u] = true
	}
	return p
}

func (p *people) Tell(_ context.Context, _, to int64, lines ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.online[to] {
		p.told[to] = append(p.told[to], lines...)
	}
}

func (p *people) Online(user int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.online[user]
}

// count is how often somebody was told a line.
func (p *people) count(user int64, line string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.told[user] {
		if l == line {
			n++
		}
	}
	return n
}

// asked counts the questions that each user has heard.
func (p *people) asked() map[int64]int {
	p.mu.Lock()
	all := slices.Collect(maps.Keys(p.told))
	p.mu.Unlock()
	counts := map[int64]int{}
	for _, u := range all {
		if n := p.count(u, dashes); n > 0 {
			counts[u] = n
		}
	}
	return counts
}

// clock is virtual time.
type clock struct{ began time.Time }

func (c *clock) Boot() time.Duration { return time.Since(c.began) }
func (c *clock) Wall() int64         { return time.Now().UnixNano() }

// node is a node of the cluster.
type node struct {
	*Desk
	cluster *cluster.Node
	now     atomic.Pointer[Desk] // what processes work with
}

// rig is a cluster in a bubble of virtual time.
type rig struct {
	*testing.T
	store  *memory
	people *people
	net    *bus.Network
	nodes  []*node

	mu    sync.Mutex
	dead  map[int64]bool
	fault func(clustertest.Access) clustertest.Fault
}

// newRig starts nodes with names of one letter.
func newRig(t *testing.T, names string, settings map[string]string, online ...int64) *rig {
	r := &rig{T: t, store: newMemory(), people: newPeople(online...), net: bus.NewNetwork(), dead: map[int64]bool{}}
	r.store.fences.OnAccess(func(x clustertest.Access) clustertest.Fault {
		r.mu.Lock()
		fault := r.fault
		r.mu.Unlock()
		switch {
		case r.isDead(x.Incarnation):
			return clustertest.Fault{Fail: clustertest.ErrLost}
		case fault != nil:
			return fault(x)
		}
		return clustertest.Fault{}
	})
	for _, name := range names {
		r.add(string(name), settings)
	}
	for _, n := range r.nodes {
		<-n.cluster.Ready()
	}
	pass(3 * time.Second)
	return r
}

func (r *rig) add(name string, settings map[string]string) *node {
	r.Helper()
	n := &node{}
	n.cluster = cluster.New(cluster.Options{
		Name: name, BootID: "boot-" + name, Clock: &clock{time.Now()},
		Bus: func(_ context.Context, self bus.Origin, _ string) (bus.Bus, error) {
			return r.net.Join(self), nil
		},
		Leases: r.store.fences, Owners: r.store.fences, Sequences: r.store.fences,
		Log: slog.New(slog.DiscardHandler),
	})
	n.Desk = &Desk{
		Store: r.store, Matches: r.store, Processes: n.cluster, Stats: r.store, Teller: r.people, Bot: 99,
		Settings: setting.Fixed(settings), Log: slog.New(slog.DiscardHandler),
	}
	n.now.Store(n.Desk)
	n.cluster.Register(NewBotKind(99, r.store, n.now.Load))
	n.cluster.Register(NewChatKind(r.store, n.now.Load))
	if err := n.cluster.Start(context.Background()); err != nil {
		r.Fatalf("start %s: %v", name, err)
	}
	r.Cleanup(func() { _ = n.cluster.Stop(context.Background()) })
	r.nodes = append(r.nodes, n)
	return n
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// kill cuts a node off from everything, for good.
func (r *rig) kill(n *node) {
	r.net.Crash(n.cluster.Self())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead[n.cluster.Self().Incarnation] = true
}

func (r *rig) isDead(incarnation int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dead[incarnation]
}

// breakStore has accesses fail.
func (r *rig) breakStore(fault func(clustertest.Access) clustertest.Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fault = fault
}

// runs returns the node that runs a process, nil if none does.
func (r *rig) runs(kind string) (owner *node) {
	for _, n := range r.nodes {
		if !r.isDead(n.cluster.Self().Incarnation) {
			n.cluster.Local(kind, func(cluster.Key) { owner = n })
		}
	}
	return owner
}

// living is the node with an incarnation.
func (r *rig) living(incarnation int64) *node {
	r.Helper()
	i := slices.IndexFunc(r.nodes, func(n *node) bool { return n.cluster.Self().Incarnation == incarnation })
	if i < 0 {
		r.Fatalf("no node has the incarnation %d", incarnation)
	}
	return r.nodes[i]
}

// other returns a living node that is not n.
func (r *rig) other(n *node) *node {
	for _, o := range r.nodes {
		if o != n && !r.isDead(o.cluster.Self().Incarnation) {
			return o
		}
	}
	r.Fatal("no other node lives")
	return nil
}

func (r *rig) until(what string, ok func() bool) {
	r.Helper()
	for range 600 {
		if ok() {
			return
		}
		pass(100 * time.Millisecond)
	}
	r.Fatalf("not within a minute: %s", what)
}

// play records a match of teams, and returns it as it was processed.
func (r *rig) play(id int64, teams ...[]int64) match.Match {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	for team, users := range teams {
		for _, u := range users {
			r.store.members[id] = append(r.store.members[id], match.Membership{User: u, Name: fmt.Sprint("u", u), Team: team})
		}
	}
	return match.Match{ID: id, GameDuration: 601, Finished: time.Now()}
}

// tell has a node told of a match until that has worked.
func (r *rig) tell(n *node, m match.Match) {
	r.Helper()
	r.until("the bot takes the match", func() bool { return n.Told(context.Background(), m, nil) == nil })
}

// says has a user write to the bot on a node, and returns what is answered.
func (r *rig) says(n *node, user int64, text string) (answer []string) {
	r.Helper()
	r.until("an answer", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		d := direct(text)
		d.From = user
		reply, err := n.cluster.Call(ctx, cluster.NewKey(ChatKind, user), d)
		switch {
		case err == nil:
			answer = lines(reply)
			return true
		case isNone(err):
			answer = []string{textNoChat}
			return true
		}
		return false
	})
	return answer
}

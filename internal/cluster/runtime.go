package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/guard"
)

// Self implements Runtime; it is empty before Start.
func (n *Node) Self() bus.Origin { return n.self }

// Register implements Runtime.
func (n *Node) Register(k process.Kind) {
	if n.open.Load() {
		panic("cluster: kind registered after Start: " + k.Name)
	}
	if k.Name == "" || k.Open == nil || n.kinds[k.Name] != nil {
		panic(fmt.Sprintf("cluster: kind %q is incomplete or registered twice", k.Name))
	}
	n.kinds[k.Name] = &k
}

// Trusted implements Runtime.
func (n *Node) Trusted() bool { return n.open.Load() && n.lease.Trusted() }

// Awake implements Runtime.
func (n *Node) Awake() bool { return !n.open.Load() || n.lease.Awake() }

// Next implements Runtime.
func (n *Node) Next(ctx context.Context, name string) (int64, error) {
	number, err := n.seq.Next(ctx, name)
	if errors.Is(err, lease.ErrTimeline) {
		n.Recheck()
	}
	return number, err
}

// Publish implements Runtime.
func (n *Node) Publish(topic string, body any) error { return n.bus.Publish(topic, body) }

// PublishLocal implements Runtime.
func (n *Node) PublishLocal(topic string, body any) { n.bus.PublishLocal(topic, body) }

// Request implements Runtime.
func (n *Node) Request(ctx context.Context, node, service string, body any) (any, error) {
	return n.bus.Request(ctx, node, service, body)
}

// whenOpen runs f now, or as soon as the node has started.
func (n *Node) whenOpen(f func()) {
	n.mu.Lock()
	if !n.open.Load() {
		n.early = append(n.early, f)
		n.mu.Unlock()
		return
	}
	n.mu.Unlock()
	f()
}

// Subscribe implements Runtime.
func (n *Node) Subscribe(topic string, h bus.Handler) func() {
	var mu sync.Mutex
	ended := false
	stop := func() {}
	n.whenOpen(func() {
		mu.Lock()
		defer mu.Unlock()
		if !ended {
			stop = n.bus.Subscribe(topic, h)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		stop()
	}
}

// Serve implements Runtime.
func (n *Node) Serve(service string, s bus.Server) {
	n.whenOpen(func() { n.bus.Serve(service, n.forLiving(s)) })
}

// errGone answers a node that has been given up.
var errGone = errors.New("cluster: the node that asks is gone")

// forLiving refuses what a node asks that is gone. It may run all the same, when it was
// stopped for a while, and goes on with what its clients had sent.
func (n *Node) forLiving(s bus.Server) bus.Server {
	return func(ctx context.Context, from bus.Origin, body any) (any, error) {
		if n.lease.Gone(from.Incarnation) {
			n.say(nodeNews{Serving: !n.draining.Load(), Gone: []int64{from.Incarnation}})
			return nil, errGone
		}
		return s(ctx, from, body)
	}
}

// Members implements Runtime.
func (n *Node) Members() []Member {
	if !n.open.Load() {
		return nil
	}
	return n.members(n.lease.Members())
}

// OnMembers implements Runtime.
func (n *Node) OnMembers(f func([]Member)) {
	n.whenOpen(func() {
		n.lease.OnMembers(func(nodes []lease.Node) { n.guard.Do("members heard", func() { f(n.members(nodes)) }) })
	})
}

func (n *Node) members(nodes []lease.Node) []Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]Member, len(nodes))
	for i, m := range nodes {
		list[i] = Member{
			Origin:  bus.Origin{Node: m.Name, Incarnation: m.Life},
			Serving: m.State == lease.Serving && !n.leaving[m.Life] && !m.Awaited,
		}
	}
	return list
}

// OnTakeover implements Runtime.
func (n *Node) OnTakeover(kind string, f func(Key)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.takeovers[kind] = append(n.takeovers[kind], f)
}

// Local implements Runtime.
func (n *Node) Local(kind string, f func(Key)) {
	n.host.Each(func(p *process.Process) {
		if p.Key().Kind == kind {
			f(p.Key())
		}
	})
}

// Running is a process of this node, for operators.
type Running struct {
	Key   Key   `json:"key"`
	Epoch int64 `json:"epoch"`
}

// Processes lists what runs here.
func (n *Node) Processes() []Running {
	var list []Running
	n.host.Each(func(p *process.Process) { list = append(list, Running{p.Key(), p.Epoch()}) })
	return list
}

// OpenFeed implements Runtime. The node must have started.
func (n *Node) OpenFeed(topic string, view feed.ViewFunc) *feed.Publisher {
	return n.hub.Open(nodeTopic(topic, n.self.Node), n.self.Incarnation, 1, view, feed.EvenInDoubt())
}

// listen takes the cluster's own messages and services.
func (n *Node) listen() {
	n.bus.Serve(serviceCall, n.forLiving(n.serveCall))
	n.bus.Serve(serviceStart, n.forLiving(n.serveStart))
	n.bus.Subscribe(topicOwner, n.hearOwner)
	n.bus.Subscribe(topicNode, n.hearNode)
}

// announce tells every directory about a key, and with taken every edge.
func (n *Node) announce(o registry.Owner, taken bool) {
	if o.State == registry.Owned {
		o.Node, o.Incarnation = n.self.Node, n.lease.Incarnation()
	}
	if err := n.bus.Publish(topicOwner, ownerNews{Owner: o, Taken: taken}); err != nil {
		n.log.Debug("owner not announced", "key", o.Key.String(), "err", err)
	}
}

func (n *Node) hearOwner(m bus.Message) {
	news, ok := m.Body.(ownerNews)
	if !ok || n.lease.Gone(m.Origin.Incarnation) {
		return
	}
	n.dir.Learn(news.Owner)
	if news.Owner.State == registry.Released {
		n.hurry()
	}
	if !news.Taken {
		return
	}
	n.mu.Lock()
	hooks := n.takeovers[news.Owner.Key.Kind]
	n.mu.Unlock()
	guard.Each(hooks, func(f func(Key)) { f(news.Owner.Key) })
}

func (n *Node) say(news nodeNews) {
	if err := n.bus.Publish(topicNode, news); err != nil {
		n.log.Debug("news not published", "err", err)
	}
}

func (n *Node) hearNode(m bus.Message) {
	news, ok := m.Body.(nodeNews)
	if !ok {
		return
	}
	n.mu.Lock()
	if news.Serving {
		delete(n.leaving, m.Origin.Incarnation)
	} else {
		n.leaving[m.Origin.Incarnation] = true
	}
	n.mu.Unlock()
	if m.Origin == n.self {
		return
	}
	if n.lease.Gone(m.Origin.Incarnation) {
		// Who comes late to another timeline does not know it. Who says so itself is not
		// answered, or two could go on for ever.
		if !news.Left && len(news.Gone) == 0 {
			n.say(nodeNews{Serving: !n.draining.Load(), Gone: []int64{m.Origin.Incarnation}})
		}
		return
	}
	if slices.Contains(news.Gone, n.self.Incarnation) && !n.stopping.Load() {
		n.lease.GivenUp()
		return
	}
	n.lease.Look()
}

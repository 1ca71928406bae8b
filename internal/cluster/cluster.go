// Package cluster is what the domain sees of the cluster: call, publish, own,
// cache, next id. Leases, epochs and routes stay below.
package cluster

import (
	"context"
	"errors"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// Key names a process.
type Key = registry.Key

// NewKey builds a key; an empty part panics.
func NewKey(kind string, id ...any) Key { return registry.NewKey(kind, id...) }

// What a call can meet besides an answer.
var (
	// ErrNone: the registry says that no such process exists.
	ErrNone = errors.New("cluster: no such process")
	// ErrUnavailable: it cannot be decided now, or the owner cannot be reached in
	// time. The command may or may not have been executed once; never twice.
	ErrUnavailable = errors.New("cluster: unavailable, try again")
)

// Member is a node of the cluster in one of its lives.
type Member struct {
	bus.Origin
	Serving bool // takes new processes and logins
}

// Runtime is the cluster as the domain uses it. Node implements it.
type Runtime interface {
	// Self is this node.
	Self() bus.Origin
	// Call sends a command to the process with this key, wherever it runs, starting
	// it if its kind starts on demand. A retry inside Call is applied once. Returns
	// the reply, a *refusal.Error, ErrNone or ErrUnavailable.
	Call(ctx context.Context, key Key, command any) (reply any, err error)
	// Cast is Call without waiting: it is tried until it is answered, refused, or
	// the process is gone; at most 64 tries in a minute.
	Cast(key Key, command any)
	// Own starts a process of an explicit kind on this node, under a key that has
	// no owner, and gives it its first command. An owned key is a *registry.HeldError.
	Own(ctx context.Context, key Key, first any) (reply any, err error)
	// Follow keeps a replica of a process's feed until stop is called. The first
	// Reset comes as soon as the owner answers. If the process ends or does not
	// exist, closed is called once and nothing follows.
	Follow(key Key, f feed.Follower, closed func()) (stop func())
	// FollowNode keeps a replica of a feed that a node publishes under its own name.
	FollowNode(topic string, node bus.Origin, f feed.Follower) (stop func())
	// OpenFeed publishes a feed of this node. Its epoch is the node's incarnation. It
	// goes on while the node is in doubt: it tells of what only this node can know,
	// and a node that is gone is not believed.
	OpenFeed(topic string, view feed.ViewFunc) *feed.Publisher
	// Local calls f for every process of a kind that runs on this node.
	Local(kind string, f func(key Key))
	// Next returns the next number of a sequence; no number is given twice in the cluster.
	Next(ctx context.Context, sequence string) (int64, error)
	// Publish sends to every subscriber on every node; the message carries its origin.
	Publish(topic string, body any) error
	// PublishLocal sends to the subscribers on this node.
	PublishLocal(topic string, body any)
	// Subscribe receives messages of a topic. The handler must not block.
	Subscribe(topic string, h bus.Handler) (unsubscribe func())
	// Request asks a service of one node; Serve answers for this node, to nodes that
	// are not gone.
	Request(ctx context.Context, node, service string, body any) (any, error)
	Serve(service string, s bus.Server)
	// Members lists the nodes that are not gone, this one included.
	Members() []Member
	// OnMembers calls f now and after each change with the members. A member that
	// is missing is gone for good: condemned in the store or left. f must not block.
	OnMembers(f func(members []Member))
	// OnTakeover calls f on every node after a process of this kind has gone on
	// elsewhere or from an older state, so that edges repeat what their clients hold
	// there. f must not block; Cast is right.
	OnTakeover(kind string, f func(key Key))
	// Trusted reports whether this node may act for others to see, now.
	Trusted() bool
	// Awake reports whether what this node has ready for its clients may still be told
	// them, now: not after it stood still for longer than others wait, until it knows
	// that it was not given up; nor ever when it was. In doubt for other reasons it is.
	Awake() bool
	// Register adds a kind; call it before Start.
	Register(k process.Kind)
}

// SingletonKey is the key of an ensured kind with one process per cluster.
func SingletonKey(kind string) Key { return NewKey(kind, "main") }

// NodeKey is the key of an ensured kind with one process per node.
func NodeKey(kind, node string) Key { return NewKey(kind, node) }

// IndexTopic is the feed in which a node lists its processes of one kind.
func IndexTopic(kind string) string { return kind + ".index" }

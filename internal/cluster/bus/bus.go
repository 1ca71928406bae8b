// Package bus carries messages between the nodes of a cluster.
//
// Delivery is at most once. Order holds from one publisher to one subscriber,
// over all topics: what node A published first, a handler on node B sees first,
// whatever the topics. Nothing is replayed; whoever needs certainty uses a feed
// or asks. Every message carries its node of origin; global is the default,
// PublishLocal never leaves the node. Messages to subscribers on the same node
// are handed over by a direct call before Publish returns, without encoding.
package bus

import (
	"context"
	"errors"
)

// Origin says which node, in which life, sent a message.
type Origin struct {
	Node        string `json:"node"`
	Incarnation int64  `json:"inc"`
}

// Message is a delivered message.
type Message struct {
	Topic  string
	Origin Origin
	Body   any // a value registered with package message, immutable
}

// Handler receives messages. It must not block: on a remote message it runs on
// the one goroutine that reads the bus, on a local one on the publisher's.
type Handler func(Message)

// Server answers requests. It runs on a goroutine of its own.
type Server func(ctx context.Context, from Origin, body any) (any, error)

// Errors of Request.
var (
	ErrUnreachable = errors.New("bus: node unreachable") // nobody answers there (now)
	ErrClosed      = errors.New("bus: closed")
	ErrPanicked    = errors.New("bus: the server panicked over the request")
	ErrLongName    = errors.New("bus: name of a topic or service is too long")
)

// Bus connects this node with the others.
type Bus interface {
	// Self is the origin put on this node's messages.
	Self() Origin
	// Publish sends to every subscriber of topic on every node, this one included.
	Publish(topic string, body any) error
	// PublishLocal sends to the subscribers of topic on this node only.
	PublishLocal(topic string, body any)
	// Subscribe delivers messages of topic until the returned function is called.
	Subscribe(topic string, h Handler) (unsubscribe func())
	// Request asks one node. Refusals (package refusal) travel as such; any other
	// error of the server arrives as text. A node may ask itself.
	Request(ctx context.Context, node, service string, body any) (any, error)
	// Serve answers requests for service on this node.
	Serve(service string, s Server)
	// Alone reports that there can be no other node (a node without a cluster).
	Alone() bool
	// Peers returns the other nodes heard within the last seconds.
	Peers() []Origin
	// Close leaves. Messages on the way are lost.
	Close() error
}

package cluster

import (
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/meter"
)

// Counters are live, those of the node and those of its processes.
func (n *Node) Counters() (*Counters, *process.Counters) { return &n.count, n.host.Counters() }

// Lease is what was measured of the lease; a node without a cluster has none. The node
// must have started, as for the other figures.
func (n *Node) Lease() (figures lease.Figures, ok bool) { return n.lease.Figures() }

// Takeovers is how long the keys of nodes that have ended were without an owner: from when
// this node saw the end until it found none of them. It finds that by looking, so it is
// a tenth of a second too long.
func (n *Node) Takeovers() meter.Snapshot { return n.ended.times.Snapshot() }

// Feeds counts the feeds of this node, those that it publishes and those that it follows.
func (n *Node) Feeds() feed.Figures { return n.hub.Figures() }

// Loads is how busy the processes of this node are, by kind.
func (n *Node) Loads() map[string]process.Load { return n.host.Loads() }

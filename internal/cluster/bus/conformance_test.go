package bus_test

import (
	"testing"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/bus/bustest"
)

func TestMemory(t *testing.T) {
	bustest.Run(t, func(t *testing.T, names ...string) []bus.Bus {
		if len(names) == 1 {
			return []bus.Bus{alone(t, names[0])}
		}
		net := bus.NewNetwork()
		var nodes []bus.Bus
		for i, name := range names {
			nodes = append(nodes, net.Join(bus.Origin{Node: name, Incarnation: int64(100 + i)}))
			closeAtEnd(t, nodes[i])
		}
		return nodes
	})
}

func TestNATS(t *testing.T) {
	bustest.Run(t, func(t *testing.T, names ...string) []bus.Bus {
		if len(names) == 1 {
			return []bus.Bus{alone(t, names[0])}
		}
		return natsCluster(t, names...)
	})
}

func alone(t *testing.T, name string) bus.Bus {
	t.Helper()
	b, err := bus.OpenNATS(t.Context(), bus.Options{Self: bus.Origin{Node: name, Incarnation: 1}})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, b)
	return b
}

// natsCluster opens nodes that all hear each other.
func natsCluster(t *testing.T, names ...string) []bus.Bus {
	t.Helper()
	var nodes []bus.Bus
	var join []string
	for i, name := range names {
		b := open(t, bus.Options{Self: bus.Origin{Node: name, Incarnation: int64(100 + i)}, Join: join})
		join = append(join, b.Address())
		nodes = append(nodes, b)
	}
	bustest.Await(t, "all nodes hear each other", func() bool {
		for _, b := range nodes {
			if len(b.Peers()) != len(names)-1 {
				return false
			}
		}
		return true
	})
	return nodes
}

func open(t *testing.T, o bus.Options) *bus.NATS {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ClusterID == "" {
		o.ClusterID = "test"
	}
	if o.Secret == "" {
		o.Secret = "a secret"
	}
	b, err := bus.OpenNATS(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, b)
	return b.(*bus.NATS)
}

func closeAtEnd(t *testing.T, b bus.Bus) {
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close %s: %v", b.Self().Node, err)
		}
	})
}

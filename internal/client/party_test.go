package client

import (
	"slices"
	"testing"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/party"
)

// TestDeparted: who was connected to the node that owned the party is gone with it.
func TestDeparted(t *testing.T) {
	t.Parallel()
	p := &party.Party{}
	for i, incarnation := range []int64{3, 1, 2, 3} {
		p.Members = append(p.Members, party.Member{Who: party.Who{User: int64(i), Incarnation: incarnation}})
	}
	living := []cluster.Member{{Origin: bus.Origin{Node: "a", Incarnation: 1}}, {Origin: bus.Origin{Node: "b", Incarnation: 4}}}
	if got := departed(p, living); !slices.Equal(got, []int64{3, 2}) {
		t.Errorf("departed %v", got)
	}
}

package client

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/consul"
	"teiserver/internal/friend"
)

// TestFactsOfRelations: a lobby hears of everybody whom a user avoids, since when. At its door
// it hears also whom the user blocks, and who avoids or blocks it, of those who are online.
func TestFactsOfRelations(t *testing.T) {
	inCluster(t, 1, func(r *rig) {
		a := r.enter(r.nodes[0], 1)
		for _, other := range []int64{4, 5, 6} {
			r.enter(r.nodes[0], other)
		}
		pass(time.Second)
		since := []time.Time{time.Now().Add(-3 * time.Hour), time.Now().Add(-time.Minute)}
		r.data.relate(1, &friend.Relations{
			Friends: []int64{2}, Avoids: []int64{3, 4}, AvoidedAt: since, Blocks: []int64{4}, BlockedBy: []int64{5, 7}, AvoidedBy: []int64{6, 8},
		})
		f, err := a.gather(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got := [...][]int64{f.Friends, f.Blocks, f.BlockedBy, f.AvoidedBy}
		if diff := cmp.Diff([...][]int64{{2}, nil, nil, nil}, got); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
		door, err := a.gatherToJoin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		got = [...][]int64{door.Friends, door.Blocks, door.BlockedBy, door.AvoidedBy}
		if diff := cmp.Diff([...][]int64{{2}, {4}, {5}, {6}}, got); diff != "" {
			t.Errorf("at the door (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]consul.Avoid{{User: 3, Since: since[0]}, {User: 4, Since: since[1]}}, f.Avoids); diff != "" {
			t.Errorf("avoids (-want +got):\n%s", diff)
		}
	})
}

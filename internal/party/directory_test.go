package party

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/process"
)

// rig is a directory without nodes, and what it has told.
type rig struct {
	*Directory
	told []Notice
}

func newRig() *rig {
	r := &rig{}
	r.Directory = &Directory{
		tell:    func(n Notice) { r.told = append(r.told, n) },
		parties: map[string]*entry{}, of: map[int64]map[string]struct{}{}, stops: map[bus.Origin]func(){},
	}
	return r
}

func (r *rig) list(epoch, seq int64, members ...int64) {
	p := Party{ID: "p"}
	for _, user := range members {
		p.Members = append(p.Members, Member{Who: who(user, 1), Name: fmt.Sprintf("u%d", user)})
	}
	r.take(process.Indexed{ID: "p", Epoch: epoch, Run: 1, Seq: seq, Summary: p, Closed: len(members) == 0})
}

// TestOlderEntries: what another node lists that has run the party before changes nothing,
// nor does it bring one back that has ended.
func TestOlderEntries(t *testing.T) {
	t.Parallel()
	r := newRig()
	r.list(1, 1, 1)
	r.list(2, 1, 2, 1) // it has moved
	r.list(1, 9, 1)
	if p := r.Of(2); p == nil || p.ID != "p" || r.Party("p") != p {
		t.Errorf("user 2 is in %+v", p)
	}
	r.list(2, 1) // closed under the version that was listed last
	r.list(1, 3, 1)
	r.list(2, 1, 2, 1)
	if p := r.Of(1); p != nil || r.Party("p") != nil {
		t.Errorf("it has ended, and user 1 is in %+v", p)
	}
	want := []string{"1: joined u1", "1: joined u2", "2: joined u2", "2: joined u1", "2: left u1", "1: left u2"}
	if diff := cmp.Diff(want, said(r.told)); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestEndsAreForgotten: a party that has ended does not cost memory for ever.
func TestEndsAreForgotten(t *testing.T) {
	t.Parallel()
	r := newRig()
	for i := range 3 * endsKept {
		id := fmt.Sprint(i)
		r.take(process.Indexed{ID: id, Epoch: 1, Run: 1, Seq: 1, Summary: Party{ID: id, Members: []Member{{Who: who(1, 1)}}}})
		r.take(process.Indexed{ID: id, Epoch: 1, Run: 1, Seq: 2, Closed: true})
	}
	if len(r.parties) > endsKept || len(r.of) != 0 {
		t.Errorf("%d parties and %d users are known", len(r.parties), len(r.of))
	}
}

package party

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
)

func said(list []Notice) (lines []string) {
	for _, n := range list {
		lines = append(lines, fmt.Sprintf("%d: %s %s", n.To, n.What, n.Name))
	}
	return lines
}

func TestNotices(t *testing.T) {
	t.Parallel()
	ann, bob := Member{Who: who(1, 10), Name: "Ann"}, Member{Who: who(2, 20), Name: "Bob"}
	cid, dan := Invited{User: 3, Name: "Cid"}, Invited{User: 4, Name: "Dan"}
	p := func(members []Member, invites ...Invited) *Party {
		return &Party{ID: "p", Members: members, Invites: invites}
	}
	for name, tc := range map[string]struct {
		before, after *Party
		want          []string
	}{
		"made":     {nil, p([]Member{ann}), []string{"1: joined Ann"}},
		"invited":  {p([]Member{ann}), p([]Member{ann}, cid), []string{"1: invited Cid", "3: invited Cid", "3: joined Ann"}},
		"a second": {p([]Member{ann}, cid), p([]Member{ann}, dan, cid), []string{"1: invited Dan", "3: invited Dan", "4: invited Dan", "4: joined Ann", "4: invited Cid"}},
		"accepted": {p([]Member{ann}, Invited{User: 2, Name: "Bob"}, cid), p([]Member{bob, ann}, cid), []string{"1: joined Bob", "2: joined Bob", "3: joined Bob"}},
		"declined": {p([]Member{ann}, cid), p([]Member{ann}), []string{"1: uninvited Cid", "3: uninvited Cid"}},
		"left":     {p([]Member{bob, ann}, cid), p([]Member{ann}, cid), []string{"1: left Bob", "3: left Bob"}},
		"the last": {p([]Member{ann}, cid), p(nil), []string{"1: uninvited Cid", "3: uninvited Cid", "3: left Ann"}},
		"ended":    {p([]Member{ann}, cid), nil, []string{"1: uninvited Cid", "3: uninvited Cid", "3: left Ann"}},
		"nothing":  {p([]Member{ann}, cid), p([]Member{{Who: who(1, 11), Name: "Ann"}}, cid), nil},
		"late": {nil, p([]Member{bob, ann}, cid), []string{
			"2: joined Bob", "2: joined Ann", "2: invited Cid", "1: joined Bob", "1: joined Ann", "1: invited Cid",
			"3: invited Cid", "3: joined Bob", "3: joined Ann",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, said(Notices(tc.before, tc.after))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// seen is what a user knows of a party by what it was told.
type seen struct{ members, invites map[string]bool }

func (v *seen) hear(n Notice) {
	switch n.What {
	case WasInvited:
		v.invites[n.Name] = true
	case Uninvited:
		delete(v.invites, n.Name)
	case Joined:
		v.members[n.Name] = true
		delete(v.invites, n.Name)
	case Left:
		delete(v.members, n.Name)
	}
}

// TestWhoIsInItKnowsIt: after any changes, also when some were missed, all who belong to
// a party know it as it is.
func TestWhoIsInItKnowsIt(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a schedule
		s := &State{}
		apply(t, s, start, Create{Who: who(1, 1), ID: "p", Name: "u1"})
		views := map[int64]*seen{}
		told := Party{}
		tell := func() {
			next := s.party
			for _, n := range Notices(&told, &next) {
				if views[n.To] == nil {
					views[n.To] = &seen{map[string]bool{}, map[string]bool{}}
				}
				views[n.To].hear(n)
			}
			for user := range views {
				if next.member(user) < 0 && !next.Invited(user) {
					delete(views, user) // it knows that it is out
				}
			}
			told = next
		}
		tell()
		for range 120 {
			u, by := 1+r.Int64N(6), 1+r.Int64N(6)
			name := fmt.Sprintf("u%d", u)
			command := []any{
				Invite{By: who(by, 1), User: u, Name: name}, Accept{Who: who(u, 1), Name: name}, Decline{User: u},
				Cancel{By: who(by, 1), User: u}, Back{who(u, 1)}, Invite{By: who(by, 1), User: u, Name: name},
				Accept{Who: who(u, 1), Name: name}, Leave{Who: who(u, 1)},
			}[r.IntN(8)]
			_, _ = s.Apply(process.Command{Body: command, At: start})
			if s.closed {
				break
			}
			if r.IntN(3) > 0 {
				tell()
			}
		}
		if s.closed {
			continue
		}
		tell()
		for user := int64(1); user <= 6; user++ {
			if s.party.member(user) < 0 && !s.party.Invited(user) {
				continue
			}
			want := seen{map[string]bool{}, map[string]bool{}}
			for _, m := range s.party.Members {
				want.members[m.Name] = true
			}
			for _, v := range s.party.Invites {
				want.invites[v.Name] = true
			}
			if views[user] == nil {
				t.Fatalf("seed %d: user %d knows nothing of %+v", seed, user, s.party)
			}
			if diff := cmp.Diff(want, *views[user], cmp.AllowUnexported(seen{})); diff != "" {
				t.Fatalf("seed %d: user %d (-party +known):\n%s", seed, user, diff)
			}
		}
	}
}

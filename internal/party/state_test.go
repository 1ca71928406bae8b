package party

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func who(user, session int64) Who {
	return Who{User: user, Session: session, Incarnation: session % 3}
}

// apply has a machine execute commands of which none is refused.
func apply(t *testing.T, s *State, at time.Time, commands ...any) (out process.Outcome) {
	t.Helper()
	for _, body := range commands {
		var err error
		if out, err = s.Apply(process.Command{Body: body, At: at}); err != nil {
			t.Fatalf("%T: %v", body, err)
		}
	}
	return out
}

func three(t *testing.T) *State {
	s := &State{}
	apply(t, s, start,
		Create{Who: who(1, 10), ID: "p", Name: "Ann"},
		Invite{By: who(1, 10), User: 2, Name: "Bob"}, Accept{Who: who(2, 20), Name: "Bob"},
		Invite{By: who(2, 20), User: 3, Name: "Cid"}, Accept{Who: who(3, 30), Name: "Cid"})
	return s
}

func members(p Party) (list []int64) {
	for _, m := range p.Members {
		list = append(list, m.User)
	}
	return list
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		command any
		want    refusal.Code
	}{
		"a second party":         {Create{Who: who(9, 1), ID: "q"}, refusal.Taken},
		"a stranger invites":     {Invite{By: who(9, 1), User: 4}, refusal.Forbidden},
		"a stranger cancels":     {Cancel{By: who(9, 1), User: 4}, refusal.Forbidden},
		"an older session":       {Invite{By: who(1, 9), User: 4}, refusal.Superseded},
		"an older session's end": {Leave{Who: who(1, 9)}, refusal.Superseded},
		"not invited":            {Accept{Who: who(4, 1)}, refusal.NotFound},
		"a member is put in":     {Place{Who: who(2, 20)}, refusal.Taken},
		"a member":               {Accept{Who: who(2, 20)}, refusal.Taken},
		"who is not in it":       {Leave{Who: who(4, 1)}, refusal.Forbidden},
		"something else":         {struct{}{}, refusal.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := three(t)
			before := s.party
			if _, err := s.Apply(process.Command{Body: tc.command, At: start}); !refusal.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if diff := cmp.Diff(before, s.party); diff != "" {
				t.Errorf("a refusal changed (-before +after):\n%s", diff)
			}
		})
	}
}

// TestPlace: without an invitation, and with one that is void then.
func TestPlace(t *testing.T) {
	t.Parallel()
	s := three(t)
	apply(t, s, start, Invite{By: who(1, 10), User: 4, Name: "Dan"}, Place{Who: who(4, 40), Name: "Dan"}, Place{Who: who(5, 50), Name: "Eve"})
	if !slices.Equal(members(s.party), []int64{5, 4, 3, 2, 1}) || len(s.party.Invites) != 0 {
		t.Errorf("%+v", s.party)
	}
}

func TestLeaderGoesOn(t *testing.T) {
	t.Parallel()
	s := three(t)
	apply(t, s, start, Leave{Who: who(1, 10)})
	if s.party.Leader != 2 || !slices.Equal(members(s.party), []int64{3, 2}) {
		t.Errorf("%+v", s.party)
	}
	apply(t, s, start, Leave{Who: who(2, 20)})
	out := apply(t, s, start, Leave{Who: who(3, 30)})
	if !out.Close || out.Events[len(out.Events)-1] != any(Ended{}) {
		t.Errorf("the last one left: %+v", out)
	}
	if _, err := s.Apply(process.Command{Body: Invite{By: who(1, 10), User: 4}}); !refusal.Is(err, refusal.NotFound) {
		t.Errorf("after the end: %v", err)
	}
}

// TestLostAndBack: a place is kept for a while, also over a restart of the machine, and
// a newer session takes it; of an older one nothing is believed.
func TestLostAndBack(t *testing.T) {
	t.Parallel()
	s := three(t)
	out := apply(t, s, start, Leave{Who: who(2, 20), Grace: 30 * time.Second})
	if len(out.Timers) != 1 || len(s.party.Members) != 3 {
		t.Fatalf("%+v %+v", out, s.party)
	}
	apply(t, s, start, Gone{Incarnation: who(3, 30).Incarnation, Grace: time.Minute}) // of 1, 10 and 3, 30 only the latter
	raw, err := s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if s, err = RestoreState(raw); err != nil {
		t.Fatal(err)
	}
	apply(t, s, start.Add(29*time.Second), Tick{}, Back{who(3, 29)})
	if len(s.party.Members) != 3 {
		t.Errorf("%+v before the time is over", s.party)
	}
	apply(t, s, start.Add(29*time.Second), Back{who(3, 31)})
	if out = apply(t, s, start.Add(30*time.Second), Tick{}); !slices.Equal(members(s.party), []int64{3, 1}) {
		t.Errorf("%+v after it", s.party)
	}
	if len(out.Timers) != 0 {
		t.Errorf("nobody is lost, and yet %v", out.Timers)
	}
	if m, _ := s.party.Member(3); m.Session != 31 || !m.Lost.IsZero() {
		t.Errorf("who is back: %+v", m)
	}
}

func TestGone(t *testing.T) {
	t.Parallel()
	s := three(t)
	apply(t, s, start, Gone{Incarnation: 5}, Gone{Incarnation: who(2, 20).Incarnation})
	if !slices.Equal(members(s.party), []int64{3, 1}) {
		t.Errorf("%+v", s.party)
	}
}

// TestBounds: invitations and members end somewhere.
func TestBounds(t *testing.T) {
	t.Parallel()
	s := &State{}
	apply(t, s, start, Create{Who: who(1, 10), ID: "p", Name: "Ann"})
	for u := int64(100); u < 100+MostMembers-1; u++ {
		apply(t, s, start, Invite{By: who(1, 10), User: u}, Accept{Who: who(u, 1)})
	}
	for u := int64(200); u < 200+MostInvites; u++ {
		apply(t, s, start, Invite{By: who(1, 10), User: u})
	}
	if _, err := s.Apply(process.Command{Body: Invite{By: who(1, 10), User: 300}}); !refusal.Is(err, refusal.Full) {
		t.Errorf("one invitation more: %v", err)
	}
	if _, err := s.Apply(process.Command{Body: Accept{Who: who(200, 1)}}); !refusal.Is(err, refusal.Full) {
		t.Errorf("one member more: %v", err)
	}
}

// TestNothingHeldIsChanged: what was handed out stays as it was.
func TestNothingHeldIsChanged(t *testing.T) {
	t.Parallel()
	s := three(t)
	held := s.Summary().(Party)
	want, err := RestoreState(must(s.Snapshot()))
	if err != nil {
		t.Fatal(err)
	}
	apply(t, s, start, Invite{By: who(1, 10), User: 7, Name: "G"}, Leave{Who: who(2, 20), Grace: time.Second},
		Back{who(2, 21)}, Leave{Who: who(1, 10)}, Decline{User: 7})
	if diff := cmp.Diff(want.party, held, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// TestHere: an owner that goes on from an older state is told who was in meanwhile.
func TestHere(t *testing.T) {
	t.Parallel()
	s := &State{}
	apply(t, s, start, Create{Who: who(1, 10), ID: "p", Name: "Ann"}, Invite{By: who(1, 10), User: 2, Name: "Bob"})
	bob := Here{Who: who(2, 20), ID: "p", Name: "Bob"}
	if out := apply(t, s, start, bob); len(out.Events) != 1 {
		t.Errorf("a member who is missing is not news: %+v", out)
	}
	if out := apply(t, s, start, bob, Here{Who: who(2, 19), ID: "p", Name: "Bob"}); len(out.Events) != 0 {
		t.Errorf("a member who is there is news: %+v", out)
	}
	if got := members(s.party); !slices.Equal(got, []int64{2, 1}) || len(s.party.Invites) != 0 {
		t.Errorf("the party is %+v", s.party)
	}
	apply(t, s, start, bob, Leave{Who: who(2, 20)})
	if got := members(s.party); !slices.Equal(got, []int64{1}) {
		t.Errorf("repeated, and left after that: %v", got)
	}

	fresh := &State{} // it was made after the last snapshot
	apply(t, fresh, start, bob, Here{Who: who(1, 10), ID: "p", Name: "Ann"})
	if got := members(fresh.party); !slices.Equal(got, []int64{1, 2}) || fresh.party.ID != "p" {
		t.Errorf("a party without a snapshot is %+v", fresh.party)
	}
}

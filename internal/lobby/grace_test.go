package lobby

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// at applies a command so long after the others of a test.
func at(t *testing.T, s *State, after time.Duration, body any) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: body, At: time.Unix(1700000000, 0).Add(after)})
	if err != nil {
		t.Fatalf("%T: %v", body, err)
	}
	return out
}

// lost are the ways in which a connection ends without a word.
var lost = map[string]any{
	"connection lost": Leave{Who: who(player), Grace: 30 * time.Second},
	"node gone":       Gone{Incarnation: who(player).Incarnation, Grace: 30 * time.Second},
	"session over":    Absent{Who: who(player), Grace: 30 * time.Second},
}

// back has the player enter again from another node, in a new session.
func back(t *testing.T, s *State, after time.Duration) Status {
	t.Helper()
	again := who(player)
	again.Session, again.Incarnation = again.Session+1, again.Incarnation+1
	at(t, s, after, Join{Who: again, Join: 2, ScriptPassword: "777"})
	at(t, s, after, Answer{By: who(founder), User: player, Accept: true})
	st, ok := s.statusOf(player)
	if !ok {
		t.Fatal("not in again")
	}
	return st
}

// Who comes back in time has its status back, also after the lobby has moved; what
// the client has to find out for itself it has to say again.
func TestPlaceIsKept(t *testing.T) {
	t.Parallel()
	played := Status{Ready: true, Sync: 1, Color: "99", Player: true, Team: 5, Ally: 3, Side: 1}
	for name, loss := range lost {
		for _, tc := range []struct {
			after time.Duration
			want  Status
		}{
			{29 * time.Second, Status{Sync: syncUnsynced, Color: "99", Player: true, Team: 5, Ally: 3, Side: 1}},
			{31 * time.Second, Unsynced},
		} {
			s := opened(t, "secret")
			must(t, s, Join{Who: who(player), Join: 1, Password: "secret"})
			must(t, s, Answer{By: who(founder), User: player, Accept: true})
			set(t, s, player, played)
			set(t, s, player, played) // ready, once a player
			at(t, s, 0, loss)
			if _, ok := s.statusOf(player); ok {
				t.Errorf("%s: is shown all the same", name)
			}
			moved, err := RestoreState([]byte(snapshot(t, s)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, back(t, moved, tc.after)); diff != "" {
				t.Errorf("%s, back after %v: (-want +got)\n%s", name, tc.after, diff)
			}
		}
	}
}

// Who is back before the lobby has heard of the loss has its place all the same; the
// late word of the old session changes nothing.
func TestPlaceOfWhoIsBackFirst(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	enter(t, s, player)
	set(t, s, player, Status{Player: true, Ally: 3})
	again := who(player)
	again.Session++
	at(t, s, 0, Join{Who: again, Join: 2, ScriptPassword: "777", Grace: 30 * time.Second})
	if _, err := s.Apply(process.Command{Body: Leave{Who: who(player), Grace: 30 * time.Second}}); !refusal.Is(err, refusal.Superseded) {
		t.Errorf("the late word: %v", err)
	}
	at(t, s, time.Second, Answer{By: who(founder), User: player, Accept: true})
	if st, _ := s.statusOf(player); !st.Player || st.Ally != 3 {
		t.Errorf("entered as %+v", st)
	}
	at(t, s, 2*time.Second, Join{Who: again, Join: 3, Grace: 30 * time.Second}) // asks again by itself
	at(t, s, 2*time.Second, Answer{By: who(founder), User: player, Accept: true})
	if st, _ := s.statusOf(player); st != Unsynced {
		t.Errorf("entered again as %+v", st)
	}
}

// A place that is kept is nobody else's, until its time is over or its owner is back.
func TestPlaceIsNobodyElses(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	s.consul.TeamSize, s.consul.TeamCount = 1, 2 // room for two players
	for _, user := range []int64{player, spectator, outsider} {
		enter(t, s, user)
	}
	set(t, s, player, Status{Player: true})
	set(t, s, spectator, Status{Player: true})
	at(t, s, 0, Leave{Who: who(player), Grace: 30 * time.Second})
	plays := func(after time.Duration) bool {
		at(t, s, after, SetStatus{Who: who(outsider), Status: Status{Player: true}})
		st, _ := s.statusOf(outsider)
		at(t, s, after, SetStatus{Who: who(outsider), Status: Status{}})
		return st.Player
	}
	if plays(10 * time.Second) {
		t.Error("somebody else has the place")
	}
	if !plays(31 * time.Second) {
		t.Error("the place is kept for ever")
	}
	if st := back(t, s, 40*time.Second); st.Player {
		t.Error("too late, and still a player")
	}
}

// Who says goodbye, is kicked, or is lost while the grace is off, keeps nothing.
func TestPlaceIsNotKept(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]any{
		"left":      Leave{Who: who(player)},
		"kicked":    Kick{By: who(founder), User: player},
		"no grace":  Gone{Incarnation: who(player).Incarnation},
		"no grace ": Absent{Who: who(player)},
	} {
		s := opened(t, "")
		enter(t, s, player)
		set(t, s, player, Status{Player: true, Ally: 3})
		at(t, s, 0, end)
		if diff := cmp.Diff(Unsynced, back(t, s, time.Second)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

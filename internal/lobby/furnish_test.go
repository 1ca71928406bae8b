package lobby

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// found is a match of a player against a spectator, who will be one too.
func found() Furnish {
	yes, first, second := true, 0, 1
	return Furnish{
		Match: "1-7", Text: "for a match",
		Places: []Place{{User: player, Player: &yes, Team: &first, Ally: &first}, {User: spectator, Player: &yes, Team: &second, Ally: &second}},
		Tags:   map[string]string{tagFound: "1-7", tagQueue: "1"},
	}
}

func furnished(t *testing.T, s *State, at time.Time, missing, unready []int64) process.Outcome {
	t.Helper()
	out, err := s.Apply(process.Command{Body: found(), At: at})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(any(Furnished{Missing: missing, Unready: unready}), out.Reply); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	return out
}

var founding = time.Unix(1700000000, 0) // that of must

// bring has a player of the match enter, its program having the map.
func bring(t *testing.T, s *State, user int64) {
	t.Helper()
	must(t, s, Join{Who: who(user), Forced: true, Facts: ptr(facts(user))})
}

// TestFurnish: players are seated as they come, and it is told when all sit ready; what they
// say of themselves in between is put right.
func TestFurnish(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	refused(t, s, found(), refusal.Taken)
	must(t, s, Reserve{Match: "1-7"})
	refused(t, s, Reserve{Match: "1-8"}, refusal.Taken)
	out := furnished(t, s, founding, []int64{player, spectator}, []int64{})
	if !slices.ContainsFunc(out.Events, func(e any) bool { x, ok := e.(Spoke); return ok && x.Text == "for a match" }) {
		t.Errorf("nothing was said: %+v", out.Events)
	}
	bring(t, s, player)
	must(t, s, Reserve{Match: "1-7"}) // by the next owner of the match
	bring(t, s, spectator)
	furnished(t, s, founding, []int64{}, []int64{player, spectator})
	set(t, s, player, Status{Sync: 1, Color: "255"})
	set(t, s, spectator, Status{Sync: 1, Color: "255", Player: true, Team: 1, Ally: 1})
	furnished(t, s, founding, []int64{}, []int64{player}) // it wanted to look on
	out = furnished(t, s, founding, []int64{}, []int64{})
	if len(out.Events) != 0 {
		t.Errorf("nothing is to be done, and yet %+v", out.Events)
	}
	v := view(t, s)
	for _, m := range v.Members {
		if !m.Status.Player || m.Status.Ally != m.Status.Team {
			t.Errorf("user %d sits as %+v", m.User, m.Status)
		}
	}
	again := restored(t, s)
	if again.reserved != s.reserved && !again.reserved.Until.Equal(s.reserved.Until) || again.reserved.Match != "1-7" {
		t.Error("the reservation is forgotten")
	}
}

// TestFoundIsOver: the next match in the room is none of the queue's.
func TestFoundIsOver(t *testing.T) {
	t.Parallel()
	ready := func() *State {
		s := opened(t, "")
		must(t, s, Reserve{Match: "1-7"})
		for _, user := range []int64{player, spectator} {
			bring(t, s, user)
			set(t, s, user, Status{Sync: 1, Color: "255"})
		}
		furnished(t, s, founding, []int64{}, []int64{player, spectator})
		return s
	}
	tick := func(s *State, after time.Duration) {
		t.Helper()
		if _, err := s.Apply(process.Command{Body: Tick{}, At: founding.Add(after)}); err != nil {
			t.Fatal(err)
		}
	}
	tagged := func(s *State, want bool) {
		t.Helper()
		_, queue := view(t, s).Tags[tagQueue]
		_, match := view(t, s).Tags[tagFound]
		if queue != want || match != want {
			t.Errorf("tagged %t and %t, want %t", queue, match, want)
		}
	}
	s := ready()
	tick(s, reserveFor+foundFor-time.Second)
	tagged(s, true)
	tick(s, reserveFor+foundFor)
	tagged(s, false)

	s = ready()
	must(t, s, StartMatch{Founder: founder})
	tick(s, time.Hour)
	tagged(s, true)
	must(t, s, EndMatch{Founder: founder, NextID: 9, NextUUID: "N"})
	tagged(s, false)
}

// TestNoRoomForAMatch: a room that is in use, or not open to all.
func TestNoRoomForAMatch(t *testing.T) {
	t.Parallel()
	busy := opened(t, "")
	must(t, busy, Progress{Who: who(founder), InGame: true})
	refused(t, busy, Reserve{Match: "1-7"}, refusal.Taken)
	refused(t, filled(t), Reserve{Match: "1-7"}, refusal.Taken)
	refused(t, opened(t, "x"), Reserve{Match: "1-7"}, refusal.Forbidden)
}

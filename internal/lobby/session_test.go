package lobby

import (
	"fmt"
	"testing"

	"teiserver/internal/refusal"
)

// R17: whatever an older session of a user sends changes nothing.
func TestOlderSessionIsSuperseded(t *testing.T) {
	t.Parallel()
	s := filled(t)
	for _, user := range []int64{founder, player, warden} {
		old := who(user)
		old.Session--
		for _, c := range everyCommand(user) {
			var body any
			switch c := c.body.(type) {
			case Join:
				if user == founder {
					continue
				}
				c.Who = old
				body = c
			case Answer:
				c.By = old
				body = c
			case Leave:
				body = Leave{Who: old}
			case SetStatus:
				c.Who = old
				body = c
			case Say:
				c.Who = old
				body = c
			case AddComputer:
				c.Who = old
				body = c
			case UpdateComputer:
				c.Who = old
				body = c
			case RemoveComputer:
				c.Who = old
				body = c
			case AddRect:
				c.Who = old
				body = c
			case RemoveRect:
				c.Who = old
				body = c
			case SetTags:
				c.Who = old
				body = c
			case RemoveTags:
				c.Who = old
				body = c
			case SetUnits:
				c.Who = old
				body = c
			case Force:
				c.By = old
				body = c
			case Kick:
				c.By = old
				body = c
			case Update:
				c.Who = old
				body = c
			case Retitle:
				c.Who = old
				body = c
			case Absent:
				body = Absent{Who: old}
			case Repeat:
				c.Members[0].Who = old
				wantEvents(t, must(t, s, c))
				continue
			case Order:
				c.Who = old
				body = c
			case Know:
				c.Who = old
				body = c
			case Hello:
				c.Who = old
				body = c
			case HostData:
				c.Who = old
				body = c
			case Progress:
				c.Who = old
				body = c
			case Gone, Tick, StartMatch, EndMatch, Announce, Reserve, Place, Balance, ForgetBalance:
				continue // of no session
			default:
				t.Fatalf("no case for %T", c)
			}
			t.Run(fmt.Sprint(user, " ", c.name), func(t *testing.T) { refused(t, s, body, refusal.Superseded) })
		}
	}
	old := who(asker)
	old.Session--
	refused(t, s, Join{Who: old}, refusal.Superseded)
	refused(t, s, Leave{Who: old}, refusal.Superseded)
	wantEvents(t, must(t, s, Absent{Who: old}))
}

func TestNewerSessionTakesOver(t *testing.T) {
	t.Parallel()
	young := who(player)
	young.Session++
	young.Incarnation = 777
	s := filled(t)
	m, _ := s.room.Member(player)
	m.Who = young
	out := must(t, s, Say{Who: young, Text: "back"})
	wantEvents(t, out, Entered{Member: m}, Said{User: player, Session: young.Session, Text: "back"})
	if !s.SummaryChanged(out.Events) {
		t.Error("the summary has the old session")
	}
	for _, seat := range s.Summary().(Summary).Seats {
		if seat.User == player && seat.Who != young {
			t.Errorf("seat %+v", seat)
		}
	}
	refused(t, s, Leave{Who: who(player)}, refusal.Superseded)

	t.Run("by joining", func(t *testing.T) {
		s := filled(t)
		wantEvents(t, must(t, s, Join{Who: young, Join: 9}),
			Requested{Asked{Who: young, Join: 9}}, ComputerRemoved{"Barb"}, Departed{Who: who(player)})
	})
	t.Run("by leaving", func(t *testing.T) {
		s := filled(t)
		wantEvents(t, must(t, s, Leave{Who: young}), ComputerRemoved{"Barb"}, Departed{Who: who(player)})
	})
	t.Run("the founder", func(t *testing.T) {
		s := filled(t)
		host := who(founder)
		host.Session++
		in := info()
		in.Founder = host
		titled := in
		titled.Title = "x"
		wantEvents(t, must(t, s, Retitle{Who: host, Title: "x"}), InfoSet{Info: in}, InfoSet{Info: titled, Retitled: true})
		refused(t, s, Leave{Who: who(founder)}, refusal.Superseded)
	})
	t.Run("refused takes nothing", func(t *testing.T) {
		refused(t, filled(t), Retitle{Who: young, Title: "x"}, refusal.Forbidden)
	})
}

package roster

import (
	"fmt"
	"slices"
	"testing"

	"teiserver/internal/lobby"
)

// heardBy notes what a viewer is shown of a consul.
func heardBy(c *strict) *[]string {
	var log []string
	c.seen = func(e Event) {
		switch e := e.(type) {
		case QueueSet:
			log = append(log, fmt.Sprint("queue ", e.Names))
		case TermsSet:
			log = append(log, "gatekeeper "+e.Terms.Gatekeeper)
		case TeamsSet:
			log = append(log, fmt.Sprint("teams ", e.Count, "x", e.Size))
		case RoomSaid:
			log = append(log, fmt.Sprint(e.User.ID, " says ", e.Text, " ", e.Emote))
		case PrivateSaid:
			log = append(log, fmt.Sprint(e.From.ID, " tells ", e.Text))
		case Rang:
			log = append(log, fmt.Sprint(e.By.ID, " rings"))
		case Expelled:
			log = append(log, "out: "+e.Reason)
		}
	}
	return &log
}

func wantHeard(t *testing.T, who string, log *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*log, want) {
		t.Errorf("%s is shown %q, want %q", who, *log, want)
	}
	*log = nil
}

// TestSpoken: what the consul says is shown as the Coordinator's words to whom it is for.
func TestSpoken(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	b.s.voice = 9
	member, outsider := b.viewer(2, Everything), b.viewer(3, Everything)
	b.s.enter(member, 7)
	b.s.roomEvent(r, at(1, 2), lobby.Requested{Asked: lobby.Asked{Who: whoOf(2, 1, 1), Join: 1}})
	b.s.roomEvent(r, at(1, 3), lobby.Entered{Member: memberOf(2, 1)})
	inRoom, inside, outside := heardBy(host), heardBy(member), heardBy(outsider)
	for i, e := range []any{
		lobby.Spoke{Text: "all"}, lobby.Spoke{Text: "one", Emote: true, To: 2},
		lobby.Told{To: 2, Lines: []string{"a", "", "b"}}, lobby.Told{To: 1, Lines: []string{"host"}},
		lobby.Rung{User: 2}, lobby.QueueSet{Users: []int64{2, 77}}, lobby.TermsSet{Terms: lobby.Terms{Gatekeeper: "friends"}},
		lobby.Noted{User: 2, Text: "silent"}, lobby.Told{To: 3, Lines: []string{"not here"}},
	} {
		b.s.roomEvent(r, at(1, int64(4+i)), e)
	}
	b.came(1, person(9, 1)) // only now is the Coordinator known
	b.s.settle()
	wantHeard(t, "the member", inside, "queue [u2]", "gatekeeper friends", "9 says all false", "9 says one true", "9 tells a", "9 tells ", "9 tells b", "9 rings")
	wantHeard(t, "the host", inRoom, "queue [u2]", "gatekeeper friends", "9 says all false", "9 tells host")
	wantHeard(t, "an outsider", outside, "9 tells not here")

	b.s.roomEvent(r, at(1, 20), lobby.Expelled{User: 2, Reason: "Ring flood"})
	wantHeard(t, "the member", inside, "out: Ring flood")
	ok(t, host, outsider)
}

// TestTermsAfterTakeover: a view that differs tells what differs.
func TestTermsAfterTakeover(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	log := heardBy(host)
	view := r.replica.View()
	b.s.roomReset(r, at(2, 1), view)
	wantHeard(t, "the host", log)
	view.Queue, view.Terms.Gatekeeper = []int64{1}, "friends"
	b.s.roomReset(r, at(3, 1), view)
	wantHeard(t, "the host", log, "queue [u1]", "gatekeeper friends")
}

// TestFactsRepeated: a new owner is told what the edge knows of its people.
func TestFactsRepeated(t *testing.T) {
	t.Parallel()
	b, host, r := hosted(t)
	b.s.viewerOf(host).Viewer = informedHost{host}
	b.s.effects = nil
	b.s.repeat(r)
	for _, e := range b.s.effects {
		if c, is := e.(cast); is {
			if got := c.command.(lobby.Repeat).Facts[1].Name; got != "host" {
				t.Errorf("facts %q", got)
			}
			return
		}
	}
	t.Error("nothing was repeated")
}

type informedHost struct{ *strict }

func (informedHost) Facts() (lobby.Facts, bool) { return lobby.Facts{Name: "host"}, true }

func (s *state) viewerOf(c *strict) *viewer { return s.users[c.id].viewer(c.session) }

// TestTeams: everybody is told of the teams of a lobby, once for each change.
func TestTeams(t *testing.T) {
	t.Parallel()
	b, host, _ := hosted(t)
	other := b.viewer(3, Everything)
	inside, outside := heardBy(host), heardBy(other)
	sum := b.s.lobbies[7].sum
	for _, size := range []int{8, 8, 5} {
		old := b.s.lobbies[7].sum
		sum.TeamSize, sum.TeamCount = size, 2
		b.s.lobbies[7].sum = sum
		b.s.showTeams(b.s.lobbies[7], old)
	}
	wantHeard(t, "the host", inside, "teams 2x8", "teams 2x5")
	wantHeard(t, "another", outside, "teams 2x8", "teams 2x5")
	if v := b.s.value(b.s.lobbies[7]); v.TeamSize != 5 || v.TeamCount != 2 {
		t.Errorf("teams of the lobby: %d of %d", v.TeamCount, v.TeamSize)
	}
}

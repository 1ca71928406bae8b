package lobby

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/refusal"
)

var seed = flag.Uint64("seed", 0, "seed of the random sequences; 0 takes the clock")

// runSeed returns the seed of this run and prints it, so that a failure can be repeated.
func runSeed(t testing.TB) uint64 {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", s)
	return s
}

// Random sequences of commands of eight users in several sessions on three nodes.
func TestRandomCommandsKeepTheInvariants(t *testing.T) {
	t.Parallel()
	start := runSeed(t)
	for i := range uint64(8) {
		r := rand.New(rand.NewPCG(start, i))
		lobbyLife(t, r, 150, fmt.Sprintf("seed %d, life %d", start, i))
	}
}

// handed is something given away, and what it was then.
type handed struct {
	v    any
	then string
}

func lobbyLife(t *testing.T, r *rand.Rand, commands int, name string) {
	t.Helper()
	s := NewState()
	password := []string{"", "sekret"}[r.IntN(2)]
	must(t, s, openCommand(password))
	follower := view(t, s)
	replica := NewReplica(follower)
	var away []handed
	give := func(v any) { away = append(away, handed{v, encoded(t, v)}) }
	seats := encoded(t, s.Summary())
	for n := range commands {
		body := randomCommand(r, password)
		at := fmt.Sprintf("%s, command %d: %s", name, n, encoded(t, body))
		before := snapshot(t, s)
		out, err := s.Apply(process.Command{Body: body, At: time.Unix(1700000000+int64(n), 0).UTC()})
		if err != nil {
			if _, ok := refusal.As(err); !ok {
				t.Fatalf("%s: %v", at, err)
			}
			if after := snapshot(t, s); after != before {
				t.Fatalf("%s: refused, but the state changed:\n%s", at, cmp.Diff(before, after))
			}
		}
		for _, e := range out.Events {
			wire(t, e)
			give(e)
			follower = follower.Apply(e)
			replica.Apply(e)
		}
		v := view(t, s)
		if diff := cmp.Diff(v, follower); diff != "" {
			t.Fatalf("%s: a follower differs (-owner +follower):\n%s", at, diff)
		}
		if diff := cmp.Diff(v, replica.View()); diff != "" {
			t.Fatalf("%s: a replica differs (-owner +replica):\n%s", at, diff)
		}
		if why := unsound(s, v); why != "" {
			t.Fatalf("%s: %s", at, why)
		}
		if now := encoded(t, s.Summary()); now != seats {
			if !s.SummaryChanged(out.Events) {
				t.Fatalf("%s: the summary changed and nobody is told", at)
			}
			seats = now
		}
		give(v)
		give(s.Summary())
		if r.IntN(20) == 0 {
			again := restored(t, s)
			if diff := cmp.Diff(v, view(t, again)); diff != "" {
				t.Fatalf("%s: the snapshot differs (-before +after):\n%s", at, diff)
			}
			if snapshot(t, again) != snapshot(t, s) {
				t.Fatalf("%s: the snapshot of the snapshot differs", at)
			}
			s = again
		}
		if out.Close {
			break
		}
	}
	for _, h := range away {
		if now := encoded(t, h.v); now != h.then {
			t.Fatalf("%s: a %T that was handed out changed from\n%s\nto\n%s", name, h.v, h.then, now)
		}
	}
}

// unsound returns what is wrong with a lobby, if anything is.
func unsound(s *State, v View) string {
	here := map[int64]bool{v.Info.Founder.User: true}
	if s.now != nil {
		return "the consul's turn has not ended"
	}
	if !s.closed {
		if v.Info.Title != s.consul.Title() || !v.Terms.Equal(s.consul.TermsUnder(&s.rules)) || !slices.Equal(v.Bosses, s.consul.Bosses) {
			return fmt.Sprintf("the room does not show what the consul has: %+v", v)
		}
		for _, user := range v.Queue {
			if m, ok := s.room.Member(user); !ok || m.Status.Player {
				return fmt.Sprintf("user %d is queued, and plays or is not here", user)
			}
		}
	}
	for _, m := range v.Members {
		if here[m.User] {
			return fmt.Sprintf("user %d is in twice, or founder and member", m.User)
		}
		here[m.User] = true
		if !s.approved[m.User] && !s.closed {
			return fmt.Sprintf("member %d is not approved", m.User)
		}
		if m.Status != legal(m.Status) {
			return fmt.Sprintf("member %d has status %+v", m.User, m.Status)
		}
	}
	asks := map[int64]bool{}
	for _, p := range v.Pending {
		if here[p.User] || asks[p.User] {
			return fmt.Sprintf("user %d asks and is in, or asks twice", p.User)
		}
		asks[p.User] = true
	}
	for i, c := range v.Computers {
		if !here[c.Owner] {
			return fmt.Sprintf("the owner of %s is not here", c.Name)
		}
		if c.Status&1 != 0 || i > 0 && v.Computers[i-1].Name >= c.Name {
			return fmt.Sprintf("computers %+v", v.Computers)
		}
	}
	if !slices.IsSortedFunc(v.Rects, func(a, b Rect) int { return a.Ally - b.Ally }) {
		return fmt.Sprintf("rects %+v", v.Rects)
	}
	if len(slices.Compact(slices.Sorted(slices.Values(v.Disabled)))) != len(v.Disabled) {
		return fmt.Sprintf("units %v", v.Disabled)
	}
	return ""
}

func encoded(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func randomCommand(r *rand.Rand, password string) any {
	user := 1 + r.Int64N(8)
	w := Who{User: user, Session: 10*user + r.Int64N(2)*r.Int64N(2), Incarnation: 100 * (1 + user%3)}
	if user == founder {
		w.Incarnation = 100
		if r.IntN(3) > 0 {
			w.Session = 10
		}
	}
	rights := Rights{Bot: user == founder, Moderator: user == warden, Caster: user == outsider}
	host := w
	if r.IntN(3) > 0 {
		host = Who{User: founder, Session: 12, Incarnation: 100}
	}
	other := 1 + r.Int64N(8)
	name := string(rune('A' + r.IntN(4)))
	status := Status{
		Ready: r.IntN(2) == 0, Team: r.IntN(6) - 1, Ally: r.IntN(300), Player: r.IntN(3) > 0,
		Handicap: r.IntN(200) - 50, Sync: r.IntN(4), Side: r.IntN(20), Color: []string{"", "1", "255"}[r.IntN(3)],
	}
	words := []string{"", name, fmt.Sprint(other), "friends", "team", "player 2", "Title | x", "5 20", "100 too loud"}
	switch r.IntN(44) {
	case 34, 35, 36, 37, 38:
		c := consul.Commands()
		o := Order{Who: w, Facts: randomFacts(r, user), Name: c[r.IntN(len(c))].Name, Rest: words[r.IntN(len(words))], Silent: r.IntN(5) == 0, Seed: r.Uint64()}
		for _, word := range consul.TargetWords(o.Name, o.Rest) {
			o.Targets = append(o.Targets, Target{Word: word, User: other, Name: fmt.Sprint(other), Moderator: other == warden})
		}
		return o
	case 39:
		return []any{consul.Fill{}, consul.SplitDue{Split: 1}, consul.SplitTo{Split: 1, Lobby: 9}, consul.Remark{User: other, Text: "!ev"}}[r.IntN(4)]
	case 40:
		return Know{Who: w, Facts: randomFacts(r, user)}
	case 41:
		return []any{Hello{Who: w}, HostData{Who: host, TeamSize: r.IntN(4), TeamCount: r.IntN(4), Bosses: []string{fmt.Sprint(other)}}, Progress{Who: host, InGame: r.IntN(2) == 0}}[r.IntN(3)]
	case 42:
		return []any{StartMatch{Founder: founder}, EndMatch{Founder: founder, NextID: 1 + r.Int64N(90), NextUUID: name}, Reserve{For: other},
			Balance{Teams: r.IntN(4), Seed: r.Uint64()}, ForgetBalance{}, Place{User: other, Player: ptr(r.IntN(2) == 0), Ally: ptr(r.IntN(300))}}[r.IntN(6)]
	case 43:
		f := randomFacts(r, user)
		return Join{Who: w, Join: r.Int64N(50), Forced: true, ScriptPassword: name, Facts: &f}
	case 0, 1, 2, 3, 4:
		return Join{Who: w, Rights: rights, Join: r.Int64N(50), Password: []string{password, "*"}[r.IntN(2)], ScriptPassword: name, IP: "::1"}
	case 5, 6, 7, 8, 9, 10:
		return Answer{By: host, User: other, Accept: r.IntN(4) > 0, Reason: name}
	case 11:
		if user == founder && r.IntN(10) > 0 {
			return Tick{}
		}
		return Leave{Who: w}
	case 12, 13, 14:
		return SetStatus{Who: w, Status: status}
	case 15, 16:
		return Say{Who: w, Rights: rights, Text: []string{"hi", "$help", "$ x", "teamSize=2", "nbTeams=1", " "}[r.IntN(6)], Emote: r.IntN(3) == 0, To: other * r.Int64N(2)}
	case 17, 18:
		return AddComputer{Who: w, Rights: rights, Computer: Computer{Name: name, Owner: other, Status: r.Uint32(), Color: "1", AI: "AI"}}
	case 19:
		return UpdateComputer{Who: w, Rights: rights, Name: name, Status: r.Uint32(), Color: "2"}
	case 20:
		return RemoveComputer{Who: w, Rights: rights, Name: name}
	case 21:
		return AddRect{Who: host, Rights: rights, Rect: Rect{Ally: r.IntN(4), Right: r.IntN(220)}}
	case 22:
		return RemoveRect{Who: host, Rights: rights, Ally: r.IntN(4)}
	case 23:
		return SetTags{Who: host, Rights: rights, Tags: map[string]string{name: "1", "game/x" + name: "2"}}
	case 24:
		return RemoveTags{Who: host, Rights: rights, Keys: []string{name, tagMatchUUID, "game/x"}}
	case 25:
		return SetUnits{Who: host, Rights: rights, Disable: []string{name, "u"}[:r.IntN(3)], Enable: []string{"B", "u"}[:r.IntN(3)], All: r.IntN(4) == 0}
	case 26, 27:
		f := Force{By: host, Rights: rights, User: other, Spectator: r.IntN(4) == 0}
		if r.IntN(2) == 0 {
			f.Handicap, f.Team = ptr(status.Handicap), ptr(status.Team)
		}
		if r.IntN(2) == 0 {
			f.Ally, f.Color = ptr(status.Ally), ptr(status.Color)
		}
		return f
	case 28:
		return Kick{By: host, Rights: rights, User: other, Protected: other == warden}
	case 29:
		return Update{Who: host, Rights: rights, Spectators: r.IntN(2), Locked: r.IntN(4) == 0, MapHash: "1", Map: name}
	case 30:
		if r.IntN(4) > 0 {
			return Absent{Who: Who{User: 2 + r.Int64N(7), Session: w.Session}}
		}
		return Retitle{Who: host, Rights: rights, Title: name}
	case 31:
		return Gone{Incarnation: 200 + 100*r.Int64N(2)}
	case 32:
		members := []Member{}
		for range r.IntN(3) {
			u := 2 + r.Int64N(7)
			members = append(members, Member{Who: Who{User: u, Session: 10*u + r.Int64N(2), Incarnation: 100 * (1 + u%3)}, Join: r.Int64N(50), Status: status, Told: r.IntN(2) == 0})
		}
		return Repeat{Founder: &host, Members: members, Pending: []Asked{{Who: w, Join: r.Int64N(50)}}}
	}
	return Tick{}
}

func randomFacts(r *rand.Rand, user int64) Facts {
	f := Facts{
		Name: fmt.Sprint(user), Bot: user == founder, Moderator: user == warden, Admin: user == warden && r.IntN(2) == 0,
		Rank: r.IntN(8), Friends: []int64{r.Int64N(9)}, Party: []string{"", "p"}[r.IntN(2)],
	}
	if r.IntN(4) == 0 {
		f.Restrictions = []string{[]string{consul.RestrictQueue, consul.RestrictPriority, consul.RestrictBoss, consul.RestrictChat}[r.IntN(4)]}
	}
	return f
}

// What a view is made of is the holder's own: changing it changes nothing else.
func TestViewsAreCopies(t *testing.T) {
	t.Parallel()
	s := filled(t)
	before := snapshot(t, s)
	spoil := func(v View) {
		v.Members[0].User = 99
		v.Computers[0].Name = "spoiled"
		v.Rects[0].Ally = 99
		v.Tags["spoiled"] = "x"
		v.Disabled[0] = "spoiled"
		v.Pending[0].User = 99
	}
	v := view(t, s)
	r := NewReplica(v)
	spoil(v)
	spoil(r.View())
	if diff := cmp.Diff(before, snapshot(t, s)); diff != "" {
		t.Errorf("the state changed with a view:\n%s", diff)
	}
	if diff := cmp.Diff(view(t, s), r.View()); diff != "" {
		t.Errorf("the replica changed with a view:\n%s", diff)
	}
}

func TestReplicaIgnoresWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	v := view(t, filled(t))
	for _, e := range []any{
		nil, struct{}{}, "text", StatusSet{User: 77}, Departed{Who: Who{User: 77}}, ComputerRemoved{"x"},
		Withdrawn{Who{User: 77}}, RectRemoved{77}, TagsRemoved{[]string{"x"}}, Said{Text: "x"},
	} {
		if diff := cmp.Diff(v, v.Apply(e)); diff != "" {
			t.Errorf("%T changes the view:\n%s", e, diff)
		}
	}
	if _, ok := NewReplica(v).Asker(asker); !ok {
		t.Error("the asker is missing")
	}
	if m, ok := NewReplica(v).Member(player); !ok || m.Who != who(player) || !m.Told {
		t.Errorf("member %+v", m)
	}
	if r := NewReplica(v); r.Info() != v.Info || r.FounderStatus() != v.FounderStatus {
		t.Error("info or founder's status differ")
	}
}

// A view survives the bus as it is, an empty one too.
func TestViewsOnTheBus(t *testing.T) {
	t.Parallel()
	for _, s := range []*State{NewState(), opened(t, "x"), filled(t)} {
		wire(t, s.View())
		wire(t, s.Summary())
	}
}

package consul

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var seed = flag.Uint64("seed", 0, "seed of the random sequences; 0 takes the clock")

func runSeed(t testing.TB) uint64 {
	t.Helper()
	s := *seed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", s)
	return s
}

// Whatever is ordered, said and done in whatever order: nobody is queued twice or plays
// and is queued, bans hold, no place is given beyond the limit, and the state is one that
// can be stored (see table.do).
func TestRandomEveningsKeepTheInvariants(t *testing.T) {
	t.Parallel()
	start := runSeed(t)
	for i := range uint64(12) {
		evening(t, rand.New(rand.NewPCG(start, i)), fmt.Sprintf("seed %d, evening %d", start, i))
	}
}

func evening(t *testing.T, r *rand.Rand, name string) {
	x := newTable(t)
	x.rules.PlayerLimit, x.seldom = 4, true
	for n := range 120 {
		line := randomLine(r, x)
		at := fmt.Sprintf("%s, line %d: %s", name, n, line)
		who, what, _ := strings.Cut(line, " ")
		if what == "enters" && !mayEnter(x, who) {
			continue
		}
		if what != "enters" && who != "@" && x.room.seat(idOf(who)) == nil {
			continue
		}
		players := x.room.Players()
		acts := x.step(line)
		if why := unsound(x); why != "" {
			t.Fatalf("%s: %s", at, why)
		}
		forced := strings.Contains(line, "$forceplay")
		if now := x.room.Players(); now > players && now > x.state.MostPlayers(&x.rules) && !forced {
			t.Fatalf("%s: %d players of %d, after %v", at, now, x.state.MostPlayers(&x.rules), told(acts))
		}
		x.seed++
		x.at = x.at.Add(time.Duration(r.IntN(3000)) * time.Millisecond)
	}
}

// mayEnter asks as a lobby would; who is in already does not enter.
func mayEnter(x *table, name string) bool {
	for id, f := range people {
		if strings.EqualFold(f.Name, name) {
			var v Verdict
			x.do(func(t *Turn) { v = t.Join(id, &f, false) })
			return v.Reason == "" && x.room.seat(id) == nil
		}
	}
	return false
}

func unsound(x *table) string {
	s := x.state
	waiting := s.Waiting()
	for i, user := range waiting {
		if slices.Contains(waiting[:i], user) {
			return fmt.Sprintf("%d is queued twice", user)
		}
		seat := x.room.member(user)
		if seat == nil {
			return fmt.Sprintf("%d is queued and not here", user)
		}
		if seat.Player {
			return fmt.Sprintf("%d is queued and plays", user)
		}
	}
	for _, b := range slices.Concat(s.Bans, s.Timeouts) {
		seat := x.room.member(b.User)
		if seat == nil || people[b.User].Moderator {
			continue
		}
		if b.Level == levelBanned {
			return fmt.Sprintf("%d is banned and here", b.User)
		}
	}
	for _, user := range s.Bosses {
		if x.room.member(user) == nil {
			return fmt.Sprintf("%d is boss and not here", user)
		}
	}
	for user := range s.People {
		if x.room.seat(user) == nil {
			return fmt.Sprintf("%d is known and not here", user)
		}
	}
	if s.MinRating >= s.MaxRating || s.MinRank > s.MaxRank {
		return fmt.Sprintf("bounds %d-%d, %d-%d", s.MinRating, s.MaxRating, s.MinRank, s.MaxRank)
	}
	if x.state.Split != nil && len(x.state.Split.Followers()) > len(x.state.Split.Votes) {
		return "more follow than vote"
	}
	return ""
}

func randomLine(r *rand.Rand, x *table) string {
	names := []string{"Erin", "Frank", "Gina", "BossBob", "Moddy", "Ada", "Zed"}
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	name := names[r.IntN(len(names))]
	number := r.IntN(12) - 2
	switch r.IntN(10) {
	case 0:
		return name + " " + pick("plays", "plays", "watches")
	case 1:
		if x.room.seat(idOf(name)) == nil {
			return name + " enters"
		}
		if r.IntN(2) == 0 {
			return name + " leaves"
		}
		return name + " plays"
	case 2:
		return pick("@ tick", "@ fill", "@ fill", "@ ended", "@ unranked", "@ split", "@ found", "@ wait 20s")
	case 3:
		return "HostBot " + pick("* Boss mode enabled for "+name, "* Boss mode disabled by X", "teamSize="+fmt.Sprint(number), "nbTeams="+fmt.Sprint(number), "<Erin> teamSize=1")
	case 4:
		return name + " " + pick("hi", "!ring Erin", "!boss Erin", "!bset tweakdefs x")
	}
	actor := pick(name, "HostBot", "Moddy", "Ada", "BossBob")
	c := commands[r.IntN(len(commands))]
	args := pick("", name, name+" because", fmt.Sprint(number), fmt.Sprintf("%d %d", number, r.IntN(40)), "friends", "team", "player",
		"all", "default", "auto", "Title "+name, "max_deviation 5", strings.Join(names[:r.IntN(4)], " ")+" !! x", "#20", "!!", "%s")
	if r.IntN(3) == 0 {
		c = commands[slices.IndexFunc(commands, func(c Command) bool {
			return c.Name == pick("joinq", "lobbyban", "speclock", "vip", "joinq") || c.Name == "unban"
		})]
		args = name
	}
	return actor + " $" + pick("", "", "%") + c.Name + " " + args
}

func idOf(name string) int64 {
	for id, f := range people {
		if f.Name == name {
			return id
		}
	}
	return 0
}

// Followers against the plain meaning: follow the votes until the starter, somebody
// who does not vote, or somebody who was there before.
func TestFollowers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(runSeed(t), 1))
	for range 2000 {
		x := &Split{Starter: 1}
		votes := map[int64]int64{}
		for range r.IntN(12) {
			user, follow := 2+r.Int64N(9), 1+r.Int64N(11)
			x.vote(user, follow)
			votes[user] = follow
		}
		var want []int64
		for user := range votes {
			seen := map[int64]bool{}
			at := user
			for at != 1 && !seen[at] && votes[at] != 0 {
				seen[at] = true
				at = votes[at]
			}
			if at == 1 {
				want = append(want, user)
			}
		}
		slices.Sort(want)
		if got := x.Followers(); !slices.Equal(got, want) {
			t.Fatalf("votes %v: %v follow, want %v", votes, got, want)
		}
	}
}

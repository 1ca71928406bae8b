package balance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var every = []Algorithm{LoserPicks, ForceParty, BruteForce, SplitNoobs, RespectAvoids, Auto}

// exact is a tuning without chance in the ratings.
func exact() Tuning {
	t := DefaultTuning
	t.Fuzz, t.ShuffleFirst = 0, false
	return t
}

// people are players with these ratings, named a, b, c and so on; a party is given by a
// letter behind the rating.
func people(spec ...string) []Player {
	list := make([]Player, len(spec))
	for i, s := range spec {
		p := Player{ID: int64(i + 1), Name: string(rune('a' + i)), Uncertainty: 3, Rank: 4}
		fmt.Sscanf(s, "%f%s", &p.Rating, &p.Party)
		list[i] = p
	}
	return list
}

// crowd is an input by chance.
func crowd(r *rand.Rand, a Algorithm) Input {
	in := Input{Algorithm: a, Teams: 1 + r.IntN(5), Groups: r.IntN(4) > 0, Tuning: DefaultTuning, Seed: r.Uint64()}
	if r.IntN(3) > 0 {
		in.Teams = 2
	}
	if r.IntN(2) == 0 {
		in.Tuning.MaxDeviation = 100
	}
	n := 1 + r.IntN(24)
	for i := range n {
		p := Player{
			ID: int64(i+1) * 7, Name: fmt.Sprint("p", i), Rating: float64(r.IntN(60)), Uncertainty: 2 + r.Float64()*7, Rank: r.IntN(8),
		}
		if r.IntN(3) == 0 {
			p.Party = string(rune('A' + r.IntN(1+n/4)))
		}
		in.Players = append(in.Players, p)
	}
	for range r.IntN(8) {
		in.Avoids = append(in.Avoids, Avoid{in.Players[r.IntN(n)].ID, in.Players[r.IntN(n)].ID})
	}
	return in
}

// check is what holds of every result.
func check(t *testing.T, in Input, r *Result) {
	t.Helper()
	rating := map[int64]float64{}
	for _, p := range in.Players {
		rating[p.ID] = p.Rating + p.Adjust
	}
	var all []int64
	least, most := math.MaxInt, 0
	low, high := math.Inf(1), 1.0
	for i, team := range r.Teams {
		all = append(all, team.Players...)
		least, most = min(least, len(team.Players)), max(most, len(team.Players))
		sum := 0.0
		for _, id := range team.Players {
			sum += rating[id]
			if r.TeamOf(id) != i+1 {
				t.Errorf("player %d of team %d is in %d", id, i+1, r.TeamOf(id))
			}
		}
		if fuzz := in.Tuning.Fuzz * float64(len(team.Players)); math.Abs(sum-team.Sum) > fuzz+1e-6 {
			t.Errorf("team %d: sum %g of players with %g", i+1, team.Sum, sum)
		}
		var grouped []int64
		for _, g := range team.Groups {
			grouped = append(grouped, g...)
		}
		slices.Sort(grouped)
		if players := slices.Sorted(slices.Values(team.Players)); !slices.Equal(grouped, players) {
			t.Errorf("team %d: groups %v, players %v", i+1, grouped, players)
		}
		if len(team.Players) > 0 && !slices.Contains(team.Players, team.Captain) {
			t.Errorf("team %d: captain %d is not in it", i+1, team.Captain)
		}
		low, high = min(low, team.Sum), max(high, team.Sum)
	}
	slices.Sort(all)
	want := make([]int64, 0, len(in.Players))
	for _, p := range in.sorted() {
		want = append(want, p.ID)
	}
	if !slices.Equal(all, want) {
		t.Errorf("players %v, want each once of %v", all, want)
	}
	if most-least > 1 {
		t.Errorf("teams of %d and %d players", least, most)
	}
	if len(r.Teams) != in.Teams {
		t.Errorf("%d teams, want %d", len(r.Teams), in.Teams)
	}
	if in.Teams > 1 {
		if want := int(math.Abs(math.Round((1 - low/high) * 100))); r.Deviation != want {
			t.Errorf("deviation %d, want %d", r.Deviation, want)
		}
	} else if r.Deviation != 0 {
		t.Errorf("deviation %d of one team", r.Deviation)
	}
	if !in.Groups && (r.Mode != Solo || r.HasParties) {
		t.Errorf("mode %s, parties %t, although they were off", r.Mode, r.HasParties)
	}
	if r.Hash != in.Hash() {
		t.Error("the hash is another input's")
	}
}

func TestProperties(t *testing.T) {
	for _, a := range every {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { properties(t, a) }) // no deadline passes
		})
	}
}

func properties(t *testing.T, a Algorithm) {
	rnd := rand.New(rand.NewPCG(1, uint64(len(a))))
	for range 100 {
		in := crowd(rnd, a)
		r, err := Make(t.Context(), in)
		if err != nil {
			t.Fatalf("%+v: %v", in, err)
		}
		check(t, in, r)
		// In another order it is the same input.
		again := in
		again.Players = slices.Clone(in.Players)
		rnd.Shuffle(len(again.Players), func(i, j int) {
			again.Players[i], again.Players[j] = again.Players[j], again.Players[i]
		})
		r2, err := Make(t.Context(), again)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, r2, cmpopts.IgnoreFields(Result{}, "Took")); diff != "" {
			t.Fatalf("%+v\ndiffers by order:\n%s", in, diff)
		}
		if t.Failed() {
			t.Fatalf("%+v\n%+v", in, r)
		}
	}
}

func run(t *testing.T, in Input) *Result {
	t.Helper()
	r, err := Make(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	check(t, in, r)
	return r
}

// together are the players of one team, by name, those of the first player's first.
func together(in Input, r *Result) []string {
	var list []string
	for _, team := range r.Teams {
		text := ""
		for _, p := range in.Players {
			if slices.Contains(team.Players, p.ID) {
				text += p.Name
			}
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

func TestTeams(t *testing.T) {
	for name, tc := range map[string]struct {
		algorithm Algorithm
		teams     int
		players   []Player
		avoids    []Avoid
		want      string
		mode      string
	}{
		"the loser picks": {LoserPicks, 2, people("40", "30", "20", "10"), nil, "ad bc", Grouped},
		"of three teams":  {LoserPicks, 3, people("40", "30", "20", "10", "5", "1"), nil, "af be cd", Grouped},
		"no team has two more": {
			LoserPicks, 4, people("0", "0", "0", "0", "0", "0"), nil, "ae bf c d", Grouped,
		},
		"a full team does not pick": {LoserPicks, 2, people("50", "5", "5", "5"), nil, "ad bc", Grouped},
		"a party and its match": {
			LoserPicks, 2, people("20A", "21A", "20", "21", "30", "30"), nil, "abe cdf", Grouped,
		},
		"two parties": {
			LoserPicks, 2, people("20A", "22A", "21B", "21B", "5", "5"), nil, "abf cde", Grouped,
		},
		"a party that nobody matches": {
			LoserPicks, 2, people("50A", "50A", "10", "10", "10", "10"), nil, "ace bdf", Grouped,
		},
		"a party that weighs too much": {
			LoserPicks, 2, people("24A", "24A", "21.1", "21.1"), nil, "ac bd", Solo,
		},
		"all combinations":         {BruteForce, 2, people("40", "31", "30", "25", "20", "10"), nil, "acf bde", Grouped},
		"a party costs six":        {BruteForce, 2, people("20A", "18A", "19", "17"), nil, "ab cd", Grouped},
		"but no more":              {BruteForce, 2, people("40A", "30A", "30", "20"), nil, "ad bc", Grouped},
		"noobs come last":          {SplitNoobs, 2, noobs(people("30", "29", "28", "25", "24", "23"), 3, 4), nil, "", Grouped},
		"avoids are looked at":     {RespectAvoids, 2, people("20", "10", "20", "10"), []Avoid{{1, 4}}, "ab cd", Grouped},
		"unless it is too unequal": {RespectAvoids, 2, people("60", "10", "10", "40"), []Avoid{{1, 2}, {1, 3}}, "ab cd", Grouped},
		"a draft is even":          {RespectAvoids, 2, people("400", "10", "10", "10"), nil, "ad bc", Grouped},
		"others ignore them":       {LoserPicks, 2, people("20", "10", "20", "10"), []Avoid{{1, 4}, {1, 2}}, "", Grouped},
	} {
		in := Input{Algorithm: tc.algorithm, Teams: tc.teams, Groups: true, Tuning: exact(), Players: tc.players, Avoids: tc.avoids}
		r := run(t, in)
		if got := strings.Join(together(in, r), " "); tc.want != "" && got != tc.want {
			t.Errorf("%s: %s, want %s\n%s", name, got, tc.want, strings.Join(r.Logs, "\n"))
		}
		if r.Mode != tc.mode {
			t.Errorf("%s: %s", name, r.Mode)
		}
	}
}

// Whoever has the best player by far is not left with fewer people.
func TestEvenAfterTheContest(t *testing.T) {
	for _, a := range []Algorithm{RespectAvoids, SplitNoobs} {
		in := Input{Algorithm: a, Teams: 2, Tuning: exact(), Avoids: []Avoid{{2, 3}}}
		for i := range 18 {
			in.Players = append(in.Players, Player{ID: int64(i + 1), Name: fmt.Sprint(i), Rating: 10, Uncertainty: 3, Rank: 4})
		}
		in.Players[1].Rating = 1000
		run(t, in)
	}
}

// noobs makes some of the players new.
func noobs(players []Player, who ...int) []Player {
	for _, i := range who {
		players[i].Uncertainty, players[i].Rank = 8, 0
	}
	return players
}

func TestLogs(t *testing.T) {
	for name, tc := range map[string]struct {
		in   Input
		want string
	}{
		"singles": {
			Input{Algorithm: LoserPicks, Teams: 2, Players: people("40.126", "30", "20.5", "10")},
			`Picked a for team 1, adding 40.13 points for new total of 40.13
Picked b for team 2, adding 30.0 points for new total of 30.0
Picked c for team 2, adding 20.5 points for new total of 50.5
Picked d for team 1, adding 10.0 points for new total of 50.13`,
		},
		"parties": {
			Input{Algorithm: ForceParty, Teams: 2, Groups: true, Players: people("20A", "21A", "20", "21", "30", "30")},
			`Group matching
> Grouped: b, a
--- Rating sum: 41.0
--- Rating Mean: 20.5
--- Rating Stddev: 0.5
> Grouped: c, d
--- Rating sum: 41.0
--- Rating Mean: 20.5
--- Rating Stddev: 0.5
End of pairing
Group picked b, a for team 1, adding 41.0 points for new total of 41.0
Group picked c, d for team 2, adding 41.0 points for new total of 41.0
Picked e for team 1, adding 30.0 points for new total of 71.0
Picked f for team 2, adding 30.0 points for new total of 71.0`,
		},
		"no players": {
			Input{Algorithm: LoserPicks, Teams: 2, Groups: true, Players: people("50A", "50A", "10", "10")},
			`Group matching
Unable to find a player match for group of a, b (stats: 100.0, 50.0, 0.0), treating them as solo players
End of pairing
Picked a for team 1, adding 50.0 points for new total of 50.0
Picked b for team 2, adding 50.0 points for new total of 50.0
Picked c for team 1, adding 10.0 points for new total of 60.0
Picked d for team 2, adding 10.0 points for new total of 60.0`,
		},
		"no combination": {
			Input{Algorithm: LoserPicks, Teams: 2, Groups: true, Players: people("50A", "10A", "12", "48")},
			`Group matching
Unable to find a combination match for group of a, b (stats: 60.0, 30.0, 20.0), treating them as solo players
End of pairing
Picked a for team 1, adding 50.0 points for new total of 50.0
Picked d for team 2, adding 48.0 points for new total of 48.0
Picked c for team 2, adding 12.0 points for new total of 60.0
Picked b for team 1, adding 10.0 points for new total of 60.0`,
		},
		"reverted": {
			Input{Algorithm: LoserPicks, Teams: 2, Groups: true, Players: people("24A", "24A", "21.1", "21.1")},
			`Tried grouped mode, got a deviation of 12 and reverted to solo mode
Picked a for team 1, adding 24.0 points for new total of 24.0
Picked b for team 2, adding 24.0 points for new total of 24.0
Picked c for team 1, adding 21.1 points for new total of 45.1
Picked d for team 2, adding 21.1 points for new total of 45.1`,
		},
		"three teams": {
			Input{Algorithm: BruteForce, Teams: 3, Players: people("3", "2")},
			`Team count doesn't equal two. Will use another balance algorithm instead.
Picked a for team 1, adding 3.0 points for new total of 3.0
Picked b for team 2, adding 2.0 points for new total of 2.0`,
		},
		"odd": {
			Input{Algorithm: BruteForce, Teams: 2, Players: people("3")},
			`Odd number of players. Will use another balance algorithm instead.
Picked a for team 1, adding 3.0 points for new total of 3.0`,
		},
		"split for three": {
			Input{Algorithm: SplitNoobs, Teams: 1, Players: people("3")},
			`Team count not equal to 2. Will use loser_picks algorithm instead.
Picked a for team 1, adding 3.0 points for new total of 3.0`,
		},
		"avoids for three": {
			Input{Algorithm: RespectAvoids, Teams: 1, Players: people("3")},
			`Team count not equal to 2. Will use loser_picks algorithm instead.
Picked a for team 1, adding 3.0 points for new total of 3.0`,
		},
		"all combinations": {
			Input{Algorithm: BruteForce, Teams: 2, Groups: true, Players: people("20A", "18A", "19", "17")},
			`Algorithm: brute_force
Party: a, b
Combinations tried: 3
Rating difference: 2.0
Stdev difference: 0.0
Captain rating difference: 1.0
Broken parties: 0
Score: 3.0 (lower is better)`,
		},
		"noobs": {
			Input{Algorithm: SplitNoobs, Teams: 2, Players: noobs(people("30", "29", "28", "25"), 2)},
			`Algorithm: split_noobs
Solo noobs:
c (chev: 1, σ: 8.0)
Draft remaining players (ordered from best to worst).
Remaining: a, b, d, c
Final result:
Team 1: b, d
Team 2: a, c`,
		},
		"avoids": {
			Input{Algorithm: RespectAvoids, Teams: 2, Players: people("20", "10", "20", "10", "9"), Avoids: []Avoid{{1, 4}, {1, 1}, {1, 77}}},
			`Algorithm: respect_avoids
Avoid: a avoids d
Combinations tried: 10
Rating difference: 9.0
Captain rating difference: 0.0
Broken avoids: 0
Score: 9.0 (lower is better)
Final result:
Team 1: a, b
Team 2: d, c, e`,
		},
	} {
		in := tc.in
		in.Tuning = exact()
		if name == "no combination" {
			in.Tuning.StdevDiff = 1
		}
		// A seed by which team 1 is the first.
		for in.Seed = 0; rand.New(rand.NewPCG(in.Seed, 0x62616c616e6365)).Perm(in.Teams)[0] != 0 ||
			in.Teams == 3 && rand.New(rand.NewPCG(in.Seed, 0x62616c616e6365)).Perm(in.Teams)[1] != 1; in.Seed++ {
		}
		r := run(t, in)
		if diff := cmp.Diff(strings.Split(tc.want, "\n"), r.Logs); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Seeds change who is on which side, and with fuzz who is with whom; nothing else does.
func TestSeeds(t *testing.T) {
	in := Input{Algorithm: LoserPicks, Teams: 2, Tuning: DefaultTuning, Players: people("20", "20", "20", "20", "20", "20")}
	first, pairs, hashes := map[int]bool{}, map[string]bool{}, map[string]bool{}
	for in.Seed = range uint64(50) {
		r := run(t, in)
		first[r.TeamOf(1)] = true
		pairs[strings.Join(together(in, r), " ")] = true
		hashes[r.Hash] = true
	}
	if len(first) != 2 || len(pairs) < 4 || len(hashes) != 1 {
		t.Errorf("sides %v, teams %v, hashes %v", first, pairs, hashes)
	}
}

func TestHash(t *testing.T) {
	base := func() Input {
		return Input{Algorithm: LoserPicks, Teams: 2, Tuning: DefaultTuning, Players: people("20", "21"), Avoids: []Avoid{{1, 2}}}
	}
	seen := map[string]string{base().Hash(): "base"}
	for name, f := range map[string]func(in *Input){
		"algorithm": func(in *Input) { in.Algorithm = Auto },
		"teams":     func(in *Input) { in.Teams = 3 },
		"groups":    func(in *Input) { in.Groups = true },
		"tuning":    func(in *Input) { in.Tuning.Fuzz = 1 },
		"rating":    func(in *Input) { in.Players[0].Rating = 20.5 },
		"party":     func(in *Input) { in.Players[0].Party = "x" },
		"somebody":  func(in *Input) { in.Players = in.Players[:1] },
		"rank":      func(in *Input) { in.Players[0].Rank = 1 },
		"avoid":     func(in *Input) { in.Avoids = nil },
	} {
		in := base()
		f(&in)
		if was, dup := seen[in.Hash()]; dup {
			t.Errorf("%s has the hash of %s", name, was)
		}
		seen[in.Hash()] = name
	}
	in := base()
	in.Seed = 9
	slices.Reverse(in.Players)
	if in.Hash() != base().Hash() {
		t.Error("order or seed are part of the hash")
	}
}

func TestRefused(t *testing.T) {
	many := make([]Player, MaxPlayers+1)
	for i := range many {
		many[i].ID = int64(i)
	}
	nobody := people("1")
	nobody[0].Rating = math.NaN()
	for name, tc := range map[string]struct {
		in   Input
		want error
	}{
		"nobody":         {Input{Algorithm: LoserPicks, Teams: 2}, ErrInput},
		"no teams":       {Input{Algorithm: LoserPicks, Players: people("1")}, ErrInput},
		"no algorithm":   {Input{Algorithm: Default, Teams: 2, Players: people("1")}, ErrInput},
		"no rating":      {Input{Algorithm: LoserPicks, Teams: 2, Players: nobody}, ErrInput},
		"twice":          {Input{Algorithm: LoserPicks, Teams: 2, Players: append(people("1"), people("1")...)}, ErrInput},
		"too many":       {Input{Algorithm: LoserPicks, Teams: 2, Players: many}, ErrTooMuch},
		"too many teams": {Input{Algorithm: LoserPicks, Teams: MaxTeams + 1, Players: people("1")}, ErrTooMuch},
	} {
		if _, err := Make(t.Context(), tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

// large is a lobby of parties, as hard to pair as can be.
func large(players, party, teams int) Input {
	in := Input{Algorithm: LoserPicks, Teams: teams, Groups: true, Tuning: DefaultTuning}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range players {
		p := Player{ID: int64(i + 1), Name: fmt.Sprint("player", i), Rating: r.Float64() * 40, Uncertainty: 4, Rank: 3}
		if party > 1 && i%(2*party) < party {
			p.Party = fmt.Sprint(i / party)
		}
		in.Players = append(in.Players, p)
	}
	in.Tuning.RatingLower, in.Tuning.RatingUpper = 1000, 1000
	return in
}

// However many can be combined, it ends with teams or an error.
func TestBounded(t *testing.T) {
	for _, in := range []Input{
		large(80, 8, 2), large(256, 16, 2),
	} {
		r, err := Make(t.Context(), in)
		if err != nil {
			if !errors.Is(err, ErrTooMuch) && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			continue
		}
		check(t, in, r)
	}
}

func TestGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := large(256, 8, 2)
	in.Tuning.MeanDiff, in.Tuning.StdevDiff = 0, 0
	if _, err := Make(ctx, in); !errors.Is(err, context.Canceled) {
		t.Errorf("nobody waits: %v", err)
	}
	w := &work{ctx: t.Context(), left: 2}
	for range 2 {
		if err := w.try(); err != nil {
			t.Error(err)
		}
	}
	if err := w.try(); !errors.Is(err, ErrTooMuch) {
		t.Errorf("the third of two tries: %v", err)
	}
}

func TestNames(t *testing.T) {
	if diff := cmp.Diff([]Algorithm{Auto, BruteForce, Default, ForceParty, LoserPicks, RespectAvoids, SplitNoobs}, Names(true)); diff != "" {
		t.Error(diff)
	}
	for _, a := range Names(false) {
		if a == BruteForce || a == ForceParty {
			t.Errorf("everybody may choose %s", a)
		}
	}
	for a := range algorithms {
		if !slices.Contains(Names(true), a) {
			t.Errorf("nobody may choose %s", a)
		}
	}
}

func FuzzMake(f *testing.F) {
	f.Add(uint64(1), uint8(0))
	f.Add(uint64(2), uint8(5))
	f.Fuzz(func(t *testing.T, seed uint64, algorithm uint8) {
		in := crowd(rand.New(rand.NewPCG(seed, 7)), every[int(algorithm)%len(every)])
		r, err := Make(t.Context(), in)
		if errors.Is(err, context.DeadlineExceeded) {
			return // the machine is busy
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, in, r)
	})
}

func benchmark(b *testing.B, in Input) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Make(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBruteForce16(b *testing.B) {
	in := large(16, 2, 2)
	in.Algorithm = BruteForce
	benchmark(b, in)
}

func BenchmarkRespectAvoids16(b *testing.B) {
	in := large(16, 2, 2)
	in.Algorithm, in.Avoids = RespectAvoids, []Avoid{{1, 5}, {3, 9}}
	benchmark(b, in)
}

func BenchmarkLoserPicks80(b *testing.B)         { benchmark(b, large(80, 1, 2)) }
func BenchmarkLoserPicks80Parties(b *testing.B)  { benchmark(b, large(80, 4, 2)) }
func BenchmarkLoserPicks80Parties8(b *testing.B) { benchmark(b, large(80, 8, 2)) }

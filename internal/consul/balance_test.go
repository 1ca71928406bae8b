package consul

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/balance"
)

func input(x *table, teams int, ratings map[int64]map[string]Rating) (in balance.Input) {
	x.do(func(t *Turn) { in = t.BalanceInput(teams, true, 9, ratings) })
	return in
}

func TestBalanceInput(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	avoider := people[gina]
	avoider.Adjust = -3
	avoider.Avoids = []Avoid{
		{User: bob, Since: x.at.Add(-time.Hour)},        // too young
		{User: frank, Since: x.at.Add(-48 * time.Hour)}, // watches
		{User: erin, Since: x.at.Add(-3 * time.Hour)},
	}
	older := people[bob]
	older.Avoids = []Avoid{{User: gina, Since: x.at.Add(-5 * time.Hour)}}
	x.do(func(t *Turn) { t.Know(gina, avoider); t.Know(bob, older) })
	x.step("Moddy $balancealgorithm brute_force")
	x.step("Moddy $set mean_diff_max 8")
	x.rules.MaxDeviation = 12
	tuning := balance.DefaultTuning
	tuning.MeanDiff, tuning.MaxDeviation = 8, 12
	want := balance.Input{
		Algorithm: balance.BruteForce, Teams: 2, Groups: true, Tuning: tuning, Seed: 9,
		Players: []balance.Player{
			{ID: erin, Name: "Erin", Rating: Unrated.Value, Uncertainty: Unrated.Uncertainty, Rank: 2, Party: "p1"},
			{ID: gina, Name: "Gina", Rating: Unrated.Value, Uncertainty: Unrated.Uncertainty, Rank: 5, Party: "p1", Adjust: -3},
			{ID: bob, Name: "BossBob", Rating: Unrated.Value, Uncertainty: Unrated.Uncertainty, Rank: 3},
		},
		Avoids: []balance.Avoid{{By: bob, Of: gina}, {By: gina, Of: erin}},
	}
	if diff := cmp.Diff(want, input(x, 2, nil)); diff != "" {
		t.Errorf("two teams are a small team game (-want +got):\n%s", diff)
	}
	// Three teams of one are an FFA, two of them of two players a Team FFA, which goes by
	// the rating of large teams.
	x.step("Frank plays")
	if in := input(x, 3, nil); in.Players[0].Rating != 20 || in.Players[2].Rating != 30 {
		t.Errorf("players %+v", in.Players)
	}
	// Fresh ratings count, and stay known.
	in := input(x, 2, map[int64]map[string]Rating{erin: {typeSmallTeam: {Value: 33, Uncertainty: 2}}, 99: {}})
	if in.Players[0].Rating != 33 || input(x, 2, nil).Players[0].Rating != 33 {
		t.Errorf("players %+v", in.Players)
	}
	x.step("Moddy $set max_deviation 5")
	if got := input(x, 2, nil).Tuning.MaxDeviation; got != 5 {
		t.Errorf("deviation %v", got)
	}
}

// What is explained is what was done, until somebody changes.
func TestBalanceIsKept(t *testing.T) {
	t.Parallel()
	x := newTable(t)
	in := input(x, 2, nil)
	first, err := balance.Make(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	first.Logs, first.Took = []string{"log a", "log b"}, 1500*time.Microsecond
	again := *first
	again.Logs = []string{"another"}
	x.do(func(t *Turn) { t.State.Keep(Balance{Input: in, Result: *first}) })
	x.do(func(t *Turn) { t.State.Keep(Balance{Input: in, Result: again}) })
	if b, ok := x.state.Balanced(input(x, 2, nil)); !ok || b.Result.Logs[0] != "log a" {
		t.Fatalf("balance %+v, %t", b, ok)
	}
	plain := told(x.order(erin, "$explain"))
	more := told(x.order(moddy, "$explain"))
	want := []string{
		"D Erin: " + splitter, "D Erin: Balance logs, mode: " + first.Mode, "D Erin: log a", "D Erin: log b",
		fmt.Sprintf("D Erin: Deviation of: %d", first.Deviation),
		fmt.Sprintf("D Erin: Team 1 - sum: %.1f, mean: %.1f, stdev: %.2f", first.Teams[0].Sum, first.Teams[0].Mean, first.Teams[0].Stdev),
		fmt.Sprintf("D Erin: Team 2 - sum: %.1f, mean: %.1f, stdev: %.2f", first.Teams[1].Sum, first.Teams[1].Mean, first.Teams[1].Stdev),
		"D Erin: " + splitter,
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if len(more) != 9 || more[7] != "D Moddy: Time taken: 1ms" {
		t.Errorf("told %q", more)
	}
	x.step("Frank plays")
	if _, ok := x.state.Balanced(input(x, 2, nil)); ok {
		t.Error("the same teams for others")
	}
	x.step("@ ended")
	if x.state.Balance != nil {
		t.Error("a balance outlives its match")
	}
	for d, want := range map[time.Duration]string{999 * time.Microsecond: "999us", 2 * time.Millisecond: "2ms", 1600 * time.Millisecond: "2s"} {
		if got := took(d); got != want {
			t.Errorf("%v took %s", d, got)
		}
	}
}

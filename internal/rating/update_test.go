package rating

import (
	"math"
	"math/rand/v2"
	"testing"
)

const tau = 1.0 / 3

var fresh = Estimate{StartSkill, 8.333333}

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// The vectors of the server whose ratings communities bring along.
func TestUpdateVectors(t *testing.T) {
	for name, tc := range map[string]struct{ in, want [][]Estimate }{
		"two new players": {
			[][]Estimate{{fresh}, {fresh}},
			[][]Estimate{{{27.637760, 8.071826}}, {{22.362240, 8.071826}}},
		},
		"two teams": {
			[][]Estimate{{{30, 4}, {20, 6}}, {{28, 5}, fresh}},
			[][]Estimate{{{30.664017, 3.990221}, {21.488314, 5.929617}}, {{26.965049, 4.948951}, {22.133278, 8.050240}}},
		},
		"no less certain": {
			[][]Estimate{{{40, 3}}, {{20, 3}}},
			[][]Estimate{{{40.075334, 3}}, {{19.924666, 3}}},
		},
	} {
		got := Update(tau, tc.in...)
		for i := range tc.want {
			for j, want := range tc.want[i] {
				if g := got[i][j]; !near(g.Skill, want.Skill, 1e-6) || !near(g.Uncertainty, want.Uncertainty, 1e-6) {
					t.Errorf("%s: team %d player %d: %+v, want %+v", name, i, j, g, want)
				}
			}
		}
	}
	if got := Update(tau, []Estimate{fresh}, []Estimate{fresh}, []Estimate{fresh})[0][0]; !near(got.Skill, 27.871630, 1e-6) || !near(got.Uncertainty, 8.211336, 1e-6) {
		t.Errorf("winner of three: %+v", got)
	}
}

// Whatever the ratings: finite, no less certain, the winners never lose, the last never win.
func TestUpdateHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		teams := make([][]Estimate, 2+r.IntN(6))
		for i := range teams {
			for range 1 + r.IntN(16) {
				teams[i] = append(teams[i], Estimate{r.Float64()*500 - 100, 0.01 + r.Float64()*20})
			}
		}
		after := Update(r.Float64(), teams...)
		for i := range teams {
			for j, was := range teams[i] {
				now := after[i][j]
				if math.IsNaN(now.Skill) || math.IsInf(now.Skill, 0) || math.IsNaN(now.Uncertainty) || now.Uncertainty <= 0 {
					t.Fatalf("%+v became %+v", was, now)
				}
				if now.Uncertainty > was.Uncertainty {
					t.Fatalf("less certain: %+v became %+v", was, now)
				}
				if i == 0 && now.Skill < was.Skill || i == len(teams)-1 && now.Skill > was.Skill {
					t.Fatalf("place %d: %+v became %+v", i, was, now)
				}
			}
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	var teams [2][]Estimate
	for i := range 16 {
		teams[i%2] = append(teams[i%2], Estimate{20 + float64(i), 5})
	}
	b.ReportAllocs()
	for b.Loop() {
		Update(tau, teams[0], teams[1])
	}
}

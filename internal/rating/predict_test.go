package rating

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Vectors worked out from the formula by hand.
func TestPredictVectors(t *testing.T) {
	t.Parallel()
	const luck = 2 * (25. / 6) * (25. / 6) // of two teams
	better := 5 / math.Sqrt(luck+4+9)
	worse := -3 / math.Sqrt(luck+16+36+25+8.333333*8.333333)
	for name, tc := range map[string]struct {
		teams [][]Estimate
		want  []float64
	}{
		"nobody":    {nil, []float64{}},
		"one":       {[][]Estimate{{fresh}}, []float64{1}},
		"equal":     {[][]Estimate{{fresh}, {fresh}}, []float64{0.5, 0.5}},
		"three":     {[][]Estimate{{fresh}, {fresh}, {fresh}}, []float64{1. / 3, 1. / 3, 1. / 3}},
		"better":    {[][]Estimate{{{30, 2}}, {{25, 3}}}, []float64{normal(better), normal(-better)}},
		"two teams": {[][]Estimate{{{30, 4}, {20, 6}}, {{28, 5}, fresh}}, []float64{normal(worse), normal(-worse)}},
	} {
		got := Predict(tc.teams...)
		for i := range tc.want {
			if !near(got[i], tc.want[i], 1e-9) {
				t.Errorf("%s: %v, want %v", name, got, tc.want)
			}
		}
	}
	// Of a table of the distribution.
	for x, want := range map[float64]float64{0: 0.5, 1: 0.841344746, -1: 0.158655254, 1.96: 0.975002105, -3: 0.001349898} {
		if !near(normal(x), want, 1e-9) {
			t.Errorf("normal(%v) = %v, want %v", x, normal(x), want)
		}
	}
}

// Whatever the ratings: chances between 0 and 1 that add up to 1, the better of two equally
// certain teams has the better one, and the order of the teams does not matter.
func TestPredictHolds(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		teams := make([][]Estimate, 2+r.IntN(6))
		for i := range teams {
			for range 1 + r.IntN(8) {
				teams[i] = append(teams[i], Estimate{r.Float64()*100 - 20, 0.01 + r.Float64()*9})
			}
		}
		got, sum := Predict(teams...), 0.0
		for _, p := range got {
			if sum += p; p < 0 || p > 1 || math.IsNaN(p) {
				t.Fatalf("%v of %v", got, teams)
			}
		}
		if !near(sum, 1, 1e-9) {
			t.Fatalf("%v add up to %v", got, sum)
		}
		teams[0], teams[1] = teams[1], teams[0]
		if turned := Predict(teams...); !near(turned[0], got[1], 1e-9) || !near(turned[1], got[0], 1e-9) {
			t.Fatalf("%v became %v", got, turned)
		}
	}
	if got := Predict([]Estimate{{26, 5}}, []Estimate{{25, 5}}); got[0] <= got[1] {
		t.Errorf("the better one has %v", got)
	}
}

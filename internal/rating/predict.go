package rating

import "math"

// Predict is how likely each of the teams is to win a game between them: the mean over the
// others of how likely it is to beat them. The sum is 1.
func Predict(teams ...[]Estimate) []float64 {
	type side struct{ skill, variance float64 }
	sides := make([]side, len(teams))
	for i, team := range teams {
		for _, p := range team {
			sides[i].skill += p.Skill
			sides[i].variance += p.Uncertainty * p.Uncertainty
		}
	}
	n := float64(len(teams))
	chances := make([]float64, len(teams))
	if len(teams) == 1 {
		chances[0] = 1
	}
	for i, a := range sides {
		for j, b := range sides {
			if i != j {
				chances[i] += normal((a.skill-b.skill)/math.Sqrt(n*beta*beta+a.variance+b.variance)) / (n * (n - 1) / 2)
			}
		}
	}
	return chances
}

// normal is the distribution function of the standard normal distribution.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

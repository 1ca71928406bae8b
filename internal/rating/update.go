package rating

import "math"

// Constants of the model.
const (
	beta = StartUncertainty / 2 // how much luck there is in one game
	// least keeps a variance from vanishing in one match.
	least = 0.0001
)

// Estimate is what the model knows of a player.
type Estimate struct{ Skill, Uncertainty float64 }

// Update returns what the teams' players are after a game that the teams ended in the
// order given, the winner first. tau is added to every uncertainty beforehand, so that
// nobody becomes certain for ever; but no match leaves a player less certain than
// before. Empty teams are not allowed.
//
// It is the Plackett-Luce model of Weng and Lin, "A Bayesian Approximation Method for
// Online Ranking", algorithm 4.
func Update(tau float64, teams ...[]Estimate) [][]Estimate {
	type side struct{ skill, variance float64 }
	sides := make([]side, len(teams))
	variance := 0.0
	for i, team := range teams {
		for _, p := range team {
			sides[i].skill += p.Skill
			sides[i].variance += widened(p, tau)
		}
		variance += sides[i].variance + beta*beta
	}
	c := math.Sqrt(variance)

	// Strengths relative to the best: their exponentials do not overflow.
	best := math.Inf(-1)
	for _, s := range sides {
		best = math.Max(best, s.skill)
	}
	strength := make([]float64, len(sides))
	for i, s := range sides {
		strength[i] = math.Exp((s.skill - best) / c)
	}
	// left[q] is the strength of all who were still in the race for place q. A sum of
	// nothing but vanishing strengths is kept above zero.
	left := make([]float64, len(sides))
	sum := math.SmallestNonzeroFloat64
	for q := len(sides) - 1; q >= 0; q-- {
		sum += strength[q]
		left[q] = sum
	}

	after := make([][]Estimate, len(teams))
	for i, team := range teams {
		s := sides[i]
		shift, shrink := 0.0, 0.0
		for q := range i + 1 {
			p := strength[i] / left[q]
			if q == i {
				shift += 1 - p
			} else {
				shift -= p
			}
			shrink += p * (1 - p)
		}
		shift *= s.variance / c
		shrink *= math.Sqrt(s.variance) / c * s.variance / (c * c)
		after[i] = make([]Estimate, len(team))
		for j, p := range team {
			wide := widened(p, tau)
			share := wide / s.variance
			after[i][j] = Estimate{
				Skill:       p.Skill + share*shift,
				Uncertainty: math.Min(p.Uncertainty, math.Sqrt(wide*math.Max(1-share*shrink, least))),
			}
		}
	}
	return after
}

// widened is the variance with which a player enters a match.
func widened(p Estimate, tau float64) float64 {
	return p.Uncertainty*p.Uncertainty + tau*tau
}

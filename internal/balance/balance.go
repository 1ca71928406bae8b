package balance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// ErrTooMuch says that an input has more players, teams or possible pairings than are
// tried.
var ErrTooMuch = errors.New("balance: too much to try")

// ErrInput says that an input cannot be balanced.
var ErrInput = errors.New("balance: nothing to balance")

// Limits of an input. The engine has 251 players at most.
const (
	MaxPlayers = 256
	MaxTeams   = 64
	MaxAvoids  = 4096
)

// Deadline is how long a balance may take at most. The slowest that players make takes
// some milliseconds; a host that waits for longer starts to time out.
const Deadline = 2 * time.Second

// Player is somebody to put into a team.
type Player struct {
	ID          int64   `json:"id"`
	Name        string  `json:"name"`
	Rating      float64 `json:"rating"`           // value of the type of game that is played
	Adjust      float64 `json:"adjust,omitempty"` // added to it, by moderators
	Uncertainty float64 `json:"uncertainty"`
	Rank        int     `json:"rank"`
	Party       string  `json:"party,omitempty"` // empty: none
}

// Avoid is somebody who does not want to be with somebody else.
type Avoid struct {
	By int64 `json:"by"`
	Of int64 `json:"of"`
}

// Tuning is what moderators may set for a lobby.
type Tuning struct {
	MaxDeviation float64 `json:"max_deviation"` // percent; more with parties: balanced again without
	RatingLower  float64 `json:"rating_lower_boundary"`
	RatingUpper  float64 `json:"rating_upper_boundary"`
	MeanDiff     float64 `json:"mean_diff_max"`
	StdevDiff    float64 `json:"stddev_diff_max"`
	Fuzz         float64 `json:"fuzz_multiplier"`
	ShuffleFirst bool    `json:"shuffle_first_pick"` // equal teams pick in random order
}

// DefaultTuning is that of a new lobby.
var DefaultTuning = Tuning{
	MaxDeviation: 10, RatingLower: 3, RatingUpper: 5, MeanDiff: 5, StdevDiff: 3, Fuzz: 0.5, ShuffleFirst: true,
}

// Input is everything that a balance depends on.
type Input struct {
	Algorithm Algorithm `json:"algorithm"`
	Teams     int       `json:"teams"`
	Groups    bool      `json:"groups"` // parties stay together
	Tuning    Tuning    `json:"tuning"`
	Players   []Player  `json:"players"`
	// Avoids are those among the players that are old enough to count, the oldest first.
	// Only respect_avoids looks at them.
	Avoids []Avoid `json:"avoids,omitempty"`
	Seed   uint64  `json:"seed"` // of everything random; not part of the hash
}

// Team is one of the result's.
type Team struct {
	Players []int64   `json:"players"` // in the order in which they were taken
	Groups  [][]int64 `json:"groups"`  // the same, by party
	Sum     float64   `json:"sum"`
	Mean    float64   `json:"mean"`
	Stdev   float64   `json:"stdev"`
	Captain int64     `json:"captain"` // the best of the team, 0 if it is empty
}

// Modes of a result.
const (
	Grouped = "grouped" // parties were looked at
	Solo    = "solo"
)

// Result is a balance. Values are shared and immutable.
type Result struct {
	Algorithm  Algorithm     `json:"algorithm"` // as asked for
	Teams      []Team        `json:"teams"`     // team n is Teams[n-1]
	Deviation  int           `json:"deviation"` // percent
	HasParties bool          `json:"has_parties"`
	Mode       string        `json:"mode"`
	Logs       []string      `json:"logs"`
	Hash       string        `json:"hash"` // of the input
	Took       time.Duration `json:"took"`
}

// TeamOf returns the team of a player, from 1; 0 if it is in none.
func (r *Result) TeamOf(player int64) int {
	for i, t := range r.Teams {
		if slices.Contains(t.Players, player) {
			return i + 1
		}
	}
	return 0
}

// Hash names the input without its seed: inputs with one hash ask for the same. The
// order of the players does not matter.
func (in Input) Hash() string {
	var h bytes.Buffer
	fmt.Fprintf(&h, "%s %d %t %v", in.Algorithm, in.Teams, in.Groups, in.Tuning)
	for _, p := range in.sorted() {
		fmt.Fprintf(&h, "\n%d:%q,%x,%x,%x,%d", p.ID, p.Party, p.Rating, p.Adjust, p.Uncertainty, p.Rank)
	}
	for _, a := range in.Avoids {
		fmt.Fprintf(&h, "\n%d!%d", a.By, a.Of)
	}
	sum := sha256.Sum256(h.Bytes())
	return base64.RawStdEncoding.EncodeToString(sum[:16])
}

// sorted are the players in the order of their ids.
func (in Input) sorted() []Player {
	return slices.SortedFunc(slices.Values(in.Players), func(a, b Player) int { return cmp.Compare(a.ID, b.ID) })
}

func (in Input) check() error {
	switch {
	case len(in.Players) == 0 || in.Teams < 1:
		return ErrInput
	case len(in.Players) > MaxPlayers || in.Teams > MaxTeams || len(in.Avoids) > MaxAvoids:
		return fmt.Errorf("%w: %d players, %d teams, %d avoids", ErrTooMuch, len(in.Players), in.Teams, len(in.Avoids))
	}
	seen := make(map[int64]bool, len(in.Players))
	for _, p := range in.Players {
		if seen[p.ID] {
			return fmt.Errorf("%w: player %d is there twice", ErrInput, p.ID)
		}
		seen[p.ID] = true
		for _, f := range []float64{p.Rating, p.Adjust, p.Uncertainty} {
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return fmt.Errorf("%w: player %d has no rating", ErrInput, p.ID)
			}
		}
	}
	return nil
}

// Make balances. It ends soon after ctx does, and after Deadline at the latest.
func Make(ctx context.Context, in Input) (*Result, error) {
	began := time.Now()
	if err := in.check(); err != nil {
		return nil, err
	}
	run, ok := algorithms[in.Algorithm]
	if !ok {
		return nil, fmt.Errorf("%w: no algorithm %q", ErrInput, in.Algorithm)
	}
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	w := &work{
		ctx: ctx, teams: in.Teams, tuning: in.Tuning, avoids: in.Avoids, left: maxTries,
		rand: rand.New(rand.NewPCG(in.Seed, 0x62616c616e6365)), //nolint:gosec // teams are no secret
	}
	w.labels = w.rand.Perm(in.Teams)
	w.enter(in)
	r, err := w.balance(run, in.Groups)
	if err != nil {
		return nil, err
	}
	r.Algorithm, r.Hash, r.Took = in.Algorithm, in.Hash(), time.Since(began)
	return r, nil
}

// balance runs the algorithm, a second time without parties if they make it too uneven.
func (w *work) balance(run algorithm, groups bool) (*Result, error) {
	if !groups {
		return w.solo(run)
	}
	w.group(true)
	r, err := w.run(run)
	if err != nil {
		return nil, err
	}
	r.Mode = Grouped
	if !r.HasParties || float64(r.Deviation) <= w.tuning.MaxDeviation {
		return r, nil
	}
	again, err := w.solo(run)
	if err != nil {
		return nil, err
	}
	again.Logs = append([]string{
		fmt.Sprintf("Tried grouped mode, got a deviation of %d and reverted to solo mode", r.Deviation),
	}, again.Logs...)
	return again, nil
}

func (w *work) solo(run algorithm) (*Result, error) {
	w.group(false)
	r, err := w.run(run)
	if err != nil {
		return nil, err
	}
	r.Mode = Solo
	return r, nil
}

func (w *work) run(run algorithm) (*Result, error) {
	w.logs = nil
	sides, err := run(w)
	if err != nil {
		return nil, err
	}
	r := &Result{Logs: w.logs, Teams: make([]Team, len(sides)), HasParties: w.hasParties()}
	for i, s := range sides {
		r.Teams[w.labels[i]] = s.team()
	}
	r.Deviation = deviation(r.Teams)
	return r, nil
}

// deviation is how much weaker the weakest team is than the strongest, in percent.
func deviation(teams []Team) int {
	if len(teams) < 2 {
		return 0
	}
	low, high := teams[0].Sum, teams[0].Sum
	for _, t := range teams {
		low, high = min(low, t.Sum), max(high, t.Sum)
	}
	return int(math.Abs(math.Round((1 - low/max(high, 1)) * 100)))
}

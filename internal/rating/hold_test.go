package rating

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/match"
	"teiserver/internal/setting"
)

// held is a HoldStore and Matches of a test.
type held struct {
	hold    Hold
	matches map[int64]*match.Match
	left    []int64
	rated   []int64
	skipped []int64
	fails   int // after so many
}

func (h *held) RatingHold(context.Context) (Hold, error) { return h.hold, nil }

func (h *held) HoldRatings(_ context.Context, token string, t Type, season int) (Hold, []cache.Change, error) {
	if h.hold.Held() && (h.hold.Type != t || h.hold.Season != season) {
		return h.hold, nil, ErrHeld
	}
	h.hold.Token, h.hold.Type, h.hold.Season = token, t, season
	return h.hold, nil, nil
}

func (h *held) NextHeld(_ context.Context, at Hold, most int) ([]int64, error) {
	i := slices.Index(h.left, at.Match) + 1
	return h.left[i:min(len(h.left), i+min(most, 2))], nil
}

func (h *held) RateHeld(_ context.Context, at Hold, g *Game, r Rules, ok bool) (Hold, []cache.Change, error) {
	if h.fails--; h.fails == 0 {
		return at, nil, errors.New("the store is away")
	}
	if r.Season != at.Season {
		return at, nil, errors.New("another season")
	}
	at.Match = g.Match
	if h.hold = at; ok {
		h.rated = append(h.rated, g.Match)
	} else {
		h.skipped = append(h.skipped, g.Match)
	}
	return at, nil, nil
}

func (h *held) EndHold(context.Context, Hold) error { h.hold = Hold{}; return nil }

func (h *held) MatchByID(_ context.Context, id int64) (*match.Match, error) {
	return h.matches[id], nil
}

func (h *held) Memberships(context.Context, int64) ([]match.Membership, error) {
	return []match.Membership{{User: 1, Team: 0, Win: true}, {User: 2, Team: 1}}, nil
}

// TestAll: each match once and in order, over a failure in between; those that the rules do
// not let count are told with the reason; the hold ends with the last one.
func TestAll(t *testing.T) {
	t.Parallel()
	winner := 0
	h := &held{left: []int64{4, 2, 7, 5, 9}, matches: map[int64]*match.Match{}, fails: 3}
	for _, id := range h.left {
		h.matches[id] = &match.Match{
			ID: id, GameType: match.GameType(Duel), Processed: time.Unix(1, 0), WinningTeam: &winner, TeamCount: 2, TeamSize: 1, GameDuration: 600,
		}
	}
	h.matches[7].GameDuration = 5
	h.matches[5].GameType = match.GameType(FFA)
	why := map[int64]error{}
	each := func(id int64, reason error) { why[id] = reason }
	r := NewRater(nil, nil, setting.Fixed(nil), slog.New(slog.DiscardHandler))
	if _, err := r.All(t.Context(), h, h, "a", Duel, 3, each); err == nil || !h.hold.Held() {
		t.Fatalf("a failure: %v, %+v", err, h.hold)
	}
	if _, err := r.All(t.Context(), h, h, "b", SmallTeam, 3, each); !errors.Is(err, ErrHeld) {
		t.Errorf("another type: %v", err)
	}
	if _, err := r.All(t.Context(), h, h, "b", Duel, 3, each); err != nil || h.hold.Held() {
		t.Fatalf("again: %v, %+v", err, h.hold)
	}
	if diff := cmp.Diff([]int64{4, 2, 9}, h.rated) + cmp.Diff([]int64{7, 5}, h.skipped); diff != "" {
		t.Errorf("rated, skipped (-want +got):\n%s", diff)
	}
	if len(why) != 5 || why[4] != nil || !errors.Is(why[7], ErrTooShort) || !errors.Is(why[5], ErrType) {
		t.Errorf("told %v", why)
	}
	if _, err := r.All(t.Context(), h, h, "c", "Chess", 3, each); !errors.Is(err, ErrType) {
		t.Errorf("no type: %v", err)
	}
}

func TestAdjust(t *testing.T) {
	t.Parallel()
	at := time.Unix(100, 0)
	before := Rating{Key: Key{1, Duel, 1}, Skill: 20, Uncertainty: 5, Matches: 3}
	num := func(x float64) *float64 { return &x }
	e, ok := before.Adjust(Adjustment{Skill: num(26)}, at)
	if !ok || e.Skill != 26 || e.Uncertainty != 5 || e.Matches != 3 || e.SkillChange != 6 || e.ValueChange != 6 || e.Reason != ReasonManual || !e.At.Equal(at) {
		t.Errorf("%+v, %v", e, ok)
	}
	if _, ok := before.Adjust(Adjustment{Skill: num(20), Uncertainty: num(5)}, at); ok {
		t.Error("nothing changes, and is an entry")
	}
	nan := num(0)
	*nan /= *nan
	for _, bad := range []Adjustment{{Skill: num(201)}, {Skill: num(-201)}, {Skill: nan}, {Uncertainty: num(0)}, {Uncertainty: num(9)}, {Uncertainty: nan}} {
		if bad.Check() == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	if err := (Adjustment{Skill: num(-200), Uncertainty: num(StartUncertainty)}).Check(); err != nil {
		t.Error(err)
	}
}

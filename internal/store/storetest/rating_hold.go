package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/match"
	"teiserver/internal/rating"
)

// finishIt rates a game whose match ended when the game did.
func finishIt(ctx context.Context, s Store, g *rating.Game) error {
	_, err := s.ProcessMatch(ctx, g.Match, func(ctx context.Context, w match.Work) (match.Plan, error) {
		_, _, err := s.RateIn(ctx, w.Tx, g, ratingRules)
		w.Match.Finished, w.Match.RatingType = g.Finished, string(g.Type)
		return match.Plan{Match: w.Match}, err
	})
	return err
}

// A whole type is rated again: once, in order, over an interruption, and nothing else moves
// its ratings meanwhile. What comes out is what the same matches make of new players.
func testRatingHold(t *testing.T, s Store) {
	ctx := t.Context()
	played(t, s, 1, 2, 3, 4, 5)
	// Processed in another order than they ended in.
	games := []*rating.Game{
		gameOf(1, 5000, []int64{1, 2}, []int64{3, 4}), gameOf(2, 3000, []int64{3}, []int64{1}), gameOf(3, 4000, []int64{2}, []int64{3}),
	}
	for _, g := range games {
		must(t, finishIt(ctx, s, g))
	}
	if h, err := s.RatingHold(ctx); err != nil || h.Held() {
		t.Fatalf("hold %+v, %v", h, err)
	}
	skill := 40.0
	_, _, err := s.AdjustRating(ctx, rating.Key{User: 4, Type: rating.LargeTeam, Season: 1}, rating.Adjustment{Skill: &skill})
	must(t, err)

	h, changes, err := s.HoldRatings(ctx, "first", rating.LargeTeam, 1)
	must(t, err)
	if len(changes) != 4 || h.Token != "first" {
		t.Errorf("%d changes, %+v", len(changes), h)
	}
	if lists, err := s.Ratings(ctx, 1, 1, 2, 3, 4); err != nil || len(lists[0])+len(lists[1])+len(lists[2])+len(lists[3]) != 0 {
		t.Errorf("ratings that are left: %v, %v", lists, err)
	}

	// Others wait.
	if err := finishIt(ctx, s, gameOf(4, 6000, []int64{1}, []int64{2})); !errors.Is(err, rating.ErrHeld) {
		t.Errorf("a match: %v", err)
	}
	if _, _, err := s.Rerate(ctx, games[0], ratingRules); !errors.Is(err, rating.ErrHeld) {
		t.Errorf("one again: %v", err)
	}
	if _, _, err := s.AdjustRating(ctx, rating.Key{User: 4, Type: rating.LargeTeam, Season: 1}, rating.Adjustment{Skill: &skill}); !errors.Is(err, rating.ErrHeld) {
		t.Errorf("adjusted: %v", err)
	}
	if _, _, err := s.ResetUncertainty(ctx, []int64{4}, 5, false); !errors.Is(err, rating.ErrHeld) {
		t.Errorf("reset: %v", err)
	}
	if _, _, err := s.HoldRatings(ctx, "other", rating.Duel, 1); !errors.Is(err, rating.ErrHeld) {
		t.Errorf("another type: %v", err)
	}
	duel := gameOf(5, 6000, []int64{1}, []int64{2})
	duel.Type = rating.Duel
	must(t, finishIt(ctx, s, duel))

	// The oldest first, and on from there under another token.
	next, err := s.NextHeld(ctx, h, 2)
	must(t, err)
	if diff := cmp.Diff([]int64{2, 3}, next); diff != "" {
		t.Fatalf("next (-want +got):\n%s", diff)
	}
	if h, _, err = s.RateHeld(ctx, h, games[1], ratingRules, true); err != nil || h.Rated != 1 || h.Match != 2 {
		t.Fatalf("%+v, %v", h, err)
	}
	taken, changes, err := s.HoldRatings(ctx, "second", rating.LargeTeam, 1)
	must(t, err)
	if len(changes) != 0 || taken.Match != 2 || taken.Rated != 1 {
		t.Errorf("taken over: %d changes, %+v", len(changes), taken)
	}
	if _, _, err := s.RateHeld(ctx, h, games[2], ratingRules, true); !errors.Is(err, rating.ErrNotHeld) {
		t.Errorf("the first one goes on: %v", err)
	}
	if err := s.EndHold(ctx, h); !errors.Is(err, rating.ErrNotHeld) {
		t.Errorf("the first one ends it: %v", err)
	}
	next, err = s.NextHeld(ctx, taken, 9)
	must(t, err)
	if diff := cmp.Diff([]int64{3, 1}, next); diff != "" {
		t.Fatalf("next (-want +got):\n%s", diff)
	}
	if taken, _, err = s.RateHeld(ctx, taken, games[2], ratingRules, false); err != nil || taken.Rated != 1 {
		t.Errorf("one that does not count: %+v, %v", taken, err)
	}
	if taken, _, err = s.RateHeld(ctx, taken, games[0], ratingRules, true); err != nil || taken.Rated != 2 {
		t.Errorf("%+v, %v", taken, err)
	}
	if next, err := s.NextHeld(ctx, taken, 9); err != nil || len(next) != 0 {
		t.Errorf("left: %v, %v", next, err)
	}
	must(t, s.EndHold(ctx, taken))

	// By hand: match 2, then match 1, from the start.
	now := map[int64]rating.Rating{}
	for _, g := range []*rating.Game{games[1], games[0]} {
		before := map[int64]rating.Rating{}
		for _, p := range g.Players {
			r, there := now[p.User]
			if !there {
				r = rating.Start(rating.Key{User: p.User, Type: rating.LargeTeam, Season: 1})
			}
			before[p.User] = r
		}
		for _, e := range rating.Rate(g, ratingRules, before) {
			now[e.User] = e.Rating
		}
	}
	for user, want := range now {
		lists, err := s.Ratings(ctx, 1, user)
		must(t, err)
		for _, got := range lists[0] {
			if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-9)); got.Type == rating.LargeTeam && diff != "" {
				t.Errorf("user %d (-want +got):\n%s", user, diff)
			}
		}
	}
	for id, entries := range map[int64]int{1: 4, 2: 2, 3: 0} {
		if list, err := s.Log(ctx, id, 0, 0); err != nil || len(list) != entries {
			t.Errorf("log of match %d: %v, %v", id, list, err)
		}
	}
	if list, err := s.Log(ctx, 0, 4, 9); err != nil || len(list) != 1 || list[0].Match != 1 {
		t.Errorf("what was set by hand is left: %+v, %v", list, err)
	}
	must(t, finishIt(ctx, s, gameOf(4, 6000, []int64{1}, []int64{2})))
}

// A rating is set by hand, and that is in the log.
func testRatingAdjusted(t *testing.T, s Store) {
	ctx := t.Context()
	key := rating.Key{User: 4, Type: rating.Duel, Season: 2}
	skill, sigma := 30.0, 4.0
	e, changes, err := s.AdjustRating(ctx, key, rating.Adjustment{Skill: &skill, Uncertainty: &sigma})
	must(t, err)
	if e.Skill != 30 || e.Uncertainty != 4 || e.SkillChange != 5 || e.Reason != rating.ReasonManual || len(changes) != 1 || changes[0].Key != "4/2" {
		t.Errorf("%+v, %v", e, changes)
	}
	if e.At.Before(time.Now().Add(-time.Hour)) {
		t.Errorf("at %v", e.At)
	}
	lists, err := s.Ratings(ctx, 2, 4)
	must(t, err)
	if len(lists[0]) != 1 || lists[0][0].Skill != 30 || lists[0][0].Uncertainty != 4 || lists[0][0].Matches != 0 {
		t.Errorf("%+v", lists)
	}
	if e, changes, err := s.AdjustRating(ctx, key, rating.Adjustment{Skill: &skill}); err != nil || e.Reason != "" || e.Skill != 30 || len(changes) != 0 {
		t.Errorf("the same again: %+v, %v, %v", e, changes, err)
	}
	if list, err := s.Log(ctx, 0, 4, 9); err != nil || len(list) != 1 || list[0].Reason != rating.ReasonManual || list[0].Match != 0 {
		t.Errorf("log: %+v, %v", list, err)
	}
}

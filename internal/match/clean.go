package match

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"teiserver/internal/cluster/registry"
)

// The paces of the clean-up: the database has other things to do at the same time.
const (
	cleanMost  = 500 // matches of one sort in one run
	cleanChunk = 5
	// CleanPause is the time between two pieces.
	CleanPause = time.Second
)

// Cleaner is the job that removes what nobody asks for anymore. It must not overlap
// with itself: two would do the same work twice, though with the same result.
type Cleaner struct {
	Store JobStore
	// UnplayedAge and UnratedAge are how old matches are that go: those of which no game
	// came, and finished ones that were not rated.
	UnplayedAge func(ctx context.Context) time.Duration
	UnratedAge  func(ctx context.Context) time.Duration
	// DataAge is how old a finished match is when its tags and data are emptied.
	DataAge func(ctx context.Context) time.Duration
	Log     *slog.Logger
}

// Chunk is a piece of the clean-up that has been found.
type Chunk struct {
	Sort Stale
	IDs  []int64
	// Write does it; behind a fence if it is given one.
	Write func(ctx context.Context, f *registry.Fence) error
}

// Next finds the next piece, from what is in the store: nil if nothing is left. Whoever
// does them one by one waits for CleanPause in between.
func (c *Cleaner) Next(ctx context.Context) (*Chunk, error) {
	for _, sort := range []Stale{Unplayed, Bulky, Unrated} {
		ids, err := c.Store.StaleMatches(ctx, sort, c.age(ctx, sort), cleanChunk)
		if err != nil {
			return nil, fmt.Errorf("list %s matches: %w", sort, err)
		}
		if len(ids) > 0 {
			return &Chunk{sort, ids, func(ctx context.Context, f *registry.Fence) error { return c.write(ctx, f, sort, ids) }}, nil
		}
	}
	return nil, nil
}

func (c *Cleaner) age(ctx context.Context, sort Stale) time.Duration {
	switch sort {
	case Unplayed:
		return c.UnplayedAge(ctx)
	case Unrated:
		return c.UnratedAge(ctx)
	}
	return c.DataAge(ctx)
}

func (c *Cleaner) write(ctx context.Context, f *registry.Fence, sort Stale, ids []int64) error {
	work := c.Store.DeleteMatches
	if sort == Bulky {
		work = c.Store.StripMatches
	}
	if err := work(ctx, f, ids); err != nil {
		return fmt.Errorf("clean %s matches: %w", sort, err)
	}
	return nil
}

// CleanBattles removes and empties old matches, a few at a time, at most so many of each
// sort. It ends with the error of ctx when that ends, after the chunk that it is at; the
// next run goes on from what is left.
func (c *Cleaner) CleanBattles(ctx context.Context) error {
	cleaned := map[Stale]int{}
	for {
		chunk, err := c.Next(ctx)
		if err != nil {
			return err
		}
		if chunk == nil || cleaned[chunk.Sort] >= cleanMost {
			break
		}
		if err := chunk.Write(ctx, nil); err != nil {
			return err
		}
		cleaned[chunk.Sort] += len(chunk.IDs)
		if err := pause(ctx, CleanPause); err != nil {
			return err
		}
	}
	if len(cleaned) > 0 && c.Log != nil {
		c.Log.Info("matches cleaned", "unplayed", cleaned[Unplayed], "stripped", cleaned[Bulky], "unrated", cleaned[Unrated])
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

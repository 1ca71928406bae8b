package sequence

import "context"

// Store hands out blocks of numbers.
type Store interface {
	// Reserve returns the first number of a block of n that nobody else ever gets.
	// Sequences begin at 1. If the outcome is unknown the block is lost, never reused.
	Reserve(ctx context.Context, name string, n int) (first int64, err error)
}

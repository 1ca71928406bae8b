//go:build !failpoints

package failpoint

import (
	"context"
	"time"
)

// Enabled reports whether this is a build that can be broken.
const Enabled = false

// Broken reports whether a step is left out.
func Broken(string) bool { return false }

// Wall is the wall clock.
func Wall(ns int64) int64 { return ns }

// Boot is the boot clock.
func Boot(d time.Duration) time.Duration { return d }

// Margin is what trust is shorter than the lease.
func Margin(d time.Duration) time.Duration { return d }

// Wait stands still at a point.
func Wait(ctx context.Context, _ string) context.Context { return ctx }

// SQL is the text of a statement.
func SQL(_, text string) string { return text }

// Act notes a visible effect of a process.
func Act(string, int64, int64, any) {}

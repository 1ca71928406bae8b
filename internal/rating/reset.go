package rating

import (
	"math"
	"time"
)

// ReasonReset is the reason of the entries that a reset of uncertainties writes.
const ReasonReset = "Uncertainty minimum override"

// Who has not played for a month is less certain, after a year as uncertain as a new player.
const (
	resetFrom = 365.0 / 12
	resetTo   = 365.0
	// DefaultResetTarget is the uncertainty that a reset gives at least to who played lately.
	DefaultResetTarget = 5.0
)

// ResetUncertainty is the uncertainty of a rating that was last moved so long ago, when a
// season ends: at least target, and the more the longer it is ago. It never falls,
// except for who has been away for a year: they are as uncertain as new players.
func ResetUncertainty(uncertainty float64, since time.Duration, target float64) float64 {
	days := math.Floor(since.Hours() / 24)
	switch {
	case days >= resetTo:
		return StartUncertainty
	case days <= resetFrom:
		return math.Max(uncertainty, target)
	}
	return math.Max(uncertainty, target+(days-resetFrom)*(StartUncertainty-target)/(resetTo-resetFrom))
}

// Reset is the entry of a rating whose uncertainty is reset at a time; ok is false if
// nothing changes.
func (r Rating) Reset(at time.Time, target float64) (e Entry, ok bool) {
	now := r
	now.Uncertainty = ResetUncertainty(r.Uncertainty, at.Sub(r.Updated), target)
	if now.Uncertainty == r.Uncertainty {
		return Entry{}, false
	}
	e = change(r, now)
	e.At, e.Reason = at, ReasonReset
	return e, true
}

package rating

import (
	"errors"
	"time"
)

// ReasonManual is the reason of the entries of a rating that somebody has set.
const ReasonManual = "Manual adjustment"

// MostSkill bounds what a rating can be set to: no player has more.
const MostSkill = 200.0

// Adjustment is what somebody sets of a rating; nil stays.
type Adjustment struct {
	Skill, Uncertainty *float64
}

// ErrAdjustment says that a rating cannot be set to that.
var ErrAdjustment = errors.New("a skill is between -200 and 200, an uncertainty above 0 and not above that of a new player")

// Check says whether an adjustment can be.
func (a Adjustment) Check() error {
	if s := a.Skill; s != nil && !(*s >= -MostSkill && *s <= MostSkill) {
		return ErrAdjustment
	}
	if u := a.Uncertainty; u != nil && !(*u > 0 && *u <= StartUncertainty) {
		return ErrAdjustment
	}
	return nil
}

// Adjust is the entry of a rating that is set at a time; ok is false if nothing changes.
func (r Rating) Adjust(a Adjustment, at time.Time) (e Entry, ok bool) {
	now := r
	if a.Skill != nil {
		now.Skill = *a.Skill
	}
	if a.Uncertainty != nil {
		now.Uncertainty = *a.Uncertainty
	}
	if now == r {
		return Entry{}, false
	}
	e = change(r, now)
	e.At, e.Reason = at, ReasonManual
	return e, true
}

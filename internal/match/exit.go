package match

// Exit says how a player left a match.
type Exit string

// The ways to leave.
const (
	Stayed    Exit = "stayed"    // to the end, or so near to it that it does not matter
	Early     Exit = "early"     // in its last tenth
	Abandoned Exit = "abandoned" // before that
	NoShow    Exit = "noshow"    // in its first minute
)

// lastMinute is how near to the end nobody is blamed for leaving, and how early nobody
// is thought to have played.
const lastMinute = 60

// ExitOf says how a player left a game of so many seconds. leftAfter counts from an
// earlier moment than duration, so that it may be more.
func ExitOf(leftAfter *int64, duration int64) Exit {
	if leftAfter == nil || *leftAfter >= duration {
		return Stayed
	}
	left := *leftAfter
	switch {
	case left*100 >= duration*99, duration-left < lastMinute:
		return Stayed
	case left*10 >= duration*9:
		return Early
	case left < lastMinute:
		return NoShow
	}
	return Abandoned
}

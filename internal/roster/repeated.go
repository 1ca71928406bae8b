package roster

// lines remembers the last line of each speaker in a channel or room. A line whose
// answer was lost with the owner is said again by the next one, who does not know it:
// who has heard it shows it once.
type lines map[int64]lastLine

// lastLine is the highest number of a session's lines; they are said in order.
type lastLine struct{ session, number int64 }

// linesKept bounds the speakers that are remembered.
const linesKept = 4096

// again reports whether a line has been heard, and notes it. Without a number, or of an
// older session than the last line, it counts as new.
func (l lines) again(user, session, number int64) bool {
	if number == 0 {
		return false
	}
	last := l[user]
	if session == last.session && number <= last.number {
		return true
	}
	if session >= last.session {
		if len(l) >= linesKept {
			clear(l) // who repeats does so at once
		}
		l[user] = lastLine{session, number}
	}
	return false
}

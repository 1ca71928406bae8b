package roster

// What is heard of many users at once, because their node is gone or its view has come,
// is shown in turns: between two of them others have the roster, so that nobody's
// command or line waits until all are through. What was heard counts at once; who is in
// the backlog still looks as before.

// Bounds of a turn.
const (
	turnUsers = 256
	turnLines = 8192 // to all viewers together, as far as it can be told
)

// look has users looked at in turns, and begins.
func (s *state) look(at []*user) {
	s.backlog = append(s.backlog, at...)
	s.turn()
}

// turn looks at some of the backlog.
func (s *state) turn() {
	lines, n := 0, 0
	for n < min(turnUsers, len(s.backlog)) && (n == 0 || lines < turnLines) {
		u := s.backlog[n]
		lines += s.lines(u)
		s.mark(u)
		s.backlog[n] = nil
		n++
	}
	if s.backlog = s.backlog[n:]; len(s.backlog) > 0 {
		s.effects = append(s.effects, goOn{})
	} else {
		s.backlog = nil
	}
	s.settle()
}

// lines is about how many lines it takes to show what has become of a user: one for
// each viewer is shared with the others of its turn.
func (s *state) lines(u *user) int {
	n := 1
	for _, ch := range u.chans {
		n += len(ch.viewers)
	}
	return n + (len(u.founds)+len(u.seats))*len(s.viewers)
}

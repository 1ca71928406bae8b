package lobby

import "teiserver/internal/cluster/process"

// repeat takes in what an edge's clients hold, after a takeover: the snapshot may
// lack the last second. It adds and corrects; what it does not name stays.
func (s *State) repeat(c Repeat) (process.Outcome, error) {
	var events []any
	info := s.room.view.Info
	if c.Founder != nil && c.Founder.User == info.Founder.User && newer(*c.Founder, info.Founder) {
		info.Founder = *c.Founder
		events = append(events, InfoSet{Info: info})
	}
	seen := map[int64]bool{info.Founder.User: true}
	for _, m := range c.Members {
		if !seen[m.User] {
			events = append(events, s.repeatMember(m)...)
		}
		seen[m.User] = true
	}
	for _, p := range c.Pending {
		if !seen[p.User] {
			events = append(events, s.repeatAsker(p)...)
		}
		seen[p.User] = true
	}
	return process.Outcome{Events: events}, nil
}

func (s *State) repeatMember(m Member) []any {
	m.Status = legal(m.Status)
	if p, ok := s.room.Asker(m.User); ok && later(p.Who, p.Join, m.Who, m.Join) {
		return nil // it has asked again since
	}
	i := s.room.member(m.User)
	if i < 0 {
		return []any{Entered{Member: m}}
	}
	known := &s.room.view.Members[i]
	if later(m.Who, m.Join, known.Who, known.Join) {
		return []any{Entered{Member: m}}
	}
	if later(known.Who, known.Join, m.Who, m.Join) {
		return nil
	}
	// The same seat. What was said in this life is newer than what the edge repeats.
	if !m.Told || s.settled[m.User] || known.Told && m.Status == known.Status {
		return nil
	}
	return []any{StatusSet{User: m.User, Status: m.Status}}
}

// repeatAsker asks the host again for a request that was lost. If the asker is a
// member still, it had asked again, and the end of that membership was lost too.
func (s *State) repeatAsker(p Asked) []any {
	if known, ok := s.room.Asker(p.User); ok && !later(p.Who, p.Join, known.Who, known.Join) {
		return nil
	}
	events := []any{Requested{Asked: p}}
	i := s.room.member(p.User)
	if i < 0 {
		return events
	}
	if m := s.room.view.Members[i]; !later(p.Who, p.Join, m.Who, m.Join) {
		return nil
	}
	return append(events, s.removal(i, false)...)
}

// later reports whether a join came after another one of the same user.
func later(w Who, join int64, than Who, thanJoin int64) bool {
	return newer(w, than) || !older(w, than) && join > thanJoin
}

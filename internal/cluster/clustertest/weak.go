package clustertest

// Weak leaves steps of the protocols out, so that a checker can be shown to notice; the
// names are those of package failpoint. "fence": writes compare nothing. "close": a key
// is closed by deleting its row, whoever owns it. "condemn": a node is condemned without
// comparing its renewal number and without looking at its lease. "claim": a claim takes
// the key also from a living owner.
func (s *Store) Weak(steps ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weak = map[string]bool{}
	for _, step := range steps {
		s.weak[step] = true
	}
}

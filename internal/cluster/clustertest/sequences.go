package clustertest

import (
	"sync"
	"testing"
)

// RunSequences checks what sequence.Store promises.
func RunSequences(t *testing.T, open func(t *testing.T) Env) {
	run(t, open, []test{
		{"BeginAtOne", beginAtOne},
		{"BlocksDoNotMeet", blocksDoNotMeet},
	})
}

func beginAtOne(s suite) {
	for _, name := range []string{"lobby", "match"} {
		if first, err := s.Sequences.Reserve(s.ctx, name, 50); err != nil || first != 1 {
			s.Errorf("%s begins at %d, %v", name, first, err)
		}
	}
	if first, err := s.Sequences.Reserve(s.ctx, "lobby", 1); err != nil || first != 51 {
		s.Errorf("second block at %d, %v", first, err)
	}
}

func blocksDoNotMeet(s suite) {
	var mu sync.Mutex
	given := map[int64]bool{}
	together(16, func(i int) {
		n := 1 + i%7
		first, err := s.Sequences.Reserve(s.ctx, "lobby", n)
		if err != nil {
			s.Errorf("reserve: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		for v := first; v < first+int64(n); v++ {
			if given[v] {
				s.Errorf("%d was given twice", v)
			}
			given[v] = true
		}
	})
}

package spring

import (
	"context"
	"math/rand/v2"
	"time"
)

// TurnAway ends new connections at once, or takes them again. Those that are open go on.
func (s *Server) TurnAway(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = on
}

// CloseAll ends every connection with a reason, in random order and evenly spread over
// d, so that they do not come back elsewhere all at once. It returns when all have
// ended, or when ctx has: then the rest stays open. Turn newcomers away first.
func (s *Server) CloseAll(ctx context.Context, d time.Duration, reason string) error {
	for {
		open := s.open()
		if len(open) == 0 {
			return nil
		}
		pause := d / time.Duration(len(open))
		d = 0 // whoever is left after one round ends at once
		for i, c := range open {
			if pause > 0 && i > 0 {
				t := time.NewTimer(pause)
				select {
				case <-t.C:
				case <-ctx.Done():
					t.Stop()
					return ctx.Err()
				}
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.End(reason)
		}
		for _, c := range open {
			select {
			case <-c.ended:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// open lists the connections, shuffled.
func (s *Server) open() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		list = append(list, c)
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] }) //nolint:gosec // not a secret
	return list
}

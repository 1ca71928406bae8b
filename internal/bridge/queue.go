package bridge

import (
	"slices"
	"time"

	"teiserver/internal/cluster/process"
)

// settle takes the outcome of posts.
func (s *State) settle(d sent, out *process.Outcome) {
	s.sending = false
	left := len(s.posts)
	s.posts = slices.DeleteFunc(slices.Clone(s.posts), func(p post) bool { return slices.Contains(d.Done, p.Seq) })
	if len(d.Done) > 0 || left == 0 {
		s.failed = 0
	}
	switch {
	case d.After > 0:
		s.pause(d.After, out)
	case len(d.Done) == 0 && left > 0:
		s.failed++
		s.pause(min(time.Second<<min(s.failed-1, 10), mostDelay), out)
	}
}

func (s *State) pause(d time.Duration, out *process.Outcome) {
	s.waiting = true
	out.Timers = append(out.Timers, process.Timer{After: d, Body: again{}})
}

// said takes the outcome of lines.
func (s *State) said(d spoken, out *process.Outcome) {
	s.speaking = false
	s.lines = slices.DeleteFunc(slices.Clone(s.lines), func(l line) bool { return slices.Contains(d.Done, l.Seq) })
	if d.Again {
		s.speakOff = true
		out.Timers = append(out.Timers, process.Timer{After: speakDelay, Body: speakAgain{}})
	}
}

// next has done what waits, a batch each way at a time.
func (s *State) next(at time.Time, out *process.Outcome) {
	if !s.terms.On {
		return
	}
	if !s.sending && !s.waiting && len(s.posts) > 0 {
		s.posts = slices.DeleteFunc(slices.Clone(s.posts), func(p post) bool {
			old := at.Sub(p.At) > chatLife && !p.Notice || at.Sub(p.At) > noticeLife
			if old {
				s.dropped++
			}
			return old
		})
		if n := min(len(s.posts), mostBatch); n > 0 {
			s.sending = true
			out.Effects = append(out.Effects, send{slices.Clone(s.posts[:n])})
		}
	}
	if !s.speaking && !s.speakOff && len(s.lines) > 0 {
		s.lines = slices.DeleteFunc(slices.Clone(s.lines), func(l line) bool { return at.Sub(l.At) > chatLife })
		if n := min(len(s.lines), mostBatch); n > 0 {
			s.speaking = true
			out.Effects = append(out.Effects, speak{slices.Clone(s.lines[:n])})
		}
	}
}

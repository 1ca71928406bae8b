package lobby

import (
	"fmt"
	"testing"

	"teiserver/internal/cluster/process"
)

// crowd is a lobby with n members, half of them players.
func crowd(b *testing.B, n int) *State {
	b.Helper()
	s := opened(b, "")
	for i := range n {
		user := int64(100 + i)
		enter(b, s, user)
		set(b, s, user, Status{Player: i%2 == 0, Team: i, Sync: 1, Color: "255"})
	}
	return s
}

func eachSize(b *testing.B, f func(b *testing.B, s *State)) {
	for _, n := range []int{16, 64} {
		b.Run(fmt.Sprint(n, "members"), func(b *testing.B) {
			s := crowd(b, n)
			b.ReportAllocs()
			b.ResetTimer()
			f(b, s)
		})
	}
}

func apply(b *testing.B, s *State, c process.Command) {
	if _, err := s.Apply(c); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkSetStatus(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		play := process.Command{Body: SetStatus{Who: who(100), Status: Status{Player: true, Sync: 1, Color: "255"}}}
		watch := process.Command{Body: SetStatus{Who: who(100), Status: Status{Sync: 1, Color: "255"}}}
		for b.Loop() {
			apply(b, s, play)
			apply(b, s, watch)
		}
	})
}

func BenchmarkSay(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		c := process.Command{Body: Say{Who: who(100), Text: "gl hf, and may the better team win this time"}}
		for b.Loop() {
			apply(b, s, c)
		}
	})
}

func BenchmarkTick(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		c := process.Command{Body: Tick{}}
		for b.Loop() {
			apply(b, s, c)
		}
	})
}

// One summary after a change of a seat, as the index needs it.
func BenchmarkSummary(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		for b.Loop() {
			s.seats = nil
			_ = s.Summary()
		}
	})
}

func BenchmarkView(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		for b.Loop() {
			_ = s.View()
		}
	})
}

func BenchmarkSnapshot(b *testing.B) {
	eachSize(b, func(b *testing.B, s *State) {
		for b.Loop() {
			if _, err := s.Snapshot(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

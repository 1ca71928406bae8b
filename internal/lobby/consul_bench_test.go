package lobby

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
)

// evening is a lobby with n members who are all known to the consul, as in a community's
// evening: half of them play, some wait, with bounds and a welcome message.
func evening(b *testing.B, n int) *State {
	b.Helper()
	s := crowd(b, n)
	for i := range n {
		user := int64(100 + i)
		must(b, s, Know{Who: who(user), Facts: Facts{
			Name: fmt.Sprint("Player", user), Rank: i % 8, Party: []string{"", "a party"}[i%2],
			Ratings: map[string]consul.Rating{
				"Duel": {Value: 20, Uncertainty: 5}, "Small Team": {Value: 21, Uncertainty: 4},
				"Large Team": {Value: 22, Uncertainty: 3}, "FFA": {Value: 18, Uncertainty: 6},
			},
			Friends: []int64{user + 1, user + 2}, Avoids: []consul.Avoid{{User: user + 3}},
		}})
	}
	must(b, s, Say{Who: who(founder), Text: "teamSize=4 nbTeams=2"})
	for i := range n / 4 {
		must(b, s, Order{Who: who(int64(101 + 2*i)), Facts: facts(0), Name: "joinq"})
	}
	return s
}

// What a consul's lobby costs at rest: one tick of each of 500 lobbies, of which there is
// one every two seconds.
func BenchmarkTicksOf500Lobbies(b *testing.B) {
	for _, n := range []int{0, 16, 64} {
		b.Run(fmt.Sprint(n, "members"), func(b *testing.B) {
			lobbies := make([]*State, 500)
			for i := range lobbies {
				if n == 0 {
					lobbies[i] = opened(b, "")
					continue
				}
				lobbies[i] = evening(b, n)
			}
			at := time.Unix(1700000000, 0)
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(TickEvery)
				for _, s := range lobbies {
					apply(b, s, process.Command{Body: Tick{}, At: at})
				}
			}
		})
	}
}

// The memory of a lobby, as bytes/lobby.
func BenchmarkMemoryOfALobby(b *testing.B) {
	for _, n := range []int{0, 16, 64} {
		b.Run(fmt.Sprint(n, "members"), func(b *testing.B) {
			const lobbies = 50
			for b.Loop() {
				kept := make([]*State, lobbies)
				before := heap()
				for i := range kept {
					if n == 0 {
						kept[i] = opened(b, "")
						continue
					}
					kept[i] = evening(b, n)
				}
				b.ReportMetric(float64(heap()-before)/lobbies, "bytes/lobby")
				runtime.KeepAlive(kept)
			}
		})
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func BenchmarkOrder(b *testing.B) {
	for name, o := range map[string]Order{
		"status": {Name: "status"}, "roll": {Name: "roll", Rest: "2d6"}, "unknown": {Name: "nosuch"},
	} {
		b.Run(name, func(b *testing.B) {
			s := evening(b, 16)
			o.Who, o.Facts = who(100), s.consul.People[100].Facts
			b.ReportAllocs()
			for b.Loop() {
				apply(b, s, process.Command{Body: o})
			}
		})
	}
}

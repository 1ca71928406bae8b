package lease

import (
	"testing"
	"time"
)

// TestRule03_Watch: who may be condemned, reading by reading. Looks are 0.5 s apart
// unless a row says otherwise, the TTL is 3 s.
func TestRule03_Watch(t *testing.T) {
	type reading struct {
		at      time.Duration // of the look
		renewal int64
		left    time.Duration
		blind   bool // the read fails
	}
	steady := func(until time.Duration, change func(r *reading)) (list []reading) {
		for at := time.Duration(0); at <= until; at += LookEvery {
			r := reading{at: at, renewal: 7, left: -time.Second}
			if change != nil {
				change(&r)
			}
			list = append(list, r)
		}
		return list
	}
	for name, tc := range map[string]struct {
		readings []reading
		victim   bool
	}{
		"unchanged for the TTL":         {steady(3*time.Second, nil), true},
		"not long enough":               {steady(2500*time.Millisecond, nil), false},
		"renewed on the way":            {steady(3*time.Second, func(r *reading) { r.renewal = int64(r.at / time.Second) }), false},
		"the store says it still runs":  {steady(10*time.Second, func(r *reading) { r.left = time.Millisecond }), false},
		"one read failed":               {steady(3*time.Second, func(r *reading) { r.blind = r.at == time.Second }), false},
		"one read failed long ago":      {steady(6*time.Second, func(r *reading) { r.blind = r.at == time.Second }), true},
		"a gap without a failed read":   {[]reading{{0, 7, -1, false}, {500 * time.Millisecond, 7, -1, false}, {time.Hour, 7, -1, false}}, false},
		"seen once, expired for an age": {[]reading{{0, 7, -time.Hour, false}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWatcher(1, LookEvery)
			victim := false
			for _, r := range tc.readings {
				if r.blind {
					w.blind()
					continue
				}
				victims, _ := w.observe(r.at, r.at, []Node{
					{Incarnation: 1, State: Serving, Renewal: 7, Left: -1, TTL: TTL}, // ourselves, never
					{Incarnation: 2, State: Serving, Renewal: r.renewal, Left: r.left, TTL: TTL},
					{Incarnation: 3, State: Serving}, // without end, never
					{Incarnation: 4, State: Gone, Left: -1, TTL: TTL},
				})
				victim = len(victims) == 1 && victims[0].Incarnation == 2
				if len(victims) > 1 {
					t.Fatalf("victims %+v", victims)
				}
			}
			if victim != tc.victim {
				t.Errorf("condemned: %v, want %v", victim, tc.victim)
			}
		})
	}
}

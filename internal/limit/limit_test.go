package limit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// TestRate: so many at once, then evenly, and never more than that in any period but for
// what was saved.
func TestRate(t *testing.T) {
	t.Parallel()
	var m Meter
	r := Rate{Most: 30, Per: 10 * time.Minute}
	now := start
	burst := func() (n int) {
		for m.Take("a", r, now) {
			n++
		}
		return n
	}
	if n := burst(); n != 30 {
		t.Errorf("%d at once, want 30", n)
	}
	if !m.Spent("a", r, now) || m.Spent("b", r, now) {
		t.Error("spent is of somebody else")
	}
	now = now.Add(20*time.Second - 1)
	if n := burst(); n != 0 {
		t.Errorf("%d before one is regained", n)
	}
	now = now.Add(1)
	if n := burst(); n != 1 {
		t.Errorf("%d after 20 seconds, want 1", n)
	}
	now = now.Add(10 * time.Minute)
	if n := burst(); n != 30 {
		t.Errorf("%d after the period, want 30", n)
	}
	now = now.Add(-time.Hour) // a clock that was set back gives nothing
	if n := burst(); n != 0 {
		t.Errorf("%d after the clock was set back", n)
	}
}

func TestNoLimit(t *testing.T) {
	t.Parallel()
	var m Meter
	for range 1000 {
		m.Note("a", Rate{}, start)
		if !m.Take("a", PerMinute(0), start) || m.Spent("a", PerMinute(0), start) {
			t.Fatal("limited without a limit")
		}
	}
	if len(m.due) != 0 {
		t.Error("something is kept without a limit")
	}
}

// TestNoteIsForgiven: what others have counted, however much, is over after a period.
func TestNoteIsForgiven(t *testing.T) {
	t.Parallel()
	var m Meter
	r := PerMinute(4)
	for i := range 3 {
		m.Note("a", r, start)
		if m.Spent("a", r, start) {
			t.Fatalf("spent after %d", i+1)
		}
	}
	for range 1000 {
		m.Note("a", r, start)
	}
	if !m.Spent("a", r, start) || !m.Spent("a", r, start.Add(14*time.Second)) {
		t.Error("not spent")
	}
	if m.Spent("a", r, start.Add(15*time.Second)) {
		t.Error("one is not regained in time")
	}
	for range 4 {
		if !m.Take("a", r, start.Add(time.Minute)) {
			t.Error("not regained after a period")
		}
	}
}

// TestBounded: an attack from more addresses than there is room for makes nobody be
// forgotten who has used up what it had.
func TestBounded(t *testing.T) {
	t.Parallel()
	m := Meter{most: 1000}
	r := PerMinute(10)
	for m.Take("attacker", r, start) {
	}
	for i := range 10_000 {
		m.Take(fmt.Sprint("once ", i), r, start)
		if len(m.due) > 1000 {
			t.Fatalf("%d are kept", len(m.due))
		}
	}
	if !m.Spent("attacker", r, start) {
		t.Error("who has used up all was forgotten")
	}
	m.Take("later", r, start.Add(time.Hour))
	m.prune(1000, start.Add(time.Hour))
	if len(m.due) != 1 {
		t.Errorf("%d are kept after an hour", len(m.due))
	}
	for i := range 2000 { // all alike
		for range 10 {
			m.Take(fmt.Sprint("all ", i), r, start)
		}
		if len(m.due) > 1000 {
			t.Fatalf("%d are kept", len(m.due))
		}
	}
}

func TestKey(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"2001:db8:1:2::1%eth0": "2001:db8:1:2::/64", "": "", "host": "", "10.1.2": "",
	} {
		if got := Key(ip); got != want {
			t.Errorf("%q is counted under %q, want %q", ip, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	t.Parallel()
	nets := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for ip, want := range map[string]bool{
		"10.9.9.9": true, "::ffff:10.9.9.9": true, "11.0.0.1": false, "2001:db8::1": true, "2001:db9::1": false, "": false, "x": false,
	} {
		if got := Within(ip, nets); got != want {
			t.Errorf("%q: %v", ip, got)
		}
	}
	if Within("10.0.0.1", nil) {
		t.Error("in no network")
	}
}

func BenchmarkTake(b *testing.B) {
	var m Meter
	r := PerMinute(200)
	b.ReportAllocs()
	for b.Loop() {
		m.Take("10.0.0.1", r, start)
	}
}

func TestParseNetwork(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"10.0.0.1": "10.0.0.1/32", "10.1.2.3/8": "10.0.0.0/8", "::1": "::1/128", "2001:db8::1/64": "2001:db8::/64", "::ffff:10.0.0.1": "10.0.0.1/32",
		"::ffff:10.1.2.3/104": "10.0.0.0/8", "::ffff:0:0/96": "0.0.0.0/0", "::/0": "::/0",
		"": "", "host": "", "10.0.0.0/33": "", "fe80::1%eth0": "",
	} {
		n, err := ParseNetwork(text)
		if got := n.String(); (err != nil) != (want == "") || err == nil && got != want {
			t.Errorf("%q: %s, %v; want %q", text, got, err, want)
		}
	}
}

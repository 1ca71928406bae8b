package limit

import (
	"fmt"
	"testing"
)

func TestWide(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"10.1.2.3": "", "::ffff:10.1.2.3": "", "": "", "host": "",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1::/48", "2001:db8:1:ffff::1": "2001:db8:1::/48", "2001:db8:2::1": "2001:db8:2::/48",
	} {
		if got := Wide(Key(ip)); got != want {
			t.Errorf("%q is in %q, want %q", ip, got, want)
		}
	}
}

// TestAddresses: who has very many networks of 64 bits has four times as much as who has
// one, and takes nothing from others.
func TestAddresses(t *testing.T) {
	t.Parallel()
	r := PerMinute(10)
	for name, count := range map[string]func(a *Addresses, key string) bool{
		"take": func(a *Addresses, key string) bool { return a.Take(key, r, start) },
		"note": func(a *Addresses, key string) bool {
			if a.Spent(key, r, start) {
				return false
			}
			a.Note(key, r, start)
			return true
		},
	} {
		var a Addresses
		burst := func(key string) (n int) {
			for n < 1000 && count(&a, key) {
				n++
			}
			return n
		}
		if n := burst(Key("2001:db8:1::1")); n != 10 {
			t.Errorf("%s: %d of one network, want 10", name, n)
		}
		n := 0
		for i := range 100 {
			n += burst(Key(fmt.Sprintf("2001:db8:1:%x::1", i)))
		}
		if n != 30 {
			t.Errorf("%s: %d more of a hundred networks, want 30", name, n)
		}
		if key := Key("2001:db8:1:777::1"); !a.Spent(key, r, start) || a.Take(key, r, start) {
			t.Errorf("%s: another network of these is not spent", name)
		}
		for _, ip := range []string{"2001:db8:2::1", "10.0.0.1", "10.0.0.2"} {
			if n := burst(Key(ip)); n != 10 {
				t.Errorf("%s: %d of %s, want 10", name, n, ip)
			}
		}
		if n := burst(""); n != 1000 {
			t.Errorf("%s: who has no key is limited", name)
		}
	}
}

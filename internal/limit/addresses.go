package limit

import (
	"net/netip"
	"time"
)

// wideBits is the network that a site, or a customer who pays little more than nothing, gets
// of IPv6: who has all of it has 65,536 networks of 64 bits.
const wideBits = 48

// WideTimes is how much more than one of its customers a wide network has.
const WideTimes = 4

// Wide is the wide network of what Key returns. It is empty for IPv4.
func Wide(key string) string {
	n, err := netip.ParsePrefix(key)
	if err != nil || n.Addr().Is4() {
		return ""
	}
	return netip.PrefixFrom(n.Addr(), wideBits).Masked().String()
}

// Times is the rate at which that many may do it together.
func (r Rate) Times(n int) Rate { return Rate{Most: r.Most * n, Per: r.Per} }

// Addresses is a Meter of addresses by their Key. Of IPv6 it counts the wide network too, of
// which all customers together have WideTimes the rate of one. Who has no key is not limited.
// The zero value has counted nothing.
type Addresses struct{ meter Meter }

// Take does it once, and reports whether it may be done.
func (a *Addresses) Take(key string, r Rate, now time.Time) bool {
	if key == "" {
		return true
	}
	wide := Wide(key)
	if wide != "" && a.meter.Spent(wide, r.Times(WideTimes), now) || !a.meter.Take(key, r, now) {
		return false
	}
	if wide != "" {
		a.meter.Note(wide, r.Times(WideTimes), now)
	}
	return true
}

// Spent reports whether Take would say no.
func (a *Addresses) Spent(key string, r Rate, now time.Time) bool {
	if key == "" {
		return false
	}
	wide := Wide(key)
	return wide != "" && a.meter.Spent(wide, r.Times(WideTimes), now) || a.meter.Spent(key, r, now)
}

// Note counts what was done without having asked, as Meter.Note does.
func (a *Addresses) Note(key string, r Rate, now time.Time) {
	if key == "" {
		return
	}
	a.meter.Note(key, r, now)
	if wide := Wide(key); wide != "" {
		a.meter.Note(wide, r.Times(WideTimes), now)
	}
}

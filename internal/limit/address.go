package limit

import (
	"fmt"
	"net/netip"
)

// ParseNetwork reads a network, or an address, which is a network of one.
func ParseNetwork(text string) (netip.Prefix, error) {
	if n, err := netip.ParsePrefix(text); err == nil {
		return unmapped(n).Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no network like 10.0.0.0/8", text)
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// unmapped is a network of IPv4 that was written as one of IPv6: addresses are compared as
// what they are.
func unmapped(n netip.Prefix) netip.Prefix {
	const mapped = 96 // bits before the address
	if a := n.Addr(); a.Is4In6() && n.Bits() >= mapped {
		return netip.PrefixFrom(a.Unmap(), n.Bits()-mapped)
	}
	return n
}

// Key is under what an address is counted: IPv4 as it is, of IPv6 the network of 64
// bits, of which one customer has all. It is empty for what is no address.
func Key(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	a = a.WithZone("").Unmap()
	if a.Is4() {
		return a.String()
	}
	net, _ := a.Prefix(64) // never fails for IPv6
	return net.String()
}

// Within reports whether an address is in one of the networks.
func Within(ip string, networks []netip.Prefix) bool {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return false
	}
	a = a.WithZone("").Unmap()
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

package limit

import "net/netip"

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

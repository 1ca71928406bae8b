package moderation

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Ban is for accounts that are made after it: from an address that it names nobody
// registers, and such an account does not log in from there; one with a key that it names
// is found by automod.
type Ban struct {
	ID        int64     `json:"id"`
	Source    int64     `json:"source,omitempty"` // the account whose owner it is for; 0: unknown
	Keys      []string  `json:"keys"`
	Addresses []string  `json:"addresses"` // prefixes
	Reason    string    `json:"reason"`
	Author    int64     `json:"author"`
	Created   time.Time `json:"created"`
	Removed   time.Time `json:"removed,omitzero"` // zero: it counts
	RemovedBy int64     `json:"removed_by,omitempty"`
}

// check brings a ban into its form.
func (b *Ban) check() error {
	keys := b.Keys[:0:0]
	for _, k := range b.Keys {
		if k = strings.TrimSpace(k); k != "" && k != "0" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	b.Keys = keys
	addresses := b.Addresses[:0:0]
	for _, text := range b.Addresses {
		p, err := parsePrefix(text)
		if err != nil {
			return err
		}
		if !slices.Contains(addresses, p.String()) {
			addresses = append(addresses, p.String())
		}
	}
	b.Addresses = addresses
	b.Reason = strings.TrimSpace(b.Reason)
	switch {
	case b.Reason == "":
		return fmt.Errorf("a ban needs a reason")
	case b.Source == 0 && len(b.Keys) == 0 && len(b.Addresses) == 0:
		return fmt.Errorf("a ban needs a user, a key or an address")
	}
	return nil
}

// parsePrefix reads "192.0.2.0/24" or an address.
func parsePrefix(text string) (netip.Prefix, error) {
	text = strings.TrimSpace(text)
	if p, err := netip.ParsePrefix(text); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no address and no prefix like 192.0.2.0/24", text)
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// AddressBan is what a ban says of an address.
type AddressBan struct {
	Ban     int64
	Prefix  netip.Prefix
	Created time.Time
}

// Bans are those that count, as nodes need them at hand. Values are shared and immutable.
type Bans struct {
	Addresses []AddressBan
	Keys      int // how many keys are banned
}

// Covers returns the first ban that counts for an account of that age from an address.
// Made is zero for one that is about to be made.
func (b *Bans) Covers(ip string, made time.Time) (ban int64, ok bool) {
	if b == nil || len(b.Addresses) == 0 {
		return 0, false
	}
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return 0, false
	}
	a = a.Unmap().WithZone("")
	for _, x := range b.Addresses {
		if (made.IsZero() || made.After(x.Created)) && x.Prefix.Contains(a) {
			return x.Ban, true
		}
	}
	return 0, false
}

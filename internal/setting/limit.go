package setting

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"teiserver/internal/limit"
)

// Networks are addresses and networks, separated by commas or blanks.
var Networks = Form[[]netip.Prefix]{
	Name: "addresses or networks like 10.0.0.0/8, separated by commas or blanks",
	Parse: func(text string) ([]netip.Prefix, error) {
		words, err := Words.Parse(text)
		if err != nil {
			return nil, err
		}
		var all []netip.Prefix
		for _, word := range words {
			n, err := limit.ParseNetwork(word)
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
		return all, nil
	},
	Print: func(v []netip.Prefix) string {
		words := make([]string, len(v))
		for i, n := range v {
			words[i] = n.String()
		}
		return strings.Join(words, ",")
	},
}

// Limits against floods and abuse; docs/limits.md says what each answers.
var (
	ConnectsPerMinute = Define("spring.connects_per_minute", 200, Int(0, 1000000),
		"Connections that one address may open on one node per minute, and at once. 0: any number.")
	ConnectionsPerAddress = Define("spring.connections_per_address", 200, Int(0, 1000000),
		"Connections that one address may have open on one node, those of bots not counted. 0: any number.")
	StrangersPerAddress = Define("spring.strangers_per_address", 50, Int(0, 1000000),
		"Connections that one address may have open on one node without having logged in. 0: any number.")
	Strangers = Define("spring.strangers", 5000, Int(0, 1000000),
		"Connections of all addresses on one node that have not logged in; from half of it on they have a minute for it. 0: any number.")
	UnlimitedNetworks = Define("limit.unlimited_networks", []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Networks,
		"Networks for whose addresses no limit by address holds: machines with many hosts, and balancers that do not tell who connects.")
	StrangersTell = Define("telemetry.strangers_per_minute", 30, Int(1, 1000000),
		"Events, properties and infologs that one connection may send per minute, and at once, before it has logged in.")
	RegistrationsPerAddress = Define("account.registrations_per_address", 10, Int(0, 1000000),
		"Accounts that may be made per hour, and at once, from one address, in the whole cluster. 0: any number.")
	Registrations = Define("account.registrations_per_minute", 300, Int(0, 1000000),
		"Accounts that may be made per minute, and at once, from all addresses, in the whole cluster. 0: any number.")
	FailuresPerAddress = Define("account.failures_per_address", 30, Int(0, 1000000),
		"Wrong passwords and names in ten minutes, in the whole cluster, after which an address waits for its next try; who is remembered, or logged in from there the last time, does not, and bots after ten times as many. 0: any number.")
	ResetsPerAddress = Define("account.resets_per_address", 10, Int(0, 1000000),
		"Links for a new password that may be asked for per hour, and at once, from one address, in the whole cluster. 0: any number.")
)

// ConnectRate is how fast an address may connect to a node.
func (s *Service) ConnectRate(ctx context.Context) limit.Rate {
	return limit.PerMinute(ConnectsPerMinute.Get(ctx, s))
}

// RegistrationRates are how many accounts may be made from an address, and from all.
func (s *Service) RegistrationRates(ctx context.Context) (address, all limit.Rate) {
	return limit.Rate{Most: RegistrationsPerAddress.Get(ctx, s), Per: time.Hour}, limit.PerMinute(Registrations.Get(ctx, s))
}

// FailureRate is how often an address may be wrong.
func (s *Service) FailureRate(ctx context.Context) limit.Rate {
	return limit.Rate{Most: FailuresPerAddress.Get(ctx, s), Per: 10 * time.Minute}
}

// ResetRate is how often links for a new password may be asked for from an address.
func (s *Service) ResetRate(ctx context.Context) limit.Rate {
	return limit.Rate{Most: ResetsPerAddress.Get(ctx, s), Per: time.Hour}
}

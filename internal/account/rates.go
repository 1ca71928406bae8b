package account

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"teiserver/internal/limit"
	"teiserver/internal/setting"
)

// ratesEvery is how often the rates are read without a change having been heard of.
const ratesEvery = 10 * time.Second

// hostTimes is how much oftener than others hosts of an address may be wrong: where there is
// one that has a wrong password there are others that have the right one.
const hostTimes = 10

// rates are the settings of these limits. They are held, because they are needed where
// nobody may wait for the store: on the one goroutine that hears all other nodes.
type rates struct {
	failures      limit.Rate // of an address
	hostFailures  limit.Rate // of an address
	registrations limit.Rate // of an address
	all           limit.Rate // registrations of all
	resets        limit.Rate // of an address: links for a new password
	unlimited     []netip.Prefix
}

func readRates(ctx context.Context, s *setting.Service) *rates {
	r := &rates{failures: s.FailureRate(ctx), resets: s.ResetRate(ctx), unlimited: setting.UnlimitedNetworks.Get(ctx, s)}
	r.hostFailures = r.failures.Times(hostTimes)
	r.registrations, r.all = s.RegistrationRates(ctx)
	return r
}

// key is under what an address is counted, empty if it is not.
func (r *rates) key(ip string) string {
	if limit.Within(ip, r.unlimited) {
		return ""
	}
	return limit.Key(ip)
}

// rates are those that hold now. They are read at the first use where nobody keeps them.
func (s *Service) rates(ctx context.Context) *rates {
	if r := s.held.Load(); r != nil {
		return r
	}
	r := readRates(ctx, s.settings)
	s.held.CompareAndSwap(nil, r)
	return r
}

// heldRates are those that hold now, or the defaults if none were read yet.
func (s *Service) heldRates() *rates {
	if r := s.held.Load(); r != nil {
		return r
	}
	return defaultRates()
}

// defaultRates need no store.
var defaultRates = sync.OnceValue(func() *rates { return readRates(context.Background(), setting.Fixed(nil)) })

// runRates keeps the rates those of the site until ctx ends.
func (s *Service) runRates(ctx context.Context) {
	tick := time.NewTicker(ratesEvery)
	defer tick.Stop()
	for {
		s.held.Store(readRates(ctx, s.settings))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.changed:
		}
	}
}

// watchRates has Run read the rates again after a change of one of them.
func (s *Service) watchRates() {
	s.settings.OnChange(func() {
		select {
		case s.changed <- struct{}{}:
		default:
		}
	}, setting.FailuresPerAddress.Key(), setting.RegistrationsPerAddress.Key(), setting.Registrations.Key(), setting.ResetsPerAddress.Key(), setting.UnlimitedNetworks.Key())
}

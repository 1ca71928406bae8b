package account

import (
	"context"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/refusal"
)

// UnknownCountry is shown for who comes from nowhere we know, or hides it.
const UnknownCountry = "??"

// Hours is the time in the game in whole hours: played, and half of watched.
func (u *User) Hours() int64 { return (u.PlayMinutes + u.SpectateMinutes/2) / 60 }

// ShownCountry is the country as others see it.
func (u *User) ShownCountry() string {
	if u.HideFlag || u.Country == "" {
		return UnknownCountry
	}
	return u.Country
}

// countryOf is where a user comes from, or what an operator has set.
func (s *Service) countryOf(u *User, ip string) string {
	if u.FixedCountry != "" {
		return u.FixedCountry
	}
	return s.country(ip)
}

func parseIP(ip string) (netip.Addr, error) {
	addr, err := netip.ParseAddr(ip)
	return addr.Unmap().WithZone(""), err
}

func (s *Service) country(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil || s.opts.Country == nil || addr.Unmap().IsLoopback() {
		return UnknownCountry
	}
	if c := strings.ToUpper(s.opts.Country(ip)); c != "" {
		return c
	}
	return UnknownCountry
}

// Info is what a user is told about the own account.
type Info struct {
	Registered string // YYYY-MM-DD hh:mm:ss, UTC
	Email      string
	Hours      string // whole hours in the game
}

// Info returns the facts of GETUSERINFO.
func (s *Service) Info(ctx context.Context, id int64) (Info, error) {
	u, err := s.lookup.user(ctx, id)
	if err != nil {
		return Info{}, err
	}
	if u == nil {
		return Info{}, refusal.New(refusal.NotFound, textNoUser)
	}
	return Info{
		Registered: u.Created.UTC().Format(time.DateTime),
		Email:      u.Email,
		Hours:      strconv.FormatInt(u.Hours(), 10),
	}, nil
}

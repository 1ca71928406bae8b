package account

import (
	"context"

	"teiserver/internal/refusal"
)

// CheckHost says whether this is the password of a bot's account, for hosts that ask
// without a login. password is the typed one. Whatever is wrong is a refusal; an error
// that is none, and refusal.Unavailable, mean that it could not be decided.
//
// A password that was right a short while ago costs no hash, and is right however often
// others have tried a wrong one, until very many were tried from this address; then it is
// where the host logged in the last time.
func (s *Service) CheckHost(ctx context.Context, name, password, ip string) (*User, error) {
	u, err := s.hostOf(ctx, name, ip)
	if err != nil {
		return nil, err
	}
	if s.hostsFailing(ctx, ip) && (u == nil || !atHome(u, ip)) {
		s.Counters.Limits.Address.Add(1)
		return nil, errHostWaits
	}
	if u == nil {
		s.failed(ctx, ip)
		return nil, refusal.New(refusal.Password, textPassword)
	}
	r := LoginRequest{Name: name, Password: ClientPassword(password), IP: ip}
	if s.remembers(ctx, u, r) {
		return u, nil
	}
	if !s.opts.Unlimited && s.attempts.spent(tries(u, r), s.now()) {
		s.failed(ctx, ip) // it says that the password is not the one that is remembered
		return nil, refusal.New(refusal.Flood, textFlood)
	}
	s.Counters.Hashed.Add(1)
	// Not patient as a bot's login is: a host asks again, and players wait for the same turns.
	right, err := s.passwords.verify(ctx, u.Password, r.Password, false)
	if err != nil {
		return nil, err
	}
	if !right {
		s.wrongHost(ctx, u, r)
		return nil, refusal.New(refusal.Password, textPassword)
	}
	s.remembered.add(u.ID, s.remembered.mark(u, r.Password), s.now())
	return u, nil
}

// hostOf returns the host of a name, nil if there is none. Where others were wrong too often
// that costs no look-up, once there were many.
func (s *Service) hostOf(ctx context.Context, name, ip string) (u *User, err error) {
	if s.failing(ctx, ip) {
		u, err = s.cheaply(ctx, name, ip)
	} else {
		u, err = s.UserByName(ctx, name)
	}
	if err != nil || u == nil || u.Name != name || !u.Has(Bot) || u.Password == "" {
		return nil, err
	}
	return u, nil
}

// wrongHost counts a wrong password of a host. It alone is counted, because right ones are
// no tries of hosts.
func (s *Service) wrongHost(ctx context.Context, u *User, r LoginRequest) {
	if !s.opts.Unlimited {
		s.attempts.try(tries(u, r), s.now())
	}
	s.wrong(tries(u, r))
	s.failed(ctx, r.IP)
}

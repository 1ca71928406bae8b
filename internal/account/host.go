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
// others have tried a wrong one.
func (s *Service) CheckHost(ctx context.Context, name, password, ip string) (*User, error) {
	u, err := s.UserByName(ctx, name)
	if err != nil {
		return nil, err
	}
	if u == nil || u.Name != name || !u.Has(Bot) || u.Password == "" {
		return nil, refusal.New(refusal.Password, textPassword)
	}
	r := LoginRequest{Name: name, Password: ClientPassword(password), IP: ip}
	if s.remembers(ctx, u, r) {
		return u, nil
	}
	if !s.opts.Unlimited && s.attempts.spent(tries(u, r), s.now()) {
		return nil, refusal.New(refusal.Flood, textFlood)
	}
	s.Counters.Hashed.Add(1)
	// Not patient as a bot's login is: a host asks again, and players wait for the same turns.
	right, err := s.passwords.verify(ctx, u.Password, r.Password, false)
	if err != nil {
		return nil, err
	}
	if !right {
		if !s.opts.Unlimited {
			s.attempts.try(tries(u, r), s.now())
			s.wrong(tries(u, r))
		}
		return nil, refusal.New(refusal.Password, textPassword)
	}
	s.remembered.add(u.ID, s.remembered.mark(u, r.Password), s.now())
	return u, nil
}

package account

import (
	"context"
	"sync/atomic"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/limit"
	"teiserver/internal/refusal"
)

// TopicTried tells the other nodes what counts against an address or an account.
var TopicTried = bus.RegisterTopic("account.tried",
	"the node where it happened: a wrong password, name or code, a flood, an account that was made; all nodes count it; a lost one is a try more on another node")

// What is told.
const (
	triedSecret = "secret"     // of an account: a wrong one
	triedFlood  = "flood"      // who was thrown out
	triedLogin  = "login"      // by an address: a name or password that is wrong
	triedMake   = "registered" // by an address: an account was made
	triedReset  = "reset"      // by an address: a link for a new password was asked for
)

// tried is the body of TopicTried.
type tried struct {
	What    string `json:"what"`
	User    int64  `json:"user,omitempty"`
	Secret  string `json:"secret,omitempty"` // which one: "password", "agreement"
	Address string `json:"address,omitempty"`
}

var _ = message.Register[tried]("account.tried")

// Texts of these limits. Registrations had none before.
const (
	textMadeMany = "Too many accounts were made from your address, please try again later"
	textMadeAll  = "Too many accounts are being made at the moment, please try again in a minute or two."
)

// LimitCounters count what was refused on this node since the start.
type LimitCounters struct {
	Account       atomic.Int64 // logins, for the sake of the account
	Address       atomic.Int64 // logins, for the sake of the address
	Registrations atomic.Int64 // for the sake of the address
	All           atomic.Int64 // registrations, for the sake of all
	Resets        atomic.Int64 // links for new passwords, for the sake of the address
	Heard         atomic.Int64 // what other nodes have told
}

// limits are what is counted by address. Each node counts for itself and tells the
// others: nobody waits for another node, and who tries on all nodes has no more tries than
// on one, but for what happens within the time of a message.
type limits struct {
	failures limit.Addresses // at the rate of those who are refused
	hosts    limit.Addresses // the same at the rate of hosts, and what was looked up for who waits
	made     limit.Addresses
	allMade  limit.Meter // under one key
	resets   limit.Addresses
}

// all is the one key.
const all = "all"

// mayRegister takes one of the accounts that may be made from an address, and in all. When
// too many are made the address loses nothing: its turn comes.
func (s *Service) mayRegister(ctx context.Context, ip string) error {
	if s.opts.Unlimited {
		return nil
	}
	r, now := s.rates(ctx), s.now()
	key := r.key(ip)
	if s.limits.allMade.Spent(all, r.all, now) {
		return s.tooManyMade()
	}
	if !s.limits.made.Take(key, r.registrations, now) {
		s.Counters.Limits.Registrations.Add(1)
		return refusal.New(refusal.Flood, textMadeMany)
	}
	if !s.limits.allMade.Take(all, r.all, now) { // somebody was faster
		return s.tooManyMade()
	}
	s.publish(tried{What: triedMake, Address: key})
	return nil
}

func (s *Service) tooManyMade() error {
	s.Counters.Limits.All.Add(1)
	return refusal.New(refusal.Flood, textMadeAll)
}

// failing reports whether an address was wrong too often.
func (s *Service) failing(ctx context.Context, ip string) bool {
	r := s.rates(ctx)
	return !s.opts.Unlimited && s.limits.failures.Spent(r.key(ip), r.failures, s.now())
}

// hostsFailing is failing for hosts.
func (s *Service) hostsFailing(ctx context.Context, ip string) bool {
	r := s.rates(ctx)
	return !s.opts.Unlimited && s.limits.hosts.Spent(r.key(ip), r.hostFailures, s.now())
}

// failed counts a wrong name or password against an address. Of one that may do nothing
// any more the others know already.
func (s *Service) failed(ctx context.Context, ip string) {
	r := s.rates(ctx)
	key := r.key(ip)
	if s.opts.Unlimited || key == "" || r.failures.Most < 1 {
		return
	}
	known := s.limits.hosts.Spent(key, r.hostFailures, s.now())
	s.noteFailure(r, key)
	if !known {
		s.publish(tried{What: triedLogin, Address: key})
	}
}

func (s *Service) noteFailure(r *rates, key string) {
	now := s.now()
	s.limits.failures.Note(key, r.failures, now)
	s.limits.hosts.Note(key, r.hostFailures, now)
}

// waiter is the user of a name for an address that has to wait, if it need not: who is
// remembered, who logged in from there the last time, and hosts. It is nil for others, who
// cost no look-up once there were many.
func (s *Service) waiter(ctx context.Context, name string, l LoginRequest) (*User, error) {
	u, err := s.cheaply(ctx, name, l.IP)
	if err != nil || u == nil || u.Name != name {
		return nil, err
	}
	switch {
	case atHome(u, l.IP):
	case u.IsBot():
		if s.hostsFailing(ctx, l.IP) {
			return nil, errHostWaits
		}
	case !s.knownByPassword(ctx, u, l):
		return nil, nil
	}
	return s.lookup.stored(ctx, name)
}

// knownByPassword reports whether somebody who has to wait is known by the password. Of an account few
// are looked at: else who guesses would learn which one is right, as fast as lines arrive.
func (s *Service) knownByPassword(ctx context.Context, u *User, l LoginRequest) (known bool) {
	key, now := windowKey{user: u.ID, what: "waiting", ip: networkOf(l.IP)}, s.now()
	if s.attempts.spent(key, now) {
		return false
	}
	if known = s.hasProved(ctx, u, l); !known {
		s.attempts.try(key, now)
	}
	return known
}

// cheaply finds a user without the store, or with it as often as hosts may be wrong.
func (s *Service) cheaply(ctx context.Context, name, ip string) (*User, error) {
	if u, known := s.lookup.cached(name); known {
		return u, nil
	}
	if r := s.rates(ctx); !s.opts.Unlimited && !s.limits.hosts.Take(r.key(ip), r.hostFailures, s.now()) {
		return nil, errHostWaits // it may be a host: for them a refusal is final
	}
	return s.UserByName(ctx, name)
}

// errHostWaits ends the connection: who is refused may be a host.
var errHostWaits = refusal.New(refusal.Unavailable, "Too many wrong passwords from this address, please try again later.")

// atHome reports whether a user logged in from this network the last time.
func atHome(u *User, ip string) bool {
	key := limit.Key(ip)
	return key != "" && limit.Key(u.LastIP) == key
}

// wrong tells the others of a wrong secret of an account; it is counted here already.
func (s *Service) wrong(key windowKey) {
	if !s.opts.Unlimited {
		s.publish(tried{What: triedSecret, User: key.user, Secret: key.what, Address: key.ip})
	}
}

func (s *Service) publish(t tried) {
	p := s.opts.Peers
	if p == nil {
		return
	}
	if err := p.Bus.Publish(TopicTried, t); err != nil {
		s.log.Debug("limit not told", "kind", t.What, "err", err)
	}
}

// hear counts what other nodes tell.
func (s *Service) hear(p Peers) {
	p.Bus.Subscribe(TopicTried, func(m bus.Message) {
		if t, ok := m.Body.(tried); ok && m.Origin != p.Bus.Self() && p.Living(m.Origin) {
			s.count(t)
		}
	})
}

// count is called on the goroutine of the bus: it waits for nothing.
func (s *Service) count(t tried) {
	r, now := s.heldRates(), s.now()
	switch t.What {
	case triedSecret:
		s.attempts.try(windowKey{user: t.User, what: t.Secret, ip: t.Address}, now)
	case triedFlood:
		s.attempts.punish(t.User, now)
	case triedLogin:
		s.noteFailure(r, t.Address)
	case triedMake:
		s.limits.made.Note(t.Address, r.registrations, now)
		s.limits.allMade.Note(all, r.all, now)
	case triedReset:
		s.limits.resets.Note(t.Address, r.resets, now)
	}
	s.Counters.Limits.Heard.Add(1)
}

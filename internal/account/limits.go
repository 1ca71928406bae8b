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
	failures limit.Meter // by address
	made     limit.Meter // by address
	allMade  limit.Meter // under one key
}

// all is the one key.
const all = "all"

// mayRegister takes one of the accounts that may be made from an address, and in all.
func (s *Service) mayRegister(ctx context.Context, ip string) error {
	if s.opts.Unlimited {
		return nil
	}
	byAddress, byAll := s.settings.RegistrationRates(ctx)
	key, now := s.settings.LimitKey(ctx, ip), s.now()
	if key != "" && !s.limits.made.Take(key, byAddress, now) {
		s.Counters.Limits.Registrations.Add(1)
		return refusal.New(refusal.Flood, textMadeMany)
	}
	if !s.limits.allMade.Take(all, byAll, now) {
		s.Counters.Limits.All.Add(1)
		return refusal.New(refusal.Flood, textMadeAll)
	}
	s.publish(tried{What: triedMake, Address: key})
	return nil
}

// failing reports whether an address was wrong too often.
func (s *Service) failing(ctx context.Context, ip string) bool {
	if s.opts.Unlimited {
		return false
	}
	key := s.settings.LimitKey(ctx, ip)
	return key != "" && s.limits.failures.Spent(key, s.settings.FailureRate(ctx), s.now())
}

// failed counts a wrong name or password against an address.
func (s *Service) failed(ctx context.Context, ip string) {
	key := s.settings.LimitKey(ctx, ip)
	if s.opts.Unlimited || key == "" {
		return
	}
	s.limits.failures.Note(key, s.settings.FailureRate(ctx), s.now())
	s.publish(tried{What: triedLogin, Address: key})
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

func (s *Service) count(t tried) {
	ctx, now := context.Background(), s.now()
	switch t.What {
	case triedSecret:
		s.attempts.try(windowKey{user: t.User, what: t.Secret, ip: t.Address}, now)
	case triedFlood:
		s.attempts.punish(t.User, now)
	case triedLogin:
		s.limits.failures.Note(t.Address, s.settings.FailureRate(ctx), now)
	case triedMake:
		byAddress, byAll := s.settings.RegistrationRates(ctx)
		if t.Address != "" {
			s.limits.made.Note(t.Address, byAddress, now)
		}
		s.limits.allMade.Note(all, byAll, now)
	case triedReset:
		s.resetsAsked.Note(t.Address, s.settings.ResetRate(ctx), now)
	}
	s.Counters.Limits.Heard.Add(1)
}

package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/setting"
)

// Options of a Service. The zero value is what a real server uses.
type Options struct {
	// Unlimited switches the limits of logins off, for load tests.
	Unlimited bool
	// Cheap makes new passwords cheap to check, for load tests.
	Cheap bool
	// Hashers is how many passwords are worked on at once; 0 is one for every two processors.
	Hashers int
	// Country looks an address up; nil knows none.
	Country func(ip string) string
	// Flagged reports a name that the code of conduct does not allow; nil allows all.
	Flagged func(ctx context.Context, name string) (bool, error)
	// BannedDomain reports an e-mail domain that may not register; nil allows all.
	BannedDomain func(ctx context.Context, domain string) (bool, error)
	// Posted is told that letters were stored, so that they leave soon; nil: they leave later.
	Posted func()
	// Verdicts are what moderators have decided; nil: nothing.
	Verdicts Verdicts
	// Here reports whether a user is logged in on this node; nil: nobody is.
	Here func(user int64) bool
	// Skill returns the highest leaderboard rating of a user and the lowest uncertainty,
	// for ranks that come of them; false if nothing is rated. nil: nobody is.
	Skill func(ctx context.Context, user int64) (leaderboard, uncertainty float64, ok bool, err error)
	// Peers share which passwords were found right; nil: there are none.
	Peers *Peers
	// Now is the clock; nil is the real one.
	Now func() time.Time
	Log *slog.Logger
}

// Counters count since the start.
type Counters struct {
	Hashed     atomic.Int64 // passwords that were checked by their hash
	Remembered atomic.Int64 // that were known to be right
	Limits     LimitCounters
}

// Service is what others ask about users. It is safe for concurrent use.
type Service struct {
	Counters Counters

	store    Store
	nextID   func(context.Context) (int64, error)
	settings *setting.Service
	opts     Options
	log      *slog.Logger
	now      func() time.Time

	lookup     *lookup
	passwords  *passwords
	remembered *remembered
	sharing    *sharing // nil: with nobody
	attempts   *attempts
	limits     limits
	held       atomic.Pointer[rates]
	changed    chan struct{} // the rates have
	notes      *loginNotes

	resets chan string // addresses for which links were asked
}

// NewService returns the service of a node. nextID gives the ids of new users.
// Without caches (a command beside a running server) every look-up asks the
// store. Run must be running for the facts of logins to be stored and for the other
// nodes to learn of them.
func NewService(store Store, caches *cache.Caches, nextID func(context.Context) (int64, error), settings *setting.Service, opts Options) *Service {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	none := func(context.Context, string) (bool, error) { return false, nil }
	if opts.Flagged == nil {
		opts.Flagged = none
	}
	if opts.BannedDomain == nil {
		opts.BannedDomain = none
	}
	if opts.Verdicts == nil {
		opts.Verdicts = anything{}
	}
	if opts.Here == nil {
		opts.Here = func(int64) bool { return false }
	}
	s := &Service{
		store:      store,
		nextID:     nextID,
		settings:   settings,
		opts:       opts,
		log:        opts.Log,
		now:        opts.Now,
		lookup:     newLookup(store, caches),
		passwords:  newPasswords(opts.Hashers, opts.Cheap),
		remembered: newRemembered(),
		attempts:   newAttempts(),
		notes:      newLoginNotes(),
		changed:    make(chan struct{}, 1),
		resets:     make(chan string, resetsWaiting),
	}
	s.watchRates()
	if opts.Peers != nil {
		s.share(*opts.Peers)
		s.hear(*opts.Peers)
	}
	return s
}

// UserByID returns a user, nil if there is none.
func (s *Service) UserByID(ctx context.Context, id int64) (*User, error) {
	return s.lookup.user(ctx, id)
}

// UserByName returns the user of a name, whatever its case, nil if there is none.
func (s *Service) UserByName(ctx context.Context, name string) (*User, error) {
	id, err := s.lookup.idByName(ctx, name)
	if err != nil || id == 0 {
		return nil, err
	}
	return s.lookup.user(ctx, id)
}

// UserByEmail returns the user of an address, whatever its case, nil if there is none.
func (s *Service) UserByEmail(ctx context.Context, email string) (*User, error) {
	id, err := s.lookup.idByEmail(ctx, email)
	if err != nil || id == 0 {
		return nil, err
	}
	return s.lookup.user(ctx, id)
}

// IDs returns the ids of names, 0 for an unknown one, in the same order.
func (s *Service) IDs(ctx context.Context, names ...string) ([]int64, error) {
	ids := make([]int64, len(names))
	for i, name := range names {
		id, err := s.lookup.idByName(ctx, name)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	return ids, nil
}

// changeTries is how often a change is tried when others change the same user.
const changeTries = 5

// change applies f to the user as the store has it now and stores the result. f
// may refuse; it may run more than once. Others learn of the change at once.
func (s *Service) change(ctx context.Context, id int64, f func(u *User) error) (*User, error) {
	return s.changeWith(ctx, id, func(u *User) (With, error) { return With{}, f(u) })
}

// changeWith is change with what is stored if, and only if, the change is.
func (s *Service) changeWith(ctx context.Context, id int64, f func(u *User) (With, error)) (*User, error) {
	for try := 1; ; try++ {
		now, err := s.store.UserByID(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("load user %d: %w", id, err)
		}
		u := now.clone()
		with, err := f(u)
		if err != nil {
			return nil, err
		}
		changes, err := s.store.UpdateUser(ctx, u, with)
		if errors.Is(err, ErrConflict) && try < changeTries {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("store user %d: %w", id, err)
		}
		s.lookup.announce(changes)
		s.posted(with.Letters)
		for _, c := range changes {
			if c.Table == TableUser {
				u.Version = c.Version
			}
		}
		return u, nil
	}
}

// clone returns a copy that may be changed: what others hold is immutable.
func (u *User) clone() *User {
	c := *u
	c.Roles = slices.Clone(u.Roles)
	c.Renames = slices.Clone(u.Renames)
	return &c
}

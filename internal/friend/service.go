package friend

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	counter "teiserver/internal/limit"
	"teiserver/internal/refusal"
)

// What happened to somebody's relations, as a Notice says it.
const (
	Asked     = "asked"     // Other asks to be a friend
	Accepted  = "accepted"  // Other is a friend now
	Declined  = "declined"  // Other does not want to be
	Rescinded = "rescinded" // Other takes the request back
	Ended     = "ended"     // Other is no friend any more
	Followed  = "followed"  // Other follows
)

// Notice is to be shown to the user To, if online: what happened with Other.
type Notice struct {
	To    int64
	What  string
	Other int64
}

// Texts of refusals, as clients know them.
const (
	textInvalid  = "Invalid user"
	textAlready  = "Already friends"
	textMyLimit  = "You have reached the maximum number of friends"
	textTheLimit = "This user has reached the maximum number of friends"
	textNone     = "no request"
	textMaximum  = "Maximum %d %ss reached"
)

// Limits tells how many relations of one kind a user may have.
type Limits interface {
	MaxRelations(ctx context.Context) int
}

// followNotices is how often somebody is told that a certain other follows: each time, as users
// are told, but not as often as somebody can follow and cease to.
var followNotices = counter.Rate{Most: 5, Per: 10 * time.Minute}

// cacheSize holds everybody who is online in a large community.
const cacheSize = 20_000

// Service changes relations and says who has to be told. It is safe for
// concurrent use.
type Service struct {
	store  Store
	caches *cache.Caches
	table  *cache.Table[int64, *Relations]
	limits Limits
	log    *slog.Logger
	told   counter.Meter // who follows whom
}

// NewService returns the service of a node. Without caches each look-up asks the store.
func NewService(store Store, caches *cache.Caches, limits Limits, log *slog.Logger) *Service {
	s := &Service{store: store, caches: caches, limits: limits, log: log}
	if caches != nil {
		s.table = cache.NewTable(caches, account.TableRelations, cache.TableOptions[int64, *Relations]{
			Load:     s.load,
			KeyText:  func(id int64) string { return strconv.FormatInt(id, 10) },
			ParseKey: func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) },
			Size:     cacheSize,
			Purpose:  "what a user has with others; a stale one shows an ignored line, or lets in who is blocked, for a second",
		})
	}
	return s
}

func (s *Service) load(ctx context.Context, id int64) (*Relations, error) {
	r, err := s.store.Relations(ctx, id)
	if errors.Is(err, account.ErrNotFound) || err == nil && r == nil {
		return &Relations{}, nil
	}
	return r, err
}

// Relations returns what a user has with others; nothing for an unknown user.
func (s *Service) Relations(ctx context.Context, user int64) (*Relations, error) {
	load := s.load
	if s.table != nil {
		load = s.table.GetOrLoad
	}
	r, err := load(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("load relations of user %d: %w", user, err)
	}
	return r, nil
}

// Ignores reports whether a user does not want to hear another.
func (s *Service) Ignores(ctx context.Context, user, other int64) (bool, error) {
	r, err := s.Relations(ctx, user)
	if err != nil {
		return false, err
	}
	return slices.Contains(r.Ignores, other), nil
}

// Ask asks other to be me's friend. If other had asked already they are friends
// now, and each is told once.
func (s *Service) Ask(ctx context.Context, me, other int64) ([]Notice, error) {
	mine, theirs, err := s.both(ctx, me, other)
	if err != nil {
		return nil, err
	}
	limit := s.limits.MaxRelations(ctx)
	answering := slices.Contains(mine.Incoming, other)
	switch {
	case me == other, theirs.Shuns(me):
		return nil, refusal.New(refusal.Invalid, textInvalid)
	case slices.Contains(mine.Friends, other), slices.Contains(mine.Outgoing, other):
		return nil, refusal.New(refusal.Invalid, textAlready)
	case !answering && mine.friendly() >= limit:
		return nil, refusal.New(refusal.Full, textMyLimit)
	case !answering && theirs.friendly() >= limit:
		return nil, refusal.New(refusal.Full, textTheLimit)
	}
	accepted, changed, err := s.store.RequestFriend(ctx, me, other)
	if err != nil {
		return nil, fmt.Errorf("ask user %d to be a friend of %d: %w", other, me, err)
	}
	s.announce(changed)
	switch {
	case len(changed) == 0:
		return nil, refusal.New(refusal.Invalid, textAlready) // somebody was faster
	case accepted:
		return []Notice{{me, Accepted, other}, {other, Accepted, me}}, nil
	default:
		return []Notice{{other, Asked, me}}, nil
	}
}

// Answer accepts or declines the request that other made to me.
func (s *Service) Answer(ctx context.Context, me, other int64, accept bool) ([]Notice, error) {
	if err := s.removeRequest(ctx, other, me, accept); err != nil {
		return nil, err
	}
	if accept {
		return []Notice{{other, Accepted, me}}, nil
	}
	return []Notice{{other, Declined, me}}, nil
}

// Rescind takes back the request that me made to other.
func (s *Service) Rescind(ctx context.Context, me, other int64) ([]Notice, error) {
	if err := s.removeRequest(ctx, me, other, false); err != nil {
		return nil, err
	}
	return []Notice{{other, Rescinded, me}}, nil
}

func (s *Service) removeRequest(ctx context.Context, from, to int64, accept bool) error {
	if from == to {
		return refusal.New(refusal.NotFound, textNone)
	}
	found, changed, err := s.store.AnswerFriend(ctx, from, to, accept)
	if err != nil {
		return fmt.Errorf("answer friend request %d to %d: %w", from, to, err)
	}
	s.announce(changed)
	if !found {
		return refusal.New(refusal.NotFound, textNone)
	}
	return nil
}

// End ends a friendship; without one nothing happens and nobody is told.
func (s *Service) End(ctx context.Context, me, other int64) ([]Notice, error) {
	if me == other {
		return nil, nil
	}
	found, changed, err := s.store.EndFriend(ctx, me, other)
	if err != nil {
		return nil, fmt.Errorf("end friendship of %d and %d: %w", me, other, err)
	}
	s.announce(changed)
	if !found {
		return nil, nil
	}
	return []Notice{{other, Ended, me}, {me, Ended, other}}, nil
}

// SetIgnore stops or resumes hearing a user.
func (s *Service) SetIgnore(ctx context.Context, me, other int64, on bool) error {
	_, err := s.Set(ctx, me, other, Ignore, on)
	return err
}

// Set sets or clears a one-way relation. Who follows says so each time, as users are told
// each time, unless the other wants nothing to do with it, or was told several times.
func (s *Service) Set(ctx context.Context, me, other int64, kind Relation, on bool) ([]Notice, error) {
	if me == other {
		return nil, refusal.New(refusal.Invalid, textInvalid)
	}
	mine, err := s.Relations(ctx, me)
	if err != nil {
		return nil, err
	}
	if limit := s.limits.MaxRelations(ctx); on && !mine.has(kind, other) && mine.count(kind) >= limit {
		return nil, refusal.New(refusal.Full, textMaximum, limit, kind)
	}
	if mine.has(kind, other) != on {
		changed, err := s.store.SetRelation(ctx, me, other, kind, on)
		if err != nil {
			return nil, fmt.Errorf("set %s of user %d for %d: %w", kind, me, other, err)
		}
		s.announce(changed)
	}
	if kind != Follow || !on {
		return nil, nil
	}
	return s.followed(ctx, me, other), nil
}

// followed is what is told of me who follows. Nobody is told while it is not known whether
// it wants to hear of me.
func (s *Service) followed(ctx context.Context, me, other int64) []Notice {
	theirs, err := s.Relations(ctx, other)
	if err != nil || theirs.Shuns(me) || !s.told.Take(fmt.Sprint(me, ">", other), followNotices, time.Now()) {
		return nil
	}
	return []Notice{{other, Followed, me}}
}

// Reset ends every one-way relation of a user to another. Friends stay.
func (s *Service) Reset(ctx context.Context, me, other int64) error {
	if me == other {
		return refusal.New(refusal.Invalid, textInvalid)
	}
	changed, err := s.store.ClearRelations(ctx, me, other)
	if err != nil {
		return fmt.Errorf("reset relations of user %d to %d: %w", me, other, err)
	}
	s.announce(changed)
	return nil
}

func (s *Service) both(ctx context.Context, me, other int64) (mine, theirs *Relations, err error) {
	if mine, err = s.Relations(ctx, me); err != nil {
		return nil, nil, err
	}
	theirs, err = s.Relations(ctx, other)
	return mine, theirs, err
}

func (s *Service) announce(changed []cache.Change) {
	if s.caches != nil && len(changed) > 0 {
		s.caches.Announce(changed)
	}
}

package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// TopicSession tells every node that a user's session was claimed.
var TopicSession = bus.RegisterTopic("session.claimed",
	"the node of a login: this user's session has this epoch now; a node with an older one of the same user ends it, a lost message is made up for by presence and by the audit")

// auditEvery is how often a node compares its sessions with the store's: what heals
// a claim whose announcement was lost.
const auditEvery = 10 * time.Second

// claimed is the body of TopicSession.
type claimed struct {
	User  int64 `json:"user"`
	Epoch int64 `json:"epoch"`
}

var _ = message.Register[claimed]("session.claimed")

// holder is what a session belongs to: it is ended when a newer one is seen.
type holder interface {
	supersede()
}

// sessions knows the logins of this node and lets the newest claim of a user win,
// on whichever node it was made.
//
// Order of a login: remember that one is under way, claim, act on the answer only
// if no higher epoch was heard meanwhile, tell the others. A node that hears a
// higher epoch than its own session's ends that session.
type sessions struct {
	store   account.SessionStore
	runtime cluster.Runtime
	// incarnation is under what the store knows this node: another one in each of its
	// histories. Claims of an earlier one are kept in this one, by the audit.
	incarnation func() int64

	mu     sync.Mutex
	held   map[int64]heldSession // by user
	flight map[int64]*flight     // logins under way, by user
}

type heldSession struct {
	epoch  int64
	under  int64 // incarnation of the claim
	holder holder
}

// flight serializes the logins of one user on this node and collects the highest
// epoch heard meanwhile.
type flight struct {
	turn    chan struct{} // holds one token
	waiters int
	heard   int64
	under   int64 // incarnation of the last claim
}

func newSessions(store account.SessionStore, runtime cluster.Runtime, incarnation func() int64) *sessions {
	if incarnation == nil {
		incarnation = func() int64 { return runtime.Self().Incarnation }
	}
	s := &sessions{store: store, runtime: runtime, incarnation: incarnation, held: map[int64]heldSession{}, flight: map[int64]*flight{}}
	runtime.Subscribe(TopicSession, func(m bus.Message) {
		if c, ok := m.Body.(claimed); ok && m.Origin != runtime.Self() {
			s.heard(c.User, c.Epoch)
		}
	})
	return s
}

// begin waits for the user's other logins on this node and claims the session. The
// caller must call the returned function when the session is up or has failed.
func (s *sessions) begin(ctx context.Context, user int64) (epoch int64, end func(), err error) {
	s.mu.Lock()
	f := s.flight[user]
	if f == nil {
		f = &flight{turn: make(chan struct{}, 1)}
		f.turn <- struct{}{}
		s.flight[user] = f
	}
	f.waiters++
	s.mu.Unlock()
	leave := func() {
		s.mu.Lock()
		if f.waiters--; f.waiters == 0 {
			delete(s.flight, user)
		}
		s.mu.Unlock()
	}
	select {
	case <-f.turn:
	case <-ctx.Done():
		leave()
		return 0, nil, ctx.Err()
	}
	end = func() { f.turn <- struct{}{}; leave() }

	// The store would refuse it as well, but it may take long to answer.
	if !s.runtime.Trusted() {
		end()
		return 0, nil, fmt.Errorf("claim session of %d: this node is in doubt: %w", user, cluster.ErrUnavailable)
	}
	under := s.incarnation()
	now, _, err := s.store.ClaimSession(ctx, user, s.runtime.Self().Node, under)
	if err != nil {
		end()
		return 0, nil, fmt.Errorf("claim session of %d: %w", user, err)
	}
	s.mu.Lock()
	f.under = under
	s.mu.Unlock()
	s.heard(user, now.Epoch) // ends an older session of ours
	if err := s.runtime.Publish(TopicSession, claimed{User: user, Epoch: now.Epoch}); err != nil {
		end()
		return 0, nil, fmt.Errorf("announce session of %d: %w", user, err)
	}
	return now.Epoch, end, nil
}

// hold makes h the holder of the session. False if a newer one has been heard of.
func (s *sessions) hold(user, epoch int64, h holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var under int64
	if f := s.flight[user]; f != nil {
		if f.heard > epoch {
			return false
		}
		under = f.under
	}
	if old, ok := s.held[user]; ok && old.epoch > epoch {
		return false
	}
	s.held[user] = heldSession{epoch: epoch, under: under, holder: h}
	return true
}

// release forgets a session.
func (s *sessions) release(user, epoch int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.held[user]; ok && old.epoch == epoch {
		delete(s.held, user)
	}
}

// heard notes that a session with this epoch exists and ends an older one of ours.
func (s *sessions) heard(user, epoch int64) {
	s.mu.Lock()
	if f := s.flight[user]; f != nil {
		f.heard = max(f.heard, epoch)
	}
	old, ok := s.held[user]
	s.mu.Unlock()
	if ok && old.epoch < epoch {
		old.holder.supersede()
	}
}

// count is the number of sessions on this node.
func (s *sessions) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

func (s *sessions) has(user int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.held[user]
	return ok
}

// audit ends the sessions of this node that are no longer the newest of their users.
func (s *sessions) audit(ctx context.Context) error {
	s.mu.Lock()
	mine := make(map[int64]heldSession, len(s.held))
	for user, h := range s.held {
		mine[user] = h
	}
	s.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	incarnation := s.incarnation()
	if err := s.keep(ctx, mine, incarnation); err != nil {
		return err
	}
	newest, err := s.store.Sessions(ctx, incarnation)
	if err != nil {
		return fmt.Errorf("read sessions: %w", err)
	}
	for _, c := range newest {
		if h, ok := mine[c.User]; ok && h.epoch >= c.Epoch {
			delete(mine, c.User)
		}
	}
	for _, h := range mine {
		h.holder.supersede()
	}
	return nil
}

// keep has the sessions that were claimed in an earlier history of the store go on in this
// one. Whose user has a newer one there is not among this node's then.
func (s *sessions) keep(ctx context.Context, mine map[int64]heldSession, incarnation int64) error {
	var old []account.Claim
	for user, h := range mine {
		if h.under != incarnation {
			old = append(old, account.Claim{User: user, Epoch: h.epoch})
		}
	}
	if len(old) == 0 {
		return nil
	}
	if err := s.store.KeepSessions(ctx, s.runtime.Self().Node, incarnation, old); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range old {
		if h, ok := s.held[c.User]; ok && h.epoch == c.Epoch {
			h.under = incarnation
			s.held[c.User] = h
		}
	}
	return nil
}

// LocalSessions keeps claims in memory: enough for a node that is alone with its
// store, because no session outlives it.
type LocalSessions struct{ epoch atomic.Int64 }

// NewLocalSessions starts above every epoch of an earlier life of the node.
func NewLocalSessions(incarnation int64) *LocalSessions {
	l := &LocalSessions{}
	l.epoch.Store(incarnation << 32)
	return l
}

// ClaimSession gives the next epoch.
func (l *LocalSessions) ClaimSession(_ context.Context, user int64, node string, incarnation int64) (now, before account.Claim, err error) {
	return account.Claim{User: user, Epoch: l.epoch.Add(1), Node: node, Incarnation: incarnation}, account.Claim{}, nil
}

// KeepSessions has nothing to keep: there is no store that may have lost them.
func (l *LocalSessions) KeepSessions(context.Context, string, int64, []account.Claim) error {
	return nil
}

// Sessions is never asked of a node that is alone.
func (l *LocalSessions) Sessions(context.Context, int64) ([]account.Claim, error) { return nil, nil }

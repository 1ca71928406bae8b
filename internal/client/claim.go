package client

import (
	"context"
	"errors"
	"maps"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/matchmaking"
)

// ServiceClaim keeps a user of this node for a match.
const ServiceClaim = "session.claim"

// claimAnswer answers matchmaking.Claim.
type claimAnswer struct {
	Answer matchmaking.Answer `json:"answer"`
}

var _ = message.Register[claimAnswer]("session.claim_answer")

// Claim keeps a user for a match, wherever its session is.
func (s *Service) Claim(ctx context.Context, c matchmaking.Claim) matchmaking.Answer {
	u, online := s.Roster.User(c.User)
	if !online {
		return matchmaking.Away
	}
	if u.Node == s.Runtime.Self().Node {
		return s.queues.claim(ctx, c)
	}
	reply, err := s.Runtime.Request(ctx, u.Node, ServiceClaim, c)
	if err != nil {
		return matchmaking.Away
	}
	a, _ := reply.(claimAnswer)
	return a.Answer
}

func (q *queues) claimFrom(ctx context.Context, _ bus.Origin, body any) (any, error) {
	c, ok := body.(matchmaking.Claim)
	if !ok {
		return nil, errors.New("client: not a claim")
	}
	return claimAnswer{q.claim(ctx, c)}, nil
}

func (q *queues) claim(ctx context.Context, c matchmaking.Claim) matchmaking.Answer {
	held := q.svc.clientOf(c.User)
	if held == nil || held.ended.Load() {
		return matchmaking.Away
	}
	if !q.unchanged(ctx, c) {
		return matchmaking.Changed
	}
	q.forgetClaims()
	m := q.directory.Of(c.User).Match
	if m != nil && m.ID != c.Match && m.Stage != matchmaking.Made && m.Stage != matchmaking.Failed {
		return matchmaking.Busy
	}
	q.mu.Lock()
	old, has := q.claims[c.User]
	q.mu.Unlock()
	if has && old.match != c.Match && q.live(old) {
		return matchmaking.Busy
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if now := q.claims[c.User]; now != old {
		return matchmaking.Busy // two at once
	}
	if old.match != c.Match {
		q.claims[c.User] = claim{match: c.Match, at: time.Now()}
	}
	return matchmaking.Free
}

// unchanged reports whether a user's party is what joined the queue. The queue may have heard
// of it sooner than this node.
func (q *queues) unchanged(ctx context.Context, c matchmaking.Claim) bool {
	wait := time.After(time.Second)
	for !stillIs(c.Party, c.Users, q.svc.PartyOf(c.User)) {
		select {
		case <-time.After(partyLook):
		case <-wait:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// partyLook is how often it is looked whether a party is known here.
const partyLook = 10 * time.Millisecond

// live reports whether a match that has claimed somebody is not over, as far as is known.
func (q *queues) live(k claim) bool {
	v, ended := q.directory.Match(k.match)
	if v == nil {
		return !ended && time.Since(k.at) < claimFor
	}
	return v.Stage != matchmaking.Made && v.Stage != matchmaking.Failed
}

// entering notes that a user is on its way into the room of its match.
func (q *queues) entering(user int64, match string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.claims[user] = claim{match: match, at: time.Now(), entering: true}
}

// claimsKept is how many claims there may be until those are forgotten that mean nothing.
const claimsKept = 1000

func (q *queues) forgetClaims() {
	q.mu.Lock()
	var all map[int64]claim
	if len(q.claims) > claimsKept {
		all = maps.Clone(q.claims)
	}
	q.mu.Unlock()
	for user, k := range all {
		if q.live(k) {
			continue
		}
		q.mu.Lock()
		if q.claims[user] == k {
			delete(q.claims, user)
		}
		q.mu.Unlock()
	}
}

// EnterMatch is Move into the room of a match.
func (s *Service) EnterMatch(ctx context.Context, user int64, match string, lobbyID int64) error {
	return s.move(ctx, move{User: user, Lobby: lobbyID, Match: match})
}

package client

import (
	"context"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/matchmaking"
	"teiserver/internal/party"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// queues connects the clients of a node with the matchmaking queues of the cluster.
type queues struct {
	svc       *Service
	directory *matchmaking.Directory

	mu     sync.Mutex
	news   map[int64]bool // users of whom something changed; true: their party
	claims map[int64]claim
	wake   chan struct{}
}

// claim is the match that a player of this node may play in.
type claim struct {
	match    string
	at       time.Time
	entering bool // its room
}

// claimFor is how long a claim holds of a match that this node has not heard of.
const claimFor = 10 * time.Second

func newQueues(s *Service) *queues {
	q := &queues{svc: s, news: map[int64]bool{}, claims: map[int64]claim{}, wake: make(chan struct{}, 1)}
	q.directory = matchmaking.NewDirectory(s.Runtime, func(users []int64) { q.touch(false, users...) })
	s.Runtime.OnTakeover(matchmaking.KindQueue, q.repeat)
	s.Runtime.Serve(ServiceClaim, q.claimFrom)
	return q
}

// touch has the clients of users looked after soon. It does not block.
func (q *queues) touch(party bool, users ...int64) {
	if len(users) == 0 {
		return
	}
	q.mu.Lock()
	for _, user := range users {
		q.news[user] = q.news[user] || party
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run tells clients what is new until ctx ends.
func (q *queues) run(ctx context.Context) {
	for {
		select {
		case <-q.wake:
		case <-ctx.Done():
			return
		}
		q.mu.Lock()
		news := q.news
		q.news = map[int64]bool{}
		q.mu.Unlock()
		for user, party := range news {
			q.svc.Guard.Do("matchmaking news", func() { q.say(ctx, user, party) })
		}
	}
}

// say tells a user's client what is new of it.
func (q *queues) say(ctx context.Context, user int64, party bool) {
	c := q.svc.clientOf(user)
	if c == nil {
		return
	}
	if party {
		q.checkParty(user)
	}
	c.rejoinQueues()
	c.matchNews(ctx)
}

// checkParty takes groups out of their queues that are another party now.
func (q *queues) checkParty(user int64) {
	p := q.svc.PartyOf(user)
	for id, seat := range q.directory.Of(user).Seats {
		if !stillIs(seat.Party, usersOf(seat), p) {
			q.svc.Runtime.Cast(matchmaking.QueueKey(id), matchmaking.Drop{Groups: []string{seat.Group}})
		}
	}
}

// stillIs reports whether a party, or none, is what joined a queue.
func stillIs(id string, users []int64, p *party.Party) bool {
	if p == nil || id == "" {
		return p == nil && id == ""
	}
	if p.ID != id || len(p.Members) != len(users) {
		return false
	}
	return !slices.ContainsFunc(p.Members, func(m party.Member) bool { return !slices.Contains(users, m.User) })
}

func usersOf(s matchmaking.Seat) []int64 {
	list := make([]int64, len(s.Members))
	for i := range s.Members {
		list[i] = s.Members[i].User
	}
	return list
}

// repeat tells the new owner of a queue which players are connected here, and which were
// connected to a node that is gone: its last owner may have been there too.
func (q *queues) repeat(key cluster.Key) {
	view := q.directory.QueueOf(key.ID)
	if view == nil {
		return
	}
	lives := map[int64]bool{}
	for _, m := range q.svc.Runtime.Members() {
		lives[m.Incarnation] = true
	}
	for _, seat := range view.Seats {
		for _, m := range seat.Members {
			if c := q.svc.clientOf(m.User); c != nil {
				q.svc.Runtime.Cast(key, matchmaking.Back{Who: c.queueWho()})
			}
			if !lives[m.Incarnation] {
				lives[m.Incarnation] = true // once
				q.svc.parties.losses.add(func(grace time.Duration) {
					q.svc.Runtime.Cast(key, matchmaking.Gone{Incarnation: m.Incarnation, Grace: grace})
				})
			}
		}
	}
}

// gone has the queues of this node know that all sessions of an incarnation have ended.
func (q *queues) gone(incarnation int64, grace time.Duration) {
	q.svc.Runtime.Local(matchmaking.KindQueue, func(key cluster.Key) {
		q.svc.Runtime.Cast(key, matchmaking.Gone{Incarnation: incarnation, Grace: grace})
	})
}

// Site is what the settings say of matchmaking.
func (s *Service) Site(ctx context.Context) matchmaking.Site {
	return matchmaking.Site{
		Queues: s.Settings.Queues(ctx), Ready: s.Settings.ReadyTime(ctx), Room: s.Settings.RoomTime(ctx),
		Rooms: setting.RoomTitles.Get(ctx, s.Settings),
		Rules: matchmaking.Rules{
			Spread: setting.Spread.Get(ctx, s.Settings), Growth: setting.SpreadGrowth.Get(ctx, s.Settings),
			Most: setting.SpreadMost.Get(ctx, s.Settings),
		},
	}
}

// Queues lists the matchmaking queues.
func (s *Service) Queues(ctx context.Context) []roster.QueueName {
	list := []roster.QueueName{}
	for _, q := range s.Settings.Queues(ctx) {
		list = append(list, roster.QueueName{ID: q.ID, Name: q.Name})
	}
	return list
}

// QueueInfo tells of a queue for how many seconds players wait in it, and how many do.
func (s *Service) QueueInfo(ctx context.Context, id int) (name roster.QueueName, wait, players int, ok bool) {
	for _, q := range s.Queues(ctx) {
		if q.ID != id {
			continue
		}
		if v := s.queues.directory.Queue(id); v != nil {
			wait, players = v.MeanWait, v.Players()
		}
		return q, wait, players, true
	}
	return name, 0, 0, false
}

// Matchmaking reports whether a user waits in a queue, and is not on its way into the room
// of a match.
func (s *Service) Matchmaking(user int64) bool {
	s.queues.mu.Lock()
	k, claimed := s.queues.claims[user]
	s.queues.mu.Unlock()
	if claimed && k.entering && s.queues.live(k) {
		return false
	}
	return len(s.queues.directory.Of(user).Queues) > 0
}

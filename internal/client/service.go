package client

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/message"
	"teiserver/internal/coordinator"
	"teiserver/internal/friend"
	"teiserver/internal/guard"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/setting"
)

// ServiceDeliver takes what is for one session from another node.
const ServiceDeliver = "session.deliver"

// deliver is something for one session only. It is a request, so that the sender's
// node knows whether it arrived.
type deliver struct {
	User    int64             `json:"user"`
	Session int64             `json:"session"`
	From    *roster.User      `json:"from,omitempty"`
	Text    string            `json:"text,omitempty"`
	Ring    bool              `json:"ring,omitempty"`
	Friend  roster.FriendWhat `json:"friend,omitempty"`
	Other   int64             `json:"other,omitempty"`
	Lines   []string          `json:"lines,omitempty"` // a resident says them
}

// delivered answers deliver.
type delivered struct {
	OK bool `json:"ok"`
}

var (
	_ = message.Register[deliver]("session.deliver")
	_ = message.Register[delivered]("session.delivered")
)

// Options of a Service.
type Options struct {
	Runtime  cluster.Runtime
	Roster   *roster.Roster
	Accounts *account.Service
	Friends  *friend.Service
	Settings *setting.Service
	Sessions account.SessionStore
	Caches   *cache.Caches
	Audit    bool // compare sessions with the store: a node of a cluster
	Log      *slog.Logger
	Now      func() time.Time // the store's time; nil: the host's
	// Incarnation is under what the store knows this node now; nil: the runtime's.
	Incarnation func() int64
	// Coordinator is the id of the Coordinator's account, Residents are all accounts of
	// the server's own. Desk does what the Coordinator is asked.
	Coordinator int64
	Residents   []Mailbox
	Desk        *coordinator.Desk
	// What lobbies must know of people; nil: there is none.
	Ratings    Ratings
	Moderation Moderation
	// Overhear is told of each line that a user of this node has said in a channel; nil:
	// nobody asks. It must not block.
	Overhear func(ctx context.Context, o Overheard)
	// Guard catches the panics of what runs beside; nil: one of its own.
	Guard *guard.Guard
	// OnLogin is told of each login on this node; nil: nobody asks. It must not block.
	OnLogin func(u *account.User, p Presence)
}

// Service logs users in and lets connections reach each other across nodes.
type Service struct {
	Options
	Counters Counters

	sessions *sessions
	changed  changes
	holders  *holders
	reports  *reports
	moved    chan struct{} // the store is on another timeline
	greets   greets
	parties  *parties
	queues   *queues
}

// NewService makes the service of a node and begins to answer the other nodes.
func NewService(o Options) *Service {
	if o.Guard == nil {
		o.Guard = guard.New(o.Log)
	}
	s := &Service{Options: o, sessions: newSessions(o.Sessions, o.Runtime, o.Incarnation), changed: newChanges(), holders: newHolders(), reports: newReports(), moved: make(chan struct{}, 1), greets: newGreets()}
	o.Runtime.Serve(ServiceDeliver, func(_ context.Context, _ bus.Origin, body any) (any, error) {
		d, ok := body.(deliver)
		if !ok {
			return nil, errors.New("client: not a delivery")
		}
		return delivered{OK: s.deliverHere(d)}, nil
	})
	o.Runtime.Serve(ServiceMove, s.moveHere)
	o.Runtime.Serve(ServiceDisconnect, s.disconnectHere)
	for _, table := range []string{account.TableRelations, account.TableUser, moderation.TableStanding} {
		o.Caches.OnChange(table, func(key string) {
			if id, err := strconv.ParseInt(key, 10, 64); err == nil {
				s.userChanged(id)
			}
		})
	}
	s.parties = newParties(s)
	s.queues = newQueues(s)
	return s
}

// clientOf returns the client of a user on this node, nil if there is none.
func (s *Service) clientOf(user int64) *Client {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	c, _ := s.sessions.held[user].holder.(*Client)
	return c
}

// Run does the periodic work of the service until ctx ends.
func (s *Service) Run(ctx context.Context) {
	var reads sync.WaitGroup
	defer reads.Wait()
	for name, f := range map[string]func(context.Context){
		"statuses": s.sendAllHeld, "reports": s.sendReports, "parties": s.parties.run, "matchmaking": s.queues.run, "greetings": s.greetAll,
	} {
		reads.Go(func() { s.Guard.Run(ctx, name, f) })
	}
	var audit, retry <-chan time.Time
	if s.Audit {
		tick := time.NewTicker(auditEvery)
		defer tick.Stop()
		audit = tick.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed.wake:
			for _, c := range s.changed.take() {
				reads.Go(func() { s.Guard.Do("user read again", func() { s.readAgain(ctx, c) }) })
			}
		case <-s.moved:
			if s.Audit && !s.compare(ctx) {
				retry = time.After(keepRetry)
			}
		case <-retry:
			s.OnTimeline()
		case <-audit:
			s.compare(ctx)
		}
	}
}

// keepRetry is how long until sessions are kept again that could not be.
const keepRetry = time.Second

// OnTimeline says that the store is on another timeline: the sessions of this node go on
// there, but for those whose users have a newer one. It does not block.
func (s *Service) OnTimeline() {
	select {
	case s.moved <- struct{}{}:
	default:
	}
}

// compare ends the sessions that are not the newest of their users any more.
func (s *Service) compare(ctx context.Context) bool {
	err := s.sessions.audit(ctx)
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("sessions not compared", "err", err)
	}
	return err == nil
}

// Count is the number of sessions on this node.
func (s *Service) Count() int { return s.sessions.count() }

// Has reports whether a user has a session on this node.
func (s *Service) Has(user int64) bool { return s.sessions.has(user) }

// Screen is what a protocol shows a client on.
type Screen interface {
	Begin(roster.World)
	Show(*roster.Update)
	// End asks the connection to end with a reason. It must not block.
	End(reason string)
}

// Presence is what a login adds to the account.
type Presence struct {
	Client    string // lobby client as shown to others
	IP        string
	LobbyHash string
	Interest  roster.Interest
	Permitted bool // let in by the login queue, which looked whether there is room
}

// Enter logs a user in whose password has been checked: claims the session (an
// older one ends, wherever it is), calls accepted, makes the user visible on all
// nodes and attaches the screen. After Enter the caller owns the client and must
// Close it.
func (s *Service) Enter(ctx context.Context, u *account.User, p Presence, screen Screen, accepted func()) (*Client, error) {
	if err := s.admit(ctx, u); err != nil && !p.Permitted {
		return nil, err
	}
	epoch, end, err := s.sessions.begin(ctx, u.ID)
	if err != nil {
		return nil, err
	}
	defer end()
	c := newClient(s, u, epoch, p, screen)
	if err := c.loadIgnores(ctx); err != nil {
		return nil, err
	}
	if !s.sessions.hold(u.ID, epoch, c) {
		return nil, refusal.New(refusal.Superseded, "Logged in elsewhere")
	}
	// What was decided before is read here, what comes later finds the session.
	err = c.stand(ctx)
	if err == nil {
		err = c.current(ctx)
	}
	if err != nil {
		s.sessions.release(u.ID, epoch)
		return nil, err
	}
	accepted()
	s.Roster.Online(c.presence(p))
	s.Counters.in(u)
	if s.OnLogin != nil {
		s.OnLogin(u, p)
	}
	s.Roster.Attach(c)
	c.rejoinParty()
	c.rejoinQueues()
	c.matchNews(ctx)
	s.greetLater(ctx, c)
	return c, nil
}

// admit refuses a player when the server is full. Bots, and who supports the site,
// come in always; so does who takes over a session.
func (s *Service) admit(ctx context.Context, u *account.User) error {
	limit := s.Settings.UserLimit(ctx)
	if limit == 0 || s.Roster.People() < limit || u.Privileged() {
		return nil
	}
	if _, online := s.Roster.User(u.ID); online {
		return nil
	}
	return refusal.New(refusal.Full, "The server is currently full, please try again in a minute or two.")
}

// changes are clients of this node whose account or relations have changed, until Run
// reads them.
type changes struct {
	wake    chan struct{}
	mu      sync.Mutex
	clients map[*Client]struct{}
}

func newChanges() changes {
	return changes{wake: make(chan struct{}, 1), clients: map[*Client]struct{}{}}
}

func (x *changes) add(c *Client) {
	x.mu.Lock()
	x.clients[c] = struct{}{}
	x.mu.Unlock()
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

func (x *changes) take() []*Client {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := slices.Collect(maps.Keys(x.clients))
	clear(x.clients)
	return list
}

// Changed has what a lobby knows of a user of this node read again soon. It does not block.
func (s *Service) Changed(user int64) { s.userChanged(user) }

func (s *Service) userChanged(user int64) {
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[user]
	s.sessions.mu.Unlock()
	if c, isClient := h.holder.(*Client); ok && isClient {
		s.changed.add(c)
	}
}

// A delivery that finds no session is tried again: the user may have just logged in
// elsewhere, and this node is about to hear of it.
const (
	deliverTries = 6
	deliverPause = 50 * time.Millisecond
)

// send delivers to the session of a visible user, wherever it is now, and reports whether
// that has taken it.
func (s *Service) send(ctx context.Context, to *roster.User, d deliver) (taken bool) {
	for try := 1; ; try++ {
		d.User, d.Session = to.ID, to.Session
		taken, over := s.deliverTo(ctx, to.Node, d)
		if taken || over || try == deliverTries {
			return taken
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(deliverPause):
		}
		if next, online := s.Roster.User(to.ID); online { // else between two sessions, perhaps
			to = next
		}
	}
}

// deliverTo reports whether the node has a session of the user that has taken it. If the
// node has not answered it is over all the same: it may have delivered, and what is said
// twice is worse than what is lost.
func (s *Service) deliverTo(ctx context.Context, node string, d deliver) (taken, over bool) {
	if node == s.Runtime.Self().Node {
		return s.deliverHere(d), false
	}
	reply, err := s.Runtime.Request(ctx, node, ServiceDeliver, d)
	if err != nil {
		if ctx.Err() == nil {
			s.Log.Debug("delivery not answered", "user", d.User, "node", node, "err", err)
		}
		return false, true
	}
	answer, ok := reply.(delivered)
	return ok && answer.OK, false
}

// deliverHere shows it to the user's session on this node, also if that is a newer
// one than the sender knew. False if there is none.
func (s *Service) deliverHere(d deliver) bool {
	var e roster.Event
	var from int64
	switch {
	case len(d.Lines) > 0 && d.From != nil:
		return s.hearHere(d)
	case d.Friend != "":
		e = roster.FriendEvent{What: d.Friend, Other: d.Other}
	case d.Ring && d.From != nil:
		e, from = roster.Rang{By: d.From}, d.From.ID
	case d.From != nil:
		e, from = roster.PrivateSaid{From: d.From, Text: s.tame(d.User, d.Text)}, d.From.ID
	default:
		return false
	}
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[d.User]
	s.sessions.mu.Unlock()
	if c, isClient := h.holder.(*Client); !ok || !isClient || c.deaf(e) {
		return ok
	}
	return s.Roster.Deliver(d.User, h.epoch, from, e)
}

// tame keeps an autohost from being asked in private for what its room would not
// let through. The room of a host is known on the host's node.
func (s *Service) tame(user int64, text string) string {
	if !strings.HasPrefix(text, "!") {
		return text
	}
	in, ok := s.Roster.LobbyOf(user)
	if !ok {
		return text
	}
	room, _ := s.Roster.Room(in.Info.ID)
	return lobby.TameVote(text, len(room.Computers) > 0)
}

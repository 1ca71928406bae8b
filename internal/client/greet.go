package client

import (
	"context"
	"sync"
	"time"
)

// greets are the logins of this node whom the Coordinator has yet to speak to. A session
// is greeted by the node of its login, so once.
type greets struct {
	mu   sync.Mutex
	list []greeting // by time, nearly: the delay is a setting
	wake chan struct{}
}

type greeting struct {
	client *Client
	due    time.Time
}

// greetTime bounds what is looked up for one greeting.
const greetTime = 10 * time.Second

func newGreets() greets { return greets{wake: make(chan struct{}, 1)} }

// greetLater has the Coordinator speak to who has just logged in, a while after it:
// clients are busy until then.
func (s *Service) greetLater(ctx context.Context, c *Client) {
	if s.Desk == nil {
		return
	}
	due := time.Now().Add(s.Settings.LoginDelay(ctx))
	s.greets.mu.Lock()
	s.greets.list = append(s.greets.list, greeting{c, due})
	s.greets.mu.Unlock()
	select {
	case s.greets.wake <- struct{}{}:
	default:
	}
}

// next takes the first greeting that is due; without one, wait is when to look again.
func (g *greets) next(now time.Time) (c *Client, wait time.Duration, any bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.list) == 0 {
		g.list = nil
		return nil, 0, false
	}
	if wait := g.list[0].due.Sub(now); wait > 0 {
		return nil, wait, true
	}
	c, g.list = g.list[0].client, g.list[1:]
	return c, 0, true
}

// greetAll greets whoever is due, until ctx ends.
func (s *Service) greetAll(ctx context.Context) {
	for {
		c, wait, waits := s.greets.next(time.Now())
		switch {
		case c != nil:
			s.Guard.Do("greeting", func() { s.greet(ctx, c) })
			continue
		case waits:
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		default:
			select {
			case <-s.greets.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *Service) greet(ctx context.Context, c *Client) {
	if c.ended.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	g, err := s.Desk.Welcome(ctx, c.user.ID, c.software)
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("not greeted in full", "user", c.user.ID, "err", err)
	}
	if g.Acknowledge {
		s.warn(ctx, c, time.Time{})
	}
	c.hear(s.Coordinator, g.Lines...)
}

// warn has who is told of warnings, the newest of that time, acknowledge them before it is in
// a lobby. Of one that is new who logs in may hear twice, by the greeting and because it is
// new: what was acknowledged in between is not asked for again.
func (s *Service) warn(ctx context.Context, c *Client, newest time.Time) {
	done, err := c.Turn(ctx)
	if err != nil {
		return
	}
	defer done()
	if at := c.acked.Load(); at != 0 && at >= newest.UnixMilli() {
		return
	}
	c.warned.Store(true)
	if err := c.LeaveLobby(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("a warned user was not taken out of the lobby", "user", c.user.ID, "err", err)
	}
}

// acknowledge lets the client into lobbies again. It has its turn.
func (c *Client) acknowledge() {
	if m := c.svc.Moderation; m != nil {
		c.acked.Store(m.Now().UnixMilli())
	}
	c.warned.Store(false)
}

// takeOut takes who may be in no lobby out of its own.
func (s *Service) takeOut(ctx context.Context, c *Client) {
	done, err := c.Turn(ctx)
	if err != nil {
		return
	}
	defer done()
	if err := c.LeaveLobby(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("a user was not taken out of the lobby", "user", c.user.ID, "err", err)
	}
}

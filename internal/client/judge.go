package client

import (
	"context"
	"slices"
	"strings"
	"time"

	"teiserver/internal/consul"
	"teiserver/internal/moderation"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Reasons of connections that moderators end, as clients know them.
const (
	endBanned = "Banned"
	endAlt    = "Marked as smurf"
)

// textLobbies answers who may be in no lobby.
const textLobbies = "You are currently banned from joining lobbies"

// judgeRetry is the pause after what was decided could not be read.
const judgeRetry = time.Second

// stand reads what counts of this user when it logs in, and refuses who may not.
func (c *Client) stand(ctx context.Context) error {
	m := c.svc.Moderation
	if m == nil {
		return nil
	}
	c.judging.Lock()
	defer c.judging.Unlock()
	st, err := m.Standing(ctx, c.user.ID)
	if err != nil {
		return err
	}
	c.standing.Store(st)
	if no := st.Refusal(m.Now()); no != nil {
		return no
	}
	return nil
}

// restricted reports whether one of these restrictions is in force.
func (c *Client) restricted(names ...string) bool {
	st := c.standing.Load()
	return st != nil && st.Restricted(c.svc.Moderation.Now(), names...)
}

func (c *Client) mutedInRooms() bool {
	st := c.standing.Load()
	return st != nil && st.MutedInRooms(c.svc.Moderation.Now())
}

func (c *Client) mutedInPrivate() bool {
	st := c.standing.Load()
	return st != nil && st.MutedInPrivate(c.svc.Moderation.Now())
}

// maySay reports whether a line that was typed in a lobby goes on. A command is no speech,
// but for the one that is shown as it was typed.
func (c *Client) maySay(text string, emote bool, to string) bool {
	st := c.standing.Load()
	if st == nil {
		return true
	}
	text = strings.TrimSpace(text)
	if !emote && to == "" {
		name, _, rest, command := consul.Parse(text)
		if command && (name != "explain" || rest == "") || strings.EqualFold(text, "!joinq") {
			return true
		}
	}
	return st.MaySay(c.svc.Moderation.Now(), text)
}

// heed keeps the words of who uses a flagged one inside the server; that line is heard. One
// with a banned phrase of high severity is not, nor is its user from then on: false.
func (c *Client) heed(ctx context.Context, text string) (heard bool) {
	m := c.svc.Moderation
	if m == nil || c.rights.Bot {
		return true
	}
	switch m.Severity(ctx, text) {
	case moderation.SeverityHigh:
		if err := m.Silence(ctx, c.user.ID, moderation.Actor{User: c.svc.Coordinator}); err != nil && ctx.Err() == nil {
			c.svc.Log.Warn("a banned phrase, and the user is heard all the same", "user", c.user.ID, "err", err)
		}
		return false
	case moderation.SeverityMedium:
		c.unbridge(ctx)
	default:
		if moderation.Flagged(text, setting.FlaggedWords.Get(ctx, c.svc.Settings)) {
			c.unbridge(ctx)
		}
	}
	return true
}

func (c *Client) unbridge(ctx context.Context) {
	m := c.svc.Moderation
	if c.restricted(moderation.Bridging) {
		return
	}
	if err := m.Unbridge(ctx, c.user.ID, moderation.Actor{User: c.svc.Coordinator}); err != nil && ctx.Err() == nil {
		c.svc.Log.Warn("flagged words, and the user is bridged all the same", "user", c.user.ID, "err", err)
	}
}

// judge takes what moderators have decided of a user since, and does what follows for its
// connection. What was lifted needs nothing to be done. It reports whether the client goes on.
func (s *Service) judge(ctx context.Context, c *Client) (goesOn bool) {
	if s.Moderation == nil {
		return true
	}
	c.judging.Lock()
	defer c.judging.Unlock()
	read, cancel := context.WithTimeout(ctx, readLimit)
	st, err := s.Moderation.Standing(read, c.user.ID)
	cancel()
	if err != nil {
		s.judgeLater(ctx, c, err)
		return true
	}
	now := s.Moderation.Now()
	fresh := st.Since(c.standing.Swap(st), now)
	act, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	if len(fresh) > 0 && st.MutedInLobbies(now) && slices.ContainsFunc(fresh, mutes) {
		s.tellHost(act, c, "!mute ")
	}
	if st.Refusal(now) != nil {
		s.throwOut(act, c, st)
		return false
	}
	lobbies := slices.ContainsFunc(fresh, func(a moderation.Action) bool { return a.Has(moderation.AllLobbies) })
	if lobbies {
		s.tellHost(act, c, "!bkick ")
		s.takeOut(act, c)
	}
	if !st.Restricted(now, moderation.Warning) {
		c.warned.Store(false)
	}
	if len(fresh) > 0 {
		newest := slices.MaxFunc(fresh, func(a, b moderation.Action) int { return a.Created.Compare(b.Created) })
		s.remind(act, c, newest.Created)
	}
	return true
}

func mutes(a moderation.Action) bool {
	return a.Has(moderation.AllChat, moderation.LobbyChat, moderation.BattleChat, moderation.GameChat)
}

// judgeLater tries again: who was banned does not stay because the store was away.
func (s *Service) judgeLater(ctx context.Context, c *Client, err error) {
	if ctx.Err() != nil || c.ended.Load() {
		return
	}
	s.Log.Warn("what moderators decided was not read", "user", c.user.ID, "err", err)
	select {
	case <-time.After(judgeRetry):
		s.changed.add(c)
	case <-ctx.Done():
	}
}

// throwOut ends the connection of who may not be here.
func (s *Service) throwOut(ctx context.Context, c *Client, st *moderation.Standing) {
	if c.ended.Load() {
		return
	}
	s.tellHost(ctx, c, "!gkick ")
	reason := endBanned
	if st.Alt != 0 && st.AltBan == 0 {
		reason = endAlt
	}
	c.screen.End(reason)
}

// tellHost has the Coordinator tell the host of the lobby that the user is in what to do
// with it.
func (s *Service) tellHost(ctx context.Context, c *Client, command string) {
	if in, inside := c.Lobby(); inside && in.Founder.ID != c.user.ID {
		s.Tell(ctx, s.Coordinator, in.Founder.ID, command+c.user.Name)
	}
}

// remind tells a user of the actions that count, as after a login, the newest of that time.
func (s *Service) remind(ctx context.Context, c *Client, newest time.Time) {
	if s.Desk == nil {
		return
	}
	g, err := s.Desk.Remind(ctx, c.user.ID)
	if err != nil && ctx.Err() == nil {
		s.Log.Warn("not reminded", "user", c.user.ID, "err", err)
	}
	if g.Acknowledge {
		s.warn(ctx, c, newest)
	}
	c.hear(s.Coordinator, g.Lines...)
}

// textFriend is what the Coordinator says to who reports a friend.
const (
	textFriend   = "Your report has not been submitted, you can't report a friend."
	textReported = "Thank you for submitting your report, it has been passed on to the moderation team."
)

// ReportUser tells moderators of another user. Refusals have the texts that clients know.
// What the Coordinator has to say to it comes with done, when the client has been answered.
func (c *Client) ReportUser(ctx context.Context, name, place, placeID, text string) (done func(), err error) {
	done = func() {}
	target, err := c.svc.Accounts.UserByName(ctx, name)
	if err != nil {
		return done, err
	}
	r := moderation.Report{Reporter: c.user.ID, Place: place, PlaceID: placeID, Text: text}
	if target != nil {
		r.Target = target.ID
		rel, err := c.Relations(ctx)
		if err != nil {
			return done, err
		}
		if slices.Contains(rel.Friends, target.ID) {
			return func() { c.hear(c.svc.Coordinator, textFriend) }, refusal.New(refusal.Forbidden, "reporting friend")
		}
	}
	if c.svc.Moderation == nil {
		return done, refusal.New(refusal.Forbidden, "permission denied")
	}
	if _, err := c.svc.Moderation.Report(ctx, r); err != nil {
		return done, err
	}
	return func() { c.hear(c.svc.Coordinator, textReported) }, nil
}

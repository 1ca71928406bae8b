package spring

import (
	"teiserver/internal/client"
	"teiserver/internal/roster"
	"teiserver/internal/spring/wire"
)

// Begin writes the login stream: users, battles, statuses, end. Everything but the
// last line is encoded once and shared by all logins.
func (c *conn) Begin(w roster.World) {
	own := c.interest == roster.Own
	parts := make([][]byte, 0, 2*len(w.Chunks)+len(w.Lobbies)+1)
	for _, k := range w.Chunks {
		parts = append(parts, k.Encoded(roster.SpringLine, wire.EncodeChunk))
	}
	for _, l := range w.Lobbies {
		if own {
			parts = append(parts, l.Encoded(roster.SpringLine, wire.EncodeLobby))
		} else {
			parts = append(parts, l.Encoded(roster.SpringMembers, wire.EncodeLobbyMembers))
		}
	}
	for _, k := range w.Chunks {
		if own {
			parts = append(parts, k.Encoded(roster.SpringNotables, wire.EncodeNotables))
		} else {
			parts = append(parts, k.Encoded(roster.SpringStatuses, wire.EncodeStatuses))
		}
	}
	parts = append(parts, wire.LoginInfoEnd)
	if c.srv.limits().teams {
		parts = append(parts, wire.AppendAllTeams(nil, w.Lobbies))
	}
	c.out.SendShared(parts)
}

// Show writes an update. It runs under the roster's lock: it only queues.
func (c *conn) Show(u *roster.Update) {
	b := c.encode(u)
	if len(b) == 0 {
		return
	}
	if _, opened := u.Event.(roster.Hosting); opened {
		if id := c.openID.Swap(nil); id != nil && *id != "" {
			b = wire.WithID(*id, b)
		}
	}
	switch u.Event.(type) {
	case roster.UserCame, roster.UserChanged, roster.UserWent, roster.Several, roster.ChannelCame, roster.ChannelWent:
		c.out.SendLater(b)
	default:
		c.out.Send(b)
	}
}

// encode makes the lines of an update, which all who are shown it share. What only newer
// programs understand is for those only.
func (c *conn) encode(u *roster.Update) []byte {
	switch e := u.Event.(type) {
	case roster.QueueSet, roster.TermsSet:
		if !c.accepted.Load() {
			return nil
		}
		return u.Encoded(roster.SpringLine, wire.EncodeConsul)
	case roster.TeamsSet:
		if !c.srv.limits().teams {
			return nil
		}
		return u.Encoded(roster.SpringLine, wire.EncodeConsul)
	case roster.Entered:
		if c.accepted.Load() {
			return wire.EncodeEntered(&e)
		}
	}
	return u.Encoded(roster.SpringLine, wire.EncodeEvent)
}

var _ client.Screen = (*conn)(nil)

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
	c.out.SendShared(append(parts, wire.LoginInfoEnd))
}

// Show writes an update. It runs under the roster's lock: it only queues.
func (c *conn) Show(u *roster.Update) {
	b := u.Encoded(roster.SpringLine, wire.EncodeEvent)
	if _, opened := u.Event.(roster.Hosting); opened {
		if id := c.openID.Swap(nil); id != nil && *id != "" {
			b = wire.WithID(*id, b)
		}
	}
	switch u.Event.(type) {
	case roster.UserCame, roster.UserChanged, roster.UserWent, roster.ChannelCame, roster.ChannelWent:
		c.out.SendLater(b)
	default:
		c.out.Send(b)
	}
}

var _ client.Screen = (*conn)(nil)

package spring

import (
	"context"

	"teiserver/internal/lobby"
	"teiserver/internal/spring/wire"
)

// The properties that mean something to the server itself.
const (
	propertyProcessor = "hardware:cpuinfo"
	propertyAddress   = "hardware:macAddrHash"
	propertySystem    = "hardware:sysInfoHash"
)

// updateClientProperty is how a program tells on what machine it runs.
func (c *conn) updateClientProperty(ctx context.Context, _ string, r wire.UpdateClientProperty) {
	user := int64(0)
	if c.client != nil {
		user = c.client.User().ID
		switch r.Name {
		case propertyProcessor:
			c.accepted.Store(true)
		case propertyAddress, propertySystem:
			c.client.NoteHashes()
		}
	}
	if c.srv.Properties != nil {
		c.srv.Properties.Property(ctx, user, r.Hash, r.Name, r.Value)
	}
}

func (c *conn) updateHost(ctx context.Context, id string, r wire.UpdateHost) {
	c.quiet(id, c.client.HostData(ctx, lobby.HostData{
		Preset: r.Preset, TeamSize: r.TeamSize, TeamCount: r.TeamCount, Bosses: r.Bosses,
	}))
}

func (c *conn) queueStatus(_ context.Context, id string, _ wire.QueueStatus) {
	if q, in := c.client.Queue(); in && c.accepted.Load() {
		c.reply(id, wire.AppendQueueStatus(nil, q.Lobby, q.Names))
	}
}

func (c *conn) extraData(_ context.Context, id string, _ wire.ExtraData) {
	if t, in := c.client.Terms(); in && c.accepted.Load() {
		c.reply(id, wire.AppendExtraData(nil, t.Lobby, t.Terms))
	}
}

package client

import (
	"context"
	"errors"

	"teiserver/internal/cluster"
	"teiserver/internal/monitor"
	"teiserver/internal/resident"
)

// report gives what a host says of its game to the match monitor, before the room hears
// it: a line that others see has been stored. While the monitor cannot be reached it is
// told as soon as it can.
func (c *Client) report(ctx context.Context, channel, text string) {
	if channel != monitor.Room || !monitor.Hears(text) {
		return
	}
	h := monitor.Heard{From: c.who.User, FromName: c.user.Name, Session: c.who.Session, Line: c.lines, Text: text}
	if in, inside := c.svc.Roster.LobbyOf(c.who.User); inside && in.Info.Founder.User == c.who.User {
		h.Lobby = in.Info.ID
	}
	key := resident.Key(monitor.Kind)
	_, err := c.call(ctx, key, h)
	if errors.Is(err, cluster.ErrUnavailable) {
		c.svc.Runtime.Cast(key, h)
	}
}

package spring

import (
	"context"

	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

// reportUser answers first, then the Coordinator has its say.
func (c *conn) reportUser(ctx context.Context, id string, r wire.ReportUser) {
	const command = "c.moderation.report_user"
	if r.User == "" {
		c.reply(id, wire.AppendNO(nil, command, "bad command format"))
		return
	}
	done, err := c.client.ReportUser(ctx, r.User, r.Place, r.PlaceID, r.Text)
	defer done()
	if no, refused := refusal.As(err); refused && no.Code != refusal.Unavailable {
		c.reply(id, wire.AppendNO(nil, command, wire.Reason(command, no)))
		return
	}
	if err != nil {
		c.srv.Log.Warn("report not taken", "user", c.userID(), "err", err)
		c.reply(id, wire.AppendNO(nil, command, "please try again"))
		return
	}
	// Teiserver sends "OK" alone, on which Chobby loses what came with it.
	c.reply(id, wire.AppendOK(nil, command, ""))
}

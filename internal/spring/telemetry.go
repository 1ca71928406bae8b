package spring

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/client"
	"teiserver/internal/spring/wire"
	"teiserver/internal/telemetry"
)

// Telemetry keeps what programs tell.
type Telemetry interface {
	Record(ctx context.Context, e telemetry.Event) error
	Upload(ctx context.Context, l telemetry.Infolog) (id int64, err error)
}

// metered bounds what strangers tell.
func metered(h handler) handler {
	return func(c *conn, ctx context.Context, id string, request any) bool {
		if c.client == nil && !c.srv.Unlimited {
			now, most := time.Now(), c.srv.limits().told
			if c.told == nil {
				bucket := client.NewBucket(most, now)
				c.told = &bucket
			}
			c.told.Resize(most, now)
			if !c.told.Take(now) {
				c.srv.Counters.Told.Add(1)
				c.reply(id, wire.AppendNO(nil, "Rate limited", ""))
				return true
			}
		}
		return h(c, ctx, id, request)
	}
}

func (c *conn) clientEvent(ctx context.Context, _ string, r wire.ClientEvent) {
	if c.srv.Telemetry == nil {
		return
	}
	e := telemetry.Event{Family: telemetry.FamilyAnon, Name: r.Name, Value: r.Value, Hash: r.Hash}
	if user := c.userID(); user != 0 {
		e.Family, e.User, e.Hash = telemetry.FamilyClient, user, ""
	}
	if err := c.srv.Telemetry.Record(ctx, e); err != nil {
		c.srv.Log.Debug("event not kept", "conn", c.ip, "user", c.userID(), "err", err)
	}
}

func (c *conn) liveClientEvent(context.Context, string, wire.LiveClientEvent) {}

func (c *conn) telemetryTest(_ context.Context, id string, r wire.TelemetryTest) {
	c.reply(id, wire.AppendOK(nil, r.Result, ""))
}

func (c *conn) uploadInfolog(ctx context.Context, id string, r wire.UploadInfolog) {
	const command = "upload_infolog - "
	if r.Wrong != "" {
		c.reply(id, wire.AppendNO(nil, command+r.Wrong, ""))
		return
	}
	if c.srv.Telemetry == nil {
		c.reply(id, wire.AppendNO(nil, command+"db error", ""))
		return
	}
	n, err := c.srv.Telemetry.Upload(ctx, telemetry.Infolog{
		User: c.userID(), Hash: r.Hash, Type: r.Type, Metadata: r.Metadata, Contents: r.Contents,
	})
	switch {
	case err == nil:
		c.reply(id, wire.AppendOK(nil, fmt.Sprintf("%sid:%d", command, n), ""))
		return
	case errors.Is(err, telemetry.ErrCharacters):
		c.reply(id, wire.AppendNO(nil, command+"contents contain invalid characters", ""))
		return
	case !errors.Is(err, telemetry.ErrOff) && !errors.Is(err, telemetry.ErrTooLong):
		c.srv.Log.Warn("infolog not kept", "conn", c.ip, "user", c.userID(), "err", err)
	}
	c.reply(id, wire.AppendNO(nil, command+"db error", ""))
}

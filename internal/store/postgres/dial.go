package postgres

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// closing is how long a connection that broke may take to be cleared away. Its place in
// the pool is taken for as long, and the driver would wait 15 s for a server that does
// not answer: after a cut of a second no renewal would find a connection in time.
const closing = 1 * time.Second

// hurried is a connection whose deadlines are never far: the driver sets one ahead only
// to clear the connection away.
type hurried struct{ net.Conn }

// SetDeadline implements net.Conn.
func (c hurried) SetDeadline(t time.Time) error {
	if latest := time.Now().Add(closing); t.After(latest) {
		t = latest
	}
	return c.Conn.SetDeadline(t)
}

// hurry makes connections of a dialer that are soon cleared away. A dial that may take
// longer than a connection is that of a request to cancel, part of the clearing.
func hurry(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if limit, ok := ctx.Deadline(); !ok || time.Until(limit) > connectTimeout {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, closing)
			defer cancel()
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return hurried{conn}, nil
	}
}

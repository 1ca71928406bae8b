package client

import (
	"context"
	"errors"
	"time"

	"teiserver/internal/cluster"
)

// A connection executes one command after the other, and clients give up that get no
// PONG for a minute. So a process that has not answered for longer than a take-over
// takes is asked briefly, until it answers again.
const (
	longTrouble = 10 * time.Second
	briefTry    = 200 * time.Millisecond
)

// trouble is a process that did not answer this connection, and since when.
type trouble struct {
	key   cluster.Key
	since time.Time
	first time.Time // since when no process has answered
}

// call sends a command to a process.
func (c *Client) call(ctx context.Context, key cluster.Key, command any) (any, error) {
	if c.trouble.key == key && time.Since(c.trouble.since) > longTrouble {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, briefTry)
		defer cancel()
	}
	reply, err := c.svc.Runtime.Call(ctx, key, command)
	switch silent := errors.Is(err, cluster.ErrUnavailable); {
	case silent && c.trouble.key != key:
		now, first := time.Now(), c.trouble.first
		if first.IsZero() {
			first = now
		}
		c.trouble = trouble{key, now, first}
	case !silent && c.trouble.key == key:
		c.trouble = trouble{}
	}
	return reply, err
}

// insist sends a command that may be executed twice, and if nobody has answered once
// more. A host whose node has died comes to another before what that node owned has been
// taken over, which can take longer than a call; it does not ask again by itself.
func (c *Client) insist(ctx context.Context, key cluster.Key, command any) (any, error) {
	reply, err := c.call(ctx, key, command)
	if errors.Is(err, cluster.ErrUnavailable) && ctx.Err() == nil && time.Since(c.trouble.first) < longTrouble {
		return c.call(ctx, key, command)
	}
	return reply, err
}

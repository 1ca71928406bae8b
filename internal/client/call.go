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
		c.trouble = trouble{key, time.Now()}
	case !silent && c.trouble.key == key:
		c.trouble = trouble{}
	}
	return reply, err
}

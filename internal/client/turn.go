package client

import "context"

// Turn waits until nothing else is done for the client and returns what ends the turn.
// The connection's reader has it while it executes a command; what the server does for
// the client of its own accord, such as moving it to another lobby, comes in between.
func (c *Client) Turn(ctx context.Context) (done func(), err error) {
	select {
	case c.turn <- struct{}{}:
		return c.yield, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *Client) yield() { <-c.turn }

package spring

import (
	"context"

	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

func (c *conn) listQueues(ctx context.Context, id string, _ wire.ListQueues) {
	c.reply(id, wire.AppendQueues(nil, c.srv.Clients.Queues(ctx)))
}

func (c *conn) listMyQueues(ctx context.Context, id string, _ wire.ListMyQueues) {
	list, done := c.client.MyQueues(ctx)
	defer done()
	c.reply(id, wire.AppendMyQueues(nil, list))
}

func (c *conn) queueInfo(ctx context.Context, id string, r wire.QueueInfo) {
	q, wait, players, ok := c.srv.Clients.QueueInfo(ctx, r.Queue)
	if !ok {
		c.reply(id, wire.AppendNO(nil, "c.matchmaking.get_queue_info", r.Text))
		return
	}
	c.reply(id, wire.AppendQueueInfo(nil, q, wait, players))
}

// joinQueue is answered with the argument, whatever it is: clients find the queue by it.
func (c *conn) joinQueue(ctx context.Context, id string, r wire.JoinQueue) {
	const command = "c.matchmaking.join_queue"
	done, err := c.client.JoinQueue(ctx, r.Queue)
	defer done()
	if err == nil {
		c.reply(id, wire.AppendOK(nil, command, r.Text))
		return
	}
	if _, refused := refusal.As(err); !refused {
		c.srv.Log.Warn("queue not joined", "conn", c.ip, "user", c.userID(), "err", err)
	}
	c.reply(id, wire.AppendNO(nil, command, r.Text))
}

func (c *conn) quitQueue(ctx context.Context, id string, r wire.LeaveQueue) {
	done, err := c.client.LeaveQueue(ctx, r.Queue)
	defer done()
	c.quiet(id, err)
}

func (c *conn) quitQueues(ctx context.Context, id string, _ wire.LeaveQueues) {
	done, err := c.client.LeaveQueues(ctx)
	defer done()
	c.quiet(id, err)
}

func (c *conn) matchReady(ctx context.Context, id string, _ wire.MatchReady) {
	c.quiet(id, c.client.ReadyForMatch(ctx))
}

func (c *conn) matchDecline(ctx context.Context, id string, _ wire.MatchDecline) {
	done, err := c.client.DeclineMatch(ctx)
	defer done()
	c.quiet(id, err)
}

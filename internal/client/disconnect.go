package client

import (
	"context"
	"errors"
	"fmt"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// ServiceDisconnect ends the session of a user of this node.
const ServiceDisconnect = "session.disconnect"

// disconnect is the request of ServiceDisconnect; disconnected answers it.
type (
	disconnect struct {
		User   int64  `json:"user"`
		Reason string `json:"reason"`
	}
	disconnected struct {
		OK bool `json:"ok"` // it had a session here
	}
)

var (
	_ = message.Register[disconnect]("session.disconnect")
	_ = message.Register[disconnected]("session.disconnected")
)

// Disconnect ends the connection of a user, wherever it is, with a reason. For who is
// not online there is nothing to do.
func (s *Service) Disconnect(ctx context.Context, user int64, reason string) error {
	u, online := s.Roster.User(user)
	if !online {
		return nil
	}
	if u.Node == s.Runtime.Self().Node {
		s.disconnectUser(disconnect{user, reason})
		return nil
	}
	if _, err := s.Runtime.Request(ctx, u.Node, ServiceDisconnect, disconnect{user, reason}); err != nil {
		return fmt.Errorf("disconnect user %d: %w", user, err)
	}
	return nil
}

func (s *Service) disconnectHere(_ context.Context, _ bus.Origin, body any) (any, error) {
	d, ok := body.(disconnect)
	if !ok {
		return nil, errors.New("client: not a disconnect")
	}
	return s.disconnectUser(d), nil
}

func (s *Service) disconnectUser(d disconnect) disconnected {
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[d.User]
	s.sessions.mu.Unlock()
	c, isClient := h.holder.(*Client)
	if !ok || !isClient {
		return disconnected{}
	}
	c.screen.End(d.Reason)
	return disconnected{OK: true}
}

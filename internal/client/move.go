package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/refusal"
)

// ServiceMove takes a user of this node to another lobby.
const ServiceMove = "session.move"

// move is the request of ServiceMove; moved answers it.
type (
	move struct {
		User  int64  `json:"user"`
		Lobby int64  `json:"lobby"`
		Match string `json:"match,omitempty"` // whose room the lobby is
	}
	moved struct {
		OK     bool   `json:"ok"`     // it has a session here
		Reason string `json:"reason"` // why it was not moved, empty if it was
	}
)

var (
	_ = message.Register[move]("session.move")
	_ = message.Register[moved]("session.moved")
)

// ErrOffline is what Move returns for a user who is not online.
var ErrOffline = errors.New("client: not online")

// Move takes a user to another lobby, without asking the host: the user's own connection,
// wherever it is, leaves the lobby that it is in and joins. It returns when the lobby has
// taken it, or a refusal.
func (s *Service) Move(ctx context.Context, user, lobbyID int64) error {
	return s.move(ctx, move{User: user, Lobby: lobbyID})
}

func (s *Service) move(ctx context.Context, m move) error {
	u, online := s.Roster.User(m.User)
	if !online {
		return fmt.Errorf("move user %d: %w", m.User, ErrOffline)
	}
	var answer moved
	if u.Node == s.Runtime.Self().Node {
		answer = s.moveUser(ctx, m)
	} else {
		reply, err := s.Runtime.Request(ctx, u.Node, ServiceMove, m)
		if err != nil {
			return fmt.Errorf("move user %d: %w", m.User, err)
		}
		answer, _ = reply.(moved)
	}
	switch {
	case !answer.OK:
		return fmt.Errorf("move user %d: %w", m.User, ErrOffline)
	case answer.Reason != "":
		return refusal.New(refusal.Forbidden, "%s", answer.Reason)
	}
	return nil
}

func (s *Service) moveHere(ctx context.Context, _ bus.Origin, body any) (any, error) {
	m, ok := body.(move)
	if !ok {
		return nil, errors.New("client: not a move")
	}
	return s.moveUser(ctx, m), nil
}

func (s *Service) moveUser(ctx context.Context, m move) moved {
	s.sessions.mu.Lock()
	h, ok := s.sessions.held[m.User]
	s.sessions.mu.Unlock()
	c, isClient := h.holder.(*Client)
	if !ok || !isClient || c.ended.Load() {
		return moved{}
	}
	ctx, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	done, err := c.Turn(ctx)
	if err != nil {
		return moved{OK: true, Reason: "The user is busy"}
	}
	defer done()
	if c.ended.Load() {
		return moved{}
	}
	if m.Match != "" {
		s.queues.entering(m.User, m.Match)
	}
	err = c.joinLobby(ctx, m.Lobby, joining{scriptPassword: rand.Text(), forced: true})
	if no, refused := refusal.As(err); refused {
		return moved{OK: true, Reason: no.Message}
	}
	if err != nil {
		s.Log.Warn("user not moved", "user", m.User, "key", lobbyKey(m.Lobby).String(), "err", err)
		return moved{OK: true, Reason: "The lobby cannot be reached"}
	}
	return moved{OK: true}
}

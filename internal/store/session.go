package store

import (
	"context"
	"fmt"
	"slices"

	"teiserver/internal/account"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	sessionArgs struct {
		User        int64
		Node        string
		Incarnation int64
	}
	keepSessionArgs struct {
		User, Epoch int64
		Node        string
		Incarnation int64
	}
	claimedSessionRow struct {
		Epoch             int64
		BeforeEpoch       int64
		BeforeNode        string
		BeforeIncarnation int64
	}
	sessionRow struct {
		UserID, Epoch int64
		Node          string
		Incarnation   int64
	}
)

var (
	// The claim that is replaced stays in the row, so that one statement can tell it.
	claimSession = statement.Define[sessionArgs, claimedSessionRow]("claim session", `
		INSERT INTO session (user_id, epoch, node, incarnation, before_epoch, before_node, before_incarnation)
		SELECT @user, 1 + `+epochFloor+`, @node, me.incarnation, 0, '', 0
		FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`
		ON CONFLICT (user_id) DO UPDATE SET
			before_epoch = session.epoch, before_node = session.node, before_incarnation = session.incarnation,
			epoch = `+next("session.epoch")+`, node = excluded.node, incarnation = excluded.incarnation
		RETURNING epoch, before_epoch, before_node, before_incarnation`)

	// A session that was claimed in the history before goes on: its epoch is below all that
	// this one gives. A newer claim stays.
	keepSession = statement.Define[keepSessionArgs, statement.None]("keep session", `
		INSERT INTO session (user_id, epoch, node, incarnation, before_epoch, before_node, before_incarnation)
		SELECT @user, CAST(@epoch AS BIGINT), @node, me.incarnation, 0, '', 0
		FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`
		ON CONFLICT (user_id) DO UPDATE SET node = excluded.node, incarnation = excluded.incarnation, epoch = excluded.epoch
		WHERE session.epoch <= excluded.epoch`)

	leaseValid = statement.Define[incarnationArgs, struct{ Valid bool }]("lease valid", `
		SELECT EXISTS (SELECT 1 FROM node me WHERE me.incarnation = @incarnation AND `+valid("me")+`) AS valid`)

	sessions = statement.Define[incarnationArgs, sessionRow]("sessions", `
		SELECT user_id, epoch, node, incarnation FROM session WHERE incarnation = @incarnation ORDER BY user_id`)
)

// ClaimSession implements account.SessionStore.
func (s *Store) ClaimSession(ctx context.Context, user int64, node string, incarnation int64) (now, before account.Claim, err error) {
	claimed := claimSession.With(sessionArgs{user, node, incarnation})
	if err := s.db.Run(ctx, engine.Relaxed, claimed); err != nil {
		return now, before, fmt.Errorf("claim the session of user %d: %w", user, err)
	}
	row, ok := claimed.One()
	if !ok {
		return now, before, fmt.Errorf("claim the session of user %d for node %s: %w", user, node, account.ErrNoLease)
	}
	now = account.Claim{User: user, Epoch: row.Epoch, Node: node, Incarnation: incarnation}
	if row.BeforeEpoch > 0 {
		before = account.Claim{User: user, Epoch: row.BeforeEpoch, Node: row.BeforeNode, Incarnation: row.BeforeIncarnation}
	}
	return now, before, nil
}

// keepPiece is how many sessions are kept in one round trip.
const keepPiece = 64

// KeepSessions implements account.SessionStore.
func (s *Store) KeepSessions(ctx context.Context, node string, incarnation int64, held []account.Claim) error {
	for piece := range slices.Chunk(held, keepPiece) {
		calls := make([]statement.Call, 0, len(piece)+1)
		for _, c := range piece {
			calls = append(calls, keepSession.With(keepSessionArgs{c.User, c.Epoch, node, incarnation}))
		}
		valid := leaseValid.With(incarnationArgs{incarnation})
		if err := s.db.Run(ctx, engine.Relaxed, append(calls, valid)...); err != nil {
			return fmt.Errorf("keep %d sessions of %d: %w", len(held), incarnation, err)
		}
		if row, _ := valid.One(); !row.Valid {
			return fmt.Errorf("keep %d sessions for node %s: %w", len(held), node, account.ErrNoLease)
		}
	}
	return nil
}

// Sessions implements account.SessionStore.
func (s *Store) Sessions(ctx context.Context, incarnation int64) ([]account.Claim, error) {
	found := sessions.With(incarnationArgs{incarnation})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("list sessions of %d: %w", incarnation, err)
	}
	list := make([]account.Claim, 0, len(found.Rows()))
	for _, r := range found.Rows() {
		list = append(list, account.Claim{User: r.UserID, Epoch: r.Epoch, Node: r.Node, Incarnation: r.Incarnation})
	}
	return list, nil
}

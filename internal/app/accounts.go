package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/coordinator"
	"teiserver/internal/store"
)

// adminName is the administrator made on the first start.
const adminName = "admin"

// ensureCoordinator makes the Coordinator's account if it is missing and returns its
// id. Of several nodes that start at once one makes it, the others find it.
func ensureCoordinator(ctx context.Context, st *store.Store) (int64, error) {
	id, err := st.UserIDByName(ctx, coordinator.Name)
	if err == nil {
		return id, nil
	}
	if !errors.Is(err, account.ErrNotFound) {
		return 0, fmt.Errorf("find the Coordinator's account: %w", err)
	}
	if id, err = st.Reserve(ctx, sequenceUser, 1); err != nil {
		return 0, err
	}
	_, err = st.InsertUser(ctx, &account.User{
		ID: id, Name: coordinator.Name, Email: coordinator.Email, Roles: coordinator.Roles(),
		Country: coordinator.Country, Client: coordinator.Client, Created: time.Now(),
	})
	if errors.Is(err, account.ErrNameTaken) || errors.Is(err, account.ErrEmailTaken) {
		return st.UserIDByName(ctx, coordinator.Name)
	}
	if err != nil {
		return 0, fmt.Errorf("make the Coordinator's account: %w", err)
	}
	return id, nil
}

// ensureAdministrator makes an administrator if the database has no account but the
// server's own.
func (s *Server) ensureAdministrator(ctx context.Context) error {
	n, err := s.store.CountUsers(ctx)
	if err != nil {
		return fmt.Errorf("count accounts: %w", err)
	}
	if n > 1 {
		return nil
	}
	admin := NewUser{Name: adminName, Password: rand.Text(), Email: adminName + "@teiserver.local", Role: "admin"}
	err = addUser(ctx, s.accounts, admin)
	if errors.Is(err, account.ErrNameTaken) || errors.Is(err, account.ErrEmailTaken) {
		return nil // another node was first
	}
	if err != nil {
		return fmt.Errorf("make the administrator's account: %w", err)
	}
	s.admin = &admin
	return nil
}

package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/resident"
	"teiserver/internal/store"
)

// adminName is the administrator made on the first start.
const adminName = "admin"

// ensureResidents makes the accounts of the residents that are missing and returns all
// ids, by kind.
func ensureResidents(ctx context.Context, st *store.Store) (ids map[string]int64, err error) {
	ids = map[string]int64{}
	for _, h := range residents() {
		if ids[h.kind], err = ensureResident(ctx, st, h.account); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// neverServed reports whether no node has used this database before: then none has made
// the residents.
func neverServed(ctx context.Context, st *store.Store) (bool, error) {
	for _, h := range residents() {
		_, err := residentID(ctx, st, h.account)
		if !errors.Is(err, account.ErrNotFound) {
			return false, err
		}
	}
	return true, nil
}

// ensureResident makes an account of the server's own if it is missing and returns its
// id. Of several nodes that start at once one makes it, the others find it.
func ensureResident(ctx context.Context, st *store.Store, a resident.Account) (int64, error) {
	id, err := residentID(ctx, st, a)
	if err == nil || !errors.Is(err, account.ErrNotFound) {
		return id, err
	}
	if id, err = st.Reserve(ctx, sequenceUser, 1); err != nil {
		return 0, err
	}
	_, err = st.InsertUser(ctx, &account.User{
		ID: id, Name: a.Name, Email: a.Email, Roles: a.Roles,
		Country: a.Country, Client: a.Client, Created: time.Now(),
	})
	if errors.Is(err, account.ErrNameTaken) || errors.Is(err, account.ErrEmailTaken) {
		return residentID(ctx, st, a)
	}
	if err != nil {
		return 0, fmt.Errorf("make the account %s: %w", a.Name, err)
	}
	return id, nil
}

// residentID finds the account of a resident. One of that name that somebody has
// registered would log in as the server: the node does not start with it.
func residentID(ctx context.Context, st *store.Store, a resident.Account) (int64, error) {
	id, err := st.UserIDByName(ctx, a.Name)
	if err != nil {
		return 0, fmt.Errorf("find the account %s: %w", a.Name, err)
	}
	u, err := st.UserByID(ctx, id)
	if err != nil {
		return 0, fmt.Errorf("read the account %s: %w", a.Name, err)
	}
	if !u.Has(account.Server) {
		return 0, fmt.Errorf("the server needs the name %s for an account of its own, and user %d has it: rename that account first", a.Name, id)
	}
	return id, nil
}

// ensureAdministrator makes an administrator if the database has no account but the
// server's own, or if this is the first start and none of the accounts that the operator
// has added before is one.
func (s *Server) ensureAdministrator(ctx context.Context) error {
	n, err := s.store.CountUsers(ctx)
	if err != nil {
		return fmt.Errorf("count accounts: %w", err)
	}
	if n > int64(len(residents())) {
		if !s.first {
			return nil
		}
		admins, err := s.store.Users(ctx, account.Query{Role: account.Admin, Most: 1})
		if err != nil {
			return fmt.Errorf("look for an administrator: %w", err)
		}
		if len(admins) > 0 {
			return nil
		}
	}
	admin := NewUser{Name: adminName, Password: rand.Text(), Email: adminName + "@teiserver.local", Role: "admin"}
	err = addUser(ctx, s.accounts, admin, nil)
	if errors.Is(err, account.ErrNameTaken) || errors.Is(err, account.ErrEmailTaken) {
		return nil // another node was first
	}
	if err != nil {
		return fmt.Errorf("make the administrator's account: %w", err)
	}
	// Now and not when the node is ready: a start that fails later must not take the
	// password with it.
	_, err = fmt.Fprintf(s.out, "A first account was made. This password is shown once:\n  name      %s\n  password  %s\n\n", admin.Name, admin.Password)
	if err != nil {
		return fmt.Errorf("print the password of the administrator %s, who was made (user set-password gives another): %w", admin.Name, err)
	}
	return nil
}

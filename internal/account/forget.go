package account

import (
	"crypto/rand"
	"fmt"
	"time"
)

// Query is what operators look for accounts by.
type Query struct {
	Text       string // a part of the name, of one that the user had, or of the address
	Role       Role   // empty: any
	Unverified bool   // only those that wait for their code
	After      int64  // ids above this one
	Most       int
}

// forgottenName is how long the name of a forgotten user is.
const forgottenName = 20

// Forget returns what stays of an account when its user is forgotten: the number, by which
// matches and ratings know it, and when it was made. Nobody logs in as it.
func (u *User) Forget() *User {
	return &User{
		ID: u.ID, Name: rand.Text()[:forgottenName], Email: fmt.Sprintf("%d@users.invalid", u.ID), Roles: []Role{Forgotten},
		Country: UnknownCountry, Rank: u.Rank, PlayMinutes: u.PlayMinutes, SpectateMinutes: u.SpectateMinutes,
		Created: u.Created, LastLogin: time.Time{}, SignOuts: u.SignOuts + 1, Version: u.Version,
	}
}

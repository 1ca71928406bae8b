// Package resident is what the server's own accounts have in common: each is online
// once in the cluster, as long as its process runs somewhere, answers private messages,
// and speaks in its own name.
//
// A domain gives the machine, Kind makes the process of it: its summary is the account,
// which is what package roster shows. The machine gets a Direct for every private
// message to the account and answers Says. What a resident says of its own accord is an
// effect of its machine, done with a Teller.
package resident

import (
	"context"
	"slices"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// ID is that of the one process of every resident.
const ID = "main"

// Account are the facts of a resident's account.
type Account struct {
	Name    string
	Email   string
	Country string // as shown, "??" if none
	Client  string // lobby client as shown
	Roles   []account.Role
}

// Rights are those of who speaks to a resident, known at the edge.
type Rights struct {
	Bot       bool `json:"bot,omitempty"`
	Moderator bool `json:"moderator,omitempty"` // or admin
	Admin     bool `json:"admin,omitempty"`
}

// RightsOf are the rights of an account.
func RightsOf(u *account.User) Rights {
	return Rights{Bot: u.IsBot(), Moderator: u.Moderates(), Admin: u.Has(account.Admin)}
}

// Direct is the command "a private message came". The reply is Says.
type Direct struct {
	From     int64  `json:"from"`
	FromName string `json:"from_name"`
	Rights   Rights `json:"rights"`
	Text     string `json:"text"`

	// Of what must not count twice, nor at another time than it was said: the speaker's
	// session, a number that rises with its lines, and when it was said by the store's
	// clock. Zero: it does not matter.
	Session int64     `json:"session,omitempty"`
	Line    int64     `json:"line,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Says is what a resident answers, line by line; often nothing.
type Says struct {
	Lines []string `json:"lines"`
}

// View is what a follower of a resident without a view of its own sees.
type View struct {
	Online bool `json:"online"`
}

// Absent is a machine whose resident is not always online. A command that changes whether
// it is has Moved among its events.
type Absent interface{ Away() bool }

// Moved says that a resident has come or gone.
type Moved struct {
	Away bool `json:"away,omitempty"`
}

// Teller has a resident speak to a user, in private, wherever that user is online: the
// lines in order, each once, and nothing to who is offline. from is the resident's
// account. (client.Service is one.)
type Teller interface {
	Tell(ctx context.Context, from, to int64, lines ...string)
	Online(user int64) bool
}

var (
	_ = message.Register[Direct]("resident.direct")
	_ = message.Register[Says]("resident.says")
	_ = message.Register[View]("resident.view")
	_ = message.Register[Moved]("resident.moved")
)

// Kind makes a resident of a process kind: one per cluster, always there, and online as
// the account with this id, unless its machine is Absent. All else of k stays.
// Answers.Open is for those who keep nothing.
func Kind(id int64, a Account, k process.Kind) process.Kind {
	shown := account.Resident{ID: id, Name: a.Name, Country: a.Country, Client: a.Client}
	domain := k.Open
	k.Scope, k.Start, k.Indexed = process.PerCluster, process.Ensured, true
	k.Open = func(ctx context.Context, key string, snapshot []byte) (process.Machine, error) {
		m, err := domain(ctx, key, snapshot)
		if err != nil {
			return nil, err
		}
		return online{m, shown}, nil
	}
	return k
}

// Key is the key of a resident's process.
func Key(kind string) registry.Key { return registry.NewKey(kind, ID) }

// online adds the account to a machine.
type online struct {
	process.Machine
	account account.Resident
}

// Summary implements process.Summarizer.
func (o online) Summary() any {
	a := o.account
	if m, absent := o.Machine.(Absent); absent {
		a.Away = m.Away()
	}
	return a
}

// SummaryChanged implements process.Summarizer.
func (online) SummaryChanged(events []any) bool {
	return slices.ContainsFunc(events, func(e any) bool { _, moved := e.(Moved); return moved })
}

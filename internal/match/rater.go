package match

import "context"

// Tx is the transaction in which a match is processed. What is in it only the store
// knows: whoever writes with it hands it back to a method of the store.
type Tx any

// Rater rates a match in the transaction that processes it.
type Rater interface {
	// Rate is called once the memberships of m have been written as they are given here,
	// sorted by user. m is as it will be when the transaction commits, Processed
	// included. What Rate writes with tx commits with it. A match that is not to be rated
	// is no error: it has Why. After an error the whole match is tried again later.
	//
	// Two transactions may be open that have players in common: Rate locks the rows of
	// players in order of their ids.
	Rate(ctx context.Context, tx Tx, m Match, members []Membership) (Rated, error)
}

// Rated is what Rate did.
type Rated struct {
	Type string // the kind of rating that moved; empty: none
	Why  string // the reason for none
	// Committed, if not nil, is called after the commit and before the host is told to
	// ask for the new ratings: caches are told here. It is not called if the node dies
	// in between.
	Committed func(ctx context.Context)
}

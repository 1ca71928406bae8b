// Package storetest is the conformance suite of stores: what the interfaces of the
// packages above promise, checked alike on every engine.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/cluster/sequence"
	"teiserver/internal/friend"
	"teiserver/internal/mail"
	"teiserver/internal/match"
	"teiserver/internal/moderation"
	"teiserver/internal/rating"
	"teiserver/internal/setting"
)

// Store is everything that a store is.
type Store interface {
	lease.Store
	registry.Store
	sequence.Store
	cache.Log
	account.Store
	account.SessionStore
	friend.Store
	setting.Store
	account.StatStore
	FormerNames(ctx context.Context, user int64, now string) ([]string, error)
	match.Store
	KeepState(ctx context.Context, f registry.Fence) error // monitor.Store
	rating.Store
	chat.Store
	moderation.Store
	mail.Store
}

// Opener opens a new, empty store that is closed after the test. It is for a
// single node: nodes with and without a lease may join.
type Opener func(t *testing.T) Store

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"join", testJoin},
		{"cluster id", testClusterID},
		{"namesake", testNamesake},
		{"single node", testSingleNode},
		{"renew", testRenew},
		{"renewal time", testRenewalTime},
		{"condemn", testCondemn},

		{"claim", testClaim},
		{"claim without a lease", testClaimWithoutLease},
		{"claim from the gone", testClaimFromGone},
		{"fence", testFence},
		{"record with state", testRecordWithState},
		{"release", testRelease},
		{"close", testClose},
		{"save", testSave},
		{"orphans", testOrphans},
		{"many claimants", testManyClaimants},
		{"writes beside claims", testWritesBesideClaims},

		{"sequence", testSequence},
		{"sequence blocks", testSequenceBlocks},
		{"changes", testChanges},

		{"user", testUser},
		{"user keys", testUserKeys},
		{"user update", testUserUpdate},
		{"login", testLogin},
		{"one name, many users", testOneName},
		{"sessions", testSessions},
		{"sessions of another history", testKeepSessions},
		{"session race", testSessionRace},

		{"friends", testFriends},
		{"relations", testRelations},
		{"former names", testFormerNames},
		{"friend race", testFriendRace},
		{"settings", testSettings},
		{"secret", testSecret},
		{"matches", testMatches},
		{"life of a match", testMatchLife},
		{"match started late", testMatchStartedLate},
		{"end of a match", testMatchEnd},
		{"due matches", testDueMatches},
		{"process a match", testProcessMatch},
		{"process race", testProcessRace},
		{"stale matches", testStaleMatches},
		{"lobby messages", testLobbyMessages},
		{"stats", testStats},
		{"keep state", testKeepState},
		{"ratings", testRatings},
		{"ratings rolled back", testRatingsRolledBack},
		{"rating race", testRatingRace},
		{"rated again", testRatedAgain},
		{"leaderboard", testLeaderboard},
		{"uncertainty reset", testUncertaintyReset},
		{"rating hold", testRatingHold},
		{"rating adjusted", testRatingAdjusted},
		{"moderation actions", testActions},
		{"expired actions", testExpiredActions},
		{"moderation marks", testMarks},
		{"letters", testLetters},
		{"letters together", testLettersTogether},
		{"letters of a user", testLettersOfUser},
		{"resets", testResets},
		{"resets end", testResetsEnd},
		{"banned lists", testBanned},
		{"list of users", testUserList},
		{"forget", testForget},
		{"reports", testReports},
		{"bans", testBans},
		{"channels", testChannels},
		{"context", testContext},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.run(t, open(t))
		})
	}
}

// long is a lease that does not end during a test.
const long = time.Hour

// joined is a node with a long lease.
func joined(t testing.TB, s Store, name string) int64 {
	t.Helper()
	return joinedFor(t, s, name, long)
}

func joinedFor(t testing.TB, s Store, name string, ttl time.Duration) int64 {
	t.Helper()
	m, err := s.Join(t.Context(), lease.Candidate{Name: name, Address: name + ":1", Version: "v1", BootID: "boot", TTL: ttl})
	must(t, err)
	return m.Incarnation
}

func renew(t testing.TB, s Store, incarnation int64, r lease.Report) error {
	_, err := s.Renew(t.Context(), incarnation, r)
	return err
}

// nodeOf returns the row of a node.
func nodeOf(t testing.TB, s Store, incarnation int64) lease.Node {
	t.Helper()
	nodes, err := s.Nodes(t.Context())
	must(t, err)
	for _, n := range nodes {
		if n.Incarnation == incarnation {
			return n
		}
	}
	t.Fatalf("node %d is not listed", incarnation)
	return lease.Node{}
}

// expired waits until a short lease has run out by the store's clock.
func expired(t testing.TB, s Store, incarnation int64) lease.Node {
	t.Helper()
	for t.Context().Err() == nil {
		if n := nodeOf(t, s, incarnation); n.Left < 0 {
			return n
		}
	}
	t.Fatal("the lease did not run out")
	return lease.Node{}
}

// key is a key that no other test of this store uses.
func key(id any) registry.Key { return registry.NewKey("lobby", id) }

func claimed(t testing.TB, s Store, k registry.Key, incarnation int64) registry.Ownership {
	t.Helper()
	o, err := s.Claim(t.Context(), k, incarnation)
	must(t, err)
	return o
}

// fence is what the owner knows after a claim.
func fence(o registry.Ownership) registry.Fence {
	return registry.Fence{Key: o.Key, Incarnation: o.Incarnation, Epoch: o.Epoch, Writes: o.Writes}
}

func newUser(id int64, name string) *account.User {
	return &account.User{ID: id, Name: name, Email: fmt.Sprintf("%d@example.org", id), Country: "??"}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// together runs n copies at once and waits for all.
func together(n int, work func(i int)) {
	start, done := make(chan struct{}), make(chan struct{})
	for i := range n {
		go func() {
			defer func() { done <- struct{}{} }()
			<-start
			work(i)
		}()
	}
	close(start)
	for range n {
		<-done
	}
}

func background() context.Context { return context.Background() }

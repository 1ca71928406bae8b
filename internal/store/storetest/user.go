package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/friend"
)

// pairs are changes without their versions.
func pairs(changed []cache.Change) []string {
	var list []string
	for _, c := range changed {
		list = append(list, c.Table+" "+c.Key)
	}
	slices.Sort(list)
	return list
}

// logged checks that changes are in the log.
func logged(t *testing.T, s Store, changed []cache.Change) {
	t.Helper()
	all, err := s.Changes(t.Context(), 0, 1000)
	must(t, err)
	for _, c := range changed {
		if !slices.Contains(all, c) {
			t.Errorf("%+v is not in the log", c)
		}
	}
}

func testUser(t *testing.T, s Store) {
	want := &account.User{
		ID: 7, Name: "[CLAN]Alice", Email: "Alice@Example.org", Password: "$argon2id$…",
		Roles: []account.Role{account.Bot, account.Moderator}, Country: "DE", HideFlag: true, Rank: 5, Code: "123456",
		CodeAt: time.UnixMilli(5000).UTC(), CodeSent: time.UnixMilli(6000).UTC(), CodeTries: 2, NewCodeAt: time.UnixMilli(7000).UTC(),
		Agreed: 4, Suspect: true, SignOuts: 3, FixedCountry: "GB-WLS", FixedRank: 2,
		NewEmail: "new@example.org", NewCode: "654321", PlayMinutes: 90, SpectateMinutes: 30,
		Created: time.UnixMilli(1_600_000_000_001).UTC(), LastLogin: time.UnixMilli(1_700_000_000_002).UTC(),
		LastIP: "192.0.2.1", LobbyHash: "1 2", Client: "LuaLobby", Renames: []int64{1_650_000_000, 1_660_000_000},
	}
	changed, err := s.InsertUser(t.Context(), want)
	must(t, err)
	if diff := cmp.Diff([]string{"user 7", "user_email alice@example.org", "user_name [clan]alice"}, pairs(changed)); diff != "" {
		t.Error(diff)
	}
	logged(t, s, changed)
	got, err := s.UserByID(t.Context(), 7)
	must(t, err)
	for _, c := range changed {
		if c.Table == account.TableUser {
			want.Version = c.Version
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	bare := &account.User{ID: 8, Name: "bare"}
	_, err = s.InsertUser(t.Context(), bare)
	must(t, err)
	got, err = s.UserByID(t.Context(), 8)
	must(t, err)
	bare.Version = got.Version
	if diff := cmp.Diff(bare, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.UserByID(t.Context(), 9); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
	n, err := s.CountUsers(t.Context())
	must(t, err)
	if n != 2 {
		t.Errorf("%d users", n)
	}
}

func testUserKeys(t *testing.T, s Store) {
	for _, u := range []*account.User{
		{ID: 1, Name: "Alice", Email: "Alice@example.org"},
		{ID: 2, Name: "Ärger", Email: ""},
		{ID: 3, Name: "carol", Email: ""},
	} {
		_, err := s.InsertUser(t.Context(), u)
		must(t, err)
	}
	for name, want := range map[string]int64{"alice": 1, "ALICE": 1, "äRGER": 2, "carol": 3} {
		if id, err := s.UserIDByName(t.Context(), name); id != want || err != nil {
			t.Errorf("%s: %d, %v", name, id, err)
		}
	}
	if id, err := s.UserIDByEmail(t.Context(), "alice@EXAMPLE.org"); id != 1 || err != nil {
		t.Errorf("by e-mail: %d, %v", id, err)
	}
	for name, err := range map[string]error{
		"name":         func() error { _, err := s.UserIDByName(t.Context(), "dave"); return err }(),
		"e-mail":       func() error { _, err := s.UserIDByEmail(t.Context(), "dave@example.org"); return err }(),
		"empty e-mail": func() error { _, err := s.UserIDByEmail(t.Context(), ""); return err }(),
	} {
		if !errors.Is(err, account.ErrNotFound) {
			t.Errorf("absent %s: %v", name, err)
		}
	}
	before, err := s.LastChange(t.Context())
	must(t, err)
	_, err = s.InsertUser(t.Context(), &account.User{ID: 4, Name: "ALICE", Email: "x@example.org"})
	if !errors.Is(err, account.ErrNameTaken) {
		t.Errorf("name in other case: %v", err)
	}
	_, err = s.InsertUser(t.Context(), &account.User{ID: 4, Name: "dave", Email: "ALICE@example.org"})
	if !errors.Is(err, account.ErrEmailTaken) {
		t.Errorf("e-mail in other case: %v", err)
	}
	if _, err = s.InsertUser(t.Context(), &account.User{ID: 1, Name: "dave"}); err == nil {
		t.Error("an id was given twice")
	}
	after, err := s.LastChange(t.Context())
	must(t, err)
	if after != before {
		t.Error("a refused user is in the change log")
	}
}

func testUserUpdate(t *testing.T, s Store) {
	_, err := s.InsertUser(t.Context(), newUser(1, "alice"))
	must(t, err)
	_, err = s.InsertUser(t.Context(), newUser(2, "bob"))
	must(t, err)
	load := func() *account.User {
		t.Helper()
		u, err := s.UserByID(t.Context(), 1)
		must(t, err)
		return u
	}
	old := load()

	u := load()
	u.Rank = 3
	u.Roles = []account.Role{account.Admin}
	changed, err := s.UpdateUser(t.Context(), u)
	must(t, err)
	if diff := cmp.Diff([]string{"user 1"}, pairs(changed)); diff != "" {
		t.Error(diff)
	}
	logged(t, s, changed)
	u.Version = changed[0].Version
	if diff := cmp.Diff(u, load()); diff != "" {
		t.Error(diff)
	}

	u.Name, u.Email = "Alicia", "alicia@example.org"
	changed, err = s.UpdateUser(t.Context(), u)
	must(t, err)
	want := []string{"user 1", "user_email 1@example.org", "user_email alicia@example.org", "user_name alice", "user_name alicia"}
	if diff := cmp.Diff(want, pairs(changed)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.UserIDByName(t.Context(), "alice"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("old name: %v", err)
	}

	for name, tc := range map[string]struct {
		change func(u *account.User)
		want   error
	}{
		"older version": {func(u *account.User) { u.Version = old.Version }, account.ErrConflict},
		"absent":        {func(u *account.User) { u.ID = 9 }, account.ErrNotFound},
		"name taken":    {func(u *account.User) { u.Name = "BOB" }, account.ErrNameTaken},
		"e-mail taken":  {func(u *account.User) { u.Email = "2@Example.org" }, account.ErrEmailTaken},
	} {
		u := load()
		tc.change(u)
		if _, err := s.UpdateUser(t.Context(), u); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}

	// Of many updates of one version one succeeds.
	base := load()
	var mu sync.Mutex
	won := 0
	together(16, func(i int) {
		u := *base
		u.Rank = i
		_, err := s.UpdateUser(background(), &u)
		if err != nil && !errors.Is(err, account.ErrConflict) {
			t.Errorf("update: %v", err)
		}
		if err == nil {
			mu.Lock()
			defer mu.Unlock()
			won++
		}
	})
	if won != 1 {
		t.Errorf("%d updates of one version succeeded", won)
	}
}

func testLogin(t *testing.T, s Store) {
	_, err := s.InsertUser(t.Context(), newUser(1, "alice"))
	must(t, err)
	before, err := s.UserByID(t.Context(), 1)
	must(t, err)
	at := time.UnixMilli(1_700_000_000_000).UTC()
	must(t, s.NoteLogin(t.Context(), 1, at, "192.0.2.1", "SPADS", "1 2"))

	want := *before
	want.LastLogin, want.LastIP, want.Client, want.LobbyHash = at, "192.0.2.1", "SPADS", "1 2"
	got, err := s.UserByID(t.Context(), 1)
	must(t, err)
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	// A copy from before the login does not undo it.
	before.Rank, want.Rank = 4, 4
	changed, err := s.UpdateUser(t.Context(), before)
	must(t, err)
	want.Version = changed[0].Version
	got, err = s.UserByID(t.Context(), 1)
	must(t, err)
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	if err := s.NoteLogin(t.Context(), 9, at, "", "", ""); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
}

// Of many who register one name, and of many with one address, one succeeds.
func testOneName(t *testing.T, s Store) {
	const users = 32
	for name, tc := range map[string]struct {
		user func(i int) *account.User
		want error
	}{
		"name": {func(i int) *account.User {
			return &account.User{ID: int64(i + 1), Name: []string{"Alice", "alice"}[i%2], Email: fmt.Sprint(i, "@example.org")}
		}, account.ErrNameTaken},
		"address": {func(i int) *account.User {
			return &account.User{ID: int64(i + 101), Name: fmt.Sprint("user", i), Email: "one@example.org"}
		}, account.ErrEmailTaken},
	} {
		won := make([]bool, users)
		together(users, func(i int) {
			_, err := s.InsertUser(background(), tc.user(i))
			won[i] = err == nil
			if err != nil && !errors.Is(err, tc.want) {
				t.Errorf("%s: %v", name, err)
			}
		})
		count := 0
		for i, ok := range won {
			if ok {
				count++
				_, err := s.UserByID(t.Context(), tc.user(i).ID)
				must(t, err)
			}
		}
		if count != 1 {
			t.Errorf("%s: %d succeeded", name, count)
		}
	}
}

func testSessions(t *testing.T, s Store) {
	claim := func(user int64, node string, incarnation int64) (now, before account.Claim) {
		t.Helper()
		now, before, err := s.ClaimSession(t.Context(), user, node, incarnation)
		must(t, err)
		return now, before
	}
	a, b, ended := joined(t, s, "a"), joined(t, s, "b"), joined(t, s, "ended")
	must(t, s.Leave(t.Context(), ended))
	first, none := claim(1, "a", a)
	if diff := cmp.Diff([]account.Claim{{User: 1, Epoch: 1, Node: "a", Incarnation: a}, {}}, []account.Claim{first, none}); diff != "" {
		t.Error(diff)
	}
	second, before := claim(1, "b", b)
	if diff := cmp.Diff([]account.Claim{{User: 1, Epoch: 2, Node: "b", Incarnation: b}, first}, []account.Claim{second, before}); diff != "" {
		t.Error(diff)
	}
	other, _ := claim(2, "a", a)
	short := joinedFor(t, s, "short", time.Millisecond)
	expired(t, s, short)
	for _, none := range []int64{ended, short, short + 100} {
		for _, user := range []int64{2, 3} { // one who is online, and one who was never
			if now, _, err := s.ClaimSession(t.Context(), user, "a", none); !errors.Is(err, account.ErrNoLease) {
				t.Errorf("node %d, which has no lease, got %+v, %v", none, now, err)
			}
		}
	}
	got, err := s.Sessions(t.Context(), a)
	must(t, err)
	if diff := cmp.Diff([]account.Claim{other}, got); diff != "" {
		t.Error(diff)
	}
	if got, err := s.Sessions(t.Context(), 99); len(got) != 0 || err != nil {
		t.Errorf("sessions of nobody: %v, %v", got, err)
	}
}

// testKeepSessions: what a node held in the history before goes on with its epochs, but
// where somebody has a newer one, or the node no lease.
func testKeepSessions(t *testing.T, s Store) {
	a, b := joined(t, s, "a"), joined(t, s, "b")
	var held []account.Claim
	for user := int64(1); user <= 100; user++ { // more than go in one round trip
		now, _, err := s.ClaimSession(t.Context(), user, "a", a)
		must(t, err)
		held = append(held, account.Claim{User: user, Epoch: now.Epoch})
	}
	newer, _, err := s.ClaimSession(t.Context(), 7, "b", b)
	must(t, err)
	held = append(held, account.Claim{User: 200, Epoch: 40}) // lost with the commit
	held[8].Epoch += 3                                       // so was the last claim of user 9
	next := joined(t, s, "a again")
	must(t, s.KeepSessions(t.Context(), "a", next, held))
	got, err := s.Sessions(t.Context(), next)
	must(t, err)
	var want []account.Claim
	for _, c := range held {
		if c.User != newer.User {
			want = append(want, account.Claim{User: c.User, Epoch: c.Epoch, Node: "a", Incarnation: next})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got, err = s.Sessions(t.Context(), b)
	must(t, err)
	if diff := cmp.Diff([]account.Claim{newer}, got); diff != "" {
		t.Error(diff)
	}
	must(t, s.KeepSessions(t.Context(), "a", next, nil))
	must(t, s.Leave(t.Context(), next))
	if err := s.KeepSessions(t.Context(), "a", next, held); !errors.Is(err, account.ErrNoLease) {
		t.Errorf("without a lease: %v", err)
	}
	now, _, err := s.ClaimSession(t.Context(), 200, "b", b)
	if err != nil || now.Epoch <= 40 {
		t.Errorf("the next claim: %+v, %v", now, err)
	}
}

// Many logins of one user: every epoch is given once, each claim names the one
// before it, and the newest is the session.
func testSessionRace(t *testing.T, s Store) {
	const logins = 32
	var mu sync.Mutex
	claims := map[int64]account.Claim{}
	replaced := map[int64]account.Claim{}
	nodes := make([]int64, logins)
	for i := range nodes {
		nodes[i] = joined(t, s, fmt.Sprint("node", i))
	}
	together(logins, func(i int) {
		now, before, err := s.ClaimSession(background(), 1, fmt.Sprint("node", i), nodes[i])
		if err != nil {
			t.Errorf("claim: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if _, twice := claims[now.Epoch]; twice {
			t.Errorf("epoch %d was given twice", now.Epoch)
		}
		claims[now.Epoch], replaced[now.Epoch] = now, before
	})
	for epoch := int64(1); epoch <= logins; epoch++ {
		if replaced[epoch] != claims[epoch-1] {
			t.Errorf("epoch %d replaced %+v, want %+v", epoch, replaced[epoch], claims[epoch-1])
		}
	}
	newest := claims[logins]
	got, err := s.Sessions(t.Context(), newest.Incarnation)
	must(t, err)
	if diff := cmp.Diff([]account.Claim{newest}, got); diff != "" {
		t.Error(diff)
	}
}

func relationsOf(t *testing.T, s Store, user int64) friend.Relations {
	t.Helper()
	r, err := s.Relations(t.Context(), user)
	must(t, err)
	return *r
}

func testFriends(t *testing.T, s Store) {
	both := []string{"relations 1", "relations 2"}
	if diff := cmp.Diff(friend.Relations{}, relationsOf(t, s, 1)); diff != "" {
		t.Error(diff)
	}
	accepted, changed, err := s.RequestFriend(t.Context(), 1, 2)
	must(t, err)
	if diff := cmp.Diff(both, pairs(changed)); accepted || diff != "" {
		t.Errorf("request: %v %s", accepted, diff)
	}
	logged(t, s, changed)
	version := map[string]int64{}
	for _, c := range changed {
		version[c.Key] = c.Version
	}
	want := friend.Relations{Outgoing: []int64{2}, Version: version["1"]}
	if diff := cmp.Diff(want, relationsOf(t, s, 1)); diff != "" {
		t.Error(diff)
	}
	want = friend.Relations{Incoming: []int64{1}, Version: version["2"]}
	if diff := cmp.Diff(want, relationsOf(t, s, 2)); diff != "" {
		t.Error(diff)
	}
	if accepted, changed, err := s.RequestFriend(t.Context(), 1, 2); accepted || changed != nil || err != nil {
		t.Errorf("request again: %v %v %v", accepted, changed, err)
	}
	if found, changed, err := s.AnswerFriend(t.Context(), 2, 1, true); found || changed != nil || err != nil {
		t.Errorf("answer to a request that is not there: %v %v %v", found, changed, err)
	}
	if got := relationsOf(t, s, 1).Version; got != version["1"] {
		t.Errorf("version %d after calls that changed nothing, before them %d", got, version["1"])
	}
	accepted, changed, err = s.RequestFriend(t.Context(), 2, 1)
	must(t, err)
	if diff := cmp.Diff(both, pairs(changed)); !accepted || diff != "" {
		t.Errorf("request of the other: %v %s", accepted, diff)
	}
	for user, other := range map[int64]int64{1: 2, 2: 1} {
		got := relationsOf(t, s, user)
		got.Version = 0
		if diff := cmp.Diff(friend.Relations{Friends: []int64{other}}, got); diff != "" {
			t.Error(diff)
		}
	}
	if accepted, changed, err := s.RequestFriend(t.Context(), 1, 2); accepted || changed != nil || err != nil {
		t.Errorf("request among friends: %v %v %v", accepted, changed, err)
	}
	found, changed, err := s.EndFriend(t.Context(), 2, 1)
	must(t, err)
	if diff := cmp.Diff(both, pairs(changed)); !found || diff != "" {
		t.Errorf("end: %v %s", found, diff)
	}
	if found, changed, err := s.EndFriend(t.Context(), 1, 2); found || changed != nil || err != nil {
		t.Errorf("end again: %v %v %v", found, changed, err)
	}

	for _, accept := range []bool{false, true} {
		_, _, err = s.RequestFriend(t.Context(), 1, 2)
		must(t, err)
		found, changed, err = s.AnswerFriend(t.Context(), 1, 2, accept)
		must(t, err)
		if diff := cmp.Diff(both, pairs(changed)); !found || diff != "" {
			t.Errorf("answer %v: %v %s", accept, found, diff)
		}
		got := relationsOf(t, s, 2)
		if (len(got.Friends) == 1) != accept || len(got.Incoming) != 0 {
			t.Errorf("after the answer %v: %+v", accept, got)
		}
	}
	if _, _, err := s.RequestFriend(t.Context(), 1, 1); err == nil {
		t.Error("somebody asked himself")
	}
}

func testRelations(t *testing.T, s Store) {
	set := func(to int64, r friend.Relation, on bool) []string {
		t.Helper()
		changed, err := s.SetRelation(t.Context(), 1, to, r, on)
		must(t, err)
		return pairs(changed)
	}
	both := []string{"relations 1", "relations 3"}
	for _, r := range []friend.Relation{friend.Ignore, friend.Block, friend.Avoid, friend.Follow} {
		if diff := cmp.Diff(both, set(3, r, true)); diff != "" {
			t.Error(diff)
		}
	}
	one := relationsOf(t, s, 1)
	one.Version = 0
	if diff := cmp.Diff(friend.Relations{Ignores: []int64{3}, Follows: []int64{3}}, one); diff != "" {
		t.Errorf("follow, avoid and block exclude each other:\n%s", diff)
	}
	set(3, friend.Avoid, true)
	if got := relationsOf(t, s, 3); !slices.Equal(got.AvoidedBy, []int64{1}) || got.BlockedBy != nil {
		t.Errorf("the avoided: %+v", got)
	}
	since := relationsOf(t, s, 1).AvoidedAt
	for later := false; !later; { // the clock of the store has gone on
		_, err := s.SetRelation(t.Context(), 5, 6, friend.Avoid, true)
		must(t, err)
		later = relationsOf(t, s, 5).AvoidedAt[0].After(since[0])
		_, err = s.ClearRelations(t.Context(), 5, 6)
		must(t, err)
	}
	for _, r := range []friend.Relation{friend.Block, friend.Avoid, friend.Block} {
		if diff := cmp.Diff(both, set(3, r, true)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(since, relationsOf(t, s, 1).AvoidedAt); diff != "" {
			t.Errorf("avoided since another time after %s:\n%s", r, diff)
		}
	}
	if again := set(3, friend.Block, true); again != nil {
		t.Errorf("blocked again: %v", again)
	}
	set(2, friend.Ignore, true)
	if again := set(2, friend.Ignore, true); again != nil {
		t.Errorf("set again: %v", again)
	}
	got := relationsOf(t, s, 1)
	got.Version = 0
	if len(got.AvoidedAt) != 1 || time.Since(got.AvoidedAt[0]).Abs() > time.Hour {
		t.Errorf("avoided since %v", got.AvoidedAt)
	}
	got.AvoidedAt = nil
	want := friend.Relations{Ignores: []int64{2, 3}, Avoids: []int64{3}, Blocks: []int64{3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := relationsOf(t, s, 3); len(got.Ignores) != 0 || !slices.Equal(got.BlockedBy, []int64{1}) || got.AvoidedBy != nil {
		t.Errorf("the ignored: %+v", got)
	}
	if diff := cmp.Diff(both, set(3, friend.Ignore, false)); diff != "" {
		t.Error(diff)
	}
	if again := set(3, friend.Ignore, false); again != nil {
		t.Errorf("cleared again: %v", again)
	}
	if _, err := s.SetRelation(t.Context(), 1, 2, "friend", true); err == nil {
		t.Error("a relation that is not one-way was set")
	}
	_, _, err := s.RequestFriend(t.Context(), 3, 1)
	must(t, err)
	set(3, friend.Ignore, true)
	for _, want := range [][]string{both, nil} {
		changed, err := s.ClearRelations(t.Context(), 1, 3)
		must(t, err)
		if diff := cmp.Diff(want, pairs(changed)); diff != "" {
			t.Errorf("clear:\n%s", diff)
		}
	}
	got = relationsOf(t, s, 1)
	got.Version = 0
	if diff := cmp.Diff(friend.Relations{Ignores: []int64{2}, Incoming: []int64{3}}, got); diff != "" {
		t.Errorf("after all was cleared:\n%s", diff)
	}
}

// Everybody asks everybody at once: all become friends, once, and the versions are
// those of the last change.
func testFriendRace(t *testing.T, s Store) {
	const users = 6
	together(users*users, func(i int) {
		from, to := int64(i/users+1), int64(i%users+1)
		if from == to {
			return
		}
		if _, _, err := s.RequestFriend(background(), from, to); err != nil {
			t.Errorf("request: %v", err)
		}
	})
	changes, err := s.Changes(t.Context(), 0, 1000)
	must(t, err)
	newest := map[string]int64{}
	for _, c := range changes {
		newest[c.Key] = max(newest[c.Key], c.Version)
	}
	for user := int64(1); user <= users; user++ {
		got := relationsOf(t, s, user)
		if len(got.Friends) != users-1 || len(got.Incoming)+len(got.Outgoing) != 0 {
			t.Errorf("user %d: %+v", user, got)
		}
		if want := newest[strconv.FormatInt(user, 10)]; got.Version != want {
			t.Errorf("user %d has version %d, the newest change is %d", user, got.Version, want)
		}
	}
}

package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/account"
	"teiserver/internal/friend"
	"teiserver/internal/mail"
	"teiserver/internal/moderation"
)

// Operated is what operators do with accounts.
type Operated interface {
	Users(ctx context.Context, q account.Query) ([]*account.User, error)
	ForgetUser(ctx context.Context, u *account.User, e moderation.Entry) error
	DeleteUser(ctx context.Context, id, version int64, e moderation.Entry) error
}

func newLetter(key string, user int64) mail.Letter {
	return mail.Letter{Key: key, User: user, Purpose: "verification", To: "bob@example.org", Subject: "New account", Text: "the code is 123456", Life: time.Hour}
}

func outcomes(t testing.TB, s Store, q mail.Query) []string {
	t.Helper()
	q.Most = 100
	list, err := s.Letters(t.Context(), q)
	must(t, err)
	var out []string
	for _, l := range list {
		out = append(out, l.Key+" "+l.Outcome)
	}
	return out
}

func testLetters(t *testing.T, s Store) {
	ctx := t.Context()
	due := func(want bool) {
		t.Helper()
		if got, err := s.LettersDue(ctx); got != want || err != nil {
			t.Errorf("due %v, %v", got, err)
		}
	}
	due(false)
	must(t, s.PutLetter(ctx, newLetter("a", 1)))
	must(t, s.PutLetter(ctx, newLetter("a", 1))) // one key, one letter
	late := newLetter("b", 2)
	late.Life = 0
	must(t, s.PutLetter(ctx, late))
	due(true)
	taken, err := s.TakeLetters(ctx, 10, time.Hour)
	must(t, err)
	slices.SortFunc(taken, func(a, b mail.Letter) int { return int(a.ID - b.ID) })
	if len(taken) != 2 || taken[0].Text != "the code is 123456" || taken[0].To != "bob@example.org" || taken[0].Tries != 1 || taken[0].Late || !taken[1].Late || taken[0].Made.IsZero() {
		t.Fatalf("%+v", taken)
	}
	if again, err := s.TakeLetters(ctx, 10, time.Hour); err != nil || len(again) != 0 {
		t.Errorf("taken twice: %v %v", again, err)
	}
	due(false)

	// What was delayed is due again, and whoever had it before notes nothing.
	must(t, s.DelayLetter(ctx, taken[0], 0, "greylisted"))
	second, err := s.TakeLetters(ctx, 10, time.Hour)
	must(t, err)
	if len(second) != 1 || second[0].Key != "a" || second[0].Tries != 2 || second[0].Error != "greylisted" {
		t.Fatalf("%+v", second)
	}
	if ours, err := s.EndLetter(ctx, taken[0], mail.Sent, ""); err != nil || ours {
		t.Errorf("ended by who has lost it: %v %v", ours, err)
	}
	must(t, s.DelayLetter(ctx, taken[0], 0, "also lost"))
	due(false)
	if ours, err := s.EndLetter(ctx, second[0], mail.Sent, ""); err != nil || !ours {
		t.Errorf("%v %v", ours, err)
	}
	if ours, err := s.EndLetter(ctx, second[0], mail.Failed, ""); err != nil || ours {
		t.Errorf("ended twice: %v %v", ours, err)
	}
	if diff := cmp.Diff([]string{"b ", "a sent"}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"b "}, outcomes(t, s, mail.Query{Waiting: true})); diff != "" {
		t.Error(diff)
	}
	list, err := s.Letters(ctx, mail.Query{User: 1, Most: 10})
	must(t, err)
	if len(list) != 1 || list[0].Text != "" || list[0].Done.IsZero() {
		t.Errorf("the text is kept: %+v", list)
	}
	if some, err := s.HasOldLetters(ctx, time.Hour); err != nil || some {
		t.Errorf("old %v %v", some, err)
	}
	if some, err := s.HasOldLetters(ctx, -time.Hour); err != nil || !some {
		t.Errorf("none is old %v %v", some, err)
	}
	node := joined(t, s, "a")
	o := claimed(t, s, key(1), node)
	must(t, s.DropOldLetters(ctx, fence(o), -time.Hour, 10))
	if diff := cmp.Diff([]string{"b "}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Errorf("what is over is dropped, what waits is not:\n%s", diff)
	}
}

// testLettersTogether: of many who take at once each letter has one.
func testLettersTogether(t *testing.T, s Store) {
	const letters = 40
	for i := range letters {
		must(t, s.PutLetter(t.Context(), newLetter(fmt.Sprint(i), 1)))
	}
	var mu sync.Mutex
	got := map[string]int{}
	together(8, func(int) {
		for {
			taken, err := s.TakeLetters(background(), 3, time.Hour)
			if err != nil {
				t.Error(err)
				return
			}
			// None may mean that others had the same in view.
			if len(taken) == 0 {
				if some, err := s.LettersDue(background()); err != nil || !some {
					return
				}
			}
			mu.Lock()
			for _, l := range taken {
				got[l.Key]++
			}
			mu.Unlock()
		}
	})
	if len(got) != letters {
		t.Errorf("%d of %d letters were taken", len(got), letters)
	}
	for k, n := range got {
		if n != 1 {
			t.Errorf("letter %s was taken %d times", k, n)
		}
	}
}

// testLettersOfUser: a letter is there with the change that it is about, or neither is.
func testLettersOfUser(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.InsertUser(ctx, newUser(1, "alice"), newLetter("insert", 1))
	must(t, err)
	if _, err := s.InsertUser(ctx, newUser(2, "ALICE"), newLetter("refused insert", 2)); !errors.Is(err, account.ErrNameTaken) {
		t.Error(err)
	}
	u, err := s.UserByID(ctx, 1)
	must(t, err)
	_, err = s.UpdateUser(ctx, u, newLetter("update", 1), newLetter("update 2", 1))
	must(t, err)
	if _, err := s.UpdateUser(ctx, u, newLetter("refused update", 1)); !errors.Is(err, account.ErrConflict) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"update 2 ", "update ", "insert "}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Error(diff)
	}
}

func testResets(t *testing.T, s Store) {
	ctx := t.Context()
	put := func(user int64, digest string, life time.Duration, want bool) {
		t.Helper()
		if made, err := s.PutReset(ctx, user, digest, life, newLetter("reset "+digest, user)); made != want || err != nil {
			t.Errorf("%s: %v %v", digest, made, err)
		}
	}
	put(1, "a", time.Hour, true)
	put(1, "b", time.Hour, false) // there is one
	put(2, "c", 0, true)
	put(2, "d", time.Hour, true) // the first is over
	if diff := cmp.Diff([]string{"reset d ", "reset c ", "reset a "}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Errorf("letters:\n%s", diff)
	}
	for digest, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true} {
		if has, err := s.HasReset(ctx, digest); has != want || err != nil {
			t.Errorf("%s: %v %v", digest, has, err)
		}
	}
	// Of many who have the link one sets the password.
	var mu sync.Mutex
	won := 0
	together(8, func(int) {
		user, err := s.TakeReset(background(), "a")
		if err != nil {
			if !errors.Is(err, account.ErrNotFound) {
				t.Error(err)
			}
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if won++; user != 1 {
			t.Errorf("user %d", user)
		}
	})
	if won != 1 {
		t.Errorf("%d took one link", won)
	}
	put(1, "e", time.Hour, true)
}

func testBanned(t *testing.T, s Store) {
	ctx := t.Context()
	e := moderation.Entry{Action: "x"}
	added, changed, err := s.AddDomains(ctx, []string{"bad.com", "worse.com", "bad.com"}, e)
	must(t, err)
	if diff := cmp.Diff([]string{"banned all"}, tables(changed)); diff != "" || added != 2 {
		t.Error(added, diff)
	}
	if added, _, err = s.AddDomains(ctx, []string{"worse.com"}, e); err != nil || added != 0 {
		t.Error(added, err)
	}
	p, _, err := s.AddPhrase(ctx, moderation.Phrase{Text: "slur", Form: moderation.FormRaw, Severity: moderation.SeverityLow}, e)
	must(t, err)
	again, _, err := s.AddPhrase(ctx, moderation.Phrase{Text: "slur", Form: moderation.FormRaw, Severity: moderation.SeverityHigh}, e)
	must(t, err)
	if p.ID == 0 || p.At.IsZero() || again.ID != p.ID || again.Severity != moderation.SeverityHigh {
		t.Errorf("%+v %+v", p, again)
	}
	domains, phrases, err := s.BannedLists(ctx)
	must(t, err)
	if diff := cmp.Diff([]string{"bad.com", "worse.com"}, domains); diff != "" || len(phrases) != 1 {
		t.Error(diff, phrases)
	}
	b, err := s.Banned(ctx)
	must(t, err)
	if !b.Domains["bad.com"] || b.Severity("a SLUR here") != moderation.SeverityHigh {
		t.Errorf("%+v", b)
	}
	if _, err := s.RemoveDomain(ctx, "good.com", e); !errors.Is(err, moderation.ErrNotFound) {
		t.Error(err)
	}
	changed, err = s.RemoveDomain(ctx, "bad.com", e)
	must(t, err)
	if diff := cmp.Diff([]string{"banned all"}, tables(changed)); diff != "" {
		t.Error(diff)
	}
	if _, err := s.RemovePhrase(ctx, p.ID, e); err != nil {
		t.Error(err)
	}
	if _, err := s.RemovePhrase(ctx, p.ID, e); !errors.Is(err, moderation.ErrNotFound) {
		t.Error(err)
	}
}

func testUserList(t *testing.T, s Store) {
	ctx := t.Context()
	list := s.(Operated)
	for _, u := range []*account.User{
		{ID: 1, Name: "Alice", Email: "a@example.org", Roles: []account.Role{account.Admin}},
		{ID: 2, Name: "Bob_1", Email: "bob@example.org", Code: "123456"},
		{ID: 3, Name: "Bobx1", Email: "c@example.com", Roles: []account.Role{account.Bot, account.Verified}},
	} {
		_, err := s.InsertUser(ctx, u)
		must(t, err)
	}
	carol, err := s.UserByID(ctx, 1)
	must(t, err)
	carol.Name = "Carol"
	_, err = s.UpdateUser(ctx, carol)
	must(t, err)
	for name, tc := range map[string]struct {
		q    account.Query
		want []int64
	}{
		"all":          {account.Query{}, []int64{1, 2, 3}},
		"name":         {account.Query{Text: "BOB"}, []int64{2, 3}},
		"no wild card": {account.Query{Text: "b_1"}, []int64{2}},
		"percent":      {account.Query{Text: "%"}, nil},
		"address":      {account.Query{Text: "example.com"}, []int64{3}},
		"earlier name": {account.Query{Text: "alice"}, []int64{1}},
		"role":         {account.Query{Role: account.Bot}, []int64{3}},
		"unverified":   {account.Query{Unverified: true}, []int64{2}},
		"after":        {account.Query{After: 1, Most: 1}, []int64{2}},
	} {
		if tc.q.Most == 0 {
			tc.q.Most = 10
		}
		found, err := list.Users(ctx, tc.q)
		must(t, err)
		var ids []int64
		for _, u := range found {
			ids = append(ids, u.ID)
		}
		if diff := cmp.Diff(tc.want, ids); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// testForget: what is known of a person goes, what others remember stays.
func testForget(t *testing.T, s Store) {
	ctx := t.Context()
	op := s.(Operated)
	for id, name := range map[int64]string{1: "alice", 2: "bob", 3: "carol"} {
		_, err := s.InsertUser(ctx, newUser(id, name), newLetter(name, id))
		must(t, err)
	}
	must(t, s.NoteLogin(ctx, 1, time.Now(), "192.0.2.1", "SPADS", "1 2"))
	must(t, s.PutStats(ctx, 1, map[string]string{"hardware:cpu": "fast"}))
	must(t, s.PutKeys(ctx, []moderation.Key{{User: 1, Kind: moderation.KeyAddress, Value: "x"}}))
	_, _, err := s.RequestFriend(ctx, 1, 2)
	must(t, err)
	_, _, err = s.RequestFriend(ctx, 2, 1)
	must(t, err)
	_, err = s.SetRelation(ctx, 3, 1, friend.Ignore, true)
	must(t, err)
	act(t, s, moderation.Action{User: 1, Reason: "Shouting", Restrictions: []string{moderation.AllChat}})
	_, err = s.PutReset(ctx, 1, "d", time.Hour, newLetter("reset", 1))
	must(t, err)
	last, err := s.LastChange(ctx)
	must(t, err)

	u, err := s.UserByID(ctx, 1)
	must(t, err)
	stale := *u
	gone := u.Forget()
	must(t, op.ForgetUser(ctx, gone, moderation.Entry{Action: moderation.UserForgotten, Details: map[string]any{"target_id": 1}}))
	if err := op.ForgetUser(ctx, stale.Forget(), moderation.Entry{Action: "x"}); !errors.Is(err, account.ErrConflict) {
		t.Errorf("a stale copy: %v", err)
	}
	now, err := s.UserByID(ctx, 1)
	must(t, err)
	if diff := cmp.Diff(gone, now, cmpopts.IgnoreFields(account.User{}, "Version")); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	if _, err := s.UserIDByName(ctx, "alice"); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
	names, err := s.FormerNames(ctx, 1, now.Name)
	must(t, err)
	stats, err := s.Stats(ctx, 1)
	must(t, err)
	keys, err := s.Keys(ctx, 1)
	must(t, err)
	letters := outcomes(t, s, mail.Query{User: 1})
	if len(names)+len(stats)+len(keys)+len(letters) > 0 {
		t.Errorf("names %v, stats %v, keys %v, letters %v", names, stats, keys, letters)
	}
	for id := range int64(3) {
		rel, err := s.Relations(ctx, id+1)
		must(t, err)
		if len(rel.Friends)+len(rel.Ignores)+len(rel.Incoming)+len(rel.Outgoing) > 0 || rel.Version == 0 {
			t.Errorf("relations of %d: %+v", id+1, rel)
		}
	}
	changes, err := s.Changes(ctx, last, 100)
	must(t, err)
	for _, want := range []string{"user 1", "user_name alice", "relations 1", "relations 2", "relations 3"} {
		if !slices.Contains(tables(changes), want) {
			t.Errorf("%s is not in the change log: %v", want, tables(changes))
		}
	}
	if st := standing(t, s, 1); len(st.Actions) != 1 {
		t.Error("what moderators did is gone")
	}
	if has, err := s.HasReset(ctx, "d"); has || err != nil {
		t.Error("the link counts", err)
	}
	entries, err := s.Entries(ctx, moderation.EntryQuery{Action: moderation.UserForgotten, Most: 10})
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("%d entries", len(entries))
	}

	// Whom others have to do with is not deleted.
	if err := op.DeleteUser(ctx, 1, now.Version, moderation.Entry{Action: "x"}); err == nil {
		t.Error("deleted, with an action against it")
	}
	carol, err := s.UserByID(ctx, 3)
	must(t, err)
	if err := op.DeleteUser(ctx, 3, carol.Version-1, moderation.Entry{Action: "x"}); !errors.Is(err, account.ErrConflict) {
		t.Error(err)
	}
	must(t, op.DeleteUser(ctx, 3, carol.Version, moderation.Entry{Action: moderation.UserDeleted}))
	if _, err := s.UserByID(ctx, 3); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
	_, err = s.InsertUser(ctx, newUser(4, "carol"))
	must(t, err)
}

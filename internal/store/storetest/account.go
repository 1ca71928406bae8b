package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
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

func letters(list ...mail.Letter) account.With { return account.With{Letters: list} }

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
	for address, want := range map[string]int{"Bob@Example.org": 1, "b%": 0} {
		if n, err := s.SentTo(ctx, address, time.Hour); n != want || err != nil {
			t.Errorf("%d letters were sent to %s, %v", n, address, err)
		}
	}
	if n, err := s.SentTo(ctx, "bob@example.org", -time.Hour); n != 0 || err != nil {
		t.Errorf("%d lately, %v", n, err)
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

// testLettersOfUser: a letter, and what the audit log says, are there with the change that they are about, or none is.
func testLettersOfUser(t *testing.T, s Store) {
	ctx := t.Context()
	acted := func(l mail.Letter) account.With {
		return account.With{Letters: []mail.Letter{l}, Act: &account.Act{Action: l.Key, By: "op"}}
	}
	_, err := s.InsertUser(ctx, newUser(1, "alice"), acted(newLetter("insert", 1)))
	must(t, err)
	if _, err := s.InsertUser(ctx, newUser(2, "ALICE"), acted(newLetter("refused insert", 2))); !errors.Is(err, account.ErrNameTaken) {
		t.Error(err)
	}
	u, err := s.UserByID(ctx, 1)
	must(t, err)
	_, err = s.UpdateUser(ctx, u, letters(newLetter("update", 1), newLetter("update 2", 1)))
	must(t, err)
	if _, err := s.UpdateUser(ctx, u, acted(newLetter("refused update", 1))); !errors.Is(err, account.ErrConflict) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"update 2 ", "update ", "insert "}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Error(diff)
	}
	entries, err := s.Entries(ctx, moderation.EntryQuery{Most: 10})
	must(t, err)
	if len(entries) != 1 || entries[0].Action != "insert" || entries[0].By != "op" {
		t.Errorf("audited: %+v", entries)
	}
}

// resetter is who asks for links, and looks at them.
type resetter struct {
	t *testing.T
	s Store
}

func (r resetter) user(id int64) *account.User {
	r.t.Helper()
	u, err := r.s.UserByID(r.t.Context(), id)
	must(r.t, err)
	return u
}

func (r resetter) put(user int64, digest string, life time.Duration, want bool) {
	r.t.Helper()
	l := newLetter("reset "+digest, user)
	l.Purpose, l.Life = account.LetterReset, life
	if made, err := r.s.PutReset(r.t.Context(), r.user(user), digest, life, letters(l)); made != want || err != nil {
		r.t.Errorf("%s: %v %v", digest, made, err)
	}
}

// counts checks whose link this is, 0 for nobody's.
func (r resetter) counts(what, digest string, want int64) {
	r.t.Helper()
	user, err := r.s.FindReset(r.t.Context(), digest)
	if user != want || (want == 0) != errors.Is(err, account.ErrNotFound) || want != 0 && err != nil {
		r.t.Errorf("%s: link %s is of %d, %v; want %d", what, digest, user, err, want)
	}
}

func testResets(t *testing.T, s Store) {
	ctx := t.Context()
	for id, name := range map[int64]string{1: "alice", 2: "bob"} {
		_, err := s.InsertUser(ctx, newUser(id, name))
		must(t, err)
	}
	r := resetter{t, s}
	r.put(1, "a", time.Hour, true)
	r.put(1, "b", time.Hour, false) // there is one
	r.put(2, "c", 0, true)
	r.put(2, "d", time.Hour, true) // the first is over
	if diff := cmp.Diff([]string{"reset d ", "reset c ", "reset a "}, outcomes(t, s, mail.Query{})); diff != "" {
		t.Errorf("letters:\n%s", diff)
	}
	for digest, want := range map[string]int64{"a": 1, "b": 0, "c": 0, "d": 2} {
		r.counts("put", digest, want)
	}
	stale := *r.user(1)
	stale.Version--
	if made, err := s.PutReset(ctx, &stale, "z", time.Hour, account.With{}); made || !errors.Is(err, account.ErrConflict) {
		t.Errorf("of a stale copy: %v %v", made, err)
	}
	// That of another user is not used up, and nothing else is done.
	u := r.user(1)
	u.Password = "other"
	for _, digest := range []string{"d", "c", "unknown"} {
		w := letters(newLetter("of "+digest, 1))
		w.Reset = digest
		if _, err := s.UpdateUser(ctx, u, w); !errors.Is(err, account.ErrNotFound) {
			t.Errorf("used up %s: %v", digest, err)
		}
	}
	if got := r.user(1); got.Password == "other" || len(outcomes(t, s, mail.Query{})) != 3 {
		t.Error("something of a refused update was stored")
	}
	// Of many who have the link one sets the password.
	var mu sync.Mutex
	won := 0
	together(8, func(i int) {
		u := *u
		u.Password = fmt.Sprint("password ", i)
		_, err := s.UpdateUser(background(), &u, account.With{Reset: "a", Act: &account.Act{Action: "set", User: 1, Details: map[string]any{"user": 1}}})
		if err != nil {
			if !errors.Is(err, account.ErrNotFound) && !errors.Is(err, account.ErrConflict) {
				t.Error(err)
			}
			return
		}
		mu.Lock()
		defer mu.Unlock()
		won++
	})
	entries, err := s.Entries(ctx, moderation.EntryQuery{Action: "set", Most: 10})
	must(t, err)
	if won != 1 || len(entries) != 1 || entries[0].User != 1 {
		t.Errorf("%d took one link, entries %+v", won, entries)
	}
	r.counts("used up", "a", 0)
	r.put(1, "e", time.Hour, true)
}

// testResetsEnd: a link does not outlive the password and the address that it was for.
func testResetsEnd(t *testing.T, s Store) {
	ctx := t.Context()
	_, err := s.InsertUser(ctx, newUser(1, "alice"))
	must(t, err)
	r := resetter{t, s}
	for what, tc := range map[string]struct {
		change func(u *account.User)
		want   int64
	}{
		"rank":     {func(u *account.User) { u.Rank++ }, 1},
		"case":     {func(u *account.User) { u.Email = strings.ToUpper(u.Email) }, 1},
		"password": {func(u *account.User) { u.Password += "x" }, 0},
		"address":  {func(u *account.User) { u.Email = "other." + u.Email }, 0},
		"forget":   {func(u *account.User) { u.Roles = []account.Role{account.Forgotten} }, 0},
	} {
		r.put(1, what, time.Hour, true)
		u := r.user(1)
		tc.change(u)
		_, err := s.UpdateUser(ctx, u)
		must(t, err)
		r.counts(what, what, tc.want)
		u = r.user(1)
		u.Roles, u.Password = nil, u.Password+" again"
		_, err = s.UpdateUser(ctx, u)
		must(t, err)
	}
	// Whose letter does not arrive asks again at once.
	end := func(what, outcome string) {
		t.Helper()
		taken, err := s.TakeLetters(ctx, 20, time.Hour)
		must(t, err)
		for _, l := range taken {
			_, err := s.EndLetter(ctx, l, map[bool]string{true: outcome, false: mail.Sent}[l.Key == "reset "+what], "")
			must(t, err)
		}
	}
	r.put(1, "sent", time.Hour, true)
	end("sent", mail.Sent)
	r.counts("sent", "sent", 1)
	u := r.user(1)
	u.Password += "x"
	_, err = s.UpdateUser(ctx, u)
	must(t, err)
	for _, outcome := range []string{mail.Failed, mail.Late} {
		r.put(1, outcome, time.Hour, true)
		end(outcome, outcome)
		r.counts(outcome, outcome, 0)
	}
	// An earlier letter that ends does not take the link of a later one.
	r.put(1, "over", 0, true)
	early, err := s.TakeLetters(ctx, 1, time.Hour)
	must(t, err)
	r.put(1, "new", time.Hour, true)
	_, err = s.EndLetter(ctx, early[0], mail.Late, "")
	must(t, err)
	r.counts("a later one", "new", 1)

	_, err = s.InsertUser(ctx, newUser(2, "bob"))
	must(t, err)
	old := s.(interface {
		HasOverResets(ctx context.Context) (bool, error)
		DropOverResets(ctx context.Context, f registry.Fence, most int) error
	})
	has := func(want bool) {
		t.Helper()
		if some, err := old.HasOverResets(ctx); some != want || err != nil {
			t.Errorf("some are over: %v %v", some, err)
		}
	}
	has(false)
	r.put(2, "over 2", 0, true)
	has(true)
	o := claimed(t, s, key(1), joined(t, s, "a"))
	must(t, old.DropOverResets(ctx, fence(o), 10))
	has(false)
	r.counts("kept", "new", 1)
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
		_, err := s.InsertUser(ctx, newUser(id, name), letters(newLetter(name, id)))
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
	r := resetter{t, s}
	r.put(1, "d", time.Hour, true)
	last, err := s.LastChange(ctx)
	must(t, err)

	u, err := s.UserByID(ctx, 1)
	must(t, err)
	stale := *u
	gone := u.Forget()
	_, err = s.Channel(ctx, "ours", 1, "alice")
	must(t, err)
	for i, action := range []string{moderation.EmailChanged, moderation.NameChanged, moderation.PasswordReset, moderation.RolesChanged} {
		must(t, s.AddEntry(ctx, moderation.Entry{Action: action, User: int64(1 - i%2), Details: map[string]any{"from": "alice", "ip": "192.0.2.1", "user_id": 1, "value": "x"}}))
	}
	must(t, s.AddEntry(ctx, moderation.Entry{Action: moderation.NameChanged, Details: map[string]any{"from": "eleven", "user_id": 11}}))
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
	// What was on its way comes too late.
	if err := s.NoteLogin(ctx, 1, time.Now(), "192.0.2.1", "SPADS", "1 2"); !errors.Is(err, account.ErrNotFound) {
		t.Errorf("a late login: %v", err)
	}
	must(t, s.PutKeys(ctx, []moderation.Key{{User: 1, Kind: moderation.KeyAddress, Value: "late"}, {User: 2, Kind: moderation.KeyAddress, Value: "bob's"}}))
	if late, err := s.UserByID(ctx, 1); err != nil || late.LastIP+late.Client+late.LobbyHash != "" || !late.LastLogin.IsZero() {
		t.Errorf("%+v %v", late, err)
	}
	bobs, err := s.Keys(ctx, 2)
	must(t, err)
	if len(bobs) != 1 {
		t.Errorf("keys of another user: %v", bobs)
	}
	ours, err := s.Channel(ctx, "ours", 2, "bob")
	must(t, err)
	if ours.Author != 1 || ours.AuthorName != now.Name {
		t.Errorf("a channel says %+v", ours)
	}
	said := map[string]map[string]any{}
	log, err := s.Entries(ctx, moderation.EntryQuery{Most: 20})
	must(t, err)
	for _, e := range log {
		said[fmt.Sprint(e.Action, len(e.Details))] = e.Details
	}
	for _, action := range []string{moderation.EmailChanged, moderation.NameChanged, moderation.PasswordReset} {
		if diff := cmp.Diff(map[string]any{"user_id": 1.0}, said[action+"1"]); diff != "" {
			t.Errorf("%s says:\n%s", action, diff)
		}
	}
	if said[moderation.RolesChanged+"4"] == nil || said[moderation.NameChanged+"2"]["from"] != "eleven" {
		t.Errorf("acts of others, or others, are forgotten: %v", said)
	}
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
	if slices.Contains(tables(changes), "relations 0") {
		t.Errorf("nobody's relations have changed: %v", tables(changes))
	}
	if st := standing(t, s, 1); len(st.Actions) != 1 {
		t.Error("what moderators did is gone")
	}
	r.counts("forgotten", "d", 0)
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
	banned := true
	_, err = s.MarkUser(ctx, 3, moderation.Mark{Shadowbanned: &banned}, moderation.Entry{Action: moderation.Shadowban})
	must(t, err)
	must(t, op.DeleteUser(ctx, 3, carol.Version, moderation.Entry{Action: moderation.UserDeleted}))
	if st := standing(t, s, 3); st.Shadowbanned {
		t.Error("the mark of who is deleted stays")
	}
	if _, err := s.UserByID(ctx, 3); !errors.Is(err, account.ErrNotFound) {
		t.Error(err)
	}
	_, err = s.InsertUser(ctx, newUser(4, "carol"))
	must(t, err)
}

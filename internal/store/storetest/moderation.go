package storetest

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/moderation"
)

func tables(changes []cache.Change) (list []string) {
	for _, c := range changes {
		list = append(list, c.Table+" "+c.Key)
	}
	return list
}

func act(t testing.TB, s Store, a moderation.Action) moderation.Action {
	t.Helper()
	done, changes, err := s.AddAction(t.Context(), a, moderation.Entry{Action: moderation.ActionCreated, User: a.Author})
	must(t, err)
	if len(changes) != 1 || changes[0].Table != moderation.TableStanding || changes[0].Version == 0 {
		t.Errorf("changes of an action: %v", changes)
	}
	return done
}

func standing(t testing.TB, s Store, user int64) *moderation.Standing {
	t.Helper()
	st, err := s.Standing(t.Context(), user)
	must(t, err)
	return st
}

func testActions(t *testing.T, s Store) {
	ctx := t.Context()
	if st := standing(t, s, 7); st == nil || st.User != 7 || len(st.Actions) != 0 || st.Shadowbanned || st.Alt != 0 {
		t.Errorf("of nobody: %+v", st)
	}
	soon := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	mute := act(t, s, moderation.Action{User: 7, Reason: "Shouting", Restrictions: []string{moderation.AllChat}, Expires: soon, Author: 3, Notes: "seen"})
	note := act(t, s, moderation.Action{User: 7, Reason: "Note", Restrictions: []string{moderation.Note}, Hidden: true})
	act(t, s, moderation.Action{User: 8, Reason: "Other", Restrictions: []string{moderation.Login}})
	if mute.ID == 0 || note.ID <= mute.ID || mute.Created.IsZero() || !mute.Expires.Equal(soon) || mute.Author != 3 || mute.Notes != "seen" {
		t.Errorf("stored %+v", mute)
	}
	if diff := cmp.Diff([]moderation.Action{mute, note}, standing(t, s, 7).Actions); diff != "" {
		t.Errorf("standing (-want +got):\n%s", diff)
	}
	ended, changes, err := s.EndAction(ctx, mute.ID, 4, "a mistake", moderation.Entry{Action: moderation.ActionHalted, User: 4})
	must(t, err)
	if ended.Ended.IsZero() || ended.EndedBy != 4 || ended.EndReason != "a mistake" {
		t.Errorf("ended %+v", ended)
	}
	if diff := cmp.Diff([]string{"standing 7"}, tables(changes)); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[int64]error{mute.ID: moderation.ErrOver, 12345: moderation.ErrNotFound} {
		if _, _, err := s.EndAction(ctx, id, 4, "again", moderation.Entry{Action: moderation.ActionHalted}); !errors.Is(err, want) {
			t.Errorf("end %d: %v, want %v", id, err, want)
		}
	}
	if got := standing(t, s, 7).Actions; len(got) != 1 || got[0].ID != note.ID {
		t.Errorf("after the end: %+v", got)
	}
	for _, tc := range []struct {
		q    moderation.ActionQuery
		want int
	}{{moderation.ActionQuery{User: 7, Most: 10}, 1}, {moderation.ActionQuery{User: 7, All: true, Most: 10}, 2},
		{moderation.ActionQuery{All: true, Most: 10}, 3}, {moderation.ActionQuery{Most: 10}, 2}, {moderation.ActionQuery{All: true, Most: 1}, 1}} {
		list, err := s.Actions(ctx, tc.q)
		must(t, err)
		if len(list) != tc.want {
			t.Errorf("%+v: %d actions", tc.q, len(list))
		}
	}
	// The acts and what failed: an entry for each that was done.
	entries, err := s.Entries(ctx, moderation.EntryQuery{Most: 10})
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Action)
	}
	if diff := cmp.Diff([]string{moderation.ActionHalted, moderation.ActionCreated, moderation.ActionCreated, moderation.ActionCreated}, names); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	if e := entries[0]; e.User != 4 || e.At.IsZero() || e.Details["target_user_id"] != float64(7) {
		t.Errorf("entry %+v", e)
	}
}

func testExpiredActions(t *testing.T, s Store) {
	ctx := t.Context()
	past := time.UnixMilli(1000).UTC()
	for range 3 {
		act(t, s, moderation.Action{User: 7, Reason: "Over", Restrictions: []string{moderation.Login}, Expires: past})
	}
	act(t, s, moderation.Action{User: 7, Reason: "Not over", Restrictions: []string{moderation.Boss}, Expires: time.Now().Add(time.Hour)})
	if got := standing(t, s, 7).Actions; len(got) != 1 || got[0].Reason != "Not over" {
		t.Errorf("before the job: %+v", got)
	}
	ended, changes, err := s.EndExpired(ctx, 2)
	must(t, err)
	if len(ended) != 2 || len(changes) != 2 || ended[0].EndReason != moderation.Expired || ended[0].Ended.IsZero() {
		t.Errorf("ended %+v, %v", ended, changes)
	}
	// Of many at once each is ended by one.
	var total atomic.Int64
	together(4, func(int) {
		ended, _, err := s.EndExpired(background(), 10)
		if err != nil {
			t.Error(err)
		}
		total.Add(int64(len(ended)))
	})
	if total.Load() != 1 {
		t.Errorf("one was left, %d were ended", total.Load())
	}
	if ended, changes, err := s.EndExpired(ctx, 10); err != nil || len(ended) != 0 || len(changes) != 0 {
		t.Errorf("nothing is left: %v %v %v", ended, changes, err)
	}
}

func testMarks(t *testing.T, s Store) {
	ctx := t.Context()
	yes, no, main := true, false, int64(5)
	changes, err := s.MarkUser(ctx, 7, moderation.Mark{Shadowbanned: &yes}, moderation.Entry{Action: moderation.Shadowban})
	must(t, err)
	if diff := cmp.Diff([]string{"standing 7"}, tables(changes)); diff != "" {
		t.Error(diff)
	}
	_, err = s.MarkUser(ctx, 7, moderation.Mark{Alt: &main, AltBan: 9}, moderation.Entry{Action: moderation.MarkedAlt, Once: "x"})
	must(t, err)
	if st := standing(t, s, 7); !st.Shadowbanned || st.Alt != 5 || st.AltBan != 9 {
		t.Errorf("marked %+v", st)
	}
	_, err = s.MarkUser(ctx, 7, moderation.Mark{Shadowbanned: &no}, moderation.Entry{Action: moderation.Unshadowban})
	must(t, err)
	if st := standing(t, s, 7); st.Shadowbanned || st.Alt != 5 || st.AltBan != 9 {
		t.Errorf("one mark taken away: %+v", st)
	}
	// What has a name is done once, and nothing of the second time stays.
	other := int64(6)
	if _, err := s.MarkUser(ctx, 7, moderation.Mark{Alt: &other}, moderation.Entry{Action: moderation.MarkedAlt, Once: "x"}); !errors.Is(err, moderation.ErrDone) {
		t.Errorf("again: %v", err)
	}
	if st := standing(t, s, 7); st.Alt != 5 {
		t.Errorf("it was done again: %+v", st)
	}
	if err := s.AddEntry(ctx, moderation.Entry{Action: "a", By: "op", Details: map[string]any{"key": "value"}}); err != nil {
		t.Error(err)
	}
	entries, err := s.Entries(ctx, moderation.EntryQuery{Action: "a", Most: 10})
	must(t, err)
	want := []moderation.Entry{{Action: "a", By: "op", Details: map[string]any{"key": "value"}}}
	if diff := cmp.Diff(want, entries, cmpopts.IgnoreFields(moderation.Entry{}, "ID", "At")); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func testReports(t *testing.T, s Store) {
	ctx := t.Context()
	first, err := s.AddReport(ctx, moderation.Report{Reporter: 7, Target: 8, Place: "lobby", PlaceID: "6", Text: "bad words"})
	must(t, err)
	second, err := s.AddReport(ctx, moderation.Report{Reporter: 9, Target: 8, Text: "again\x00"})
	must(t, err)
	if first.ID == 0 || first.Created.IsZero() || second.Text != "again" {
		t.Errorf("stored %+v %+v", first, second)
	}
	n, err := s.ReportsSince(ctx, 7, time.Hour)
	must(t, err)
	none, err := s.ReportsSince(ctx, 8, time.Hour)
	must(t, err)
	if n != 1 || none != 0 {
		t.Errorf("%d and %d reports", n, none)
	}
	closed, err := s.CloseReport(ctx, first.ID, 3, 55, moderation.Entry{Action: moderation.ReportClosed, User: 3})
	must(t, err)
	if closed.Closed.IsZero() || closed.ClosedBy != 3 || closed.Action != 55 {
		t.Errorf("closed %+v", closed)
	}
	for id, want := range map[int64]error{first.ID: moderation.ErrOver, 999: moderation.ErrNotFound} {
		if _, err := s.CloseReport(ctx, id, 3, 0, moderation.Entry{Action: moderation.ReportClosed}); !errors.Is(err, want) {
			t.Errorf("close %d: %v", id, err)
		}
	}
	for _, tc := range []struct {
		q    moderation.ReportQuery
		want []int64
	}{
		{moderation.ReportQuery{Most: 10}, []int64{second.ID}},
		{moderation.ReportQuery{Target: 8, All: true, Most: 10}, []int64{second.ID, first.ID}},
		{moderation.ReportQuery{Target: 7, All: true, Most: 10}, nil},
	} {
		list, err := s.Reports(ctx, tc.q)
		must(t, err)
		var ids []int64
		for _, r := range list {
			ids = append(ids, r.ID)
		}
		if diff := cmp.Diff(tc.want, ids); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", tc.q, diff)
		}
	}
}

func testBans(t *testing.T, s Store) {
	ctx := t.Context()
	now := time.Now().UTC().Truncate(time.Millisecond)
	for id, created := range map[int64]time.Time{5: now.Add(-time.Hour), 6: now.Add(-time.Hour), 7: now.Add(time.Hour), 8: now.Add(time.Hour)} {
		u := newUser(id, string(rune('A'+id)))
		u.Created = created
		_, err := s.InsertUser(ctx, u)
		must(t, err)
	}
	seen := func(user int64, kind, value string) moderation.Key {
		return moderation.Key{User: user, Kind: kind, Value: value}
	}
	must(t, s.PutKeys(ctx, []moderation.Key{
		seen(5, "hw1", "machine"), seen(5, moderation.KeyAddress, "house"),
		seen(6, "hw1", "machine"), seen(7, "hw2", "machine"), seen(8, moderation.KeyAddress, "house"), seen(7, "hw2", "machine"),
	}))
	must(t, s.PutKeys(ctx, nil))
	keys, err := s.Keys(ctx, 5)
	must(t, err)
	if len(keys) != 2 || keys[0].Kind != "hw1" || keys[0].At.IsZero() {
		t.Errorf("keys %+v", keys)
	}
	if bans, err := s.Bans(ctx); err != nil || bans.Keys != 0 || len(bans.Addresses) != 0 {
		t.Errorf("no bans: %+v %v", bans, err)
	}
	source := &moderation.Action{User: 5, Reason: "Cheating", Restrictions: []string{moderation.Login}}
	ban, changes, err := s.AddBan(ctx, moderation.Ban{Source: 5, Keys: []string{"machine"}, Addresses: []string{"192.0.2.0/24"}, Reason: "Cheating"},
		source, moderation.Entry{Action: moderation.BanCreated})
	must(t, err)
	if diff := cmp.Diff([]string{"bans all", "standing 5"}, tables(changes)); diff != "" {
		t.Error(diff)
	}
	if got := standing(t, s, 5).Actions; len(got) != 1 || !got[0].Has(moderation.Login) {
		t.Errorf("the source: %+v", got)
	}
	bans, err := s.Bans(ctx)
	must(t, err)
	if id, ok := bans.Covers("192.0.2.77", time.Time{}); !ok || id != ban.ID || bans.Keys != 1 {
		t.Errorf("bans %+v", bans)
	}
	// 5 is the source, 6 is older than the ban, 8 has another key.
	matched, err := s.Match(ctx, []int64{5, 6, 7, 8, 999})
	must(t, err)
	var got []int64
	for _, b := range matched {
		id := int64(0)
		if b != nil {
			id = b.ID
		}
		got = append(got, id)
	}
	if diff := cmp.Diff([]int64{0, 0, ban.ID, 0, 0}, got); diff != "" {
		t.Errorf("matched (-want +got):\n%s", diff)
	}
	// Enacted once, it does not match again.
	must(t, s.AddEntry(ctx, moderation.Entry{Action: moderation.BanEnacted, Once: moderation.EnactedName(ban.ID, 7)}))
	if matched, err := s.Match(ctx, []int64{7}); err != nil || matched[0] != nil {
		t.Errorf("enacted, and matched again: %v %v", matched, err)
	}
	names, err := s.Kin(ctx, 5, 10)
	must(t, err)
	if diff := cmp.Diff([]string{"G"}, names); diff != "" { // by hw1; 7 has it as hw2, 8 shares the house
		t.Errorf("kin (-want +got):\n%s", diff)
	}
	main := int64(5)
	_, err = s.MarkUser(ctx, 8, moderation.Mark{Alt: &main}, moderation.Entry{Action: moderation.MarkedAlt})
	must(t, err)
	for user, want := range map[int64][]string{5: {"G", "I"}, 8: {"F"}} {
		names, err := s.Kin(ctx, user, 10)
		must(t, err)
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("kin of %d (-want +got):\n%s", user, diff)
		}
	}
	list, err := s.BanList(ctx, false)
	must(t, err)
	if diff := cmp.Diff([]moderation.Ban{ban}, list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	_, changes, err = s.RemoveBan(ctx, ban.ID, 3, moderation.Entry{Action: moderation.BanDisabled})
	must(t, err)
	if diff := cmp.Diff([]string{"bans all"}, tables(changes)); diff != "" {
		t.Error(diff)
	}
	for id, want := range map[int64]error{ban.ID: moderation.ErrOver, 999: moderation.ErrNotFound} {
		if _, _, err := s.RemoveBan(ctx, id, 3, moderation.Entry{Action: moderation.BanDisabled}); !errors.Is(err, want) {
			t.Errorf("remove %d: %v", id, err)
		}
	}
	bans, err = s.Bans(ctx)
	must(t, err)
	gone, err := s.BanList(ctx, false)
	must(t, err)
	all, err := s.BanList(ctx, true)
	must(t, err)
	if bans.Keys != 0 || len(bans.Addresses) != 0 || len(gone) != 0 || len(all) != 1 || all[0].RemovedBy != 3 || len(all[0].Keys) != 1 {
		t.Errorf("after the removal: %+v %v %+v", bans, gone, all)
	}
}

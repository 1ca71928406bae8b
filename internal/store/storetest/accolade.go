package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/accolade"
	"teiserver/internal/achievement"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/telemetry"
)

// PraiseStore is a store of accolades and achievements.
type PraiseStore interface {
	JobStore
	accolade.Store
	achievement.Store
	AddBadge(ctx context.Context, b accolade.BadgeType) error
	RetireBadge(ctx context.Context, name string, retired bool) error
	AddAchievement(ctx context.Context, t achievement.Type) error
	RetireAchievement(ctx context.Context, name string, retired bool) error
}

// RunPraise runs the suite of accolades and achievements.
func RunPraise(t *testing.T, open func(t *testing.T) PraiseStore) {
	for name, run := range map[string]func(t *testing.T, s PraiseStore){
		"badge types":       testBadgeTypes,
		"questions":         testQuestions,
		"misses":            testMisses,
		"achievement types": testAchievementTypes,
		"wanted events":     testWantedEvents,
		"counted events":    testCountedEvents,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

// badge adds a type of accolade and returns it.
func badge(t *testing.T, s PraiseStore, name string, r accolade.Restriction) accolade.BadgeType {
	t.Helper()
	must(t, s.AddBadge(t.Context(), accolade.BadgeType{
		Badge: accolade.Badge{Name: name, Description: "did " + name}, Icon: "star", Color: "#123456", Restriction: r,
	}))
	return badgeOf(t, s, name)
}

func badgeOf(t *testing.T, s PraiseStore, name string) accolade.BadgeType {
	t.Helper()
	types, err := s.BadgeTypes(t.Context())
	must(t, err)
	i := slices.IndexFunc(types, func(b accolade.BadgeType) bool { return b.Name == name })
	if i < 0 {
		t.Fatalf("no badge %s among %v", name, types)
	}
	return types[i]
}

func testBadgeTypes(t *testing.T, s PraiseStore) {
	zeal, awe := badge(t, s, "zz zeal", accolade.Enemy), badge(t, s, "AA awe", accolade.Anybody)
	want := accolade.BadgeType{Badge: accolade.Badge{ID: zeal.ID, Name: "zz zeal", Description: "did zz zeal"}, Icon: "star", Color: "#123456", Restriction: accolade.Enemy}
	if diff := cmp.Diff(want, zeal); diff != "" || awe.ID == zeal.ID || awe.Restriction != accolade.Anybody {
		t.Errorf("badge (-want +got):\n%s", diff)
	}
	types, err := s.BadgeTypes(t.Context())
	must(t, err)
	if !slices.IsSortedFunc(types, func(a, b accolade.BadgeType) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}) {
		t.Errorf("not by name: %v", types)
	}
	if err := s.AddBadge(t.Context(), zeal); err == nil {
		t.Error("two badges of one name")
	}
	must(t, s.RetireBadge(t.Context(), "zz zeal", true))
	if !badgeOf(t, s, "zz zeal").Retired {
		t.Error("is not retired")
	}
	must(t, s.RetireBadge(t.Context(), "zz zeal", false))
	if badgeOf(t, s, "zz zeal").Retired {
		t.Error("is retired for ever")
	}
	if err := s.RetireBadge(t.Context(), "nobody's", true); err == nil {
		t.Error("retired what is not there")
	}
}

// testQuestions: a question is put once, an answer is kept with its accolade and the state,
// and a former owner changes nothing.
func testQuestions(t *testing.T, s PraiseStore) {
	awe := badge(t, s, "awe", accolade.Anybody)
	for _, u := range []int64{1, 2, 3} {
		_, err := s.InsertUser(t.Context(), newUser(u, string(rune('a'+u))))
		must(t, err)
	}
	k := registry.NewKey("accolade_chat", 1)
	node := joined(t, s, "a")
	f := fence(claimed(t, s, k, node))
	first := accolade.Asked{Match: 9, Giver: 1, Recipient: 2}
	f.Snapshot = []byte("asked")
	must(t, s.PutQuestion(t.Context(), f, first))
	f.Writes++
	must(t, s.PutQuestion(t.Context(), f, accolade.Asked{Match: 9, Giver: 1, Recipient: 3}))
	f.Writes++

	begin := func(a accolade.Asked) bool {
		t.Helper()
		ok, err := s.BeginQuestion(t.Context(), a)
		must(t, err)
		return ok
	}
	if begin(accolade.Asked{Match: 9, Giver: 1, Recipient: 3}) || begin(accolade.Asked{Match: 8, Giver: 1, Recipient: 2}) {
		t.Error("a question that is not kept is put")
	}
	if !begin(first) || begin(first) {
		t.Error("a question is not put once")
	}

	answer := accolade.Answered{Match: 9, Giver: 1, Recipient: 2, Outcome: accolade.Given, Badge: awe.ID, Miss: -5}
	former := f
	former.Epoch--
	if err := s.PutAnswer(t.Context(), former, answer); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a former owner: %v", err)
	}
	if err := s.PutQuestion(t.Context(), former, accolade.Asked{Match: 10, Giver: 1, Recipient: 2}); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a former owner: %v", err)
	}
	f.Snapshot = []byte("answered")
	must(t, s.PutAnswer(t.Context(), f, answer))
	f.Writes++
	o, err := s.Claim(t.Context(), k, node)
	must(t, err)
	if string(o.Snapshot) != "answered" || o.Writes != f.Writes {
		t.Errorf("state %q after %d writes", o.Snapshot, o.Writes)
	}
	f = fence(o)
	must(t, s.PutAnswer(t.Context(), f, answer)) // as it would be if it came twice
	f.Writes++

	must(t, s.PutQuestion(t.Context(), f, accolade.Asked{Match: 10, Giver: 1, Recipient: 3}))
	f.Writes++
	must(t, s.PutAnswer(t.Context(), f, accolade.Answered{Match: 10, Giver: 1, Recipient: 3, Outcome: accolade.Declined, Miss: 3}))
	f.Writes++
	must(t, s.PutQuestion(t.Context(), f, accolade.Asked{Match: 11, Giver: 1, Recipient: 4}))
	f.Writes++
	must(t, s.PutAnswer(t.Context(), f, accolade.Answered{Match: 11, Giver: 1, Recipient: 4, Outcome: accolade.Later, Miss: 3}))

	given, err := s.GivenTo(t.Context(), 1, time.Hour)
	must(t, err)
	if diff := cmp.Diff([]int64{2, 3}, given); diff != "" { // "ask again later" gives nothing
		t.Errorf("given (-want +got):\n%s", diff)
	}
	if given, err := s.GivenTo(t.Context(), 1, -time.Hour); err != nil || len(given) != 0 {
		t.Errorf("given lately: %v, %v", given, err)
	}
	counts, err := s.AccoladesOf(t.Context(), 2)
	must(t, err)
	if diff := cmp.Diff([]accolade.Count{{Name: "awe", Count: 1}}, counts); diff != "" {
		t.Errorf("accolades (-want +got):\n%s", diff)
	}
	if counts, err := s.AccoladesOf(t.Context(), 3); err != nil || len(counts) != 0 {
		t.Errorf("of who was declined: %v, %v", counts, err)
	}
	for match, want := range map[int64]accolade.Question{
		9:  {Giver: 1, Recipient: 2, Outcome: accolade.Given, Badge: "awe"},
		10: {Giver: 1, Recipient: 3, Outcome: accolade.Declined},
		11: {Giver: 1, Recipient: 4, Outcome: accolade.Later},
	} {
		list, err := s.Questions(t.Context(), match)
		must(t, err)
		if len(list) != 1 || list[0].At.IsZero() {
			t.Fatalf("match %d: %+v", match, list)
		}
		list[0].At = time.Time{}
		if diff := cmp.Diff(want, list[0]); diff != "" {
			t.Errorf("match %d (-want +got):\n%s", match, diff)
		}
	}
	must(t, s.KeepState(t.Context(), fence(claimed(t, s, registry.NewKey("accolade_bot", "main"), node))))
}

// testMisses: misses are counted by the row, and stay in their bounds.
func testMisses(t *testing.T, s PraiseStore) {
	f := fence(claimed(t, s, registry.NewKey("accolade_chat", 1), joined(t, s, "a")))
	for i, step := range []struct {
		miss int
		want string
	}{{-5, "0"}, {3, "3"}, {10, "13"}, {-5, "8"}, {10, "18"}, {10, "28"}, {10, "30"}, {-5, "25"}, {0, "25"}} {
		must(t, s.PutAnswer(t.Context(), f, accolade.Answered{Match: int64(i), Giver: 1, Recipient: 2, Outcome: accolade.Missed, Miss: step.miss}))
		f.Writes++
		if got, _, err := s.Stat(t.Context(), 1, accolade.StatMisses); err != nil || got != step.want {
			t.Errorf("after %+d: %q, %v, want %s", step.miss, got, err, step.want)
		}
	}
	must(t, s.PutStats(t.Context(), 1, map[string]string{accolade.StatMisses: "many"}))
	must(t, s.PutAnswer(t.Context(), f, accolade.Answered{Match: 99, Giver: 1, Outcome: accolade.Missed, Miss: 10}))
	if got, _, err := s.Stat(t.Context(), 1, accolade.StatMisses); err != nil || got != "10" {
		t.Errorf("after what is no number: %q, %v", got, err)
	}
}

// deed adds a type of achievement and returns it.
func deed(t *testing.T, s PraiseStore, add achievement.Type) achievement.Type {
	t.Helper()
	must(t, s.AddAchievement(t.Context(), add))
	types, err := s.Types(t.Context())
	must(t, err)
	i := slices.IndexFunc(types, func(x achievement.Type) bool { return x.Name == add.Name })
	if i < 0 {
		t.Fatalf("no achievement %s", add.Name)
	}
	return types[i]
}

func testAchievementTypes(t *testing.T, s PraiseStore) {
	add := achievement.Type{
		Name: "Winner", Category: "Tests", Icon: "cup", Color: "#fff", Description: "won", Rarity: 3,
		Event: "e", Scenario: "s", Difficulty: achievement.Brutal, Goal: 2,
	}
	got := deed(t, s, add)
	add.ID = got.ID
	if diff := cmp.Diff(add, got); diff != "" || got.ID == 0 {
		t.Errorf("type (-want +got):\n%s", diff)
	}
	if err := s.AddAchievement(t.Context(), add); err == nil {
		t.Error("two of one name")
	}
	must(t, s.RetireAchievement(t.Context(), "Winner", true))
	types, err := s.Types(t.Context())
	must(t, err)
	if i := slices.IndexFunc(types, func(x achievement.Type) bool { return x.Name == "Winner" }); !types[i].Retired {
		t.Error("is not retired")
	}
	if err := s.RetireAchievement(t.Context(), "nobody's", true); err == nil {
		t.Error("retired what is not there")
	}
}

func told(name string, user int64, family, once string) telemetry.Event {
	return telemetry.Event{Family: family, Name: name, User: user, Value: `{"a":1}`, Once: once, At: time.UnixMilli(5)}
}

func testWantedEvents(t *testing.T, s PraiseStore) {
	deed(t, s, achievement.Type{Name: "one", Event: "wanted", Goal: 1})
	must(t, s.PutEvents(t.Context(), []telemetry.Event{
		told("wanted", 1, telemetry.FamilyClient, "a"),
		told("other", 1, telemetry.FamilyClient, "b"),
		told("wanted", 0, telemetry.FamilyClient, "c"),
		told("wanted", 1, telemetry.FamilyAnon, "d"),
		told("wanted", 2, telemetry.FamilyMatch, "e"),
		told("wanted", 2, telemetry.FamilyMatch, "e"),
		told("wanted", 3, telemetry.FamilyClient, "f"),
		told("other", 3, telemetry.FamilyClient, "g"),
	}))
	page := func(after int64, most int) achievement.Page {
		t.Helper()
		p, err := s.EventsAfter(t.Context(), after, most)
		must(t, err)
		return p
	}
	all := page(0, 10)
	var users []int64
	for _, e := range all.Events {
		users = append(users, e.User)
	}
	if diff := cmp.Diff([]int64{1, 2, 3}, users); diff != "" || all.More || all.Last <= all.Events[2].ID {
		t.Errorf("%+v (-want +got):\n%s", all, diff)
	}
	if e := all.Events[0]; e.Name != "wanted" || e.Value != `{"a":1}` {
		t.Errorf("event %+v", e)
	}
	if p := page(0, 2); !p.More || len(p.Events) != 2 {
		t.Errorf("a page: %+v", p)
	}
	if p := page(all.Events[1].ID, 10); len(p.Events) != 1 || p.Last != all.Last {
		t.Errorf("the rest: %+v", p)
	}
	must(t, s.RetireAchievement(t.Context(), "one", true))
	if p := page(0, 10); len(p.Events) != 0 || p.Last != all.Last {
		t.Errorf("of a type that is retired: %+v", p)
	}
}

// testCountedEvents: an event counts once, for all its types; who has reached the goal has
// reached it once; a former owner counts nothing.
func testCountedEvents(t *testing.T, s PraiseStore) {
	once := deed(t, s, achievement.Type{Name: "one", Event: "e", Goal: 1})
	twice := deed(t, s, achievement.Type{Name: "two", Event: "e", Goal: 2})
	must(t, s.PutEvents(t.Context(), []telemetry.Event{
		told("e", 1, telemetry.FamilyClient, "a"), told("e", 1, telemetry.FamilyClient, "b"), told("e", 1, telemetry.FamilyClient, "c"),
		told("e", 2, telemetry.FamilyClient, "d"),
	}))
	p, err := s.EventsAfter(t.Context(), 0, 10)
	must(t, err)
	counted := func(events ...achievement.Event) (c achievement.Counted) {
		for _, e := range events {
			c.Events = append(c.Events, e.ID)
			c.Awards = append(c.Awards, achievement.Award{Event: e.ID, User: e.User, Types: []int64{once.ID, twice.ID}})
		}
		return c
	}
	progress := func(user int64) (list []achievement.Progress) {
		t.Helper()
		list, err := s.AchievementsOf(t.Context(), user)
		must(t, err)
		for i := range list {
			if !list[i].Achieved.IsZero() {
				list[i].Achieved = time.UnixMilli(1)
			}
		}
		return list
	}
	k := registry.NewKey("achievement", "main")
	f := fence(claimed(t, s, k, joined(t, s, "a")))
	former := f
	former.Epoch--
	if err := s.CountEvents(t.Context(), former, counted(p.Events...)); !errors.Is(err, registry.ErrFenced) {
		t.Errorf("a former owner: %v", err)
	}
	if got := progress(1); len(got) != 0 {
		t.Errorf("a former owner has counted %+v", got)
	}
	must(t, s.CountEvents(t.Context(), f, counted(p.Events[0], p.Events[3])))
	f.Writes++
	yes := time.UnixMilli(1)
	want := []achievement.Progress{{Type: "one", Progress: 1, Goal: 1, Achieved: yes}, {Type: "two", Progress: 1, Goal: 2}}
	for _, user := range []int64{1, 2} {
		if diff := cmp.Diff(want, progress(user)); diff != "" {
			t.Errorf("user %d (-want +got):\n%s", user, diff)
		}
	}
	left, err := s.EventsAfter(t.Context(), 0, 10)
	must(t, err)
	if diff := cmp.Diff(p.Events[1:3], left.Events); diff != "" {
		t.Errorf("what is left (-want +got):\n%s", diff)
	}
	// Read before, counted by somebody else since.
	must(t, s.CountEvents(t.Context(), f, counted(p.Events[0], p.Events[0], p.Events[3])))
	f.Writes++
	if diff := cmp.Diff(want, progress(1)); diff != "" {
		t.Errorf("counted twice (-want +got):\n%s", diff)
	}
	must(t, s.CountEvents(t.Context(), f, counted(p.Events[1])))
	f.Writes++
	must(t, s.CountEvents(t.Context(), f, counted(p.Events[2])))
	f.Writes++
	want[1].Progress, want[1].Achieved = 2, yes
	if diff := cmp.Diff(want, progress(1)); diff != "" {
		t.Errorf("at the goal (-want +got):\n%s", diff)
	}
	trim := achievement.Counted{Settled: p.Events[1].ID}
	must(t, s.CountEvents(t.Context(), f, trim))
	left, err = s.EventsAfter(t.Context(), 0, 10)
	must(t, err)
	if diff := cmp.Diff(p.Events[:2], left.Events); diff != "" {
		t.Errorf("without the marks that were dropped (-want +got):\n%s", diff)
	}
}

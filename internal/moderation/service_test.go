package moderation

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/refusal"
)

// memory is a store of one process.
type memory struct {
	Store // the rest panics

	mu      sync.Mutex
	now     func() time.Time
	actions []Action
	marks   map[int64]Mark
	entries []Entry
	bans    []Ban
	reports []Report
	log     []cache.Change
	fail    error
}

func newMemory(now func() time.Time) *memory { return &memory{now: now, marks: map[int64]Mark{}} }

func (m *memory) change(table, key string) []cache.Change {
	c := cache.Change{Version: int64(len(m.log) + 1), Table: table, Key: key}
	m.log = append(m.log, c)
	return []cache.Change{c}
}

func (m *memory) entry(e Entry) error {
	if e.Once != "" && slices.ContainsFunc(m.entries, func(x Entry) bool { return x.Once == e.Once }) {
		return ErrDone
	}
	m.entries = append(m.entries, e)
	return nil
}

func (m *memory) Standing(_ context.Context, user int64) (*Standing, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &Standing{User: user, AltBan: m.marks[user].AltBan}
	for _, a := range m.actions {
		if a.User == user && a.ActiveAt(m.now()) {
			s.Actions = append(s.Actions, a)
		}
	}
	if mark := m.marks[user]; mark.Alt != nil {
		s.Alt = *mark.Alt
	}
	if mark := m.marks[user]; mark.Shadowbanned != nil {
		s.Shadowbanned = *mark.Shadowbanned
	}
	return s, m.fail
}

func (m *memory) Bans(context.Context) (*Bans, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b := &Bans{}
	for _, x := range m.bans {
		b.Keys += len(x.Keys)
		for _, text := range x.Addresses {
			p, err := parsePrefix(text)
			if err != nil {
				return nil, err
			}
			b.Addresses = append(b.Addresses, AddressBan{x.ID, p, x.Created})
		}
	}
	return b, nil
}

func (m *memory) AddAction(_ context.Context, a Action, e Entry) (Action, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.entry(e); err != nil {
		return a, nil, err
	}
	a.ID, a.Created = int64(len(m.actions)+1), m.now()
	m.actions = append(m.actions, a)
	return a, m.change(TableStanding, text(a.User)), nil
}

func (m *memory) EndAction(_ context.Context, id, by int64, reason string, e Entry) (Action, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id < 1 || id > int64(len(m.actions)) {
		return Action{}, nil, ErrNotFound
	}
	a := &m.actions[id-1]
	a.Ended, a.EndedBy, a.EndReason = m.now(), by, reason
	return *a, m.change(TableStanding, text(a.User)), m.entry(e)
}

func (m *memory) EndExpired(_ context.Context, most int) (ended []Action, changed []cache.Change, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.actions {
		if a := &m.actions[i]; a.Ended.IsZero() && !a.ActiveAt(m.now()) && len(ended) < most {
			a.Ended, a.EndReason = m.now(), Expired
			ended = append(ended, *a)
			changed = append(changed, m.change(TableStanding, text(a.User))...)
		}
	}
	return ended, changed, m.fail
}

func (m *memory) MarkUser(_ context.Context, user int64, k Mark, e Entry) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.entry(e); err != nil {
		return nil, err
	}
	m.marks[user] = k
	return m.change(TableStanding, text(user)), nil
}

func (m *memory) AddBan(_ context.Context, b Ban, source *Action, e Entry) (Ban, []cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b.ID, b.Created = int64(len(m.bans)+1), m.now()
	m.bans = append(m.bans, b)
	changes := m.change(TableBans, KeyBans)
	if source != nil {
		source.ID = int64(len(m.actions) + 1)
		m.actions = append(m.actions, *source)
		changes = append(changes, m.change(TableStanding, text(source.User))...)
	}
	return b, changes, m.entry(e)
}

func (m *memory) AddReport(_ context.Context, r Report) (Report, error) {
	m.reports = append(m.reports, r)
	r.ID = int64(len(m.reports))
	return r, nil
}

func (m *memory) ReportsSince(_ context.Context, reporter int64, _ time.Duration) (n int, _ error) {
	for _, r := range m.reports {
		if r.Reporter == reporter {
			n++
		}
	}
	return n, nil
}

func (m *memory) AddEntry(_ context.Context, e Entry) error { return m.entry(e) }

func (m *memory) Changes(_ context.Context, after int64, limit int) ([]cache.Change, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.log[min(int(after), len(m.log)):]
	return slices.Clone(list[:min(limit, len(list))]), nil
}

func (m *memory) LastChange(context.Context) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return int64(len(m.log)), nil
}

func (*memory) TrimChanges(context.Context, int64) error { return nil }

func text(id int64) string { return string(rune('0' + id)) } // of small ones

func still(at time.Time) func() time.Time { return func() time.Time { return at } }

func site(now func() time.Time) (*Service, *memory) {
	m := newMemory(now)
	return NewService(m, nil, now, nil), m
}

func said(err error) string {
	if no, ok := refusal.As(err); ok {
		return no.Message
	}
	if err != nil {
		return "error: " + err.Error()
	}
	return ""
}

// TestAct: an action in its form; a long Login is for ever, and says so.
func TestAct(t *testing.T) {
	t.Parallel()
	s, m := site(still(noon))
	by := Actor{User: 3, Name: "op"}
	for _, tc := range []struct {
		n    NewAction
		want []string
	}{
		{NewAction{User: 7, Reason: "x", Restrictions: []string{"login"}, Expires: noon.AddDate(0, 0, 7)}, []string{Login}},
		{NewAction{User: 7, Reason: "x", Restrictions: []string{"login"}}, []string{Login, Permanent}},
		{NewAction{User: 7, Reason: "x", Restrictions: []string{"login"}, Expires: noon.AddDate(11, 0, 0)}, []string{Login, Permanent}},
		{NewAction{User: 7, Reason: "x", Restrictions: []string{"boss"}}, []string{Boss}},
		{NewAction{User: 7, Restrictions: []string{"boss"}}, nil},
		{NewAction{User: 7, Reason: "x"}, nil},
		{NewAction{User: 7, Reason: "x", Restrictions: []string{"boss"}, Expires: noon}, nil},
	} {
		a, err := s.Act(t.Context(), tc.n, by)
		if (err == nil) != (tc.want != nil) {
			t.Errorf("%+v: %v", tc.n, err)
		}
		if diff := cmp.Diff(tc.want, a.Restrictions); err == nil && (diff != "" || a.Author != 3) {
			t.Errorf("%+v (-want +got):\n%s", tc.n, diff)
		}
	}
	if len(m.entries) != 4 || m.entries[0].Action != ActionCreated || m.entries[0].By != "op" || m.entries[0].Details["expires"] != "2031-05-13 12:00:00" {
		t.Errorf("audit: %+v", m.entries)
	}
}

// TestVerdicts: what logins, registrations and renames are told.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	s, m := site(still(noon))
	ctx, by := t.Context(), Actor{}
	do := func(user int64, names ...string) {
		if _, err := s.Act(ctx, NewAction{User: user, Reason: "x", Restrictions: names, Expires: noon.Add(time.Hour)}, by); err != nil {
			t.Fatal(err)
		}
	}
	do(1, Login)
	do(2, Renaming)
	do(3, Community)
	do(4, AllChat)
	if err := s.SetAlt(ctx, 5, 6, by); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ban(ctx, Ban{Reason: "x", Addresses: []string{"192.0.2.0/24"}}, by); err != nil {
		t.Fatal(err)
	}
	m.now = still(noon.Add(time.Minute))
	young := noon.Add(time.Second)
	for _, tc := range []struct {
		what string
		err  error
		want string
	}{
		{"alt", s.MayTry(ctx, 5), TextAlt}, {"no alt", s.MayTry(ctx, 6), ""}, {"suspended tries", s.MayTry(ctx, 1), ""},
		{"suspended", s.MayLogIn(ctx, &account.User{ID: 1}, ""), TextSuspended},
		{"old account", s.MayLogIn(ctx, &account.User{ID: 7, Created: noon.Add(-time.Hour)}, "192.0.2.1"), ""},
		{"young account", s.MayLogIn(ctx, &account.User{ID: 7, Created: young}, "192.0.2.1"), TextBanned},
		{"young bot", s.MayLogIn(ctx, &account.User{ID: 7, Created: young, Roles: []account.Role{account.Bot}}, "192.0.2.1"), ""},
		{"young and relied on", s.MayLogIn(ctx, &account.User{ID: 7, Created: young, Roles: []account.Role{account.Trusted}}, "192.0.2.1"), ""},
		{"from elsewhere", s.MayLogIn(ctx, &account.User{ID: 7, Created: young}, "192.0.3.1"), ""},
		{"registers", s.MayRegister(ctx, "192.0.2.1"), TextBanned}, {"registers elsewhere", s.MayRegister(ctx, "192.0.3.1"), ""},
		{"rename 2", s.MayRename(ctx, 2), textRenaming}, {"rename 3", s.MayRename(ctx, 3), textRenaming},
		{"rename 4", s.MayRename(ctx, 4), textMuted}, {"rename 1", s.MayRename(ctx, 1), ""},
	} {
		if got := said(tc.err); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.what, got, tc.want)
		}
	}
	m.fail = errors.New("away")
	for what, err := range map[string]error{"try": s.MayTry(ctx, 7), "log in": s.MayLogIn(ctx, &account.User{ID: 7}, ""), "rename": s.MayRename(ctx, 7)} {
		if err == nil {
			t.Errorf("%s: decided while the store is away", what)
		}
	}
}

// TestReports: who may report whom.
func TestReports(t *testing.T) {
	t.Parallel()
	s, m := site(still(noon))
	ctx := t.Context()
	if _, err := s.Act(ctx, NewAction{User: 3, Reason: "x", Restrictions: []string{Reporting}}, Actor{}); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		r    Report
		want string
	}{
		{Report{Reporter: 1, Target: 2, Text: "x"}, ""},
		{Report{Reporter: 1, Target: 2, Text: " "}, textNoReason},
		{Report{Reporter: 1, Target: 1, Text: "x"}, textDenied},
		{Report{Reporter: 1, Text: "x"}, textDenied},
		{Report{Reporter: 3, Target: 2, Text: "x"}, textDenied},
	} {
		if _, err := s.Report(ctx, tc.r); said(err) != tc.want {
			t.Errorf("%+v: %q", tc.r, said(err))
		}
	}
	for len(m.reports) < reportsPerHour {
		m.reports = append(m.reports, Report{Reporter: 1})
	}
	if _, err := s.Report(ctx, Report{Reporter: 1, Target: 2, Text: "x"}); said(err) != textDenied {
		t.Errorf("one too many: %q", said(err))
	}
}

// TestReminder: of what a user is told, and others.
func TestReminder(t *testing.T) {
	t.Parallel()
	s, _ := site(still(noon))
	ctx := t.Context()
	for reason, n := range map[string]NewAction{
		"told": {Restrictions: []string{Boss}}, "hidden": {Restrictions: []string{Boss}, Hidden: true},
		"inside": {Restrictions: []string{Bridging}}, "note": {Restrictions: []string{Note}},
	} {
		n.User, n.Reason = 7, reason
		if _, err := s.Act(ctx, n, Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	actions, err := s.Actions(ctx, 7)
	var got []string
	for _, a := range actions {
		got = append(got, a.Reason)
	}
	slices.Sort(got)
	reasons, err2 := s.Restricted(ctx, 7)
	if diff := cmp.Diff([][]string{{"hidden", "told"}, {"told"}}, [][]string{got, reasons}); diff != "" || err != nil || err2 != nil {
		t.Errorf("%v %v (-want +got):\n%s", err, err2, diff)
	}
}

// TestAlt: the original of an original counts, and nobody is the alternative of itself.
func TestAlt(t *testing.T) {
	t.Parallel()
	s, m := site(still(noon))
	ctx := t.Context()
	for _, pair := range [][2]int64{{2, 1}, {3, 2}} {
		if err := s.SetAlt(ctx, pair[0], pair[1], Actor{}); err != nil {
			t.Error(err)
		}
	}
	if *m.marks[3].Alt != 1 {
		t.Errorf("3 is an account of %d", *m.marks[3].Alt)
	}
	for _, pair := range [][2]int64{{1, 1}, {1, 3}} {
		if err := s.SetAlt(ctx, pair[0], pair[1], Actor{}); err == nil {
			t.Errorf("%d is an account of %d", pair[0], pair[1])
		}
	}
	if err := s.SetAlt(ctx, 3, 0, Actor{}); err != nil || s.MayTry(ctx, 3) != nil {
		t.Errorf("unmarked: %v", err)
	}
}

// TestEnact: once, whoever does it how often, and not again after it was undone.
func TestEnact(t *testing.T) {
	t.Parallel()
	for name, ban := range map[string]*Ban{"source known": {ID: 4, Source: 1}, "unknown": {ID: 5}} {
		s, m := site(still(noon))
		ctx := t.Context()
		for i, want := range []bool{true, false} {
			if done, err := s.Enact(ctx, ban, 7, Actor{User: 2}); done != want || err != nil {
				t.Errorf("%s, %d: %v %v", name, i, done, err)
			}
		}
		st, err := s.Standing(ctx, 7)
		if err != nil || st.Refusal(noon) == nil || st.Alt != ban.Source || ban.Source != 0 && st.AltBan != 4 {
			t.Errorf("%s: %+v %v", name, st, err)
		}
		if len(m.entries) != 1 || m.entries[0].Action != BanEnacted || m.entries[0].User != 2 {
			t.Errorf("%s: audit %+v", name, m.entries)
		}
	}
}

func TestUnbridge(t *testing.T) {
	t.Parallel()
	s, m := site(still(noon))
	for range 2 {
		if err := s.Unbridge(t.Context(), 7, Actor{User: 2}); err != nil {
			t.Error(err)
		}
	}
	want := []Action{{ID: 1, User: 7, Reason: "Flagged words", Restrictions: []string{Bridging}, Hidden: true, Author: 2, Created: noon}}
	if diff := cmp.Diff(want, m.actions); diff != "" || len(m.entries) != 1 {
		t.Errorf("%d entries (-want +got):\n%s", len(m.entries), diff)
	}
}

// TestEverywhere: what is decided on a node counts on all of them at once, ends everywhere
// at its time, whether or not the job has come, and is told again when it has.
func TestEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory(time.Now)
		net := bus.NewNetwork()
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var nodes []*Service
		var told []string
		for _, name := range []string{"a", "b", "c"} {
			b := net.Join(bus.Origin{Node: name, Incarnation: 1})
			defer func() { _ = b.Close() }()
			caches := cache.New(b, m, cache.Options{})
			nodes = append(nodes, NewService(m, caches, time.Now, nil))
			if name == "c" {
				caches.OnChange(TableStanding, func(key string) { told = append(told, key) })
			}
			running.Go(func() { _ = caches.Run(ctx) })
		}
		synctest.Wait()
		a, c := nodes[0], nodes[2]
		muted := func() bool {
			st, err := c.Standing(ctx, 7)
			if err != nil {
				t.Error(err)
			}
			return st.MutedInRooms(c.Now())
		}
		if muted() {
			t.Error("before")
		}
		if _, err := a.Act(ctx, NewAction{User: 7, Reason: "x", Restrictions: []string{AllChat}, Expires: time.Now().Add(time.Minute)}, Actor{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the message; no time passes
		if !muted() || len(told) != 1 {
			t.Errorf("on c: muted %v, told %v", muted(), told)
		}
		<-time.After(time.Minute)
		if muted() {
			t.Error("it has run out")
		}
		if err := nodes[1].EndExpired(ctx); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(told) != 2 || m.actions[0].EndReason != Expired {
			t.Errorf("after the job: told %v, %+v", told, m.actions)
		}
		if err := a.EndExpired(ctx); err != nil || len(m.log) != 2 {
			t.Errorf("again: %v, %v", err, m.log)
		}
		stop()
		running.Wait()
	})
}

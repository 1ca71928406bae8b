package moderation

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2031, 5, 6, 12, 0, 0, 0, time.UTC)

func standingOf(actions ...Action) *Standing { return &Standing{User: 7, Actions: actions} }

func restricted(names ...string) *Standing { return standingOf(Action{ID: 1, Restrictions: names}) }

func TestStanding(t *testing.T) {
	t.Parallel()
	s := standingOf(
		Action{ID: 1, Restrictions: []string{Boss, Voting}},
		Action{ID: 2, Restrictions: []string{Voting, AllChat}, Expires: noon},
		Action{ID: 3, Restrictions: []string{Login}, Ended: noon.Add(-time.Hour)},
	)
	for name, tc := range map[string]struct {
		at   time.Time
		want []string
	}{
		"before": {noon.Add(-time.Nanosecond), []string{AllChat, Boss, Voting}},
		"at":     {noon, []string{Boss, Voting}},
	} {
		if diff := cmp.Diff(tc.want, s.Restrictions(tc.at)); diff != "" {
			t.Errorf("%s the end (-want +got):\n%s", name, diff)
		}
	}
	var none *Standing
	if none.Restrictions(noon) != nil || none.Restricted(noon, Login) || none.Refusal(noon) != nil || none.MutedInRooms(noon) ||
		none.MutedInLobbies(noon) || none.MutedInPrivate(noon) || !none.MaySay(noon, "!x") || none.Since(nil, noon) != nil {
		t.Error("who was never heard of is restricted")
	}
	for _, tc := range []struct {
		s    *Standing
		want string
	}{
		{restricted(Boss), ""}, {restricted(Login), TextSuspended}, {restricted(Login, Permanent), TextBanned},
		{&Standing{Alt: 5}, TextAlt}, {&Standing{Shadowbanned: true}, ""},
	} {
		got := ""
		if no := tc.s.Refusal(noon); no != nil {
			got = no.Message
		}
		if got != tc.want {
			t.Errorf("%+v: %q", tc.s, got)
		}
	}
}

// TestSince: what counts now and did not before; not what was lifted, nor what is over.
func TestSince(t *testing.T) {
	t.Parallel()
	a, b, c := Action{ID: 1}, Action{ID: 2}, Action{ID: 3, Expires: noon}
	for name, tc := range map[string]struct {
		now, before *Standing
		want        []Action
	}{
		"nothing known": {standingOf(a), nil, []Action{a}},
		"one more":      {standingOf(a, b), standingOf(a), []Action{b}},
		"one less":      {standingOf(a), standingOf(a, b), nil},
		"the same":      {standingOf(a, b), standingOf(a, b), nil},
		"over":          {standingOf(a, c), standingOf(a), nil},
	} {
		if diff := cmp.Diff(tc.want, tc.now.Since(tc.before, noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMaySay(t *testing.T) {
	t.Parallel()
	muted := []string{"!vote", "!vote y", "!VOTE Yes", "!vote n", "!vote no", "!vote b", "!vote blank", "!y", "!n", "!b", "!ev", "!endvote", "!help",
		"!balance", "!start", "!stop", "!resign", "!forcestart", "!cv balance", "!callvote Start", "!cv forcestart", " !y "}
	not := []string{"hello", "!vote you are bad", "!y you", "!help me", "!cv resign him", "!cv kick x", "!cv", "!boss me", "!balance it", "", "y", "vote y", "$x"}
	for _, name := range []string{AllChat, LobbyChat, BattleChat, GameChat} {
		for _, line := range muted {
			if !restricted(name).MaySay(noon, line) {
				t.Errorf("%s: %q is dropped", name, line)
			}
		}
		for _, line := range not {
			if restricted(name).MaySay(noon, line) {
				t.Errorf("%s: %q is said", name, line)
			}
		}
	}
	for _, tc := range []struct {
		s    *Standing
		line string
		want bool
	}{
		{restricted(RoomChat), "hello", true}, {restricted(DirectChat), "hello", true}, {restricted(Boss), "!boss", true},
		{restricted(HostCommands), "hello", true}, {restricted(HostCommands), "!y", false},
		{restricted(Voting), "!y", false}, {restricted(Voting), "!NO", false}, {restricted(Voting), "!vote yes", false},
		{restricted(Voting), "!vote", true}, {restricted(Voting), "!b", true}, {restricted(Voting), "yes", true}, {restricted(Voting), "", true},
		{&Standing{Shadowbanned: true}, "!y", false}, {&Standing{}, "hello", true},
		{standingOf(Action{Restrictions: []string{AllChat}, Expires: noon}), "hello", true},
	} {
		if got := tc.s.MaySay(noon, tc.line); got != tc.want {
			t.Errorf("%v: %q: %v", tc.s, tc.line, got)
		}
	}
}

// TestEveryRestriction: each is enforced somewhere, and this says how it is looked at.
func TestEveryRestriction(t *testing.T) {
	t.Parallel()
	type look func(*Standing) bool
	line := func(text string) look { return func(s *Standing) bool { return !s.MaySay(noon, text) } }
	elsewhere := func(*Standing) bool { return true } // by name: in consul, accolade, matchmaking, bridge, coordinator
	looks := map[string]look{
		Bridging: elsewhere, LowPriority: elsewhere, GameQueue: elsewhere, Boss: elsewhere, Matchmaking: elsewhere, Accolades: elsewhere,
		Joining: elsewhere, AllLobbies: elsewhere, Reporting: elsewhere, Renaming: elsewhere, Community: elsewhere, Warning: elsewhere, Note: elsewhere,
		RoomChat:   func(s *Standing) bool { return s.MutedInRooms(noon) },
		DirectChat: func(s *Standing) bool { return s.MutedInPrivate(noon) },
		AllChat: func(s *Standing) bool {
			return s.MutedInRooms(noon) && s.MutedInPrivate(noon) && s.MutedInLobbies(noon) && line("x")(s)
		},
		LobbyChat: line("x"), BattleChat: line("x"), GameChat: line("x"), HostCommands: line("!x"), Voting: line("!y"),
		Login: func(s *Standing) bool { return s.Refusal(noon) != nil }, Permanent: func(s *Standing) bool { return s.Refusal(noon) != nil },
	}
	for _, r := range Restrictions {
		look, ok := looks[r.Name]
		if !ok || !look(restricted(r.Name)) {
			t.Errorf("%s forbids nothing", r.Name)
		}
	}
	if len(looks) != len(Restrictions) {
		t.Errorf("%d restrictions, %d are looked at", len(Restrictions), len(looks))
	}
}

func TestCheckRestrictions(t *testing.T) {
	t.Parallel()
	got, err := checkRestrictions([]string{" login ", "ALL CHAT", "Login"})
	if diff := cmp.Diff([]string{AllChat, Login}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, bad := range [][]string{nil, {"Everything"}, {Permanent}, {Boss, "x"}} {
		if got, err := checkRestrictions(bad); err == nil {
			t.Errorf("%v: %v", bad, got)
		}
	}
}

func TestParseExpiry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"never": {}, "Permanent": {}, "1100 years": {}, "400000 days": {}, "9999-01-01": {},
		"1 second": noon.Add(time.Second), "30 minutes": noon.Add(30 * time.Minute), "7 days": noon.AddDate(0, 0, 7), "1 Week": noon.AddDate(0, 0, 7),
		"3 months": noon.AddDate(0, 3, 0), "2 years": noon.AddDate(2, 0, 0), "12 hours": noon.Add(12 * time.Hour),
		"2031-12-24": time.Date(2031, 12, 24, 0, 0, 0, 0, time.UTC), "2031-12-24 18:30:00": time.Date(2031, 12, 24, 18, 30, 0, 0, time.UTC),
		"2031-12-24T18:30:00+01:00": time.Date(2031, 12, 24, 17, 30, 0, 0, time.UTC),
	} {
		if got, err := ParseExpiry(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "soon", "7", "days", "-1 days", "0 days", "7 moons", "2001-01-01", "7days", "9999999999999999999999 days"} {
		if got, err := ParseExpiry(bad, noon); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestBanCheck(t *testing.T) {
	t.Parallel()
	b := Ban{Keys: []string{" a ", "", "0", "a", "b"}, Addresses: []string{"192.0.2.7", "192.0.2.9/24", "::ffff:192.0.2.7", "2001:db8::1/32"}, Reason: " why "}
	if err := b.check(); err != nil {
		t.Fatal(err)
	}
	want := Ban{Keys: []string{"a", "b"}, Addresses: []string{"192.0.2.7/32", "192.0.2.0/24", "2001:db8::/32"}, Reason: "why"}
	if diff := cmp.Diff(want, b); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, bad := range []Ban{{}, {Reason: "x"}, {Keys: []string{"a"}}, {Reason: "x", Keys: []string{"0"}}, {Reason: "x", Addresses: []string{"here"}}} {
		if err := bad.check(); err == nil {
			t.Errorf("%+v is a ban", bad)
		}
	}
}

// TestCovers: a ban of an address is for who registers, and for accounts that are younger.
func TestCovers(t *testing.T) {
	t.Parallel()
	b := &Bans{Addresses: []AddressBan{
		{1, netip.MustParsePrefix("192.0.2.0/24"), noon}, {2, netip.MustParsePrefix("2001:db8::/32"), noon},
	}}
	for _, tc := range []struct {
		ip   string
		made time.Time
		want int64
	}{
		{"192.0.2.1", time.Time{}, 1}, {"::ffff:192.0.2.1", time.Time{}, 1}, {"192.0.3.1", time.Time{}, 0}, {"2001:db8::7", noon.Add(time.Second), 2},
		{"192.0.2.1", noon.Add(-time.Second), 0}, {"192.0.2.1", noon, 0}, {"", time.Time{}, 0}, {"x", time.Time{}, 0},
	} {
		if got, _ := b.Covers(tc.ip, tc.made); got != tc.want {
			t.Errorf("%s of %v: ban %d", tc.ip, tc.made, got)
		}
	}
	var none *Bans
	if _, ok := none.Covers("192.0.2.1", time.Time{}); ok {
		t.Error("no bans cover something")
	}
}

func TestFlagged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"curse": true, "A CUR53!": true, "cur-se you": true, "c_urse": true, "cursed": false, "": false, "hello": false, "x,curse.y": true,
	} {
		if got := Flagged(text, []string{"curse"}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	if Flagged("curse", nil) {
		t.Error("nothing is flagged")
	}
}

func TestReportForm(t *testing.T) {
	t.Parallel()
	long := make([]rune, 300)
	for i := range long {
		long[i] = 'é'
	}
	r := Report{Place: " lobby ", Text: string(long) + "\x00"}
	r.check()
	if len([]rune(r.Text)) != maxText || r.Place != "lobby" {
		t.Errorf("%d characters, place %q", len([]rune(r.Text)), r.Place)
	}
}

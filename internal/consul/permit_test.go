package consul

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lists are who may what, as clients have known it since August 2026: each list names its
// commands, and each command is in one.
var lists = map[string][]string{
	"everybody": strings.Fields("status explain y n follow joinq leaveq splitlobby afks roll password?"),
	"boss": strings.Fields(`balancealgorithm gatekeeper welcome-message reset-approval rename minchevlevel maxchevlevel resetchevlevels
		resetratinglevels minratinglevel maxratinglevel setratinglevels`),
	"host": strings.Fields(`specunready makeready settag speclock forceplay lobbyban lobbybanmult unban forcespec lock unlock
		set-config-teaser`),
	"admin": strings.Fields("shuffle"),
	"moderator": strings.Fields(`playerlimit success cancelsplit dosplit specafk vip backofthequeue pull timeout lobbykick reset bstatus
		set force_party`),
}

// mayUse are the lists that each role may use. A host is the autohost's account; who is an admin
// or a moderator needs to be neither host nor boss.
var mayUse = []struct {
	role  string
	user  int64
	lists []string
}{
	{"plain player", erin, []string{"everybody"}},
	{"plain spectator", frank, []string{"everybody"}},
	{"boss", bob, []string{"everybody", "boss"}},
	{"host", host, []string{"everybody", "boss", "host"}},
	{"moderator", moddy, []string{"everybody", "boss", "host", "moderator"}},
	{"admin", ada, []string{"everybody", "boss", "host", "moderator", "admin"}},
}

// TestWhoMay: every command for every role. Who may not is told which list it is in, if that is
// the host's or the boss's, and else that there is no such command; alone, and nothing happens.
func TestWhoMay(t *testing.T) {
	t.Parallel()
	of := map[string]string{}
	for list, names := range lists {
		for _, name := range names {
			if of[name] != "" {
				t.Errorf("$%s is in two lists", name)
			}
			of[name] = list
			if find(name) == nil {
				t.Errorf("$%s: there is no such command", name)
			}
		}
	}
	rooms := make([]*table, len(mayUse)) // one for each role: a refused order leaves it as it was
	for i, who := range mayUse {
		rooms[i] = newTable(t)
		rooms[i].do(func(t *Turn) { t.seen(who.user) }) // whoever orders something is there
	}
	for _, c := range Commands() {
		list := of[c.Name]
		if list == "" {
			t.Errorf("$%s: in no list", c.Name)
			continue
		}
		for _, name := range []string{c.Name, c.Short} {
			if name == "" {
				continue
			}
			for i, who := range mayUse {
				want := map[string]string{
					"host": "You are not allowed to use the '" + name + "' command (host only)",
					"boss": "You are not allowed to use the '" + name + "' command (boss only)",
				}[list]
				if want == "" {
					want = "No command of name '" + name + "'"
				}
				if slices.Contains(who.lists, list) {
					want = ""
				}
				x := rooms[i]
				turn := &Turn{State: x.state, Room: &x.room, Rules: &x.rules, At: x.at}
				if why, ok := turn.permitted(find(name), who.user, turn.facts(who.user), name); why != want || ok != (want == "") {
					t.Errorf("$%s of a %s: permitted %t, %q, want %q", name, who.role, ok, why, want)
				}
				if want != "" {
					refused(t, x, who.user, name, want)
				}
			}
		}
	}
	for i, who := range mayUse {
		refused(t, rooms[i], who.user, "nosuch", "No command of name 'nosuch'")
	}
}

// refused gives an order that is refused: its sender alone is told why, and nothing else comes of
// it.
func refused(t *testing.T, x *table, user int64, name, why string) {
	t.Helper()
	before := x.encoded(x.state)
	acts := x.order(user, "$"+name)
	if diff := cmp.Diff([]any{Say{To: user, Text: why, Emote: true}}, acts); diff != "" {
		t.Errorf("$%s of %d: acts (-want +got):\n%s", name, user, diff)
	}
	if diff := cmp.Diff(before, x.encoded(x.state)); diff != "" {
		t.Errorf("$%s of %d was refused and has changed (-before +after):\n%s", name, user, diff)
	}
}

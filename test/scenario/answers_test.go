package scenario

import (
	"slices"
	"testing"

	"teiserver/internal/spring/wire"
)

// TestEveryCommandIsPestered: each command of the server is sent with odd arguments, and it is
// known what it may answer to whom; what is left out is left out for a reason.
func TestEveryCommandIsPestered(t *testing.T) {
	before, after := pestered(false), pestered(true)
	for _, name := range wire.Names() {
		reason, beforeOnly := unasked[name], unaskedBefore[name]
		if (reason == "") != (len(replies[name]) > 0) {
			t.Errorf("%s: it is to have answers, or a reason to be left out", name)
		}
		if (reason == "") != slices.Contains(after, name) || (reason == "" && beforeOnly == "") != slices.Contains(before, name) {
			t.Errorf("%s: sent before the login: %v, after: %v", name, slices.Contains(before, name), slices.Contains(after, name))
		}
		for _, role := range everyRole {
			if reason == "" && len(ways(name, role)) == 0 && (role != "stranger" || wire.Commands[name].BeforeLogin) && beforeOnly == "" {
				t.Errorf("%s: nothing is known of its answer to a %s", name, role)
			}
		}
	}
	for name := range replies {
		if _, known := wire.Commands[name]; !known {
			t.Errorf("%s: no such command", name)
		}
	}
	for _, name := range unknown {
		if _, known := wire.Commands[name]; known {
			t.Errorf("%s: there is such a command", name)
		}
		if wire.Silent(name, true) != slices.Contains(unanswered, name) {
			t.Errorf("%s: dropped: %v", name, wire.Silent(name, true))
		}
	}
}

// TestExpected: what odd lines may be answered, to each role.
func TestExpected(t *testing.T) {
	for _, tc := range []struct {
		line, role, answer string
		fits               bool
	}{
		{"#1 JOIN", "stranger", "DENIED Unauthenticated", true},
		{"#1 JOIN", "stranger", "", false},
		{"#1 FOO", "stranger", "DENIED Unauthenticated", true},
		{"#1 FOO \xff", "stranger", "", true},
		{"#1 FOO \xff", "stranger", "DENIED Unauthenticated", false},
		{"#1 CHANGEPASSWORD a b", "stranger", `SERVERMSG No incomming match for CHANGEPASSWORD with data '"a b"'. Userid`, true},
		{"#1 LOGIN x", "stranger", "SERVERMSG No incomming match for LOGIN with data '\"x\"'. Userid \nDENIED Invalid details format", true},
		{"#1 LOGIN x", "stranger", `SERVERMSG No incomming match for LOGIN with data '"x"'. Userid `, false},
		{"#1 MYSTATUS x", "player", `SERVERMSG No incomming match for MYSTATUS with data '"x"'. Userid 7`, true},
		{"#1 MYSTATUS x", "player", `SERVERMSG No incomming match for MYSTATUS with data '"x"'. Userid 8`, false},
		{"#1 MYSTATUS x", "player", "", false},
		{"#1 MYBATTLESTATUS x", "player", "", true}, // in no battle
		{"#1 GETIP x", "player", "", true},
		{"#1 GETIP x", "player", "NO cmd=GETIP", false},
		{"#1 GETIP x", "moderator", "NO cmd=GETIP", true},
		{"#1 GETIP x", "moderator", "", false},
		{"#1 c.party.nosuch", "player", "", true},
		{"#1 c.user.nosuch", "player", "", false},
		{"#1 PING", "player", "PONG", true},
		{"#1 PING", "player", "PONG\nPONG", false},
	} {
		user := "7"
		if tc.role == "stranger" {
			user = ""
		}
		if err := fits(tc.line, tc.answer, tc.role, user, false); (err == nil) != tc.fits {
			t.Errorf("%s %q, answered by %q: %v", tc.role, tc.line, tc.answer, err)
		}
	}
}

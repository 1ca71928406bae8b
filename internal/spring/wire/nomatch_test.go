package wire

import (
	"strings"
	"testing"
)

func TestNoMatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ command, args, user, want string }{
		{"MYSTATUS", "", "42", `SERVERMSG No incomming match for MYSTATUS with data '""'. Userid 42`},
		{"REGISTER", "TwoArgs9 X03MO1qnZdYdgyfeuILPmQ==", "", `SERVERMSG No incomming match for REGISTER with data '"TwoArgs9 X03MO1qnZdYdgyfeuILPmQ=="'. Userid `},
		{"LOGIN", "Alice h 1 * Lobby\t1 2\tsp", "", `SERVERMSG No incomming match for LOGIN with data '"Alice h 1 * Lobby\\t1 2\\tsp"'. Userid `},
		{"c.user.get_token_by_name", "Alice\tpassword", "3", `SERVERMSG No incomming match for c.user.get_token_by_name with data '"Alice\\tpassword"'. Userid 3`},
		{"SAYEX", "main", "927", `SERVERMSG No incomming match for SAY with data '"main"'. Userid 927`},
		{"SAY", "main", "926", `SERVERMSG No incomming match for SAY with data '"main"'. Userid 926`},
		{"PI", "\x00NG", "8", `SERVERMSG No incomming match for PI with data '<<0, 78, 71>>'. Userid 8`},
		{"X", `a"b\c#{d}#e`, "1", `SERVERMSG No incomming match for X with data '"a\"b\\c\#{d}#e"'. Userid 1`},
		{"X", "😀 hé", "1", `SERVERMSG No incomming match for X with data '"😀 hé"'. Userid 1`},
		{"X", "a\rb\x1bc\ad\be\ff\vg\x7f", "1", `SERVERMSG No incomming match for X with data '"a\rb\ec\ad\be\ff\vg\d"'. Userid 1`},
		{"X", "\u0085", "1", `SERVERMSG No incomming match for X with data '<<194, 133>>'. Userid 1`},
		{"X", "\ufffd", "1", "SERVERMSG No incomming match for X with data '\"\ufffd\"'. Userid 1"},
		{"X", "\xff", "1", `SERVERMSG No incomming match for X with data '<<255>>'. Userid 1`},
		{"X", strings.Repeat("\x00", 51), "1", `SERVERMSG No incomming match for X with data '<<` + strings.Repeat("0, ", 50) + `...>>'. Userid 1`},
		{"X", strings.Repeat("\x00", 50), "1", `SERVERMSG No incomming match for X with data '<<` + strings.Repeat("0, ", 49) + `0>>'. Userid 1`},
		{"X", strings.Repeat("é", 4096), "1", `SERVERMSG No incomming match for X with data '"` + strings.Repeat("é", 4096) + `"'. Userid 1`},
		{"X", strings.Repeat("é", 4097), "1", `SERVERMSG No incomming match for X with data '"` + strings.Repeat("é", 4096) + `" <> ...'. Userid 1`},
	} {
		if got := string(appendNoMatchLine(nil, tc.command, tc.args, tc.user)); got != tc.want {
			t.Errorf("%s %.40q:\n got %.200s\nwant %.200s", tc.command, tc.args, got, tc.want)
		}
	}
}

func TestAppendNoMatch(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"FOO":        "SERVERMSG No incomming match for FOO with data '\"x\"'. Userid 7\n",
		"LOGIN":      "SERVERMSG No incomming match for LOGIN with data '\"x\"'. Userid 7\nDENIED Invalid details format\n",
		"OPENBATTLE": "SERVERMSG No incomming match for OPENBATTLE with data '\"x\"'. Userid 7\nOPENBATTLEFAILED No match\n",
	} {
		if got := string(AppendNoMatch(nil, command, "x", "7")); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
	}
}

package wire

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Line{
		"PING":                                  {Command: "PING"},
		"PING\n":                                {Command: "PING"},
		"PING\r\n":                              {Command: "PING"},
		"PING  ":                                {Command: "PING"},
		"PING  now":                             {Command: "PING", Args: "now"},
		"PING!":                                 {Command: "PING", Args: "!"},
		"ping":                                  {Command: "ping"},
		"#4 PING":                               {ID: "4", Command: "PING"},
		"#12345678901234567890 PING":            {ID: "12345678901234567890", Command: "PING"},
		"#007 SAY main hi":                      {ID: "007", Command: "SAY", Args: "main hi"},
		"c.battles.list_ids":                    {Command: "c.battles.list_ids"},
		"c.user.relationship a\tb":              {Command: "c.user.relationship", Args: "a\tb"},
		"JOINBATTLE 13  8a395847\r":             {Command: "JOINBATTLE", Args: "13  8a395847"},
		"PI\x00NG":                              {Command: "PI", Args: "\x00NG"},
		"SAYPRIVATE Alice 😀 hé":                 {Command: "SAYPRIVATE", Args: "Alice 😀 hé"},
		"LEAVE\u00a0x\u2003":                    {Command: "LEAVE", Args: "x"},
		"SAY main a\rb":                         {Command: "SAY", Args: "main a\rb"},
		"_.9":                                   {Command: "_.9"},
		"#" + strings.Repeat("1", 64) + " PING": {ID: strings.Repeat("1", 64), Command: "PING"},
	} {
		got, ok := ParseLine([]byte(in))
		if !ok {
			t.Errorf("%q: not a line", in)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: (-want +got)\n%s", in, diff)
		}
	}
}

func TestParseLineDrops(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "\n", "\r\n", " ", " PING", "\tPING", "^^", "#x PING", "# PING", "#1", "#1 ", "#1PING", "#1  PING", "#1\tPING",
		"##1 PING", "-PING", "\xff\xfe\x80", "SAY main \xff", "PING\nPING", "\x00PING", "ÄPING",
		"#" + strings.Repeat("1", 65) + " PING",
	} {
		if got, ok := ParseLine([]byte(in)); ok {
			t.Errorf("%q: got %+v, want nothing", in, got)
		}
	}
}

func TestWithID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ id, in, want string }{
		"one line":        {"4", "PONG\n", "#4 PONG\n"},
		"every line":      {"111", "IGNORELISTBEGIN\nIGNORELISTEND\n", "#111 IGNORELISTBEGIN\n#111 IGNORELISTEND\n"},
		"blank at end":    {"15", "s.battles.id_list \n", "#15 s.battles.id_list\n"},
		"blank inside":    {"2", "AGREEMENT \nAGREEMENTEND\n", "#2 AGREEMENT \n#2 AGREEMENTEND\n"},
		"no id":           {"", "MOTD \n", "MOTD \n"},
		"nothing":         {"9", "", ""},
		"nothing visible": {"9", " \n", ""},
	} {
		if got := string(WithID(tc.id, []byte(tc.in))); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

// clientLines are lines that clients have sent to a server, and some that nobody should.
var clientLines = []string{
	"PING", "#1 PING", "#12345678901234567890 PING", "#x PING", "# PING", "PING\r\n", "PING\nPING\n", "PI\x00NG", "^^", "",
	"REGISTER Newbie70346 X03MO1qnZdYdgyfeuILPmQ== newbie70346@example.com", "REGISTER TwoArgs9 X03MO1qnZdYdgyfeuILPmQ==",
	"LOGIN Alice X03MO1qnZdYdgyfeuILPmQ== 0 * PeerTest 1.0\t1234567890 deadbeef\tsp b u cl",
	"LOGIN Alice X03MO1qnZdYdgyfeuILPmQ== 0 * PeerTest 1.0\t\tsp b u cl", "LOGIN Alice X03MO1qnZdYdgyfeuILPmQ== 0 * Lobby",
	"LOGIN Alice X03MO1qnZdYdgyfeuILPmQ== 1 * Lobby\t1 2\tsp", "CONFIRMAGREEMENT 616598", "EXIT goodbye", "STLS", "LISTCOMPFLAGS",
	"JOIN testroom\tkey", "JOIN #main", "JOIN bad-name", "LEAVE nosuch", "SAY testroom hello all", "SAYEX testroom waves",
	"c.user.add_friend 13\t99999", "c.user.add_friend x", "c.user.whois 13", "c.user.whoisName Nobody99", "#4 c.user.list_relationships",
	"c.user.follow Frank", "c.user.block_by_id 13", "c.user.relationship Frank\tnonsense", "c.user.relationship", "c.user.closeness Frank",
	"SAYPRIVATE Alice hi\tAlice  two  spaces", "RING Bob Alice", "FRIENDREQUEST userName=Frank", "IGNORE userName=Alice",
	"OPENBATTLE 0 0 * 52200 16 1234 0 5678 spring\t105.1.1-1821\tComet Catcher Remake 1.8\tMy battle\tBeyond All Reason test-1",
	"OPENBATTLE 0 9 * 52200 16 1 0 1 spring\t1\tm\tt\tg", "OPENBATTLE 0 0 * x y 1 0 1 spring\t1\tm\tt\tg",
	"JOINBATTLE 3 empty 777", "JOINBATTLE 13  8a395847", "JOINBATTLE abc empty 12", "JOINBATTLEDENY Bob go away please",
	"MYBATTLESTATUS 4195394 255", "MYBATTLESTATUS -1 -1", "MYBATTLESTATUS 4294967296 x", "MYSTATUS 99999", "MYSTATUS abc",
	"SAYBATTLE hello battle", "SAYBATTLEPRIVATEEX Alice only for Alice", "ADDBOT BarbAI 4195394 255 BARb|stable",
	"UPDATEBOT BarbAI 4195330 65280", "REMOVEBOT BarbAI", "ADDSTARTRECT 0 0 0 50 200", "ADDSTARTRECT 0 0 0", "REMOVESTARTRECT 0",
	"SETSCRIPTTAGS game/startpostype=2\tGAME/Hosttype=SPADS", "SETSCRIPTTAGS noequals", "REMOVESCRIPTTAGS game/startpostype",
	"DISABLEUNITS armcom corcom", "ENABLEUNITS armcom", "HANDICAP Alice 20", "FORCETEAMNO Alice 3", "FORCETEAMCOLOR Alice 123456",
	"UPDATEBATTLEINFO 1 0 9999 Supreme Isthmus v2.1", "c.battle.update_lobby_title A new title", "c.battles.list_ids",
	"RENAMEACCOUNT bad-name!", "CHANGEEMAIL erin2@example.com 123456", "CREATEBOTACCOUNT ErinBot Erin", "GETUSERID",
	"SAY main \xff\xfe", "SAYPRIVATE Alice 😀 hé", "ADDBOT \t \x00 \v", "JOINBATTLE 9223372036854775808  ",
}

func FuzzParseLine(f *testing.F) {
	for _, line := range clientLines {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		line, ok := ParseLine(in)
		if !ok {
			return
		}
		if line.Command == "" || !utf8.ValidString(line.Args) || strings.TrimSpace(line.Args) != line.Args {
			t.Fatalf("%q: %+v", in, line)
		}
		answer := WithID(line.ID, AppendNoMatch(nil, line.Command, line.Args, "42"))
		for l := range bytes.Lines(answer) {
			got, ok := ParseLine(l)
			if !ok || got.ID != line.ID || got.Command == "" || l[len(l)-1] != '\n' {
				t.Fatalf("%q: answer %q", in, l)
			}
		}
	})
}

package wire

import (
	"strings"
	"testing"

	"teiserver/internal/refusal"
)

// TestRefusalCodes: there are words for every code, for every command that tells
// why it is refused; all of them make one line.
func TestRefusalCodes(t *testing.T) {
	t.Parallel()
	for _, code := range refusal.All {
		if common[code] == "" {
			t.Errorf("%s: no words", code)
		}
		for command := range answers {
			if _, ok := Commands[command]; !ok {
				t.Errorf("%s is refused but not implemented", command)
			}
			e := &refusal.Error{Code: code}
			if text := Reason(command, e); text == "" || strings.ContainsAny(text, "\t\r\n") {
				t.Errorf("%s %s: reason %q", command, code, text)
			}
			line := string(AppendRefusal(nil, command, e))
			if line != "" && (strings.Count(line, "\n") != 1 || line[len(line)-1] != '\n') {
				t.Errorf("%s %s: line %q", command, code, line)
			}
			if line == "" && command != "c.battle.update_lobby_title" {
				t.Errorf("%s %s: silence", command, code)
			}
		}
	}
	for command, a := range answers {
		for code := range a.words {
			if common[code] == "" {
				t.Errorf("%s: words for the unknown code %q", command, code)
			}
		}
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		command string
		refusal *refusal.Error
		want    string
	}{
		{"JOINBATTLE", refusal.New(refusal.Locked, ""), "JOINBATTLEFAILED Battle locked"},
		{"JOINBATTLE", refusal.New(refusal.Password, ""), "JOINBATTLEFAILED Invalid password"},
		{"JOINBATTLE", refusal.New(refusal.NotFound, ""), "JOINBATTLEFAILED No lobby found (type 1, lobby is nil for server_allows_join?)"},
		{"JOINBATTLE", refusal.New(refusal.Banned, "go\taway\nnow"), "JOINBATTLEFAILED go awaynow"},
		{"OPENBATTLE", refusal.New(refusal.Forbidden, ""), "OPENBATTLEFAILED Not a bot"},
		{"LOGIN", refusal.New(refusal.Password, "Invalid password"), "DENIED Invalid password"},
		{"LOGIN", refusal.New(refusal.NotFound, "No user found for 'Nobody99'"), "DENIED No user found for 'Nobody99'"},
		{"LOGIN", refusal.New(refusal.Flood, ""), "DENIED Flood protection - Please wait 20 seconds and try again"},
		{"CONFIRMAGREEMENT", refusal.New(refusal.Invalid, ""), "DENIED Incorrect code"},
		{"REGISTER", refusal.New(refusal.Taken, "Email already attached to a user"), "REGISTRATIONDENIED Email already attached to a user"},
		{"RENAMEACCOUNT", refusal.New(refusal.Taken, ""), "SERVERMSG Username already taken"},
		{"CREATEBOTACCOUNT", refusal.New(refusal.Forbidden, ""), "SERVERMSG You do not have permission to execute that command"},
		{"CHANGEEMAIL", refusal.New(refusal.Invalid, ""), "CHANGEEMAILDENIED bad code"},
		{"CHANGEEMAILREQUEST", refusal.New(refusal.Taken, ""), "CHANGEEMAILREQUESTDENIED Email already in use"},
		{"c.battle.update_lobby_title", refusal.New(refusal.Invalid, "Lobby name is too long"), "NO cmd=c.battle.update_lobby_title\tLobby name is too long"},
		{"c.battle.update_lobby_title", refusal.New(refusal.Forbidden, "no"), ""},
		{"KICKFROMBATTLE", refusal.New(refusal.Forbidden, "no"), ""},
		{"FOO", refusal.New(refusal.Forbidden, "no"), ""},
		{"LOGIN", &refusal.Error{Code: "new"}, "DENIED Invalid request"},
	} {
		if got := Refusal(tc.command, tc.refusal); got != tc.want {
			t.Errorf("%s %v: got %q, want %q", tc.command, tc.refusal, got, tc.want)
		}
	}
	if got := string(AppendJoinFailed(nil, "main", Reason("JOIN", refusal.New(refusal.Invalid, "No user")))); got != "JOINFAILED main\tNo user\n" {
		t.Errorf("got %q", got)
	}
}

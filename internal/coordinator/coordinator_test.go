package coordinator

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	sorry := says("I don't currently handle messages, sorry Erin")
	player, bot, moderator, admin := resident.Rights{}, resident.Rights{Bot: true}, resident.Rights{Moderator: true}, resident.Rights{Moderator: true, Admin: true}
	for name, tc := range map[string]struct {
		text string
		by   resident.Rights
		want any
	}{
		"words":                  {"how are you", player, sorry},
		"a host's command":       {"!help", player, sorry},
		"words of a bot":         {"how are you", bot, says()},
		"presence":               {"hello", player, Task{Command: "hello"}},
		"presence of a bot":      {" hello ", bot, Task{Command: "hello"}},
		"nothing":                {"  ", player, says()},
		"no command":             {"$nosuch", player, says("No command of name 'nosuch'")},
		"with arguments":         {" $NoSuch a b ", player, says("No command of name 'nosuch'")},
		"silent":                 {"$%password? x", player, says("No command of name 'password?'")},
		"of a bot":               {"$nosuch", bot, says("No command of name 'nosuch'")},
		"dollar, blank":          {"$ status", player, sorry},
		"lone dollar":            {"$", player, sorry},
		"silent nothing":         {"$%", player, sorry},
		"whois":                  {"$WhoIs  Frank", player, Task{Command: "whois", Args: " Frank"}},
		"silent help":            {"$%help status", player, Task{Command: "help", Args: "status", Silent: true}},
		"for the lobby":          {"$splitlobby 3", player, Task{Command: "splitlobby", Args: "3"}},
		"yes":                    {"$yes", player, Task{Command: "yes"}},
		"allowed, unknown":       {"$party", player, says("I don't have a handler for the command 'party'")},
		"moderators only":        {"$unmodme", player, says("No command of name 'unmodme'")},
		"of a moderator":         {"$unmodme", moderator, Task{Command: "unmodme"}},
		"back":                   {"$modme", player, Task{Command: "modme"}},
		"moderator, unknown":     {"$check Frank", moderator, says("I don't have a handler for the command 'check'")},
		"moderator, in a lobby":  {"$pull Erin", moderator, says("I don't have a handler for the command 'pull'")},
		"admins only":            {"$broadcast hi", moderator, says("No command of name 'broadcast'")},
		"admins only, by player": {"$broadcast hi", player, says("No command of name 'broadcast'")},
		"of an admin":            {"$broadcast hi all", admin, Task{Command: "broadcast", Args: "hi all"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := (&State{}).Apply(process.Command{Body: resident.Direct{From: 12, FromName: "Erin", Rights: tc.by, Text: tc.text}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(process.Outcome{Reply: tc.want}, out); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCodes(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1e9, 0).UTC()
	s := &State{}
	do := func(after time.Duration, body any) any {
		t.Helper()
		out, err := s.Apply(process.Command{Body: body, At: begin.Add(after)})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := s.Snapshot() // a code outlives the node that gave it out
		if err != nil {
			t.Fatal(err)
		}
		if s, err = open(raw); err != nil {
			t.Fatal(err)
		}
		return out.Reply
	}
	do(0, GiveCode{Purpose: LinkDiscord, User: 1, Code: "111111"})
	do(0, GiveCode{Purpose: LogIn, User: 1, Code: "abc", IP: "1.2.3.4"})
	do(time.Second, GiveCode{Purpose: LinkDiscord, User: 2, Code: "222222"})
	do(2*time.Second, GiveCode{Purpose: LinkDiscord, User: 1, Code: "333333"})
	for _, step := range []struct {
		name  string
		after time.Duration
		take  TakeCode
		want  Taken
	}{
		{"replaced by a newer one", time.Minute, TakeCode{Purpose: LinkDiscord, User: 1, Code: "111111"}, Taken{}},
		{"of another purpose", time.Minute, TakeCode{Purpose: LinkDiscord, Code: "abc"}, Taken{}},
		{"of another user", time.Minute, TakeCode{Purpose: LinkDiscord, User: 2, Code: "333333"}, Taken{}},
		{"nothing", time.Minute, TakeCode{Purpose: LinkDiscord}, Taken{}},
		{"right", time.Minute, TakeCode{Purpose: LinkDiscord, User: 1, Code: "333333"}, Taken{User: 1}},
		{"twice", time.Minute, TakeCode{Purpose: LinkDiscord, User: 1, Code: "333333"}, Taken{}},
		{"without a user", CodeLife - 1, TakeCode{Purpose: LogIn, Code: "abc"}, Taken{User: 1, IP: "1.2.3.4"}},
		{"too late", CodeLife + time.Second, TakeCode{Purpose: LinkDiscord, User: 2, Code: "222222"}, Taken{}},
	} {
		if got := do(step.after, step.take); got != any(step.want) {
			t.Errorf("%s: %+v, want %+v", step.name, got, step.want)
		}
	}
	if len(s.codes) != 0 {
		t.Errorf("codes are left: %+v", s.codes)
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	k := NewKind(7)
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Indexed}
	want := []any{"coordinator", process.PerCluster, process.Ensured, process.Continue, true, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	for _, snapshot := range [][]byte{nil, []byte("{}")} {
		m, err := k.Open(context.Background(), resident.ID, snapshot)
		if err != nil {
			t.Fatal(err)
		}
		shown := account.Resident{ID: 7, Name: "Coordinator", Country: "GB", Client: "Teiserver Internal Client"}
		if got := m.(process.Summarizer).Summary(); got != any(shown) {
			t.Errorf("summary %+v, want %+v", got, shown)
		}
		raw, err := message.Encode(m.View())
		if err != nil {
			t.Fatal(err)
		}
		if back, err := message.Decode(raw); err != nil || back != any(resident.View{Online: true}) {
			t.Errorf("view %v, %v", back, err)
		}
		if _, err := m.Apply(process.Command{Body: struct{}{}}); !refusal.Is(err, refusal.Invalid) {
			t.Errorf("an unknown command: %v", err)
		}
		if m.Resume() != nil {
			t.Errorf("timers %v", m.Resume())
		}
	}
	if _, err := k.Open(context.Background(), resident.ID, []byte("no")); err == nil {
		t.Error("a broken snapshot is opened")
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	u := account.User{Roles: Account.Roles}
	if !u.IsBot() || !u.Moderates() || !u.Has(account.Server) {
		t.Errorf("roles %v", u.Roles)
	}
}

package coordinator

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	sorry := []string{"I don't currently handle messages, sorry Erin"}
	for name, tc := range map[string]struct {
		text string
		bot  bool
		want []string
	}{
		"words":            {"how are you", false, sorry},
		"a host's command": {"!help", false, sorry},
		"words of a bot":   {"how are you", true, []string{}},
		"presence":         {"hello", false, []string{}},
		"nothing":          {"  ", false, []string{}},
		"command":          {"$nosuch", false, []string{"No command of name 'nosuch'"}},
		"with arguments":   {" $NoSuch a b ", false, []string{"No command of name 'nosuch'"}},
		"silent":           {"$%password? x", false, []string{"No command of name 'password?'"}},
		"of a bot":         {"$nosuch", true, []string{"No command of name 'nosuch'"}},
		"dollar, blank":    {"$ status", false, sorry},
		"lone dollar":      {"$", false, sorry},
		"silent nothing":   {"$%", false, sorry},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := State{}.Apply(process.Command{Body: Direct{From: 12, FromName: "Erin", FromBot: tc.bot, Text: tc.text}})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(process.Outcome{Reply: Says{Lines: tc.want}}, out); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	k := NewKind(2)
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Indexed}
	want := []any{"coordinator", process.PerCluster, process.Ensured, process.Continue, false, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	for _, snapshot := range [][]byte{nil, []byte("{}")} {
		m, err := k.Open(context.Background(), ID, snapshot)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := message.Encode(m.View())
		if err != nil {
			t.Fatal(err)
		}
		if back, err := message.Decode(raw); err != nil || back != any(View{Online: true}) {
			t.Errorf("view %v, %v", back, err)
		}
		if _, err := m.Apply(process.Command{Body: struct{}{}}); !refusal.Is(err, refusal.Invalid) {
			t.Errorf("an unknown command: %v", err)
		}
		if b, err := m.Snapshot(); err != nil || string(b) != "{}" || m.Resume() != nil {
			t.Errorf("snapshot %s, %v, timers %v", b, err, m.Resume())
		}
	}
}

func TestAccount(t *testing.T) {
	t.Parallel()
	u := account.User{Roles: Roles()}
	if !u.IsBot() || !u.Moderates() || !u.Has(account.Server) {
		t.Errorf("roles %v", u.Roles)
	}
}

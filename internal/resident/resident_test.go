package resident

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

var parrot = Account{Name: "Parrot", Country: "GB", Client: "test", Roles: []account.Role{account.Bot, account.Server}}

// TestKind: a resident is one in the cluster, always there, and online as its account,
// whatever its machine is.
func TestKind(t *testing.T) {
	t.Parallel()
	k := Kind(7, parrot, process.Kind{
		Name: "parrot", Doubt: process.Freeze, Persist: true, Scope: process.PerID,
		Open: Answers(func(d Direct) []string { return []string{d.FromName, d.Text} }).Open,
	})
	got := []any{k.Name, k.Scope, k.Start, k.Doubt, k.Persist, k.Indexed}
	want := []any{"parrot", process.PerCluster, process.Ensured, process.Freeze, true, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kind (-want +got):\n%s", diff)
	}
	m, err := k.Open(context.Background(), ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	shown := account.Resident{ID: 7, Name: "Parrot", Country: "GB", Client: "test"}
	if s := m.(process.Summarizer); s.Summary() != any(shown) || s.SummaryChanged([]any{1}) {
		t.Errorf("summary %+v", s.Summary())
	}
	out, err := m.Apply(process.Command{Body: Direct{From: 3, FromName: "Erin", Text: "hi"}})
	if diff := cmp.Diff(process.Outcome{Reply: Says{Lines: []string{"Erin", "hi"}}}, out); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := m.Apply(process.Command{Body: 5}); !refusal.Is(err, refusal.Invalid) {
		t.Errorf("an unknown command: %v", err)
	}
	if b, err := m.Snapshot(); err != nil || string(b) != "{}" || m.Resume() != nil || m.View() != any(View{Online: true}) {
		t.Errorf("snapshot %s, %v", b, err)
	}
	if Key("parrot").String() != "parrot/main" {
		t.Errorf("key %v", Key("parrot"))
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	no := errors.New("no")
	k := Kind(7, parrot, process.Kind{Open: func(context.Context, string, []byte) (process.Machine, error) { return nil, no }})
	if m, err := k.Open(context.Background(), ID, nil); !errors.Is(err, no) || m != nil {
		t.Errorf("%v, %v", m, err)
	}
}

func TestRightsOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		roles []account.Role
		want  Rights
	}{
		"player":    {nil, Rights{}},
		"moderator": {[]account.Role{account.Moderator}, Rights{Moderator: true}},
		"admin":     {[]account.Role{account.Admin}, Rights{Moderator: true, Admin: true}},
		"bot":       {[]account.Role{account.Bot}, Rights{Bot: true}},
	} {
		if got := RightsOf(&account.User{Roles: tc.roles}); got != tc.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// shy is a resident that is online when it says so.
type shy struct {
	Answers
	away bool
}

func (s *shy) Away() bool { return s.away }

// TestAbsent: one that is away says so in its summary, which changes when it has moved.
func TestAbsent(t *testing.T) {
	t.Parallel()
	m := &shy{away: true}
	k := Kind(7, parrot, process.Kind{Open: func(context.Context, string, []byte) (process.Machine, error) { return m, nil }})
	opened, err := k.Open(context.Background(), ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(process.Summarizer)
	if !s.Summary().(account.Resident).Away || s.SummaryChanged([]any{1}) || !s.SummaryChanged([]any{1, Moved{}}) {
		t.Errorf("summary %+v", s.Summary())
	}
	if m.away = false; s.Summary().(account.Resident).Away {
		t.Errorf("summary %+v", s.Summary())
	}
}

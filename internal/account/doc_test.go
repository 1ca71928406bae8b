package account

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func roleCells(roles []Role) string {
	if len(roles) == 0 {
		return "-"
	}
	words := make([]string, len(roles))
	for i, r := range roles {
		words[i] = "`" + string(r) + "`"
	}
	return strings.Join(words, " ")
}

// The page has a row for each role and each setting of users, as the code has it.
func TestAccountsPage(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../docs/accounts.md")
	if err != nil {
		t.Fatal(err)
	}
	var code, page []string
	for _, r := range Roles {
		code = append(code, fmt.Sprintf("| `%s` | %s | %s | %s |", r.Role, roleCells(r.Contains), roleCells(r.Givers), r.For))
	}
	for _, o := range UserOptions {
		code = append(code, fmt.Sprintf("| `%s` | %v | %s |", o.Key, o.Default, o.Description))
	}
	for line := range strings.Lines(string(raw)) {
		if strings.HasPrefix(line, "| `") {
			page = append(page, strings.TrimSpace(line))
		}
	}
	if diff := cmp.Diff(code, page); diff != "" {
		t.Errorf("docs/accounts.md differs from the code (-code +page):\n%s", diff)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	with := func(roles ...Role) *User { return &User{Roles: roles} }
	for _, tc := range []struct {
		who  *User
		role Role
		can  bool
		give bool
	}{
		{with(), Trusted, false, false},
		{with(VIP), Trusted, true, false},
		{with(Moderator), VIP, true, false},
		{with(Moderator), Trusted, true, true},
		{with(Moderator), Overwatch, true, false},
		{with(Senior), Overwatch, true, true},
		{with(Senior), Moderator, true, false},
		{with(Admin), Moderator, true, true},
		{with(Admin), Admin, true, false},
		{with(Server), Admin, true, true},
		{with(Server), Forgotten, false, false},
		{with("of another release"), Trusted, false, false},
	} {
		if can, give := tc.who.Can(tc.role), tc.who.MayGive(tc.role); can != tc.can || give != tc.give {
			t.Errorf("%v and %s: can %v, gives %v", tc.who.Roles, tc.role, can, give)
		}
	}
	for _, tc := range []struct {
		who, other *User
		may        bool
	}{
		{with(), with(), false}, {with(VIP), with(), false}, {with(Moderator), with(), true}, {with(Moderator), with(Senior), true},
		{with(Moderator), with(Admin), false}, {with(Admin), with(Admin), true}, {with(Admin), with(Server), false}, {with(Server), with(Server), true},
	} {
		if tc.who.MayTouch(tc.other) != tc.may {
			t.Errorf("%v touches %v: %v", tc.who.Roles, tc.other.Roles, !tc.may)
		}
	}
	if r, err := ParseRole(" Senior Moderator "); r != Senior || err != nil {
		t.Error(r, err)
	}
}

package account

import (
	"fmt"
	"slices"
	"strings"
)

// RoleInfo is a row of Roles.
type RoleInfo struct {
	Role     Role
	Contains []Role // whoever has it may what these may
	Givers   []Role // who gives and takes it; none: the server alone
	For      string
}

// Roles lists all of them; docs/accounts.md shows the table. What a role contains is
// computed when it is asked for: a change here counts for everybody at once.
var Roles = []RoleInfo{
	{Verified, nil, []Role{Moderator}, "Has confirmed the address."},
	{Trusted, nil, []Role{Moderator}, "Automod lets it alone."},
	{Winner, nil, []Role{Moderator}, "Shows the highest rank."},
	{Bot, nil, []Role{Admin}, "Hosts: no limits of logins, `GETIP` and `GETUSERID`, the API of hosts."},
	{VIP, []Role{Trusted}, []Role{Admin}, "Does not wait in the login queue; renames without limits."},
	{Caster, nil, []Role{Admin}, "Comes into locked lobbies and those with a password."},
	{Organizer, nil, []Role{Admin}, "Is shown as a moderator; some `$` commands."},
	{Contributor, []Role{Trusted, VIP}, []Role{Admin}, "Shows rank 6."},
	{Overwatch, []Role{Trusted}, []Role{Senior}, "Reads reports."},
	{Reviewer, []Role{Overwatch, Trusted}, []Role{Senior}, "Reads what was said."},
	{Moderator, []Role{Reviewer, Overwatch, Contributor, VIP, Trusted}, []Role{Admin}, "Moderates: lobbies, users, `$` commands of moderators."},
	{Senior, []Role{Moderator, Reviewer, Overwatch, Contributor, VIP, Trusted}, []Role{Admin}, "Moderates; gives the roles of those who read."},
	{Admin, []Role{Senior, Moderator, Reviewer, Overwatch, Contributor, VIP, Trusted}, []Role{Server}, "Moderates; gives roles."},
	{Server, []Role{Admin, Senior, Moderator, Reviewer, Overwatch, Contributor, VIP, Trusted}, nil, "An account of the server itself: nobody logs in as it."},
	{Forgotten, nil, nil, "A mark: its user is forgotten."},
}

func roleInfo(r Role) (RoleInfo, bool) {
	i := slices.IndexFunc(Roles, func(x RoleInfo) bool { return x.Role == r })
	if i < 0 {
		return RoleInfo{}, false
	}
	return Roles[i], true
}

// Can reports whether the user has a role, or one that contains it.
func (u *User) Can(r Role) bool {
	return slices.ContainsFunc(u.Roles, func(has Role) bool {
		info, known := roleInfo(has)
		return has == r || known && slices.Contains(info.Contains, r)
	})
}

// MayGive reports whether a user gives and takes a role.
func (u *User) MayGive(r Role) bool {
	info, known := roleInfo(r)
	return known && slices.ContainsFunc(info.Givers, u.Can)
}

// MayTouch reports whether a user may change the account of another one: nobody changes
// that of somebody above.
func (u *User) MayTouch(other *User) bool {
	for _, high := range []Role{Server, Admin} {
		if other.Has(high) {
			return u.Can(high)
		}
	}
	return u.Can(Moderator)
}

// ParseRole reads the name of a role that can be given.
func ParseRole(text string) (Role, error) {
	return parseRole(text, func(r RoleInfo) bool { return len(r.Givers) > 0 })
}

// ParseAnyRole reads the name of a role that an account may have.
func ParseAnyRole(text string) (Role, error) {
	return parseRole(text, func(RoleInfo) bool { return true })
}

func parseRole(text string, may func(RoleInfo) bool) (Role, error) {
	r := Role(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), " ", "_"))
	var known []string
	for _, info := range Roles {
		if !may(info) {
			continue
		}
		if info.Role == r {
			return r, nil
		}
		known = append(known, string(info.Role))
	}
	return "", fmt.Errorf("unknown role %q; known: %s", text, strings.Join(known, ", "))
}

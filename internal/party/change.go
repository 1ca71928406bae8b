package party

import "slices"

// What a client is told. Who is the one that it is about.

// What happened in a party.
type What string

// The things that happen.
const (
	WasInvited What = "invited"
	Uninvited  What = "uninvited" // the invitation is void
	Joined     What = "joined"
	Left       What = "left"
)

// Notice is something to tell a user.
type Notice struct {
	To    int64
	Party string
	What  What
	Name  string // of the user that it is about
}

// Notices says what each user is told of a change of a party, in order. before or after
// is nil if there is no such party. It is a pure function of the two, so that who missed
// something in between knows the party all the same: who was and is in it or invited to
// it is told the difference, who is new to it is told all of it. Who has left is not
// told that, as long as it is out.
func Notices(before, after *Party) (list []Notice) {
	var none Party
	if before == nil {
		before = &none
	}
	id := before.ID
	if after == nil {
		after = &none
	} else {
		id = after.ID
	}
	known := users(before)
	tell := func(what What, about int64, name string) {
		for _, to := range known {
			if what != Left || to != about || after.Invited(about) {
				list = append(list, Notice{To: to, Party: id, What: what, Name: name})
			}
		}
	}
	for _, v := range slices.Backward(before.Invites) {
		if !after.Invited(v.User) && after.member(v.User) < 0 {
			tell(Uninvited, v.User, v.Name)
		}
	}
	for _, m := range slices.Backward(before.Members) {
		if after.member(m.User) < 0 {
			tell(Left, m.User, m.Name)
		}
	}
	for _, m := range slices.Backward(after.Members) {
		if before.member(m.User) < 0 {
			tell(Joined, m.User, m.Name)
		}
	}
	for _, v := range slices.Backward(after.Invites) {
		if !before.Invited(v.User) {
			tell(WasInvited, v.User, v.Name)
		}
	}
	for _, user := range users(after) {
		if !slices.Contains(known, user) {
			list = append(list, Standing(after, user)...)
		}
	}
	return list
}

// Standing is what a user has to know of a party that it belongs to or is invited to,
// from the beginning.
func Standing(p *Party, user int64) (list []Notice) {
	if p.Invited(user) {
		v := p.Invites[p.invite(user)]
		list = append(list, Notice{To: user, Party: p.ID, What: WasInvited, Name: v.Name})
	}
	for _, m := range p.Members {
		list = append(list, Notice{To: user, Party: p.ID, What: Joined, Name: m.Name})
	}
	for _, v := range slices.Backward(p.Invites) {
		if v.User != user {
			list = append(list, Notice{To: user, Party: p.ID, What: WasInvited, Name: v.Name})
		}
	}
	return list
}

// users are the members of a party and who is invited.
func users(p *Party) []int64 {
	list := make([]int64, 0, len(p.Members)+len(p.Invites))
	for _, m := range p.Members {
		list = append(list, m.User)
	}
	for _, v := range p.Invites {
		list = append(list, v.User)
	}
	return list
}

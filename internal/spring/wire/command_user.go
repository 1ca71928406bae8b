package wire

import (
	"slices"
	"strconv"
	"strings"
)

// Requests about other users.
type (
	// AddFriend is c.user.add_friend.
	AddFriend struct{ Users []int64 }
	// RemoveFriend is c.user.remove_friend.
	RemoveFriend struct{ Users []int64 }
	// RescindFriend is c.user.rescind_friend_request.
	RescindFriend struct{ Users []int64 }
	// AcceptFriend is c.user.accept_friend_request.
	AcceptFriend struct{ User int64 }
	// DeclineFriend is c.user.decline_friend_request.
	DeclineFriend struct{ User int64 }
	// Whois is c.user.whois.
	Whois struct{ User int64 }
	// WhoisName is c.user.whoisName.
	WhoisName struct{ Name string }
	// ListRelationships is c.user.list_relationships.
	ListRelationships struct{}
	// RelateTo is c.user.follow, ignore, avoid or block, with a name, or one of those by_id.
	RelateTo struct {
		Kind string
		Name string
		User int64 // 0 with a name
	}
	// ResetRelationship is c.user.reset_relationship.
	ResetRelationship struct{ Name string }
	// Relationship is c.user.relationship. Without two fields it has no Split, and Kind is
	// empty if there is none like Mode.
	Relationship struct {
		Split bool
		Name  string
		Mode  string
		Kind  string
	}
	// Closeness is c.user.closeness.
	Closeness struct{ Name string }
)

var userCommands = append([]Spec{
	{Name: "c.user.add_friend", Form: "userId[<tab>userId...]", Example: "13\t14",
		Decode: ids(func(users []int64) AddFriend { return AddFriend{users} })},
	{Name: "c.user.remove_friend", Form: "userId[<tab>userId...]", Example: "13",
		Decode: ids(func(users []int64) RemoveFriend { return RemoveFriend{users} })},
	{Name: "c.user.rescind_friend_request", Form: "userId[<tab>userId...]", Example: "13",
		Decode: ids(func(users []int64) RescindFriend { return RescindFriend{users} })},
	{Name: "c.user.accept_friend_request", Form: "userId", Example: "13",
		Decode: id(func(user int64) AcceptFriend { return AcceptFriend{user} })},
	{Name: "c.user.decline_friend_request", Form: "userId", Example: "13",
		Decode: id(func(user int64) DeclineFriend { return DeclineFriend{user} })},
	{Name: "c.user.whois", Form: "userId", Example: "13", Decode: id(func(user int64) Whois { return Whois{user} })},
	{Name: "c.user.whoisName", Form: "userName", Example: "Frank", Decode: decodeWhoisName},
	{Name: "c.user.list_relationships", Decode: plain(ListRelationships{})},
	{Name: "c.user.reset_relationship", Form: "userName", Example: "Frank",
		Decode: all(func(text string) ResetRelationship { return ResetRelationship{text} })},
	{Name: "c.user.relationship", Form: "userName<tab>mode", Example: "Frank\tfollow", Decode: all(decodeRelationship)},
	{Name: "c.user.closeness", Form: "userName", Example: "Frank",
		Decode: all(func(text string) Closeness { return Closeness{text} })},
}, relateCommands()...)

// relations are those that programs know by these words.
var relations = []string{"follow", "ignore", "avoid", "block"}

func relateCommands() (specs []Spec) {
	for _, kind := range relations {
		specs = append(specs,
			Spec{Name: "c.user." + kind, Form: "userName", Example: "Frank",
				Decode: all(func(text string) RelateTo { return RelateTo{Kind: kind, Name: text} })},
			Spec{Name: "c.user." + kind + "_by_id", Form: "userId", Example: "13",
				Decode: id(func(user int64) RelateTo { return RelateTo{Kind: kind, User: user} })})
	}
	return specs
}

// mostIDs is how many users one line may name: each is a change in the store.
const mostIDs = 100

// ids decodes numbers of users with tabs between them.
func ids[T any](request func(users []int64) T) decode {
	return func(args string) (any, error) {
		fields := strings.Split(args, "\t")
		if len(fields) > mostIDs {
			return nil, ErrArguments
		}
		users := make([]int64, len(fields))
		for i, f := range fields {
			n, ok := userID(f)
			if !ok {
				return nil, ErrArguments
			}
			users[i] = n
		}
		return request(users), nil
	}
}

// id decodes the number of a user.
func id[T any](request func(user int64) T) decode {
	return func(args string) (any, error) {
		n, ok := userID(args)
		if !ok {
			return nil, ErrArguments
		}
		return request(n), nil
	}
}

func userID(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0 && isDigits(text)
}

func decodeWhoisName(args string) (any, error) {
	if !isWord(args) {
		return nil, ErrArguments
	}
	return WhoisName{args}, nil
}

func decodeRelationship(args string) Relationship {
	name, mode, ok := strings.Cut(args, "\t")
	if !ok || strings.Contains(mode, "\t") {
		return Relationship{}
	}
	r := Relationship{Split: true, Name: name, Mode: mode}
	if slices.Contains(relations, mode) {
		r.Kind = mode
	}
	return r
}

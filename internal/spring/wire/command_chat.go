package wire

import (
	"strings"
	"unicode"
)

var chatCommands = []Spec{
	{Name: "JOIN", Form: "channel[<tab>key]", Example: "main", Decode: decodeJoin},
	{Name: "LEAVE", Form: "channel", Example: "main",
		Decode: all(func(text string) Leave { return Leave{Channel: text} })},
	{Name: "CHANNELS", Decode: plain(Channels{})},
	{Name: "SAY", Form: "channel {message}", Example: "main hello all", Decode: decodeSay(false)},
	{Name: "SAYEX", Form: "channel {message}", Example: "main waves", Decode: decodeSay(true)},
	{Name: "GETCHANNELMESSAGES", Form: "channel lastId", Example: "main 0", Decode: plain(GetChannelMessages{})},
	{Name: "SAYPRIVATE", Form: "userName {message}", Example: "Bob hello Bob",
		Decode: formed("w+", func(f [9]string) (SayPrivate, bool) {
			return SayPrivate{User: f[0], Text: f[1]}, true
		})},
	{Name: "RING", Form: "userName [originator]", Example: "Bob Alice", Decode: decodeRing},
}

var friendCommands = []Spec{
	{Name: "FRIENDLIST", Decode: plain(FriendList{})},
	{Name: "FRIENDREQUESTLIST", Decode: plain(FriendRequestList{})},
	{Name: "IGNORELIST", Decode: plain(IgnoreList{})},
	{Name: "FRIENDREQUEST", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrArguments, func(name string) FriendRequest { return FriendRequest{User: name} })},
	{Name: "ACCEPTFRIENDREQUEST", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrArguments, func(name string) AcceptFriendRequest { return AcceptFriendRequest{User: name} })},
	{Name: "DECLINEFRIENDREQUEST", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrArguments, func(name string) DeclineFriendRequest { return DeclineFriendRequest{User: name} })},
	{Name: "UNFRIEND", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrArguments, func(name string) Unfriend { return Unfriend{User: name} })},
	{Name: "IGNORE", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrIgnored, func(name string) Ignore { return Ignore{User: name} })},
	{Name: "UNIGNORE", Form: "userName=name", Example: "userName=Frank",
		Decode: named(ErrIgnored, func(name string) Unignore { return Unignore{User: name} })},
}

// decodeJoin takes the first run of word characters as the channel: "#main" is
// main, and "my-room" is my.
func decodeJoin(args string) (any, error) {
	start := strings.IndexFunc(args, isWordRune)
	if start < 0 {
		return nil, ErrArguments
	}
	name := args[start:]
	var rest string
	if end := strings.IndexFunc(name, func(r rune) bool { return !isWordRune(r) }); end >= 0 {
		name, rest = name[:end], name[end:]
	}
	key, _ := strings.CutPrefix(rest, "\t")
	if key == rest {
		key = ""
	}
	return Join{Channel: name, Key: key}, nil
}

func isWordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

func decodeSay(emote bool) decode {
	return formed("w+", func(f [9]string) (Say, bool) {
		text := strings.TrimSpace(f[1])
		return Say{Channel: f[0], Text: text, Emote: emote}, text != ""
	})
}

func decodeRing(args string) (any, error) {
	user, originator, two := strings.Cut(args, " ")
	if !isWord(user) || two && !isWord(originator) {
		return nil, ErrIgnored
	}
	return Ring{User: user, Originator: originator}, nil
}

// named decodes key=name. The key may be any, but there is only one.
func named[T any](otherwise error, request func(name string) T) decode {
	return func(args string) (any, error) {
		_, name, ok := strings.Cut(args, "=")
		if !ok || strings.Contains(name, "=") {
			return nil, otherwise
		}
		return request(name), nil
	}
}

package wire

import (
	"strings"

	"teiserver/internal/chat"
	"teiserver/internal/roster"
)

// AppendJoin tells a joiner that it is in a channel.
func AppendJoin(b []byte, channel string) []byte { return line1(b, "JOIN", channel) }

// AppendJoined tells that a user is in a channel.
func AppendJoined(b []byte, channel, user string) []byte { return line2(b, "JOINED", channel, user) }

// AppendLeft tells that a user is out of a channel. As an answer to LEAVE the
// channel may be any text, also none.
func AppendLeft(b []byte, channel, user string) []byte { return line2(b, "LEFT", channel, user) }

// AppendJoinFailed answers JOIN.
func AppendJoinFailed(b []byte, channel, reason string) []byte {
	b = append(b, "JOINFAILED "...)
	b = appendWord(b, channel)
	b = append(b, '\t')
	b = appendReason(b, reason)
	return append(b, '\n')
}

// AppendChannelTopic names the author of a channel; topics are not shown.
func AppendChannelTopic(b []byte, channel, author string) []byte {
	return line2(b, "CHANNELTOPIC", channel, author)
}

// AppendClients lists who is in a channel, the joiner first. It is one line,
// however many they are.
func AppendClients(b []byte, channel, me string, others []*roster.User) []byte {
	b = append(b, "CLIENTS "...)
	b = appendWord(b, channel)
	b = append(b, ' ')
	b = appendWord(b, me)
	for _, u := range others {
		b = append(b, ' ')
		b = appendWord(b, u.Name)
	}
	return append(b, '\n')
}

// AppendChannels answers CHANNELS. The first line is not in the original protocol.
func AppendChannels(b []byte, channels []chat.Summary) []byte {
	b = append(b, "CHANNELS\n"...)
	for _, c := range channels {
		b = append(b, "CHANNEL "...)
		b = appendWord(b, c.Name)
		b = append(b, ' ')
		b = appendInt(b, c.Members)
		b = append(b, '\n')
	}
	return append(b, "ENDOFCHANNELS\n"...)
}

// AppendSaid appends SAID or SAIDEX.
func AppendSaid(b []byte, channel, user, text string, emote bool) []byte {
	if emote {
		b = append(b, "SAIDEX "...)
	} else {
		b = append(b, "SAID "...)
	}
	b = appendWord(b, channel)
	b = append(b, ' ')
	return appendSaying(b, user, text)
}

// AppendSayPrivate echoes SAYPRIVATE to its sender. The name of an unknown user is empty.
func AppendSayPrivate(b []byte, user, text string) []byte {
	return appendSaying(append(b, "SAYPRIVATE "...), user, text)
}

// AppendSaidPrivate appends a private message, one line of the protocol for each of its lines.
func AppendSaidPrivate(b []byte, from, text string) []byte {
	for {
		line, rest, more := strings.Cut(text, "\n")
		b = appendSaying(append(b, "SAIDPRIVATE "...), from, line)
		if !more || rest == "" {
			return b
		}
		text = rest
	}
}

func appendSaying(b []byte, user, text string) []byte {
	b = appendWord(b, user)
	b = append(b, ' ')
	b = appendText(b, text)
	return append(b, '\n')
}

// AppendRing rings a user's bell.
func AppendRing(b []byte, by string) []byte { return line1(b, "RING", by) }

// AppendNameList answers FRIENDLIST, FRIENDREQUESTLIST or IGNORELIST, whose name is the list.
func AppendNameList(b []byte, list string, names []string) []byte {
	b = append(b, list...)
	b = append(b, "BEGIN\n"...)
	for _, name := range names {
		b = append(b, list...)
		b = append(b, " userName="...)
		b = appendWord(b, name)
		b = append(b, '\n')
	}
	b = append(b, list...)
	return append(b, "END\n"...)
}

// friendLines are the lines of friend events.
var friendLines = map[roster.FriendWhat]string{
	roster.FriendAsked:     "s.user.new_incoming_friend_request",
	roster.FriendAccepted:  "s.user.friend_request_accepted",
	roster.FriendDeclined:  "s.user.friend_request_declined",
	roster.FriendRescinded: "s.user.friend_request_rescinded",
	roster.FriendEnded:     "s.user.friend_deleted",
	roster.Followed:        "s.user.new_follower",
}

// AppendFriendEvent appends the line of a friend event, nothing for one it does not know.
func AppendFriendEvent(b []byte, what roster.FriendWhat, other int64) []byte {
	line, ok := friendLines[what]
	if !ok {
		return b
	}
	return lineID(b, line, other)
}

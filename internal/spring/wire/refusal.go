package wire

import (
	"slices"

	"teiserver/internal/refusal"
)

// answer is how a command is refused.
type answer struct {
	line  string                  // what stands before the reason
	words map[refusal.Code]string // instead of the words for all commands
	only  []refusal.Code          // if there are some: others are refused in silence
}

// common are the words for a refusal without a message of its own. A reason is
// never empty on the wire.
var common = map[refusal.Code]string{
	refusal.Invalid:     "Invalid request",
	refusal.NotFound:    "Not found",
	refusal.Forbidden:   "You do not have permission to execute that command",
	refusal.Taken:       "Already taken",
	refusal.Locked:      "Locked",
	refusal.Password:    "Invalid password",
	refusal.Banned:      "Banned",
	refusal.Full:        "Full",
	refusal.Flood:       "Flood protection",
	refusal.Unverified:  "Your account is not verified",
	refusal.Unavailable: "The server is busy, please try again in a minute or two.",
	refusal.Superseded:  "You have logged in elsewhere",
}

// answers are the commands that tell why they are refused. All others are refused
// in silence, as clients expect it.
var answers = map[string]answer{
	"LOGIN": {line: "DENIED ", words: loginWords},
	"CONFIRMAGREEMENT": {line: "DENIED ", words: map[refusal.Code]string{
		refusal.Invalid: "Incorrect code",
		refusal.Banned:  loginWords[refusal.Banned],
		refusal.Full:    loginWords[refusal.Full],
	}},
	"REGISTER": {line: "REGISTRATIONDENIED ", words: map[refusal.Code]string{
		refusal.Invalid: "User creation failed",
		refusal.Taken:   "Username already taken",
	}},
	"RENAMEACCOUNT": {line: "SERVERMSG ", words: map[refusal.Code]string{
		refusal.Taken:     "Username already taken",
		refusal.Forbidden: "Your account is restricted from renaming",
		refusal.Flood:     "Rename limit reached (2 times in 5 days or 3 times in 30 days)",
	}},
	"CREATEBOTACCOUNT": {line: "SERVERMSG "},
	"CHANGEEMAILREQUEST": {line: "CHANGEEMAILREQUESTDENIED ", words: map[refusal.Code]string{
		refusal.Taken:    "Email already in use",
		refusal.NotFound: "no user",
		refusal.Invalid:  "invalid email",
	}},
	"CHANGEEMAIL": {line: "CHANGEEMAILDENIED ", words: map[refusal.Code]string{
		refusal.Invalid:  "bad code",
		refusal.NotFound: "bad code",
		refusal.Taken:    "bad email",
	}},
	"OPENBATTLE": {line: "OPENBATTLEFAILED ", words: map[refusal.Code]string{
		refusal.Forbidden: "Not a bot",
		refusal.Invalid:   "Lobby name was rejected",
		refusal.NotFound:  "No client",
	}},
	"JOINBATTLE": {line: "JOINBATTLEFAILED ", words: map[refusal.Code]string{
		refusal.NotFound:    "No lobby found (type 1, lobby is nil for server_allows_join?)",
		refusal.Locked:      "Battle locked",
		refusal.Forbidden:   "You are currently banned from joining lobbies",
		refusal.Unavailable: "Battle closed",
		refusal.Full:        "Battle full",
	}},
	"c.battle.update_lobby_title": {line: "NO cmd=c.battle.update_lobby_title\t",
		words: map[refusal.Code]string{refusal.Invalid: "Lobby name was rejected"},
		only:  []refusal.Code{refusal.Invalid}},
}

var loginWords = map[refusal.Code]string{
	refusal.Invalid:  "Invalid details format",
	refusal.NotFound: "No user found",
	refusal.Banned:   "Banned, please see the discord channel #moderation-bot for more details",
	refusal.Full:     "The server is currently full, please try again in a minute or two.",
	refusal.Flood:    "Flood protection - Please wait 20 seconds and try again",
}

// Reason is the text of a refusal of a command: the message of the refusal, which
// is normally already the text that users know, else the command's words for its
// code. It is never empty.
func Reason(command string, e *refusal.Error) string {
	if e.Message != "" {
		return e.Message
	}
	if words, ok := answers[command].words[e.Code]; ok {
		return words
	}
	if words, ok := common[e.Code]; ok {
		return words
	}
	return common[refusal.Invalid]
}

// Refusal is the answer to a command that was refused, without a line end, or
// empty if nothing is answered. JOIN is refused by AppendJoinFailed with Reason.
func Refusal(command string, e *refusal.Error) string {
	a, ok := answers[command]
	if !ok {
		return ""
	}
	if len(a.only) > 0 && !slices.Contains(a.only, e.Code) {
		return ""
	}
	b := append(make([]byte, 0, 128), a.line...)
	return string(appendField(b, Reason(command, e)))
}

// AppendRefusal appends the line of Refusal, or nothing.
func AppendRefusal(b []byte, command string, e *refusal.Error) []byte {
	line := Refusal(command, e)
	if line == "" {
		return b
	}
	return append(append(b, line...), '\n')
}

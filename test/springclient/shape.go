package springclient

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// kind is one parameter of a line. Words are separated by exactly one blank; the
// rest kinds take everything that is left.
type kind int

const (
	word      kind = iota // not empty, no blank, no tab
	integer               // -?digits
	number                // digits
	bit                   // 0 or 1
	digit                 // one digit
	statusNo              // 0 to 127
	battleNo              // 0 to 2^32-1
	channelID             // word characters

	// What takes the rest of the line.
	sentence  // not empty, no tab
	free      // anything, also nothing; the blank before it must be there
	nonEmpty  // anything but nothing
	five      // five sentences between tabs, none empty
	names     // one word or more
	optional  // nothing, or a word
	pairs     // key=value between tabs, or nothing; the blank must be there
	tabNames  // nothing, or a tab and words between tabs
	tabRest   // a tab and a sentence
	tabBase64 // a tab and base64 without padding
	base64Arg // base64 without padding
	command   // cmd=name, with tabs behind it
	friend    // userName=word
	listed    // anything, also nothing; then a line with an id has no blank before it
)

var (
	integerForm = regexp.MustCompile(`^-?[0-9]+$`)
	numberForm  = regexp.MustCompile(`^[0-9]+$`)
	channelForm = regexp.MustCompile(`^[\p{L}\p{N}_]+$`)
	idForm      = regexp.MustCompile(`^#[0-9]+ `)
	wordForm    = regexp.MustCompile(`^[A-Za-z0-9_.]+`)
	bareForms   = []*regexp.Regexp{
		regexp.MustCompile(`^[^ \t]+ is currently bound to [^ \t]+$`),
		regexp.MustCompile(`^The ID for [^ \t]+ is .* [0-9]+$`),
	}
)

// shapes is every line that a server may send, with its exact form.
var shapes = map[string][]kind{
	"TASSERVER": {word, word, integer, integer}, "REDIRECT": {word, number}, "PONG": {}, "OK": {command}, "NO": {command},
	"COMPFLAGS": {names}, "REGISTRATIONACCEPTED": {}, "REGISTRATIONDENIED": {sentence}, "ACCEPTED": {word}, "DENIED": {sentence},
	"QUEUED": {}, "AGREEMENT": {free}, "AGREEMENTEND": {}, "MOTD": {free}, "LOGININFOEND": {}, "SERVERMSG": {sentence},
	"ADDUSER": {word, word, number, free}, "REMOVEUSER": {word}, "CLIENTSTATUS": {word, statusNo},
	"CHANGEEMAILACCEPTED": {}, "CHANGEEMAILDENIED": {sentence}, "CHANGEEMAILREQUESTACCEPTED": {}, "CHANGEEMAILREQUESTDENIED": {sentence},
	"JOIN": {channelID}, "JOINED": {channelID, word}, "LEFT": {free}, "JOINFAILED": {channelID, tabRest}, "CHANNELTOPIC": {channelID, word},
	"CLIENTS": {channelID, names}, "CHANNELS": {}, "CHANNEL": {channelID, number}, "ENDOFCHANNELS": {},
	"SAID": {channelID, word, nonEmpty}, "SAIDEX": {channelID, word, nonEmpty}, "SAYPRIVATE": {free}, "SAIDPRIVATE": {word, free},
	"RING": {word}, "FRIENDLISTBEGIN": {}, "FRIENDLIST": {friend}, "FRIENDLISTEND": {}, "FRIENDREQUESTLISTBEGIN": {},
	"FRIENDREQUESTLIST": {friend}, "FRIENDREQUESTLISTEND": {}, "IGNORELISTBEGIN": {}, "IGNORELIST": {friend}, "IGNORELISTEND": {},
	"BATTLEOPENED": {number, digit, digit, word, word, number, number, bit, number, word, five}, "BATTLECLOSED": {number},
	"OPENBATTLE": {number}, "OPENBATTLEFAILED": {sentence}, "JOINBATTLE": {number, word}, "JOINBATTLEFAILED": {sentence},
	"JOINBATTLEREQUEST": {word, word}, "JOINEDBATTLE": {number, word, optional}, "LEFTBATTLE": {number, word}, "FORCEQUITBATTLE": {},
	"REQUESTBATTLESTATUS": {}, "CLIENTBATTLESTATUS": {word, battleNo, integer}, "UPDATEBATTLEINFO": {number, number, bit, word, sentence},
	"ADDBOT": {number, word, word, battleNo, integer, sentence}, "UPDATEBOT": {number, word, battleNo, integer}, "REMOVEBOT": {number, word},
	"ADDSTARTRECT": {number, number, number, number, number}, "REMOVESTARTRECT": {number}, "SETSCRIPTTAGS": {pairs},
	"REMOVESCRIPTTAGS": {free}, "ENABLEALLUNITS": {}, "DISABLEUNITS": {names}, "SAIDBATTLE": {word, nonEmpty}, "SAIDBATTLEEX": {word, nonEmpty},

	"s.battle.update_lobby_title": {number, tabRest}, "s.battle.queue_status": {number, tabNames}, "s.battle.extra_data": {number, tabBase64},
	"s.battle.teams": {base64Arg}, "s.battles.id_list": {free}, "s.system.disconnect": {sentence}, "s.system.shutdown": {}, "s.client.errorlog": {},
	"s.user.new_incoming_friend_request": {number}, "s.user.friend_request_accepted": {number}, "s.user.friend_request_declined": {number},
	"s.user.friend_request_rescinded": {number}, "s.user.friend_deleted": {number}, "s.user.new_follower": {number},
	"s.user.whois": {free}, "s.user.whoisName": {free}, "s.user.list_relationships": {base64Arg}, "s.user.closeness": {nonEmpty},
	"s.user.add_friend": {free}, "s.user.remove_friend": {free}, "s.user.accept_friend_request": {free}, "s.user.decline_friend_request": {free},
	"s.user.rescind_friend_request": {free}, "s.user.follow_by_id": {free}, "s.user.ignore_by_id": {free}, "s.user.avoid_by_id": {free},
	"s.user.block_by_id":       {free},
	"s.party.invited_to_party": {word, word}, "s.party.joined_party": {word, word}, "s.party.left_party": {word, word},
	"s.party.invite_cancelled": {word, word}, //nolint:misspell // the protocol's

	"s.matchmaking.full_queue_list": {listed}, "s.matchmaking.your_queue_list": {listed}, "s.matchmaking.queue_info": {free},
	"s.matchmaking.ready_check": {number}, "s.matchmaking.match_cancelled": {number}, //nolint:misspell // the protocol's
}

// takesRest says that a kind is the last of its line.
func (k kind) takesRest() bool { return k >= sentence }

// splitID separates a message id from a line.
func splitID(line string) (id, rest string) {
	id = idForm.FindString(line)
	return id, line[len(id):]
}

// parse splits a line into its command and parameters as the strict clients do.
func parse(line string) (cmd string, args []string, err error) {
	if !utf8.ValidString(line) {
		return "", nil, fmt.Errorf("not valid UTF-8")
	}
	if strings.HasSuffix(line, "\r") {
		return "", nil, fmt.Errorf("a carriage return at the end of the line")
	}
	_, line = splitID(line)
	for _, form := range bareForms {
		if form.MatchString(line) {
			return "", nil, nil
		}
	}
	cmd = wordForm.FindString(line)
	shape, known := shapes[cmd]
	if !known {
		return cmd, nil, fmt.Errorf("unknown command word %q", cmd)
	}
	args, err = split(line[len(cmd):], shape)
	if err != nil {
		return cmd, nil, fmt.Errorf("%s: %w", cmd, err)
	}
	return cmd, args, nil
}

// split cuts what follows the command word into the parameters of a shape.
func split(rest string, shape []kind) ([]string, error) {
	args := make([]string, 0, len(shape))
	for i, k := range shape {
		if (k == optional || k == listed) && rest == "" {
			return append(args, ""), nil
		}
		if k == tabNames || k == tabRest || k == tabBase64 {
			return last(args, rest, k, i)
		}
		if !strings.HasPrefix(rest, " ") {
			return nil, fmt.Errorf("parameter %d is missing in %q", i+1, rest)
		}
		rest = rest[1:]
		if k.takesRest() {
			return last(args, rest, k, i)
		}
		arg, tail := rest, ""
		if end := strings.IndexAny(rest, " \t"); end >= 0 {
			arg, tail = rest[:end], rest[end:]
		}
		if err := k.check(arg); err != nil {
			return nil, fmt.Errorf("parameter %d: %w", i+1, err)
		}
		args, rest = append(args, arg), tail
	}
	if rest != "" {
		return nil, fmt.Errorf("too many parameters: %q", rest)
	}
	return args, nil
}

func last(args []string, rest string, k kind, i int) ([]string, error) {
	if err := k.check(rest); err != nil {
		return nil, fmt.Errorf("parameter %d: %w", i+1, err)
	}
	return append(args, rest), nil
}

// check tells why an argument does not fit.
func (k kind) check(arg string) error {
	if k.holds(arg) {
		return nil
	}
	return fmt.Errorf("%q is not %s", arg, kindNames[k])
}

var kindNames = map[kind]string{
	word: "a word", integer: "an integer", number: "a number", bit: "0 or 1", digit: "a digit", statusNo: "a client status",
	battleNo: "a battle status", channelID: "a channel name", sentence: "a sentence", free: "text", listed: "text", nonEmpty: "text", five: "five sentences",
	names: "words", optional: "a word", pairs: "pairs of key=value", tabNames: "words after tabs", tabRest: "a sentence after a tab",
	tabBase64: "base64 after a tab", base64Arg: "base64", command: "cmd=name", friend: "userName=name",
}

func (k kind) holds(arg string) bool {
	switch k {
	case word:
		return isWord(arg)
	case integer:
		return integerForm.MatchString(arg)
	case number:
		return numberForm.MatchString(arg)
	case bit:
		return arg == "0" || arg == "1"
	case digit:
		return len(arg) == 1 && numberForm.MatchString(arg)
	case statusNo:
		return below(arg, 7)
	case battleNo:
		return below(arg, 32)
	case channelID:
		return channelForm.MatchString(arg)
	case sentence:
		return arg != "" && !strings.Contains(arg, "\t")
	case free, listed:
		return true
	case nonEmpty:
		return arg != ""
	case five:
		parts := strings.Split(arg, "\t")
		return len(parts) == 5 && all(parts, func(s string) bool { return s != "" })
	case names:
		return all(strings.Split(arg, " "), isWord)
	case optional:
		return isWord(arg)
	case pairs:
		return arg == "" || all(strings.Split(arg, "\t"), func(s string) bool { return strings.Index(s, "=") > 0 })
	case tabNames:
		return arg == "" || arg[0] == '\t' && all(strings.Split(arg[1:], "\t"), isWord)
	case tabRest:
		return strings.HasPrefix(arg, "\t") && sentence.holds(arg[1:])
	case tabBase64:
		return strings.HasPrefix(arg, "\t") && base64Arg.holds(arg[1:])
	case base64Arg:
		_, err := base64.RawStdEncoding.DecodeString(arg)
		return arg != "" && err == nil
	case command:
		return strings.HasPrefix(arg, "cmd=") && len(arg) > 4
	case friend:
		return strings.HasPrefix(arg, "userName=") && isWord(strings.TrimPrefix(arg, "userName="))
	}
	return false
}

func isWord(s string) bool { return s != "" && !strings.ContainsAny(s, " \t") }

func below(s string, bits int) bool {
	if !numberForm.MatchString(s) {
		return false
	}
	_, err := strconv.ParseUint(s, 10, bits)
	return err == nil
}

func all(parts []string, ok func(string) bool) bool {
	for _, p := range parts {
		if !ok(p) {
			return false
		}
	}
	return true
}

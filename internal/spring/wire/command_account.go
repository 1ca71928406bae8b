package wire

import (
	"strings"
	"unicode/utf8"
)

var accountCommands = []Spec{
	{Name: "PING", BeforeLogin: true, Decode: plain(Ping{})},
	{Name: "STLS", BeforeLogin: true, Decode: plain(STLS{})},
	{Name: "STARTTLS", BeforeLogin: true, Decode: plain(STLS{})},
	{Name: "LISTCOMPFLAGS", BeforeLogin: true, Decode: plain(ListCompFlags{})},
	{Name: "EXIT", BeforeLogin: true, Form: "[{reason}]", Example: "goodbye",
		Decode: all(func(text string) Exit { return Exit{Reason: text} })},
	{Name: "REGISTER", BeforeLogin: true, Form: "userName passwordHash email",
		Example: "Newbie X03MO1qnZdYdgyfeuILPmQ== newbie@example.com",
		Decode: formed("www", func(f [9]string) (Register, bool) {
			return Register{Name: f[0], Password: f[1], Email: f[2]}, true
		})},
	{Name: "LOGIN", BeforeLogin: true,
		Form:    "userName passwordHash 0 localIP {lobby name and version}<tab>{userID hash}<tab>{compat flags}",
		Example: "Alice X03MO1qnZdYdgyfeuILPmQ== 0 * PeerTest 1.0\t1234567890 deadbeef\tsp b u cl",
		Decode:  decodeLogin},
	{Name: "c.auth.login_queue_heartbeat", BeforeLogin: true, Decode: plain(LoginQueueHeartbeat{})},
	{Name: "CONFIRMAGREEMENT", BeforeLogin: true, Form: "code", Example: "616598",
		Decode: all(func(text string) ConfirmAgreement { return ConfirmAgreement{Code: text} })},
	{Name: "RESETPASSWORDREQUEST", BeforeLogin: true, Form: "[email]", Example: "erin@example.com",
		Decode: all(func(text string) ResetPasswordRequest { return ResetPasswordRequest{Email: text} })},
	{Name: "CHANGEPASSWORD", BeforeLogin: true, Form: "oldHash newHash",
		Example: "X03MO1qnZdYdgyfeuILPmQ== K9opmNmw7hl9oUKgRH9nJQ==",
		Decode:  decodeChangePassword},
	{Name: "RENAMEACCOUNT", Form: "newName", Example: "Ren70718b",
		Decode: all(func(text string) RenameAccount { return RenameAccount{Name: text} })},
	{Name: "CHANGEEMAILREQUEST", Form: "newEmail", Example: "erin2@example.com",
		Decode: all(func(text string) ChangeEmailRequest { return ChangeEmailRequest{Email: text} })},
	{Name: "CHANGEEMAIL", Form: "newEmail code", Example: "erin2@example.com 123456",
		Decode: formed("ww", func(f [9]string) (ChangeEmail, bool) {
			return ChangeEmail{Email: f[0], Code: f[1]}, true
		})},
	{Name: "GETUSERINFO", Decode: plain(GetUserInfo{})},
	{Name: "CREATEBOTACCOUNT", Form: "botName ownerName", Example: "ErinBot Erin",
		Decode: formed("ww", func(f [9]string) (CreateBotAccount, bool) {
			return CreateBotAccount{Bot: f[0], Owner: f[1]}, true
		})},
	{Name: "GETIP", Form: "userName", Example: "Erin",
		Decode: all(func(text string) GetIP { return GetIP{User: text} })},
	{Name: "GETUSERID", Form: "userName", Example: "Erin", Decode: decodeGetUserID},
	{Name: "MYSTATUS", Form: "status", Example: "3", Decode: decodeMyStatus},
}

// maxHash is the longest "userID hash" that is kept of a client's machine; programs send
// some fifty characters at most.
const maxHash = 256

// cut shortens a text, between characters.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// decodeLogin reads LOGIN. People who type it by hand write four blanks for a tab.
func decodeLogin(args string) (any, error) {
	args = strings.ReplaceAll(args, "    ", "\t")
	var words [4]string
	for i := range words {
		word, rest, ok := cutWord(args)
		if !ok {
			return nil, ErrArguments
		}
		words[i], args = word, rest
	}
	if words[2] != "0" || strings.Trim(words[3], "0123456789.*") != "" {
		return nil, ErrArguments
	}
	client, rest, _ := strings.Cut(args, "\t")
	hash, flags, _ := strings.Cut(rest, "\t")
	login := Login{
		Name:     words[0],
		Password: words[1],
		LocalIP:  words[3],
		Client:   client,
		Hash:     cut(strings.TrimSpace(hash), maxHash),
	}
	if f := strings.Fields(flags); len(f) > 0 {
		login.Flags = f
	}
	return login, nil
}

func decodeChangePassword(args string) (any, error) {
	f, ok := fit(args, "ww")
	if !ok {
		return nil, ErrArguments
	}
	return ChangePassword{Args: args, Old: f[0], New: f[1]}, nil
}

func decodeGetUserID(args string) (any, error) {
	if args == "" {
		return nil, ErrArguments
	}
	return GetUserID{User: args}, nil
}

func decodeMyStatus(args string) (any, error) {
	inGame, away, ok := clientBits(args)
	if !ok {
		return nil, ErrArguments
	}
	return MyStatus{InGame: inGame, Away: away}, nil
}

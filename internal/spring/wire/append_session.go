package wire

import (
	"strconv"

	"teiserver/internal/roster"
)

// Lines that are always the same. They are shared and must not be changed.
var (
	// Greeting is the first line of a connection, also after STLS. It names the
	// protocol version, no default engine, a port and no LAN mode. Clients and their
	// tests compare it as a whole; nobody uses the port.
	Greeting = []byte("TASSERVER 0.38-33-ga5f3b28 * 8201 0\n")
	// Pong answers PING.
	Pong = []byte("PONG\n")
	// CompFlags answers LISTCOMPFLAGS with what this server implements. Clients act
	// on flags, so none is announced that is not implemented.
	CompFlags = []byte("COMPFLAGS sp teiserver\n")
	// CompFlagsQueues is CompFlags where there are matchmaking queues.
	CompFlagsQueues = []byte("COMPFLAGS sp teiserver matchmaking\n")
	// RegistrationAccepted answers REGISTER.
	RegistrationAccepted = []byte("REGISTRATIONACCEPTED\n")
	// Unauthenticated answers a command that needs a login.
	Unauthenticated = []byte("DENIED Unauthenticated\n")
	// Queued answers a login that has to wait.
	Queued = []byte("QUEUED\n")
	// AgreementEnd stands behind the lines of AppendAgreement.
	AgreementEnd = []byte("AGREEMENTEND\n")
	// LoginInfoEnd ends the login stream.
	LoginInfoEnd = []byte("LOGININFOEND\n")
	// ChangeEmailAccepted answers CHANGEEMAIL.
	ChangeEmailAccepted = []byte("CHANGEEMAILACCEPTED\n")
	// ChangeEmailRequestAccepted answers CHANGEEMAILREQUEST.
	ChangeEmailRequestAccepted = []byte("CHANGEEMAILREQUESTACCEPTED\n")
)

// extensions announces what this server can and the original protocol cannot.
const extensions = `SERVERMSG @PROTOCOL_EXTENSIONS@ {"ring:originator":1}` + "\n"

// AppendOK appends OK cmd=command, and a text behind a tab if there is one.
func AppendOK(b []byte, command, text string) []byte {
	return appendAnswer(b, "OK cmd=", command, text)
}

// AppendNO appends NO cmd=command, and a text behind a tab if there is one.
func AppendNO(b []byte, command, text string) []byte {
	return appendAnswer(b, "NO cmd=", command, text)
}

func appendAnswer(b []byte, word, command, text string) []byte {
	b = append(b, word...)
	b = appendText(b, command)
	if text != "" {
		b = append(b, '\t')
		b = appendText(b, text)
	}
	return append(b, '\n')
}

// AppendRegistrationDenied answers REGISTER.
func AppendRegistrationDenied(b []byte, reason string) []byte {
	return lineReason(b, "REGISTRATIONDENIED", reason)
}

// AppendAccepted begins the login stream: the stored name, the protocol
// extensions, and a MOTD line for each text, also for an empty one.
func AppendAccepted(b []byte, name string, motd []string) []byte {
	b = line1(b, "ACCEPTED", name)
	b = append(b, extensions...)
	for _, line := range motd {
		b = lineText(b, "MOTD", line)
	}
	return b
}

// AppendDenied refuses a login, or a command before it.
func AppendDenied(b []byte, reason string) []byte { return lineReason(b, "DENIED", reason) }

// AppendAgreement appends one line of the agreement that an account has to
// confirm. The space behind the command is there also if the line is empty, as
// the last one is.
func AppendAgreement(b []byte, line string) []byte { return lineText(b, "AGREEMENT", line) }

// AppendServerMsg appends a message of the server.
func AppendServerMsg(b []byte, text string) []byte { return lineReason(b, "SERVERMSG", text) }

// AppendAddUser introduces a user.
func AppendAddUser(b []byte, u *roster.User) []byte {
	b = append(b, "ADDUSER "...)
	b = appendWord(b, u.Name)
	b = append(b, ' ')
	b = appendWordOr(b, u.Country, "??")
	b = append(b, ' ')
	b = strconv.AppendInt(b, u.ID, 10)
	b = append(b, ' ')
	b = appendText(b, u.Client)
	return append(b, '\n')
}

// AppendRemoveUser is the last line about a user.
func AppendRemoveUser(b []byte, name string) []byte { return line1(b, "REMOVEUSER", name) }

// AppendClientStatus appends the status of a user.
func AppendClientStatus(b []byte, u *roster.User) []byte {
	b = append(b, "CLIENTSTATUS "...)
	b = appendWord(b, u.Name)
	b = append(b, ' ')
	b = appendInt(b, ClientStatus(u))
	return append(b, '\n')
}

// AppendChangeEmailDenied answers CHANGEEMAIL.
func AppendChangeEmailDenied(b []byte, reason string) []byte {
	return lineReason(b, "CHANGEEMAILDENIED", reason)
}

// AppendChangeEmailRequestDenied answers CHANGEEMAILREQUEST.
func AppendChangeEmailRequestDenied(b []byte, reason string) []byte {
	return lineReason(b, "CHANGEEMAILREQUESTDENIED", reason)
}

// AppendUserIP answers GETIP. The line has no command word.
func AppendUserIP(b []byte, name, ip string) []byte {
	b = appendWord(b, name)
	b = append(b, " is currently bound to "...)
	b = appendWord(b, ip)
	return append(b, '\n')
}

// AppendUserID answers GETUSERID. The line has no command word.
func AppendUserID(b []byte, name, hash string, id int64) []byte {
	b = append(b, "The ID for "...)
	b = appendWord(b, name)
	b = append(b, " is "...)
	b = appendText(b, hash)
	b = append(b, ' ')
	b = strconv.AppendInt(b, id, 10)
	return append(b, '\n')
}

// AppendDisconnect is the last line before the server closes a connection.
func AppendDisconnect(b []byte, reason string) []byte {
	return lineReason(b, "s.system.disconnect", reason)
}

// AppendCompFlags appends CompFlags, or CompFlagsQueues.
func AppendCompFlags(b []byte, queues bool) []byte {
	if queues {
		return append(b, CompFlagsQueues...)
	}
	return append(b, CompFlags...)
}

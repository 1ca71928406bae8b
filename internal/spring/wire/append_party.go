package wire

import (
	"strconv"

	"teiserver/internal/party"
	"teiserver/internal/roster"
)

var partyLines = map[party.What]string{
	party.WasInvited: "s.party.invited_to_party",
	party.Uninvited:  "s.party.invite_cancelled", //nolint:misspell // as clients know it
	party.Joined:     "s.party.joined_party",
	party.Left:       "s.party.left_party",
}

// AppendPartyEvent appends the line of a party event, nothing for one it does not know.
// It has the prefix of an answer with an id that nobody has used, as programs expect.
func AppendPartyEvent(b []byte, e roster.PartyEvent) []byte {
	line, ok := partyLines[e.What]
	if !ok {
		return b
	}
	b = append(b, '#')
	b = strconv.AppendInt(b, int64(e.Line), 10)
	b = append(b, ' ')
	b = append(b, line...)
	b = append(b, ' ')
	b = appendWord(b, e.Party)
	b = append(b, ' ')
	b = appendWord(b, e.Name)
	return append(b, '\n')
}

// AppendPartyOK appends the answer to a command of parties that was executed. id is that
// of a new party, else empty.
func AppendPartyOK(b []byte, command, id string) []byte {
	b = append(b, "OK cmd="...)
	b = append(b, command...)
	if id != "" {
		b = append(b, "\tparty_id="...)
		b = appendWord(b, id)
	}
	return append(b, '\n')
}

// AppendPartyNo appends the answer to one that was not.
func AppendPartyNo(b []byte, command, reason string) []byte {
	b = append(b, "NO cmd="...)
	b = append(b, command...)
	b = append(b, "\tmsg="...)
	b = appendReason(b, reason)
	return append(b, '\n')
}

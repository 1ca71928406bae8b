package lobby

import (
	"strings"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// How many characters of a line are shown; bots may say more.
const (
	lineLength  = 257
	longLength  = 1025  // welcome messages and modes
	tweakLength = 16385 // game tweaks travel as chat
)

// longLines are the beginnings, in any case, of lines that may be longer.
var longLines = []struct {
	prefix string
	length int
}{
	{"$welcome-message", longLength},
	{"!welcome-message", longLength},
	{"!mode ", longLength},
	{"!bset tweakdefs", tweakLength},
	{"!bset tweakunits", tweakLength},
}

// relayMarks begin lines that a relay has brought in. From a client they would pass
// its words off as somebody else's.
var relayMarks = []string{"system:", "web:", "a:", "s:"}

// say shows a line in the room, or hands a command for the Coordinator back.
func (s *State) say(c Say) (process.Outcome, error) {
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	inside := a.founder || a.member >= 0
	if !inside && (!c.Moderator || c.To == 0) {
		return refuse(refusal.Forbidden, "not in this lobby")
	}
	if c.To != 0 {
		if _, ok := s.statusOf(c.To); !ok {
			return refuse(refusal.NotFound, "user %d is not in this lobby", c.To)
		}
	}
	text := said(c.Text, c.Bot)
	if text == "" {
		return refuse(refusal.Invalid, "nothing said")
	}
	public := c.To == 0
	if public && !c.Emote {
		if swallowed(text) {
			return a.led(), nil
		}
		if strings.EqualFold(text, queueWord) {
			text = "$" + queueWord[1:]
		}
		text = TameVote(text, len(s.room.view.Computers) > 0)
	}
	if public && !c.Emote && len(text) > 1 && text[0] == '$' {
		if text[1] != ' ' && !isExplain(text) {
			out := a.led()
			out.Reply = Command{Text: text}
			return out, nil
		}
		if text[1] == ' ' {
			text = "$" + strings.TrimSpace(text[2:]) // the way to say a line with a dollar
		}
	}
	return a.led(Said{User: c.User, Text: text, Emote: c.Emote, To: c.To, Session: c.Session, Line: c.Line}), nil
}

// said is a line as the room hears it.
func said(text string, bot bool) string {
	text = strings.TrimSpace(text)
	if !bot {
		text = cut(text, allowed(text))
	}
	return strings.TrimSpace(unmarked(text))
}

func allowed(text string) int {
	for _, l := range longLines {
		if len(text) >= len(l.prefix) && strings.EqualFold(text[:len(l.prefix)], l.prefix) {
			return l.length
		}
	}
	return lineLength
}

// cut shortens a text to n characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}

func unmarked(text string) string {
	for again := true; again; {
		again = false
		for _, mark := range relayMarks {
			if rest, found := strings.CutPrefix(text, mark); found {
				text, again = strings.TrimLeft(rest, " "), true
			}
		}
	}
	return text
}

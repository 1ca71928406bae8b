package bridge

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// longestRow is the longest message of Discord that is carried, in characters.
const longestRow = 100

// Promote is the channel where players are looked for: bots are carried there only.
const Promote = "promote"

// promotion is what looks for players.
var promotion = regexp.MustCompile(`(?i) player\(s\) needed for battle|\b\d+ players? needed\b|^\s*\+\d+\b|\b\d+ needed\b|\b\d+ more for \d+v\d+\b`)

// smileys are written one way here and another way there.
var smileys = [...][2]string{{"🙂", ":)"}, {"😒", ":s"}, {"😦", ":("}, {"😛", ":p"}, {"😄", ":D"}}

var toText, toEmoji = func() (*strings.Replacer, *strings.Replacer) {
	var there, here []string
	for _, s := range smileys {
		there, here = append(there, s[0], s[1]), append(here, s[1], s[0])
	}
	return strings.NewReplacer(there...), strings.NewReplacer(append(here, "@", " at ")...)
}()

func hasLink(text string) bool {
	low := strings.ToLower(text)
	return strings.Contains(low, "http:") || strings.Contains(low, "https:")
}

func (t *Terms) flagged(text string) bool {
	low := strings.ToLower(text)
	return slices.ContainsFunc(t.Flagged, func(w string) bool { return w != "" && strings.Contains(low, w) })
}

// outward is where a line of here goes on Discord and what is said there; false if it is
// not carried.
func (t *Terms) outward(h *Heard) (channel, text string, ok bool) {
	text = strings.TrimSpace(h.Text)
	if !t.FromServer || text == "" || strings.ContainsAny(text[:1], "!$/") || hasLink(text) || t.flagged(text) {
		return "", "", false
	}
	room := h.Room
	if _, there := t.Rooms[room]; there && promotion.MatchString(text) && t.Rooms[Promote] != "" {
		room = Promote
	}
	if channel = t.Rooms[room]; channel == "" || h.Bot && room != Promote {
		return "", "", false
	}
	return channel, cut("**"+escape(h.FromName)+"**: "+toEmoji.Replace(text), mostText), true
}

// escape keeps a name from being read as markup.
var escape = strings.NewReplacer("*", `\*`, "_", `\_`, "`", "\\`", "~", `\~`, "|", `\|`).Replace

// inward are the room and the lines that a message of Discord becomes.
func (t *Terms) inward(c *Came) (room string, lines []string) {
	if !t.FromDiscord || c.Bot || c.Files || hasLink(c.Text) || utf8.RuneCountInString(c.Text) > longestRow || t.flagged(c.Text) {
		return "", nil
	}
	for name, channel := range t.Rooms {
		if channel == c.Channel && (room == "" || name < room) {
			room = name
		}
	}
	if room == "" {
		return "", nil
	}
	name := oneRow(c.Name)
	for row := range strings.Lines(c.Text) {
		if row = oneRow(toText.Replace(row)); row != "" {
			lines = append(lines, name+": "+row)
		}
	}
	return room, lines
}

// oneRow is a text as one line can have it.
func oneRow(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s))
}

// linkOrder is how accounts are linked, by private message on Discord.
var linkOrder = regexp.MustCompile(`^\$discord\s+(\d{1,18})-(\d{1,12})$`)

// What is answered on Discord.
const (
	textHelp    = "Tell Coordinator $discord in the game. It gives you a code for linking your account there with yours here; send me the line that it shows."
	textLinked  = "Congratulations, your accounts are now linked."
	textNoCode  = "That code is not known, or more than 5 minutes old. Tell Coordinator $discord in the game for a new one."
	textTrouble = "That cannot be done now, please try again."
)

// before reports whether a message is older than another: their ids are numbers.
func before(a, b string) bool {
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// nonce is by what Discord knows a post again.
func nonce(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:12])
}

func cut(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

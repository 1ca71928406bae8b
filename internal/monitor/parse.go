package monitor

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"teiserver/internal/match"
	"teiserver/internal/resident"
)

// The forms of what hosts tell in private. The angle brackets are theirs.
var (
	formEvent   = regexp.MustCompile(`^match-event <([^<>]+)> <([^<>]+)> <([0-9]{1,9})>$`)
	formComplex = regexp.MustCompile(`^complex-match-event <([^<>]+)> <([^<>]+)> <([0-9]{1,9})> <?([A-Za-z0-9+/_=-]+)>?$`)
	formChat    = regexp.MustCompile(`^match-chat <([^<>]+)> (d|dallies|dspectators): (.*)$`)
	formNamed   = regexp.MustCompile(`^match-chat-name <([^<>]+)>:<{1,2}([0-9]+)>{1,2} (d|dallies|dspectators): (.*)$`)
)

// chatPrefix is what a line of the game is kept with; one to everybody has been in the
// lobby's own chat already.
var chatPrefix = map[string]string{"dallies": "a: ", "dspectators": "s: "}

// The bounds of what is kept.
const (
	mostType  = 100
	mostText  = 1000
	mostValue = 500
	mostJSON  = 16 << 10
)

// heard reads a line of the room. ok is false for one that means nothing here.
func heard(h Heard) (d Deed, ok bool) {
	d = Deed{Host: h.From, Lobby: h.Lobby}
	text := strings.TrimSpace(h.Text)
	switch {
	case text == saysLaunching:
		d.What = Start
		return d, h.Lobby != 0
	case strings.HasPrefix(text, saysStopped):
		d.What = Stop
	case strings.HasPrefix(text, saysCrashed):
		d.What = Crash
	case strings.HasPrefix(text, saysStopping):
		rest := strings.TrimPrefix(text, saysStopping)
		name, found := strings.CutSuffix(rest, ")")
		d.What, d.Name = Manual, name
		return d, found && name != "" && h.Lobby != 0
	default:
		return d, false
	}
	return d, true
}

// told reads what came in private, line by line. odd are lines of a host that cannot be
// read; those of others mean nothing and are not remarkable.
func told(d resident.Direct) (deeds []Deed, odd []string) {
	for line := range strings.Lines(d.Text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		deed, known := tell(line, d.Rights)
		switch {
		case deed.What != "":
			deed.Host = d.From
			deeds = append(deeds, deed)
		case !known && d.Rights.Bot:
			odd = append(odd, cut(line, mostValue))
		}
	}
	return deeds, odd
}

// tell reads one line. A line without a deed is known if nothing is wrong with it.
func tell(line string, r resident.Rights) (d Deed, known bool) {
	word, rest, _ := strings.Cut(line, " ")
	if word == "broken_connection" {
		name := strings.TrimSpace(rest)
		if name == "" || !r.Bot && !r.Moderator && !r.Admin {
			return Deed{}, false
		}
		return Deed{What: Broken, Name: name}, true
	}
	if !r.Bot {
		return Deed{}, false
	}
	switch word {
	case "match-event":
		m := formEvent.FindStringSubmatch(line)
		if m == nil {
			return Deed{}, false
		}
		return event(m[1], m[2], m[3], ""), true
	case "complex-match-event":
		m := formComplex.FindStringSubmatch(line)
		if m == nil {
			return Deed{}, false
		}
		value, ok := object(m[4])
		if !ok {
			return Deed{}, false
		}
		return event(m[1], m[2], m[3], value), true
	case "match-chat":
		if m := formChat.FindStringSubmatch(line); m != nil {
			return spoken(m[1], m[2], m[3]), true
		}
	case "match-chat-name":
		if m := formNamed.FindStringSubmatch(line); m != nil {
			return spoken(m[1], m[3], m[4]), true
		}
	case "match-chat-noname":
		return Deed{}, true
	case "user_info":
		return hardware(bare(rest))
	case "endGameData":
		if packed := bare(rest); packed != "" {
			return Deed{What: EndOfMatch, Data: packed}, true
		}
	}
	return Deed{}, false
}

func event(name, kind, seconds, value string) Deed {
	n, _ := strconv.ParseInt(seconds, 10, 64) // digits, and few
	return Deed{What: Event, Name: name, Type: cut(kind, mostType), Seconds: n, Data: value}
}

func spoken(name, to, text string) Deed {
	prefix, kept := chatPrefix[to]
	if !kept || text == "" {
		return Deed{}
	}
	return Deed{What: Chat, Name: name, Text: cut(prefix+text, mostText)}
}

// object reads the value of a complex event.
func object(packed string) (string, bool) {
	raw, err := match.Decode(packed)
	if err != nil || len(raw) > mostJSON || !utf8.Valid(raw) {
		return "", false
	}
	var value map[string]json.RawMessage
	if err := json.Unmarshal(raw, &value); err != nil || value == nil {
		return "", false
	}
	return string(raw), true
}

// hardware reads what a player's engine found.
func hardware(packed string) (Deed, bool) {
	raw, err := match.Unpack(packed)
	if err != nil {
		return Deed{}, false
	}
	var info map[string]any
	if err := json.Unmarshal(raw, &info); err != nil {
		return Deed{}, false
	}
	name, _ := info["username"].(string)
	if name == "" {
		return Deed{}, false
	}
	d := Deed{What: Hardware, Name: name, Stats: map[string]string{}}
	for _, f := range []struct{ field, stat, none string }{
		{"CPU", "hardware:cpuinfo", "Null CPU"}, {"GPU", "hardware:gpuinfo", "Null GPU"},
		{"OS", "hardware:osinfo", "Null OS"}, {"RAM", "hardware:raminfo", "Null RAM"},
		{"Displaymax", "hardware:displaymax", "Null displaymax"}, {"validation", "hardware:validation", "Null validation"},
	} {
		d.Stats[f.stat] = f.none
		switch v := info[f.field].(type) {
		case string:
			if v != "" {
				d.Stats[f.stat] = cut(v, mostValue)
			}
		case float64:
			d.Stats[f.stat] = strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return d, true
}

// bare is a value with or without the brackets that the description of the messages has.
func bare(s string) string {
	s = strings.TrimSpace(s)
	if inner, ok := strings.CutPrefix(s, "<"); ok {
		s = strings.TrimSuffix(inner, ">")
	}
	return s
}

// cut shortens a text to so many bytes, between characters.
func cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

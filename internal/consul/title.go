package consul

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// titleForm is what a title may consist of.
var titleForm = regexp.MustCompile(`^[a-zA-Z0-9_\-\[\] <>+|:()]*$`)

// CheckTitle returns what is wrong with a title, empty if nothing is. hints has it say
// what misuse leads to.
func CheckTitle(title string, rules *Rules, hints bool) string {
	switch {
	case strings.TrimSpace(title) == "":
		return "Lobby name must not be empty"
	case utf8.RuneCountInString(title) > rules.TitleLength:
		return fmt.Sprintf("Lobby name is too long. Maximum %d characters allowed.", rules.TitleLength)
	case !titleForm.MatchString(title):
		return "Lobby name contains invalid characters. Allowed characters: alphanumeric, spaces, [, ], <, >, -, +, |, :."
	case flagged(title, rules):
		if hints {
			return "Lobby name was rejected. Please be aware that misuse of the lobby naming system can cause your chat privileges to be revoked."
		}
		return "Lobby name was rejected."
	}
	return ""
}

func flagged(title string, rules *Rules) bool {
	plain := plainTitle(title)
	for _, word := range rules.Flagged {
		if word != "" && strings.Contains(plain, word) {
			return true
		}
	}
	return false
}

// unleet undoes what letters are written with.
var unleet = strings.NewReplacer("1", "l", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "0", "o", "-", "", "_", "")

func plainTitle(title string) string { return unleet.Replace(strings.ToLower(title)) }

// What a title promises.
var (
	sayAllWelcome = regexp.MustCompile(`all?\s?well?come`)
	sayPro        = regexp.MustCompile(`\b(pros?|professionals?)\b`)
	sayNoob       = regexp.MustCompile(`(no )?\b(new player|noob|newb|nub[zs])`)
	sayRotation   = regexp.MustCompile(`\brotat`)
)

func noobTitle(plain string) bool {
	found := sayNoob.FindAllStringSubmatch(plain, -1)
	return len(found) == 1 && found[0][1] == ""
}

// clash returns why the bounds and a title cannot be together, empty if they can.
func (s *State) clash(title string, rules *Rules) string {
	plain := plainTitle(title)
	low := s.MinRating > lowestBound || s.MinRank > lowestBound
	high := s.MaxRating < highestRating || s.MaxRank < highestRank
	switch {
	case sayAllWelcome.MatchString(plain) && (low || high):
		return "Games declaring all are welcome cannot have player restrictions."
	case sayPro.MatchString(plain) && high:
		return "You cannot set a maximum limit for lobby names referencing pros."
	case noobTitle(plain) && low:
		return "You cannot set a minimum limit for lobby names referencing new players."
	case s.Unranked && !rules.UnrankedBounds && (low || high):
		return "You cannot set a limit if the lobby is unranked."
	}
	return ""
}

func (t *Turn) orderRename(o *order) {
	s := t.State
	title := o.rest
	if title == "" {
		title = s.Own
	} else if why := CheckTitle(title, t.Rules, true); why != "" {
		t.emote("%s", why)
		return
	}
	if why := s.clash(title, t.Rules); why != "" {
		t.emote("%s", why)
		return
	}
	s.Base = title
	if o.User == t.Room.Founder.User {
		s.Own = title
		return
	}
	t.echo(o)
	plain := plainTitle(title)
	var tips []string
	if noobTitle(plain) {
		tips = append(tips, splitter, "Useful commands for Noob lobbies", splitter,
			"To restrict this lobby to players who are new, use either:", "!maxchevlevel <chevlevel>", "!maxratinglevel <rating>", "")
	}
	if sayRotation.MatchString(plain) {
		tips = append(tips, "Useful commands for map rotation",
			"To turn on/off auto map rotation at end of each match:", "!rotationEndGame <(random|off)>", "")
	}
	if len(tips) > 0 {
		t.tell(o.User, tips...)
	}
}

// Retitle is told what title the host has given.
func (t *Turn) Retitle(title string) { t.State.Base, t.State.Own = title, title }

// orderTeaser takes characters that no title may have for none at all.
func (t *Turn) orderTeaser(o *order) {
	t.State.Teaser = ""
	if titleForm.MatchString(o.rest) {
		t.State.Teaser = o.rest
	}
	t.echo(o)
}

package setting

import (
	"strings"
)

// Words are words of letters, separated by commas or blanks, in lower case.
var Words = Form[[]string]{
	Name: "words separated by commas or blanks",
	Parse: func(text string) ([]string, error) {
		if _, err := Text.Parse(text); err != nil {
			return nil, err
		}
		return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' }), nil
	},
	Print: func(v []string) string { return strings.Join(v, ",") },
}

// What consuls of lobbies go by.
var (
	BlockCount = Define("lobby.block_count", 8, Int(1, 1000),
		"Players of a lobby who block somebody, or are blocked, by which that one does not come in.")
	BlockPercent = Define("lobby.block_percent", 50, Int(1, 100),
		"The same in percent of the players.")
	RequireChobby = Define("lobby.require_hashes", false, Bool,
		"Who plays in a lobby of seven and more must have a lobby client that told on which machine it runs.")
	UnrankedBounds = Define("lobby.unranked_bounds", true, Bool,
		"Unranked lobbies may have bounds on rating and rank.")
	TitleLength = Define("lobby.title_length", 70, Int(10, 200),
		"Longest title of a lobby, in characters.")
	FlaggedWords = Define("lobby.flagged_words", nil, Words,
		"Words that no title of a lobby may have.")
	RingCount = Define("lobby.ring_count", 5, Int(2, 1000),
		"Rings within lobby.ring_seconds that end the connection of who rings; one less is warned about.")
	RingSeconds = Define("lobby.ring_seconds", 10, Int(1, 3600),
		"See lobby.ring_count.")
)

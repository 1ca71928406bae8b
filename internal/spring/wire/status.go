package wire

import (
	"math"
	"strconv"
	"strings"

	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

// Bits of a client status.
const (
	statusInGame    = 1 << 0
	statusAway      = 1 << 1
	statusRankShift = 2 // three bits
	statusModerator = 1 << 5
	statusBot       = 1 << 6
)

// ClientStatus is the word of CLIENTSTATUS.
func ClientStatus(u *roster.User) int {
	status := min(max(u.Rank, 0), 7) << statusRankShift
	if u.InGame {
		status |= statusInGame
	}
	if u.Away {
		status |= statusAway
	}
	if u.Moderator {
		status |= statusModerator
	}
	if u.Bot {
		status |= statusBot
	}
	return status
}

// Places of a battle status. Numbers above 15 have their upper four bits in a
// place of their own, as the word grew.
const (
	readyShift    = 1
	teamShift     = 2
	allyShift     = 6
	playerShift   = 10
	handicapShift = 11
	teamHighShift = 18
	syncShift     = 22
	sideShift     = 24
	allyHighShift = 28
)

// PackStatus makes the word of CLIENTBATTLESTATUS.
func PackStatus(s lobby.Status) uint32 {
	var ready, player uint32
	if s.Ready {
		ready = 1
	}
	if s.Player {
		player = 1
	}
	team, ally := uint32(s.Team), uint32(s.Ally)
	return tidyWord(ready<<readyShift |
		team&15<<teamShift |
		ally&15<<allyShift |
		player<<playerShift |
		uint32(s.Handicap)&127<<handicapShift |
		team>>4&15<<teamHighShift |
		uint32(s.Sync)&3<<syncShift |
		uint32(s.Side)&15<<sideShift |
		ally>>4&15<<allyHighShift)
}

// UnpackStatus takes the word of a battle status apart. A sync value of 3 does
// not exist and means unsynced. What is not a color becomes 0.
func UnpackStatus(word uint32, color string) lobby.Status {
	word = tidyWord(word)
	return lobby.Status{
		Ready:    word>>readyShift&1 == 1,
		Team:     int(word>>teamShift&15 | word>>teamHighShift&15<<4),
		Ally:     int(word>>allyShift&15 | word>>allyHighShift&15<<4),
		Player:   word>>playerShift&1 == 1,
		Handicap: int(word >> handicapShift & 127),
		Sync:     int(word >> syncShift & 3),
		Side:     int(word >> sideShift & 15),
		Color:    Color(color),
	}
}

// tidyWord clears bit 0, which is always 0 on the wire, and makes a sync value of
// 3 a 2.
func tidyWord(word uint32) uint32 {
	if word>>syncShift&3 == 3 {
		word &^= 1 << syncShift
	}
	return word &^ 1
}

// statusWord reads the number of a battle status. Old clients and hosts send it
// signed.
func statusWord(s string) (uint32, bool) {
	if !isInteger(s) {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < math.MinInt32 || n > math.MaxUint32 {
		return 0, false
	}
	return uint32(n), true
}

// maxColor is the length of the longest color, "-2147483648".
const maxColor = 11

// Color returns the text of a team color: blue<<16 + green<<8 + red, an integer
// that some clients send signed. What is no integer becomes "0", so that the line
// that repeats it stays readable for all.
func Color(text string) string {
	word, _, _ := strings.Cut(text, " ")
	if len(word) > maxColor || !isInteger(word) {
		return "0"
	}
	return word
}

// clientBits reads the number of MYSTATUS: the first digits that there are, and of
// these the bits that belong to the client.
func clientBits(args string) (inGame, away, ok bool) {
	start := strings.IndexFunc(args, func(r rune) bool { return '0' <= r && r <= '9' })
	if start < 0 {
		return false, false, false
	}
	n := 0
	for _, c := range []byte(args[start:]) {
		if !isDigit(c) {
			break
		}
		n = (n*10 + int(c-'0')) & 127 // any length, and no overflow
	}
	return n&statusInGame != 0, n&statusAway != 0, true
}

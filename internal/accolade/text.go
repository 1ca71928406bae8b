package accolade

import (
	"fmt"
	"strconv"
	"strings"
)

// What the bot says; players know these words.
const (
	dashes       = "-------------------------------------------------"
	textGiven    = "Thank you for your feedback, this Accolade will be bestowed."
	textNothing  = "Thank you for your feedback, no Accolade will be bestowed."
	textNoBadge  = "None of the listed Accolades match that option"
	textNoNumber = "I'm sorry but I can't pick an Accolade based on that value"
	textNoChat   = "I'm not currently awaiting feedback for a player"
	textAwarded  = "You have been awarded a new accolade send $whoami to myself to see your collection."
	textOff      = "Accolades are switched off at the moment"
)

// question is how somebody is asked.
func question(name string, badges []Badge) []string {
	say := []string{
		dashes,
		"You have an opportunity to leave feedback on one of the players in your last game. We have selected " + name,
		"Which of the following accolades do you feel they most deserve (if any)?",
		"N - No accolade for this player at all",
		"0 - No accolade this time, ask again later",
	}
	for i, b := range badges {
		say = append(say, fmt.Sprintf("%d - %s, %s", i+1, b.Name, b.Description))
	}
	return append(say, ".", "Reply to this message with the number corresponding to the Accolade you feel is most appropriate for this player for this match.")
}

// choice is what an answer means.
type choice struct {
	outcome Outcome // Waiting: it is none
	badge   int64
	reply   string
}

func understand(text string, badges []Badge) choice {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "n") {
		return choice{outcome: Declined, reply: textNothing}
	}
	n, err := strconv.Atoi(text)
	switch {
	case err != nil && !number(text):
		return choice{reply: textNoNumber}
	case err != nil || n < 0 || n > len(badges):
		return choice{reply: textNoBadge}
	case n == 0:
		return choice{outcome: Later, reply: textNothing}
	}
	return choice{outcome: Given, badge: badges[n-1].ID, reply: textGiven}
}

// number reports a whole number of any length.
func number(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return digits != "" && len(text)-len(digits) <= 1 && strings.Trim(digits, "0123456789") == ""
}

package accolade

import (
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/resident"
)

// The process kinds. Of the bot there is one, resident.ID; the id of a chat is that of
// the user who is asked.
const (
	Kind     = "accolade_bot"
	ChatKind = "accolade_chat"
)

// Account are the facts of the bot's account.
var Account = resident.Account{
	Name:    "AccoladesBot",
	Email:   "accolades_bot@teiserver.local",
	Country: "GB",
	Client:  "Teiserver Internal Client",
	Roles:   []account.Role{account.Bot, account.Server, account.Verified},
}

// StatMisses is the user stat of how often somebody was asked and gave nothing.
const StatMisses = "accolade_miss_count"

// What an answer does to the misses of who was asked, and their bounds.
const (
	missNothing = 3  // nothing is given
	missGiven   = -5 // something is
	missSilence = 10 // no answer
	MostMisses  = 30
)

// Badge is a type of accolade.
type Badge struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Over is the command "a match has been processed", to the bot. Again is no mistake.
type Over struct {
	Match    int64     `json:"match"`
	Finished time.Time `json:"finished"`
}

// Ask is the command "ask a user about another one", to the user's chat. The refusal
// Taken says that the user is being asked something already.
type Ask struct {
	Match     int64         `json:"match"`
	Giver     int64         `json:"giver"`
	Recipient int64         `json:"recipient"`
	Name      string        `json:"name"` // of the recipient
	Badges    []Badge       `json:"badges"`
	Answer    time.Duration `json:"answer"` // how long to wait for one
}

// View is what a follower of a chat sees.
type View struct {
	Match int64 `json:"match"` // that is asked about; 0: none
}

var (
	_ = message.Register[Over]("accolade.over")
	_ = message.Register[Ask]("accolade.ask")
	_ = message.Register[View]("accolade.view")
)

// Outcome is what became of a question.
type Outcome string

// The outcomes.
const (
	Waiting  Outcome = ""
	Given    Outcome = "given"
	Declined Outcome = "declined" // nothing for this player
	Later    Outcome = "later"    // nothing this time
	Missed   Outcome = "missed"   // no answer
)

// The records of a chat.
type (
	// Asked is that a question is about to be put. Of one giver and match the first stays.
	Asked struct{ Match, Giver, Recipient int64 }
	// Answered is what became of it.
	Answered struct {
		Match, Giver, Recipient int64
		Outcome                 Outcome
		Badge                   int64 // of Given
		Miss                    int   // what the misses of the giver change by
	}
	// Kept is that the state alone has changed.
	Kept struct{}
)

// Question is the record of one, for operators.
type Question struct {
	Giver     int64     `json:"giver"`
	Recipient int64     `json:"recipient"`
	At        time.Time `json:"at"`
	Outcome   Outcome   `json:"outcome,omitempty"`
	Badge     string    `json:"badge,omitempty"`
}

// Count is a badge of somebody, and how many of it.
type Count struct {
	Name  string
	Count int
}

// BadgeType is a badge as operators see it.
type BadgeType struct {
	Badge
	Icon        string      `json:"icon"`
	Color       string      `json:"color"`
	Restriction Restriction `json:"restriction,omitempty"`
	Retired     bool        `json:"retired,omitempty"`
}

// Restriction says to whom a badge may be given.
type Restriction string

// The restrictions. The bot asks about team mates.
const (
	Anybody Restriction = ""
	Ally    Restriction = "Ally"
	Enemy   Restriction = "Enemy"
)

package moderation

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Report is what a user says of another one.
type Report struct {
	ID       int64     `json:"id"`
	Reporter int64     `json:"reporter"`
	Target   int64     `json:"target"`
	Place    string    `json:"place"`    // what kind of place it was: "lobby", "chat"
	PlaceID  string    `json:"place_id"` // which
	Match    int64     `json:"match,omitempty"`
	Text     string    `json:"text"`
	Created  time.Time `json:"created"`
	Closed   time.Time `json:"closed,omitzero"` // zero: it is open
	ClosedBy int64     `json:"closed_by,omitempty"`
	Action   int64     `json:"action,omitempty"` // what came of it
}

// Bounds of a report.
const (
	maxText  = 255
	maxPlace = 64
	// reportsPerHour is how many one user may make: more is no help.
	reportsPerHour = 30
)

// check brings a report into its form.
func (r *Report) check() {
	r.Place, r.PlaceID = cut(r.Place, maxPlace), cut(r.PlaceID, maxPlace)
	r.Text = cut(r.Text, maxText)
}

func cut(text string, most int) string {
	text = strings.TrimSpace(strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), ""))
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}

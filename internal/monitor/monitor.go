package monitor

import (
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/resident"
)

// Kind is the process kind; there is one process, resident.ID.
const Kind = "match_monitor"

// Room is the channel in which hosts say how their games go.
const Room = "autohosts"

// Account are the facts of the account.
var Account = resident.Account{
	Name:    "AutohostMonitor",
	Email:   "match_monitor@teiserver.local",
	Country: "GB",
	Client:  "Teiserver Internal Client",
	Roles:   []account.Role{account.Bot, account.Server, account.Verified},
}

// Heard is a line in Room that Hears. The reply is resident.Says without a line.
type Heard struct {
	From     int64  `json:"from"`
	FromName string `json:"from_name"`
	Session  int64  `json:"session"` // session epoch of the speaker
	Line     int64  `json:"line"`    // rises with the lines of a session
	Lobby    int64  `json:"lobby"`   // of which the speaker is the founder; 0: none
	Text     string `json:"text"`
	// At is when it was said, by the store's clock; zero: now.
	At time.Time `json:"at,omitzero"`
}

// What hosts say in the room. SPADS writes these; they are its words.
const (
	saysLaunching = "* Launching game..."
	saysStopped   = "* Server stopped (running time"
	saysCrashed   = "* Spring crashed ! (running time"
	saysStopping  = "* Stopping server (by "
)

// Hears reports whether a line in Room is for the monitor.
func Hears(text string) bool {
	text = strings.TrimSpace(text)
	return text == saysLaunching || strings.HasPrefix(text, saysStopped) ||
		strings.HasPrefix(text, saysCrashed) || strings.HasPrefix(text, saysStopping)
}

// What is to be done about a report.
type What string

// The deeds.
const (
	Start      What = "start"       // of the match of Lobby
	Stop       What = "stop"        // of the host's match
	Crash      What = "crash"       // Stop, because the game crashed
	Manual     What = "manual_stop" // Name has stopped the game
	Broken     What = "broken"      // Name's connection is broken, says its host
	Event      What = "event"       // Type happened to Name in the match at Seconds; Data if complex
	Chat       What = "chat"        // Name said Text in the game
	Hardware   What = "hardware"    // Name has Stats
	EndOfMatch What = "end"         // Data is what the host reports of its match
)

// Deed is one thing to do about a report.
type Deed struct {
	Seq     int64             `json:"seq"`
	At      time.Time         `json:"at"`             // when it was said, by the store's clock
	Taken   time.Time         `json:"taken,omitzero"` // when the monitor took it, if that was later
	Host    int64             `json:"host"`
	What    What              `json:"what"`
	Lobby   int64             `json:"lobby,omitempty"`
	Name    string            `json:"name,omitempty"`
	Type    string            `json:"type,omitempty"`
	Seconds int64             `json:"seconds,omitempty"`
	Text    string            `json:"text,omitempty"`
	Data    string            `json:"data,omitempty"`
	Stats   map[string]string `json:"stats,omitempty"`
}

// View is what a follower sees.
type View struct {
	Online  bool `json:"online"`
	Pending int  `json:"pending"` // deeds that are not done
}

var (
	_ = message.Register[Heard]("monitor.heard")
	_ = message.Register[View]("monitor.view")
)

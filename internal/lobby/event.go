package lobby

import (
	"time"

	"teiserver/internal/cluster/message"
)

// The events of the room's feed.

type (
	// Requested says that somebody asks to join. For the host only.
	Requested struct{ Asked }
	// Denied says that the host said no. For the asker only.
	Denied struct {
		Who
		Reason string `json:"reason"`
	}
	// Withdrawn says that a request is void, because the asker left or is gone.
	// Nobody is told.
	Withdrawn struct{ Who }
	// Entered brings a new member. ScriptPassword is for the host and the member only. If
	// the user is a member already, a newer session has taken over the seat: the
	// member is replaced where it stands.
	Entered struct{ Member }
	// Departed says that a member is out. Kicked says that the host threw it out. The
	// Computers it owned have been removed by events before this one.
	Departed struct {
		Who
		Kicked bool          `json:"kicked,omitempty"`
		Keep   time.Duration `json:"keep,omitempty"` // its place is kept for so long
	}
	// StatusSet gives the battle status of a member or the founder, also if unchanged.
	StatusSet struct {
		User   int64  `json:"user"`
		Status Status `json:"status"`
	}
	// Said is a line, for everybody in the room unless To names one.
	Said struct {
		User  int64  `json:"user"`
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		To    int64  `json:"to,omitempty"`
		// Session and Line number a line: who hears one again, because the next owner could
		// not know it, drops it.
		Session int64 `json:"session,omitempty"`
		Line    int64 `json:"line,omitempty"`
	}
	// ComputerAdded brings a computer player.
	ComputerAdded struct{ Computer }
	// ComputerUpdated gives all of a computer player after a change.
	ComputerUpdated struct{ Computer }
	// ComputerRemoved says that a computer player is out.
	ComputerRemoved struct {
		Name string `json:"name"`
	}
	// RectAdded gives the start box of an ally team.
	RectAdded struct{ Rect }
	// RectRemoved says that an ally team has no start box.
	RectRemoved struct {
		Ally int `json:"ally"`
	}
	// TagsSet gives the script tags that have a new value.
	TagsSet struct {
		Tags map[string]string `json:"tags"`
	}
	// TagsRemoved names the script tags that are gone.
	TagsRemoved struct {
		Keys []string `json:"keys"`
	}
	// UnitsSet carries the complete list of disabled units.
	UnitsSet struct {
		Disabled []string `json:"disabled"`
	}
	// InfoSet says that something of Info changed.
	InfoSet struct {
		Info     Info `json:"info"`
		Retitled bool `json:"retitled,omitempty"`
	}
	// Closed says that the lobby is gone with everybody in it.
	Closed struct{}
)

var (
	_ = message.Register[Requested]("lobby.requested")
	_ = message.Register[Denied]("lobby.denied")
	_ = message.Register[Withdrawn]("lobby.withdrawn")
	_ = message.Register[Entered]("lobby.entered")
	_ = message.Register[Departed]("lobby.departed")
	_ = message.Register[StatusSet]("lobby.status_set")
	_ = message.Register[Said]("lobby.said")
	_ = message.Register[ComputerAdded]("lobby.computer_added")
	_ = message.Register[ComputerUpdated]("lobby.computer_updated")
	_ = message.Register[ComputerRemoved]("lobby.computer_removed")
	_ = message.Register[RectAdded]("lobby.rect_added")
	_ = message.Register[RectRemoved]("lobby.rect_removed")
	_ = message.Register[TagsSet]("lobby.tags_set")
	_ = message.Register[TagsRemoved]("lobby.tags_removed")
	_ = message.Register[UnitsSet]("lobby.units_set")
	_ = message.Register[InfoSet]("lobby.info_set")
	_ = message.Register[Closed]("lobby.closed")
)

package lobby

import "teiserver/internal/cluster/message"

// Events of the room's feed.
type (
	// Requested: somebody asks to join. For the host only.
	Requested struct{ Asked }
	// Denied: the host said no. For the asker only.
	Denied struct {
		Who
		Reason string `json:"reason"`
	}
	// Withdrawn: a request is void, because the asker left or is gone. Nobody is told.
	Withdrawn struct{ Who }
	// Entered: a new member. ScriptPassword is for the host and the member only. If
	// the user is a member already, a newer session has taken over the seat: the
	// member is replaced where it stands.
	Entered struct{ Member }
	// Departed: a member is out. Kicked says that the host threw it out. The
	// Computers it owned have been removed by events before this one.
	Departed struct {
		Who
		Kicked bool `json:"kicked,omitempty"`
	}
	// StatusSet: the battle status of a member or the founder; sent also if unchanged.
	StatusSet struct {
		User   int64  `json:"user"`
		Status Status `json:"status"`
	}
	Said struct {
		User  int64  `json:"user"`
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		To    int64  `json:"to,omitempty"`
	}
	ComputerAdded   struct{ Computer }
	ComputerUpdated struct{ Computer }
	ComputerRemoved struct {
		Name string `json:"name"`
	}
	RectAdded   struct{ Rect }
	RectRemoved struct {
		Ally int `json:"ally"`
	}
	TagsSet struct {
		Tags map[string]string `json:"tags"`
	}
	TagsRemoved struct {
		Keys []string `json:"keys"`
	}
	// UnitsSet carries the complete list of disabled units.
	UnitsSet struct {
		Disabled []string `json:"disabled"`
	}
	// InfoSet: something of Info changed.
	InfoSet struct {
		Info     Info `json:"info"`
		Retitled bool `json:"retitled,omitempty"`
	}
	// Closed: the lobby is gone with everybody in it.
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

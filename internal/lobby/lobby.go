// Package lobby owns the rooms before and between games, with all their rules.
// (The Spring protocol calls a lobby a battle; only package spring says so.)
package lobby

import (
	"teiserver/internal/cluster/message"
)

// Kind is the process kind; the id is the decimal lobby id.
const Kind = "lobby"

// Who is a session that acts or is acted for.
type Who struct {
	User        int64 `json:"user"`
	Session     int64 `json:"session"`     // session epoch: a newer one takes over, an older one is ignored
	Incarnation int64 `json:"incarnation"` // of the node that holds the connection
}

// Rights of an actor, looked up at the edge.
type Rights struct {
	Bot       bool `json:"bot,omitempty"`
	Moderator bool `json:"moderator,omitempty"` // moderator or admin
	Caster    bool `json:"caster,omitempty"`
}

// Info is what everybody sees of a lobby.
type Info struct {
	ID            int64  `json:"id"`
	Founder       Who    `json:"founder"`
	Replay        bool   `json:"replay,omitempty"`
	Nat           int    `json:"nat,omitempty"` // 0, 1, 2
	IP            string `json:"ip"`
	Port          int    `json:"port"`
	MaxPlayers    int    `json:"max_players"`
	Passworded    bool   `json:"passworded,omitempty"`
	GameHash      string `json:"game_hash"`
	MapHash       string `json:"map_hash"`
	EngineName    string `json:"engine_name"`
	EngineVersion string `json:"engine_version"`
	Map           string `json:"map"`
	Title         string `json:"title"`
	Game          string `json:"game"`
	Spectators    int    `json:"spectators"` // as the host last claimed
	Locked        bool   `json:"locked,omitempty"`
}

// Status is a member's battle status, unpacked.
type Status struct {
	Ready    bool   `json:"ready,omitempty"`
	Team     int    `json:"team"` // "player number", 0 to 255
	Ally     int    `json:"ally"` // 0 to 255
	Player   bool   `json:"player,omitempty"`
	Handicap int    `json:"handicap,omitempty"` // 0 to 100
	Sync     int    `json:"sync"`               // 0 unknown, 1 synced, 2 unsynced
	Side     int    `json:"side"`               // 0 to 15
	Color    string `json:"color"`              // decimal text as the client sent it
}

// Unsynced is the status of a member who has not said anything yet.
var Unsynced = Status{Sync: 2, Color: "0"}

// Member is a session in the lobby. The founder is not in the member list.
type Member struct {
	Who
	Join           int64  `json:"join"` // rises with every join of a session: of two lobbies the higher one is where it is
	ScriptPassword string `json:"script_password,omitempty"`
	Status         Status `json:"status"`
	Told           bool   `json:"told,omitempty"` // has sent a first status: only then it is shown to others
}

// Computer is a computer player (Spring: bot in a battle).
type Computer struct {
	Name   string `json:"name"`
	Owner  int64  `json:"owner"`
	Status uint32 `json:"status"` // the word as sent, bit 0 cleared
	Color  string `json:"color"`
	AI     string `json:"ai"`
}

// Rect is the start rectangle of an ally team, 0 to 200.
type Rect struct {
	Ally   int `json:"ally"`
	Left   int `json:"left"`
	Top    int `json:"top"`
	Right  int `json:"right"`
	Bottom int `json:"bottom"`
}

// Seat is membership as the index shows it.
type Seat struct {
	Who
	Join int64 `json:"join"`
}

// Summary is the lobby in the index: what nodes know that do not follow it.
type Summary struct {
	Info  Info   `json:"info"`
	Seats []Seat `json:"seats"` // most recent joiner first
}

// View is what a follower starts from.
type View struct {
	Info          Info              `json:"info"`
	FounderStatus Status            `json:"founder_status"`
	Members       []Member          `json:"members"` // most recent joiner first
	Computers     []Computer        `json:"computers"`
	Rects         []Rect            `json:"rects"` // by ally
	Tags          map[string]string `json:"tags"`
	Disabled      []string          `json:"disabled"` // units, in order of disabling
	Pending       []Asked           `json:"pending"`  // join requests the host has not answered
}

// Commands. Each carries who sends it; what is not permitted is refused with
// Forbidden (most protocols then say nothing).
type (
	// Open is the first command of a lobby. MatchID and Host/MatchUUID come from the
	// edge (sequence and random), as Apply is pure.
	Open struct {
		Info      Info   `json:"info"`
		Password  string `json:"password"` // empty: none
		MatchID   int64  `json:"match_id"`
		HostUUID  string `json:"host_uuid"`
		MatchUUID string `json:"match_uuid"`
	}
	// Join asks to enter. Refusals: Locked, Password, Banned, NotFound. If the answer
	// is no refusal the request waits for the host. A member who asks again is taken
	// out first.
	Join struct {
		Who
		Rights
		Join           int64  `json:"join"`
		Password       string `json:"password"`
		ScriptPassword string `json:"script_password"`
		IP             string `json:"ip"`
	}
	// Answer is the host's decision on a pending request.
	Answer struct {
		By     Who    `json:"by"`
		User   int64  `json:"user"`
		Accept bool   `json:"accept"`
		Reason string `json:"reason"` // of a refusal
	}
	// Leave takes a session out, or withdraws its request. The founder's Leave closes the lobby.
	Leave struct{ Who }
	// SetStatus is MYBATTLESTATUS, also of the founder. Handicap is not taken from it.
	SetStatus struct {
		Who
		Status Status `json:"status"`
	}
	// Say speaks in the room. To, if not 0, is the only one who hears it.
	Say struct {
		Who
		Rights
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		To    int64  `json:"to,omitempty"`
	}
	// AddComputer, UpdateComputer, RemoveComputer: ADDBOT, UPDATEBOT, REMOVEBOT.
	AddComputer struct {
		Who
		Rights
		Computer Computer `json:"computer"`
	}
	UpdateComputer struct {
		Who
		Rights
		Name   string `json:"name"`
		Status uint32 `json:"status"`
		Color  string `json:"color"`
	}
	RemoveComputer struct {
		Who
		Rights
		Name string `json:"name"`
	}
	AddRect struct {
		Who
		Rights
		Rect Rect `json:"rect"`
	}
	RemoveRect struct {
		Who
		Rights
		Ally int `json:"ally"`
	}
	// SetTags and RemoveTags: keys are lower-cased by the machine.
	SetTags struct {
		Who
		Rights
		Tags map[string]string `json:"tags"`
	}
	RemoveTags struct {
		Who
		Rights
		Keys []string `json:"keys"`
	}
	// SetUnits disables or enables units; All enables everything.
	SetUnits struct {
		Who
		Rights
		Disable []string `json:"disable,omitempty"`
		Enable  []string `json:"enable,omitempty"`
		All     bool     `json:"all,omitempty"`
	}
	// Force sets one field of a member; nil fields stay.
	Force struct {
		By Who `json:"by"`
		Rights
		User      int64   `json:"user"`
		Handicap  *int    `json:"handicap,omitempty"`
		Team      *int    `json:"team,omitempty"`
		Ally      *int    `json:"ally,omitempty"`
		Color     *string `json:"color,omitempty"`
		Spectator bool    `json:"spectator,omitempty"`
	}
	// Kick removes a member. Protected says that the target is a moderator.
	Kick struct {
		By Who `json:"by"`
		Rights
		User      int64 `json:"user"`
		Protected bool  `json:"protected,omitempty"`
	}
	// Update is UPDATEBATTLEINFO.
	Update struct {
		Who
		Rights
		Spectators int    `json:"spectators"`
		Locked     bool   `json:"locked"`
		MapHash    string `json:"map_hash"`
		Map        string `json:"map"`
	}
	// Retitle changes the title; the edge has checked its form.
	Retitle struct {
		Who
		Rights
		Title string `json:"title"`
	}
	// Tick is the lobby's own timer, every TickEvery.
	Tick struct{}
	// Gone removes every session of an incarnation that is gone; if the founder is among them the lobby closes.
	Gone struct {
		Incarnation int64 `json:"incarnation"`
	}
	// Absent says that a session is no longer the user's (checked by the owner's node).
	Absent struct{ Who }
	// Repeat tells a new owner what an edge's clients hold.
	Repeat struct {
		Founder *Who     `json:"founder,omitempty"`
		Members []Member `json:"members"`
	}
)

// Asked is a join request that waits for the host.
type Asked struct {
	Who
	Join           int64  `json:"join"`
	ScriptPassword string `json:"script_password"`
	IP             string `json:"ip"`
}

// Events of the room's feed.
type (
	// Requested: somebody asks to join. For the host only.
	Requested struct{ Asked }
	// Denied: the host said no. For the asker only.
	Denied struct {
		Who
		Reason string `json:"reason"`
	}
	// Entered: a new member. ScriptPassword is for the host and the member only.
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
	_ = message.Register[Open]("lobby.open")
	_ = message.Register[Join]("lobby.join")
	_ = message.Register[Answer]("lobby.answer")
	_ = message.Register[Leave]("lobby.leave")
	_ = message.Register[SetStatus]("lobby.set_status")
	_ = message.Register[Say]("lobby.say")
	_ = message.Register[AddComputer]("lobby.add_computer")
	_ = message.Register[UpdateComputer]("lobby.update_computer")
	_ = message.Register[RemoveComputer]("lobby.remove_computer")
	_ = message.Register[AddRect]("lobby.add_rect")
	_ = message.Register[RemoveRect]("lobby.remove_rect")
	_ = message.Register[SetTags]("lobby.set_tags")
	_ = message.Register[RemoveTags]("lobby.remove_tags")
	_ = message.Register[SetUnits]("lobby.set_units")
	_ = message.Register[Force]("lobby.force")
	_ = message.Register[Kick]("lobby.kick")
	_ = message.Register[Update]("lobby.update")
	_ = message.Register[Retitle]("lobby.retitle")
	_ = message.Register[Tick]("lobby.tick")
	_ = message.Register[Gone]("lobby.gone")
	_ = message.Register[Absent]("lobby.absent")
	_ = message.Register[Repeat]("lobby.repeat")
	_ = message.Register[Summary]("lobby.summary")
	_ = message.Register[View]("lobby.view")
	_ = message.Register[Requested]("lobby.requested")
	_ = message.Register[Denied]("lobby.denied")
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

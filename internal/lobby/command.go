package lobby

import (
	"time"

	"teiserver/internal/cluster/message"
)

// The commands. Each carries who sends it; what is not permitted is refused with
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
		// Grace is how long the place of an older session of the user is kept, if it is
		// still a member: what ended it has not arrived yet.
		Grace time.Duration `json:"grace,omitempty"`
		Facts *Facts        `json:"facts,omitempty"` // of the joiner; without them it is judged as nobody's friend
		// Forced is set by the node of a user who was summoned (World.Summon): neither the
		// host nor a rule is asked, the user enters at once.
		Forced bool `json:"forced,omitempty"`
	}
	// Answer is the host's decision on a pending request.
	Answer struct {
		By     Who    `json:"by"`
		User   int64  `json:"user"`
		Accept bool   `json:"accept"`
		Reason string `json:"reason"` // of a refusal
	}
	// Leave takes a session out, or withdraws its request. The founder's Leave closes
	// the lobby. With Join it means this join and those before it: a Leave that is
	// repeated until it is answered must not end what came after it.
	Leave struct {
		Who
		Join int64 `json:"join,omitempty"`
		// Grace is how long the place is kept, if the connection was lost and not ended.
		Grace time.Duration `json:"grace,omitempty"`
	}
	// SetStatus is MYBATTLESTATUS, also of the founder. Handicap is not taken from it.
	SetStatus struct {
		Who
		Status Status `json:"status"`
		Facts  *Facts `json:"facts,omitempty"` // nil: as they were
	}
	// Say speaks in the room. To, if not 0, is the only one who hears it.
	Say struct {
		Who
		Rights
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		To    int64  `json:"to,omitempty"`
		Line  int64  `json:"line,omitempty"`  // see Said
		Facts *Facts `json:"facts,omitempty"` // nil: as they were
	}
	// AddComputer is ADDBOT.
	AddComputer struct {
		Who
		Rights
		Computer Computer `json:"computer"`
	}
	// UpdateComputer is UPDATEBOT.
	UpdateComputer struct {
		Who
		Rights
		Name   string `json:"name"`
		Status uint32 `json:"status"`
		Color  string `json:"color"`
	}
	// RemoveComputer is REMOVEBOT.
	RemoveComputer struct {
		Who
		Rights
		Name string `json:"name"`
	}
	// AddRect sets the start box of an ally team.
	AddRect struct {
		Who
		Rights
		Rect Rect `json:"rect"`
	}
	// RemoveRect takes the start box of an ally team away.
	RemoveRect struct {
		Who
		Rights
		Ally int `json:"ally"`
	}
	// SetTags sets script tags. The machine makes the keys lower case.
	SetTags struct {
		Who
		Rights
		Tags map[string]string `json:"tags"`
	}
	// RemoveTags removes script tags, with the keys as in SetTags.
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
		Incarnation int64         `json:"incarnation"`
		Grace       time.Duration `json:"grace,omitempty"` // how long the places are kept
	}
	// Absent says that a session is no longer the user's (checked by the owner's node).
	Absent struct {
		Who
		Grace time.Duration `json:"grace,omitempty"`
	}
	// Repeat tells a new owner what an edge's clients hold: its founder, the members
	// and the askers connected there. It adds and corrects, it never removes.
	Repeat struct {
		Founder *Who     `json:"founder,omitempty"`
		Members []Member `json:"members"`
		Pending []Asked  `json:"pending,omitempty"`
		// Facts are of the users named, by user. A lobby that lost some has them again.
		Facts map[int64]Facts `json:"facts,omitempty"`
	}
)

// Command is the reply to a Say that is a command ("$..."): nothing is shown in the room,
// the edge sends it as Order, or to the Coordinator; see order.go.
type Command struct {
	Text string `json:"text"`
}

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
	_ = message.Register[Command]("lobby.command")
)

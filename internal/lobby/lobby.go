package lobby

import "teiserver/internal/cluster/message"

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
	// The teams as the host last said.
	TeamSize  int `json:"team_size,omitempty"`
	TeamCount int `json:"team_count,omitempty"`
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
	Queue         []int64           `json:"queue"`    // who waits to play, first to last
	Bosses        []int64           `json:"bosses"`
	Terms         Terms             `json:"terms"`
}

// Asked is a join request that waits for the host.
type Asked struct {
	Who
	Join           int64  `json:"join"`
	ScriptPassword string `json:"script_password"`
	IP             string `json:"ip"`
}

var (
	_ = message.Register[Summary]("lobby.summary")
	_ = message.Register[View]("lobby.view")
)

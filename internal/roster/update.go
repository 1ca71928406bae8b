package roster

import (
	"sync/atomic"

	"teiserver/internal/lobby"
)

// User is a session as the roster shows it. Values are immutable: a change makes
// a new one.
type User struct {
	ID          int64  `json:"id"`
	Session     int64  `json:"session"`     // session epoch
	Node        string `json:"node"`        // that holds the connection
	Incarnation int64  `json:"incarnation"` // of that node
	Name        string `json:"name"`
	Country     string `json:"country"`
	Client      string `json:"client"` // lobby client as shown
	IP          string `json:"ip"`
	LobbyHash   string `json:"lobby_hash"`
	Rank        int    `json:"rank"`
	Moderator   bool   `json:"moderator,omitempty"` // shows the moderator bit
	Bot         bool   `json:"bot,omitempty"`
	InGame      bool   `json:"in_game,omitempty"`
	Away        bool   `json:"away,omitempty"`
}

// Lobby is a visible lobby: its public facts, its founder, and who is shown in
// it. Values are immutable.
type Lobby struct {
	Info    lobby.Info
	Founder *User
	Members []*User // most recent joiner first
	// The teams as the host last said.
	TeamSize, TeamCount int

	enc [encodings]atomic.Pointer[[]byte]
}

// Event is what a viewer is told. The concrete types follow; each is complete in
// itself, so that an encoder needs nothing else.
type Event interface{ event() }

// For everybody, filtered by a viewer's interest where noted:

type (
	// UserCame introduces a user.
	UserCame struct{ User *User }
	// UserChanged says that status, rank or rights differ. Interest Own: only bots,
	// moderators, and users in the viewer's lobby.
	UserChanged struct{ User *User }
	// UserWent is the last word about a user.
	UserWent struct{ User *User }
	// Several is such updates in one piece, in order.
	Several struct{ Updates []*Update }
	// LobbyOpened introduces a lobby without members; its founder is known. The
	// founder itself is told by Hosting instead.
	LobbyOpened struct{ Lobby *Lobby }
	// LobbyChanged says that spectators, lock or map differ. Members of the room are
	// told once, like others.
	LobbyChanged struct{ Lobby *Lobby }
	// LobbyRetitled says that the title differs.
	LobbyRetitled struct{ Lobby *Lobby }
	// LobbyClosed is the last word about a lobby; everybody in it is out.
	LobbyClosed struct{ ID int64 }
	// MemberCame says that a user entered a lobby. ScriptPassword is set only in the copy for
	// the lobby's founder. Interest Own: only the viewer's own lobby.
	MemberCame struct {
		Lobby          *Lobby
		User           *User
		ScriptPassword string
		Room           bool // the viewer is in that room (or hosts it)
	}
	// MemberWent comes exactly once for each MemberCame (or LobbyClosed instead).
	MemberWent struct {
		Lobby  *Lobby
		User   *User
		Room   bool // the viewer is in that room
		Kicked bool
	}
)

// For those in a room:

type (
	// Hosting answers the founder whose lobby has appeared: the opening block. View is
	// without members, computers and requests: these are told one by one.
	Hosting struct {
		Lobby *Lobby
		View  lobby.View
	}
	// Entered answers a joiner: the block of the room's state. Statuses and
	// Computers name only users that the viewer knows. Unknown lists the members of
	// whom an Own viewer has not been told; they must be introduced as members first.
	Entered struct {
		Lobby          *Lobby
		Me             *User
		ScriptPassword string
		View           lobby.View
		Statuses       []StatusSet // founder first, then told members, most recent first
		Computers      []ComputerAdded
		Unknown        []*User
		Queue          []string // who waits to play, by name
	}
	// Ejected says that the viewer was kicked; MemberWent follows.
	Ejected struct{ Lobby *Lobby }
	// JoinRequested asks the host.
	JoinRequested struct {
		Lobby *Lobby
		User  *User
		IP    string
	}
	// JoinDenied answers a joiner.
	JoinDenied struct{ Reason string }
	// StatusSet gives the battle status of a member or the founder.
	StatusSet struct {
		User   *User
		Status lobby.Status
	}
	// RoomSaid is a line in the room.
	RoomSaid struct {
		User  *User
		Text  string
		Emote bool
	}
	// ComputerAdded brings a computer player.
	ComputerAdded struct {
		Lobby    int64
		Owner    *User
		Computer lobby.Computer
	}
	// ComputerUpdated gives all of a computer player after a change.
	ComputerUpdated struct {
		Lobby    int64
		Computer lobby.Computer
	}
	// ComputerRemoved says that a computer player is out.
	ComputerRemoved struct {
		Lobby int64
		Name  string
	}
	// RectAdded gives the start box of an ally team.
	RectAdded struct{ Rect lobby.Rect }
	// RectRemoved says that an ally team has no start box.
	RectRemoved struct{ Ally int }
	// TagsSet gives the script tags that have a new value.
	TagsSet struct{ Tags map[string]string }
	// TagsRemoved names the script tags that are gone.
	TagsRemoved struct{ Keys []string }
	// UnitsSet gives the complete list of disabled units.
	UnitsSet struct{ Disabled []string }
)

// For those in a channel:

type (
	// ChannelEntered answers a joiner. Members are the others, known to the viewer.
	ChannelEntered struct {
		Name       string
		AuthorName string
		Me         *User
		Members    []*User
	}
	// ChannelCame says that a user has joined.
	ChannelCame struct {
		Name string
		User *User
	}
	// ChannelWent says that a user is out.
	ChannelWent struct {
		Name string
		User *User
	}
	// ChannelSaid is a line in the channel.
	ChannelSaid struct {
		Name  string
		User  *User
		Text  string
		Emote bool
	}
)

// For one user:

type (
	// PrivateSaid is a line for the viewer alone.
	PrivateSaid struct {
		From *User
		Text string
	}
	// Rang asks for the attention of the viewer.
	Rang struct{ By *User }
	// FriendEvent is a change in relations; Other is the other user's id.
	FriendEvent struct {
		What  FriendWhat
		Other int64
	}
)

// FriendWhat names a friend event.
type FriendWhat string

// The friend events.
const (
	FriendAsked     FriendWhat = "asked"
	FriendAccepted  FriendWhat = "accepted"
	FriendDeclined  FriendWhat = "declined"
	FriendRescinded FriendWhat = "rescinded"
	FriendEnded     FriendWhat = "ended"
	Followed        FriendWhat = "followed"
)

func (UserCame) event()        {}
func (UserChanged) event()     {}
func (UserWent) event()        {}
func (Several) event()         {}
func (LobbyOpened) event()     {}
func (LobbyChanged) event()    {}
func (LobbyRetitled) event()   {}
func (LobbyClosed) event()     {}
func (MemberCame) event()      {}
func (MemberWent) event()      {}
func (Hosting) event()         {}
func (Entered) event()         {}
func (Ejected) event()         {}
func (JoinRequested) event()   {}
func (JoinDenied) event()      {}
func (StatusSet) event()       {}
func (RoomSaid) event()        {}
func (ComputerAdded) event()   {}
func (ComputerUpdated) event() {}
func (ComputerRemoved) event() {}
func (RectAdded) event()       {}
func (RectRemoved) event()     {}
func (TagsSet) event()         {}
func (TagsRemoved) event()     {}
func (UnitsSet) event()        {}
func (ChannelEntered) event()  {}
func (ChannelCame) event()     {}
func (ChannelWent) event()     {}
func (ChannelSaid) event()     {}
func (PrivateSaid) event()     {}
func (Rang) event()            {}
func (FriendEvent) event()     {}

// Encoding numbers the places where encodings of one value are kept: a protocol
// takes one for each form it needs.
type Encoding int

// The encodings.
const (
	SpringLine     Encoding = iota // an update as lines; a chunk's ADDUSER block; a lobby's block without members
	SpringMembers                  // a lobby's block with members
	SpringStatuses                 // a chunk's CLIENTSTATUS block
	SpringNotables                 // the same for bots and moderators only
	encodings
)

// Update is an event on its way to viewers, with its encodings. It is encoded at
// most once per encoding, by the first viewer that needs it, and shared.
type Update struct {
	Event Event
	enc   [encodings]atomic.Pointer[[]byte]
}

// Encoded returns the encoding of the update, made by encode on first use.
func (u *Update) Encoded(e Encoding, encode func(Event) []byte) []byte {
	if p := u.enc[e].Load(); p != nil {
		return *p
	}
	b := encode(u.Event)
	u.enc[e].Store(&b)
	return b
}

// Encoded returns the encoding of a lobby, made by encode on first use.
func (l *Lobby) Encoded(e Encoding, encode func(*Lobby) []byte) []byte {
	if p := l.enc[e].Load(); p != nil {
		return *p
	}
	b := encode(l)
	l.enc[e].Store(&b)
	return b
}

// Chunk is a part of the list of visible users. Immutable.
type Chunk struct {
	Users []*User
	enc   [encodings]atomic.Pointer[[]byte]
}

// Encoded returns the encoding of a chunk, made by encode on first use.
func (c *Chunk) Encoded(e Encoding, encode func([]*User) []byte) []byte {
	if p := c.enc[e].Load(); p != nil {
		return *p
	}
	b := encode(c.Users)
	c.enc[e].Store(&b)
	return b
}

// World is everything visible at one moment. Its parts are shared and immutable.
type World struct {
	Chunks  []*Chunk
	Lobbies []*Lobby
}

// Interest says what a viewer wants to hear.
type Interest int

// The interests.
const (
	Everything Interest = iota
	Own                 // no memberships of lobbies it is not in, statuses of bots, moderators and its own lobby only
)

// Viewer is a connection of this node as the roster sees it. The roster calls it
// with its lock held: it must not block and not call back.
type Viewer interface {
	// ID is the session it belongs to.
	ID() (user, session int64)
	Interest() Interest
	// Ignores reports whether this viewer does not hear a user.
	Ignores(user int64) bool
	// Begin gives the world to a viewer that has just been attached.
	Begin(w World)
	// Show gives one update.
	Show(u *Update)
	// Supersede ends the viewer: a newer session of its user was seen.
	Supersede()
}

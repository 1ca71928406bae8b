package party

import (
	"time"

	"teiserver/internal/cluster/message"
)

// Kind is the process kind; the id is that of the party, a ULID.
const Kind = "party"

// The bounds of a party.
const (
	MostMembers = 16
	MostInvites = 32
)

// Who is a session.
type Who struct {
	User        int64 `json:"user"`
	Session     int64 `json:"session"`     // a newer one takes over, an older one is ignored
	Incarnation int64 `json:"incarnation"` // of the node that holds the connection
}

// Member is somebody in a party.
type Member struct {
	Who
	Name string    `json:"name"`
	Lost time.Time `json:"lost,omitzero"` // its connection ended; its place is kept until then
}

// Invited is somebody who has been asked and has not answered.
type Invited struct {
	User int64  `json:"user"`
	Name string `json:"name"`
	By   int64  `json:"by"`
}

// Party is the state of a party: snapshot, view and summary in one.
type Party struct {
	ID      string    `json:"id"`
	Leader  int64     `json:"leader"`
	Members []Member  `json:"members"` // most recent first
	Invites []Invited `json:"invites"` // most recent first
}

// Member returns the place of a user.
func (p *Party) Member(user int64) (Member, bool) {
	if i := p.member(user); i >= 0 {
		return p.Members[i], true
	}
	return Member{}, false
}

// Invited reports whether a user has been asked and has not answered.
func (p *Party) Invited(user int64) bool { return p.invite(user) >= 0 }

func (p *Party) member(user int64) int {
	for i := range p.Members {
		if p.Members[i].User == user {
			return i
		}
	}
	return -1
}

func (p *Party) invite(user int64) int {
	for i := range p.Invites {
		if p.Invites[i].User == user {
			return i
		}
	}
	return -1
}

// The commands.
type (
	// Create is the first command of a party.
	Create struct {
		Who
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	// Invite asks somebody to come. Who is invited already is no mistake.
	Invite struct {
		By   Who    `json:"by"`
		User int64  `json:"user"`
		Name string `json:"name"`
	}
	// Cancel takes an invitation back. One that is not there is no mistake.
	Cancel struct {
		By   Who   `json:"by"`
		User int64 `json:"user"`
	}
	// Accept takes an invitation. Refusals: NotFound ("Not invited"), Taken ("Already a
	// member"), Full.
	Accept struct {
		Who
		Name string `json:"name"`
	}
	// Place puts somebody in who was not asked: a moderator's doing.
	Place struct {
		Who
		Name string `json:"name"`
	}
	// Decline does not.
	Decline struct {
		User int64 `json:"user"`
	}
	// Leave takes a session out; the last one closes the party. With Grace the place is
	// kept for so long, as the connection was lost and not ended.
	Leave struct {
		Who
		Grace time.Duration `json:"grace,omitempty"`
	}
	// Back says that a member has a new session.
	Back struct{ Who }
	// Here is what the node of a member repeats to a new owner of the party, whose state
	// may be older than what the member has been told: it is a member still.
	Here struct {
		Who
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	// Gone says that all sessions of an incarnation have ended.
	Gone struct {
		Incarnation int64         `json:"incarnation"`
		Grace       time.Duration `json:"grace,omitempty"`
	}
	// Tick is the party's own timer, while somebody is lost.
	Tick struct{}
)

// Changed is the one event: the party as it is now.
type Changed struct{ Party Party }

// Ended is the last event.
type Ended struct{}

var (
	_ = message.Register[Create]("party.create")
	_ = message.Register[Invite]("party.invite")
	_ = message.Register[Cancel]("party.cancel")
	_ = message.Register[Accept]("party.accept")
	_ = message.Register[Place]("party.place")
	_ = message.Register[Decline]("party.decline")
	_ = message.Register[Leave]("party.leave")
	_ = message.Register[Back]("party.back")
	_ = message.Register[Here]("party.here")
	_ = message.Register[Gone]("party.gone")
	_ = message.Register[Tick]("party.tick")
	_ = message.Register[Changed]("party.changed")
	_ = message.Register[Ended]("party.ended")
	_ = message.Register[Party]("party.party")
)

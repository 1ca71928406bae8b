// Package account knows users: who they are, what they may do, and who may log in.
package account

import (
	"slices"
	"time"

	"teiserver/internal/cluster/message"
)

// Role is a right that an account has.
type Role string

// The roles; Roles says what they are for.
const (
	Bot         Role = "bot"
	Moderator   Role = "moderator"
	Admin       Role = "admin"
	Caster      Role = "caster"
	VIP         Role = "vip"
	Contributor Role = "contributor"
	Winner      Role = "tournament_winner"
	Organizer   Role = "event_organizer"
	Verified    Role = "verified"
	Trusted     Role = "trusted" // automod lets it alone
	Server      Role = "server"  // an account of the server itself

	Senior    Role = "senior_moderator"
	Overwatch Role = "overwatch"
	Reviewer  Role = "reviewer"

	// Forgotten marks an account whose owner is forgotten: nobody logs in as it. The
	// server alone gives it.
	Forgotten Role = "forgotten"
)

// User is an account as the store keeps it. Values are shared and immutable.
type User struct {
	ID       int64  `json:"id"` // also the Spring id
	Name     string `json:"name"`
	Email    string `json:"email"`
	Password string `json:"password"` // encoded argon2id of what clients send
	Roles    []Role `json:"roles"`
	Country  string `json:"country"`   // "??" if unknown
	HideFlag bool   `json:"hide_flag"` // the user hides the country
	Rank     int    `json:"rank"`      // 0 to 7
	Code     string `json:"code"`      // verification code, empty when verified

	CodeAt    time.Time `json:"code_at"`    // it was made
	CodeSent  time.Time `json:"code_sent"`  // it was mailed last
	CodeTries int64     `json:"code_tries"` // wrong ones since it was made
	Suspect   bool      `json:"suspect"`    // the code alone does not verify it: a moderator has to
	Agreed    int64     `json:"agreed"`     // version of the agreement that was accepted last

	NewEmail  string    `json:"new_email"` // asked for by CHANGEEMAILREQUEST
	NewCode   string    `json:"new_code"`
	NewCodeAt time.Time `json:"new_code_at"`

	// SignOuts is how often all sessions of the user were ended, such as with a password
	// that an operator has set. A session that began before the last time ends.
	SignOuts int64 `json:"sign_outs"`
	// FixedCountry and FixedRank are what an operator has set; the rank is one more than
	// what is shown. Without them they come from address and time in the game.
	FixedCountry string `json:"fixed_country"`
	FixedRank    int    `json:"fixed_rank"`

	PlayMinutes     int64     `json:"play_minutes"`
	SpectateMinutes int64     `json:"spectate_minutes"`
	Created         time.Time `json:"created"`
	LastLogin       time.Time `json:"last_login"`
	LastIP          string    `json:"last_ip"`
	LobbyHash       string    `json:"lobby_hash"` // "userID hash" of the last login
	Client          string    `json:"client"`     // lobby client of the last login
	Renames         []int64   `json:"renames"`    // unix seconds of past renames

	Version int64 `json:"version"` // of the change log
}

// Has reports whether the user has a role.
func (u *User) Has(r Role) bool { return slices.Contains(u.Roles, r) }

// Moderates reports any of the moderating roles.
func (u *User) Moderates() bool { return u.Has(Moderator) || u.Has(Senior) || u.Has(Admin) }

// IsBot reports an account that hosts or serves.
func (u *User) IsBot() bool { return u.Has(Bot) || u.Has(Server) }

// Privileged reports an account that is let in although the server is full or others
// wait: bots, who supports the site and who moderates it.
func (u *User) Privileged() bool { return u.IsBot() || u.Can(VIP) }

// Relied reports an account that nobody is to suspect by what it has in common with others.
func (u *User) Relied() bool { return u.Can(Trusted) }

// Resident is an account of the server's own that is online wherever its process
// runs: the summary of such a process. It keeps its place when the process moves.
type Resident struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Country   string `json:"country"`
	Client    string `json:"client"`
	Moderator bool   `json:"moderator,omitempty"` // shows the moderator bit
	Away      bool   `json:"away,omitempty"`      // not online, though its process runs
}

var _ = message.Register[Resident]("account.resident")

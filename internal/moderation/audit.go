package moderation

import "time"

// Entry is a row of the audit log: something that was done with a privilege.
type Entry struct {
	ID      int64          `json:"id"`
	Action  string         `json:"action"`
	User    int64          `json:"user"`         // who did it; 0: the operator, or the server
	By      string         `json:"by,omitempty"` // who the operator was
	Details map[string]any `json:"details,omitempty"`
	At      time.Time      `json:"at"`
	// Once names what must be done once: a second entry of the name is ErrDone, and
	// nothing of its transaction stays.
	Once string `json:"once,omitempty"`
}

// What is audited.
const (
	ActionCreated  = "Moderation:Action created"
	ActionHalted   = "Moderation:Action halted"
	BanCreated     = "Moderation:Ban created"
	BanDisabled    = "Moderation:Ban disabled"
	BanEnacted     = "Moderation:Ban enacted"
	Debridged      = "Moderation:De-bridged user"
	MarkedAlt      = "Moderation:Mark as smurf"
	UnmarkedAlt    = "Moderation:Cancel smurf mark"
	ReportClosed   = "Moderation:Report closed"
	Shadowban      = "Shadowban"
	Unshadowban    = "Unshadowban"
	SettingUpdated = "Site config:Update value"
	DomainBanned   = "Moderation:Domain banned"
	DomainUnbanned = "Moderation:Domain unbanned"
	PhraseBanned   = "Moderation:Phrase banned"
	PhraseUnbanned = "Moderation:Phrase unbanned"
	NameChanged    = "Teiserver:Changed user name"
	EmailChanged   = "Account:E-mail changed"
	PasswordSet    = "Account:Password set"
	PasswordReset  = "Account:User password reset" //nolint:gosec // a name of an act
	RolesChanged   = "Account:Roles changed"
	UserVerified   = "Account:Verified"
	CodeMailed     = "Account:Code mailed"
	LinkMailed     = "Account:Reset mailed"
	ShownChanged   = "Account:Shown changed"
	OptionChanged  = "Account:Setting changed"
	UserForgotten  = "gdpr-forget"
	UserDeleted    = "Account:User deleted"
	UserCreated    = "Account:User created"
	BotCreated     = "Account:Bot created"
)

// Actor is who does something.
type Actor struct {
	User int64  // 0: the operator, or the server itself
	Name string // of the operator
}

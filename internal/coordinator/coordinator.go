package coordinator

import (
	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
)

// Kind is the process kind; there is one process, ID.
const (
	Kind = "coordinator"
	ID   = "main"
)

// The facts of the account.
const (
	Name    = "Coordinator"
	Email   = "coordinator@teiserver.local"
	Country = "GB"
	Client  = "Teiserver Internal Client"
)

// Roles are the rights of the account.
func Roles() []account.Role {
	return []account.Role{account.Bot, account.Server, account.Moderator}
}

// Direct is a private message to the Coordinator. The reply is Says.
type Direct struct {
	From     int64  `json:"from"`
	FromName string `json:"from_name"`
	FromBot  bool   `json:"from_bot,omitempty"`
	Text     string `json:"text"`
}

// Says is what the Coordinator answers, line by line; often nothing.
type Says struct {
	Lines []string `json:"lines"`
}

// View is what a follower sees: that there is a Coordinator.
type View struct {
	Online bool `json:"online"`
}

var (
	_ = message.Register[Direct]("coordinator.direct")
	_ = message.Register[Says]("coordinator.says")
	_ = message.Register[View]("coordinator.view")
)

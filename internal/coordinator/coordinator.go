package coordinator

import (
	"context"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/resident"
)

// Kind is the process kind; there is one process, resident.ID.
const Kind = "coordinator"

// Account are the facts of the Coordinator's account.
var Account = resident.Account{
	Name:    "Coordinator",
	Email:   "coordinator@teiserver.local",
	Country: "GB",
	Client:  "Teiserver Internal Client",
	Roles:   []account.Role{account.Bot, account.Server, account.Moderator},
}

// Task answers a resident.Direct that the node of the asker carries out: a command that
// it may use, with what is written behind it.
type Task struct {
	Command string `json:"command"` // in lower case
	Args    string `json:"args,omitempty"`
	Silent  bool   `json:"silent,omitempty"`
}

// Purpose says what a code is good for.
type Purpose string

// The purposes of codes.
const (
	LinkDiscord Purpose = "discord" // an account of Discord is linked
	LogIn       Purpose = "login"   // a visit of the web site begins logged in
)

// CodeLife is how long a code counts.
const CodeLife = 5 * time.Minute

// The commands besides resident.Direct.
type (
	// GiveCode has a code remembered; of one purpose a user has one code, the last.
	// The code is made by who asks, as a machine makes nothing up.
	GiveCode struct {
		Purpose Purpose `json:"purpose"`
		User    int64   `json:"user"`
		Code    string  `json:"code"`
		IP      string  `json:"ip,omitempty"`
	}
	// TakeCode uses a code up. User, if not 0, must be its own. The reply is Taken.
	TakeCode struct {
		Purpose Purpose `json:"purpose"`
		User    int64   `json:"user,omitempty"`
		Code    string  `json:"code"`
	}
	// Taken says whose code it was. User is 0 if it was nobody's, or too old.
	Taken struct {
		User int64  `json:"user"`
		IP   string `json:"ip,omitempty"`
	}
)

var (
	_ = message.Register[Task]("coordinator.task")
	_ = message.Register[GiveCode]("coordinator.give_code")
	_ = message.Register[TakeCode]("coordinator.take_code")
	_ = message.Register[Taken]("coordinator.taken")
)

// NewKind describes the Coordinator to the cluster. id is that of its account.
func NewKind(id int64) process.Kind {
	return resident.Kind(id, Account, process.Kind{
		Name:    Kind,
		Doubt:   process.Continue,
		Persist: true,
		Purpose: "The account through which the server speaks; answers private messages and $ commands, keeps the codes it gave out.",
		Origin:  "hands over what is asked; greets who logs in, after `coordinator.login_delay_ms`",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			return open(snapshot)
		},
	})
}

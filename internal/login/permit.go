package login

import (
	"context"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
)

// Kind is the process kind; there is one process in the cluster.
const Kind = "login"

// key names the owner of the rate.
var key = cluster.SingletonKey(Kind)

// The times on which nodes and owner rely.
const (
	// beat is the longest pause between two asks of a node.
	beat = time.Second
	// term is how long a permit is good for, from when it was asked for, and how long
	// an answer is waited for.
	term = time.Second
	// silence is how long the owner relies on a node's word not to use its own share.
	silence = 3 * time.Second
	// slack is for clocks that do not go at the same speed.
	slack = 500 * time.Millisecond
	// newcomer is how long a node keeps off its own share after it has joined: until
	// every node, and the last word of each to the owner, counts it in. A node that
	// does not read the members for three seconds does not serve.
	newcomer = 10 * time.Second
	// visible is after how long whoever was let in is counted as online everywhere.
	visible = 2 * time.Second
	// gap is the shortest pause that the owner asks for: a high rate comes in blocks.
	gap = 50 * time.Millisecond
)

// permit is one permit in parts: at one per second, a nanosecond earns one part.
const permit = int64(time.Second)

// Bounds of what is believed of a node; the settings have narrower ones.
const (
	maxRate    = 10_000
	maxWaiting = 100_000
)

// Ask is what a node tells the owner, at least once a second while it throttles.
//
// Unless it is Alone it is a promise: not to use its own share until term and silence
// have passed since it was sent.
type Ask struct {
	Node    int64   `json:"node"`    // incarnation
	Members []int64 `json:"members"` // incarnations, as the node sees them
	Rate    int     `json:"rate"`    // per second, as the node reads the setting
	Waiting int     `json:"waiting"`
	Room    int     `json:"room"` // for how many there is room in the cluster; below 0: any number
	Alone   bool    `json:"alone,omitempty"`
}

// Grant answers an Ask.
type Grant struct {
	Permits int           `json:"permits"`
	Next    time.Duration `json:"next"` // when to ask again, at the earliest
}

// View is what a follower sees.
type View struct {
	Waiting int `json:"waiting"` // on all nodes, as far as they have told
}

var (
	_ = message.Register[Ask]("login.ask")
	_ = message.Register[Grant]("login.grant")
	_ = message.Register[View]("login.view")
)

// NewKind describes the owner of the rate to the cluster. It freezes in doubt: an
// owner that may have been replaced hands out nothing. Nothing is kept, because what
// was saved up must not be had twice.
//
// boot is a clock of the host that nobody sets and that goes on while the host sleeps.
// The time of commands will not do: it stands still when the store's clock is set back,
// and nobody would come in.
func NewKind(boot func() time.Duration) process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerCluster,
		Start:   process.Ensured,
		Doubt:   process.Freeze,
		Purpose: "The owner of the login rate: hands out permits in blocks to the nodes whose queues ask for them.",
		Origin:  "queues its clients, asks for a block of permits and lets them in",
		Open: func(context.Context, string, []byte) (process.Machine, error) {
			return &State{boot: boot}, nil
		},
	}
}

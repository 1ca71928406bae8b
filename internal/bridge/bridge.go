package bridge

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/resident"
)

// Kind is the process kind; there is one process, resident.ID.
const Kind = "bridge"

// Account are the facts of the account.
var Account = resident.Account{
	Name:    "DiscordBridge",
	Email:   "bridge@teiserver.local",
	Country: "GB",
	Client:  "Teiserver Internal Client",
	Roles:   []account.Role{account.Bot, account.Server, account.Verified},
}

// The commands. None of them has a reply.
type (
	// Heard is a line in a channel here.
	Heard struct {
		From     int64  `json:"from"`
		FromName string `json:"from_name"`
		Bot      bool   `json:"bot,omitempty"`
		Session  int64  `json:"session"` // session epoch of the speaker
		Line     int64  `json:"line"`    // rises with the lines of a session
		Room     string `json:"room"`
		Text     string `json:"text"`
	}
	// Came is a message on Discord.
	Came struct {
		ID      string `json:"id"` // of the message: newer ones are higher
		Channel string `json:"channel"`
		Author  string `json:"author"` // its id
		Name    string `json:"name"`   // what the author is called there
		Text    string `json:"text"`   // with names in place of mentions
		Direct  bool   `json:"direct,omitempty"`
		Bot     bool   `json:"bot,omitempty"`
		Files   bool   `json:"files,omitempty"` // it has attachments
	}
	// Notice is a post in a channel: that of bridge.posts, or else of bridge.rooms, that To
	// names. One with a key that was there before changes nothing.
	Notice struct {
		Key  string `json:"key"`
		To   string `json:"to"`
		Text string `json:"text"`
	}
	// Changed says that the settings of the bridge may have changed.
	Changed struct{}
	// Notify is a private message on Discord to a user who has linked an account.
	Notify struct {
		Key  string `json:"key"`
		User int64  `json:"user"`
		Text string `json:"text"`
	}
)

// Terms are how the bridge is set.
type Terms struct {
	Read        bool              `json:"read"` // these are the site's; nobody has looked yet if not
	On          bool              `json:"on"`
	FromDiscord bool              `json:"from_discord"`
	FromServer  bool              `json:"from_server"`
	Numbers     bool              `json:"numbers"`
	Notify      bool              `json:"notify"`
	Rooms       map[string]string `json:"rooms,omitempty"` // of here to those of Discord
	Posts       map[string]string `json:"posts,omitempty"`
	Flagged     []string          `json:"flagged,omitempty"` // words that are not carried
	Link        string            `json:"link,omitempty"`    // an invitation to Discord
}

// Equal reports whether two are the same.
func (t *Terms) Equal(o *Terms) bool {
	return t.Read == o.Read && t.On == o.On && t.FromDiscord == o.FromDiscord && t.FromServer == o.FromServer && t.Numbers == o.Numbers &&
		t.Notify == o.Notify && t.Link == o.Link &&
		maps.Equal(t.Rooms, o.Rooms) && maps.Equal(t.Posts, o.Posts) && slices.Equal(t.Flagged, o.Flagged)
}

// Numbers are how many there are.
type Numbers struct {
	Clients, Players, Matches, Lobbies int
}

// Discord is the other side. Its errors are Busy, ErrRejected, or passing trouble.
type Discord interface {
	// Post says a text in a channel. One with a nonce that was there in the last minutes
	// changes nothing. Nobody is rung by it.
	Post(ctx context.Context, channel, text, nonce string) error
	// Direct says it to a person there.
	Direct(ctx context.Context, person, text, nonce string) error
	// Rename gives a channel another name.
	Rename(ctx context.Context, channel, name string) error
	// Listen hears what is said, until ctx ends or the connection is lost. heard must not
	// block.
	Listen(ctx context.Context, heard func(Came)) error
}

// Store keeps the state with each notice.
type Store interface {
	// KeepState stores f.Snapshot, fenced.
	KeepState(ctx context.Context, f registry.Fence) error
}

// Most of what a message on Discord may have, in characters.
const mostText = 2000

var (
	_ = message.Register[Heard]("bridge.heard")
	_ = message.Register[Came]("bridge.came")
	_ = message.Register[Notice]("bridge.notice")
	_ = message.Register[Notify]("bridge.notify")
	_ = message.Register[Changed]("bridge.changed")
)

// NewKind describes the bridge to the cluster. id is that of its account. desk is asked
// each time something is to be done: until there is one it waits.
func NewKind(id int64, store Store, desk func() *Desk) process.Kind {
	return resident.Kind(id, Account, process.Kind{
		Name:    Kind,
		Doubt:   process.Freeze,
		Persist: true,
		Purpose: "DiscordBridge: carries lines and notices between the channels here and on Discord, while the bridge is on.",
		Origin:  "of the speaker or of the event: hands over a line, once",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return NewState(), nil
			}
			return RestoreState(snapshot)
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			if _, ok := record.(kept); !ok {
				return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
			}
			return store.KeepState(ctx, f)
		},
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			if d := desk(); d != nil {
				return d.do(ctx, id, effect)
			}
			switch effect.(type) {
			case send:
				return sent{After: time.Second}
			case speak:
				return spoken{Again: true}
			}
			return nil
		},
	})
}

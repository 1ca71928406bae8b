package mail

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"teiserver/internal/cluster/registry"
)

// Letter is one message to one address.
type Letter struct {
	ID      int64         `json:"id"`
	Key     string        `json:"key"` // names it, also to mail servers
	User    int64         `json:"user"`
	Purpose string        `json:"purpose"`
	To      string        `json:"to"`
	Subject string        `json:"subject"`
	Text    string        `json:"-"` // may hold a code
	Life    time.Duration `json:"-"` // for how long it is of use

	Made    time.Time `json:"made"`
	Tries   int       `json:"tries"`
	Late    bool      `json:"-"`                 // it is of no use anymore
	Done    time.Time `json:"done,omitzero"`     // zero: it waits
	Outcome string    `json:"outcome,omitempty"` // how it ended
	Error   string    `json:"error,omitempty"`   // of the last try
}

// How letters end.
const (
	Sent   = "sent"
	Failed = "failed" // the mail server refuses it for good
	Late   = "late"   // it could not be sent while it was of use
)

// NewKey names a letter.
func NewKey(purpose string) string { return purpose + "-" + rand.Text() }

// Query is what letters are listed by.
type Query struct {
	User    int64 // 0: of all
	Waiting bool  // only those that are not over
	Most    int
}

// Store keeps letters.
type Store interface {
	PutLetter(ctx context.Context, l Letter) error
	// TakeLetters takes letters that are due: for so long nobody else gets them.
	TakeLetters(ctx context.Context, most int, hold time.Duration) ([]Letter, error)
	// LettersDue reports whether there are some to take.
	LettersDue(ctx context.Context) (bool, error)
	// EndLetter notes how it ended, and forgets its text; false if somebody else has taken
	// it since.
	EndLetter(ctx context.Context, l Letter, outcome, text string) (bool, error)
	// DelayLetter has it due again after a pause.
	DelayLetter(ctx context.Context, l Letter, pause time.Duration, text string) error
	// SentTo returns how many letters were sent to an address, whatever its case, so lately.
	SentTo(ctx context.Context, address string, within time.Duration) (int, error)
	HasOldLetters(ctx context.Context, age time.Duration) (bool, error)
	DropOldLetters(ctx context.Context, f registry.Fence, age time.Duration, most int) error
	// Letters lists them, the newest first; those that are over have no text.
	Letters(ctx context.Context, q Query) ([]Letter, error)
}

// Sender has letters leave. An error that is ErrRefused is for good; others may pass.
// It returns within sendLimit.
type Sender interface {
	Send(ctx context.Context, l Letter) error
}

// ErrRefused says that a letter will never be taken.
var ErrRefused = errors.New("mail: refused")

// None is a Sender that has nothing leave: letters end as sent.
type None struct{}

// Send implements Sender.
func (None) Send(context.Context, Letter) error { return nil }

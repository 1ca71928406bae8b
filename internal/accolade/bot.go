package accolade

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// The numbers of the bot.
const (
	// LastGame is how long after its end a match is asked about: later it is nobody's
	// "last game". It also bounds how long matches are remembered.
	LastGame   = time.Hour
	rememberIt = 2 * LastGame
	firstLook  = 50 * time.Millisecond
	askAgain   = time.Second
)

// Bot is the machine of the bot.
type Bot struct {
	pending map[int64]time.Time // matches to ask about, with their end
	known   map[int64]time.Time // those that were told of, pending or not

	flying map[int64]bool // of this life: being asked about
}

var _ process.Machine = (*Bot)(nil)

type (
	// askAbout is the effect that asks the players of a match; askedAbout is its outcome.
	askAbout   struct{ Match int64 }
	askedAbout struct {
		Match int64
		Again bool // it did not work out: later
	}
	// look is the machine's own timer, of both machines.
	look struct{}
)

// NewBot makes a machine that knows of no match.
func NewBot() *Bot {
	return &Bot{pending: map[int64]time.Time{}, known: map[int64]time.Time{}, flying: map[int64]bool{}}
}

type storedBot struct {
	Pending map[int64]time.Time `json:"pending"`
	Known   map[int64]time.Time `json:"known"`
}

// RestoreBot makes a machine from a snapshot.
func RestoreBot(snapshot []byte) (*Bot, error) {
	var d storedBot
	if err := json.Unmarshal(snapshot, &d); err != nil {
		return nil, fmt.Errorf("read accolade snapshot: %w", err)
	}
	b := NewBot()
	if d.Pending != nil {
		b.pending = d.Pending
	}
	if d.Known != nil {
		b.known = d.Known
	}
	return b, nil
}

// Snapshot implements process.Machine; RestoreBot is its reverse.
func (b *Bot) Snapshot() ([]byte, error) {
	raw, err := json.Marshal(storedBot{b.pending, b.known})
	if err != nil {
		return nil, fmt.Errorf("write accolade snapshot: %w", err)
	}
	return raw, nil
}

// Resume implements process.Machine: what the owner before has left is asked.
func (b *Bot) Resume() []process.Timer { return []process.Timer{{After: firstLook, Body: look{}}} }

// View implements process.Machine.
func (*Bot) View() any { return resident.View{Online: true} }

// Apply implements process.Machine.
func (b *Bot) Apply(c process.Command) (process.Outcome, error) {
	switch body := c.Body.(type) {
	case Over:
		return b.over(body, c.At), nil
	case askedAbout:
		return b.settle(body), nil
	case look:
		return b.askAll(c.At), nil
	case resident.Direct:
		return process.Outcome{Reply: stray(body)}, nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "the accolade bot does not know %T", c.Body)
}

// over takes a match, unless it is known or long over.
func (b *Bot) over(o Over, at time.Time) process.Outcome {
	if _, known := b.known[o.Match]; known || at.Sub(o.Finished) > LastGame {
		return process.Outcome{}
	}
	maps.DeleteFunc(b.known, func(_ int64, finished time.Time) bool { return at.Sub(finished) > rememberIt })
	b.known[o.Match], b.pending[o.Match] = o.Finished, o.Finished
	out := b.askAll(at)
	out.Record = Kept{}
	return out
}

// askAll has all asked that is to be asked and is not under way.
func (b *Bot) askAll(at time.Time) (out process.Outcome) {
	for _, id := range slices.Sorted(maps.Keys(b.pending)) {
		switch {
		case b.flying[id]:
		case at.Sub(b.pending[id]) > LastGame:
			delete(b.pending, id)
		default:
			b.flying[id] = true
			out.Effects = append(out.Effects, askAbout{id})
		}
	}
	return out
}

func (b *Bot) settle(a askedAbout) (out process.Outcome) {
	delete(b.flying, a.Match)
	if a.Again {
		out.Timers = []process.Timer{{After: askAgain, Body: look{}}}
		return out
	}
	delete(b.pending, a.Match)
	return out
}

// stray answers who writes without having been asked. Bots are told nothing: two that
// apologize to each other would not end.
func stray(d resident.Direct) resident.Says {
	if d.Rights.Bot {
		return resident.Says{Lines: []string{}}
	}
	return resident.Says{Lines: []string{textNoChat}}
}

package accolade

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
	"teiserver/internal/setting"
)

// Desk does what the bot and the chats want done: what they need of their node.
type Desk struct {
	Store     Store
	Matches   Matches
	Processes Processes
	Stats     Stats
	Teller    resident.Teller
	// Bot is the account in whose name users are told.
	Bot int64
	// Restrictions are those of a user; nil: nobody has any.
	Restrictions func(ctx context.Context, user int64) ([]string, error)
	Settings     *setting.Service
	Pick         func(n int) int // one of so many; nil: at random
	Log          *slog.Logger
}

type (
	// Matches are the records of matches (match.Store).
	Matches interface {
		MatchByID(ctx context.Context, id int64) (*match.Match, error)
		Memberships(ctx context.Context, id int64) ([]match.Membership, error)
	}
	// Processes are begun and asked in the cluster (cluster.Runtime).
	Processes interface {
		Own(ctx context.Context, key cluster.Key, first any) (any, error)
		Call(ctx context.Context, key cluster.Key, command any) (any, error)
	}
	// Stats are what is known of users (account.Stats).
	Stats interface {
		Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error)
	}
)

// barring are the restrictions of those to whom nothing may be given.
var barring = []string{"Accolades", "Community"}

const (
	matchLimit = 30 * time.Second // for all players of a match
	stepLimit  = 2 * time.Second
	ownTries   = 3
)

// Told takes a match that has been processed, for the bot to ask about. One that is told
// of again changes nothing. It implements an entry of match.Options.Over.
func (d *Desk) Told(ctx context.Context, m match.Match, _ []match.Membership) error {
	long := time.Duration(setting.AccoladeMatch.Get(ctx, d.Settings)) * time.Second
	if !setting.Accolades.Get(ctx, d.Settings) || time.Duration(m.GameDuration)*time.Second <= long {
		return nil
	}
	_, err := d.Processes.Call(ctx, resident.Key(Kind), Over{Match: m.ID, Finished: m.Finished})
	if err != nil {
		return fmt.Errorf("tell %s of match %d: %w", Account.Name, m.ID, err)
	}
	return nil
}

// Off is what who writes to the bot is told while accolades are switched off, else empty.
func (d *Desk) Off(ctx context.Context) string {
	if setting.Accolades.Get(ctx, d.Settings) {
		return ""
	}
	return textOff
}

// askAbout asks the players of a match.
func (d *Desk) askAbout(ctx context.Context, e askAbout) any {
	ctx, cancel := context.WithTimeout(ctx, matchLimit)
	defer cancel()
	if !setting.Accolades.Get(ctx, d.Settings) {
		return askedAbout{Match: e.Match}
	}
	if err := d.askAll(ctx, e.Match); err != nil {
		d.Log.Warn("players not asked for accolades", "key", e.Match, "err", err)
		return askedAbout{Match: e.Match, Again: true}
	}
	return askedAbout{Match: e.Match}
}

func (d *Desk) askAll(ctx context.Context, id int64) error {
	types, err := d.Store.BadgeTypes(ctx)
	if err != nil {
		return err
	}
	members, err := d.Matches.Memberships(ctx, id)
	if err != nil {
		return err
	}
	badges := offered(types)
	if len(badges) == 0 {
		return nil
	}
	players, err := d.players(ctx, members)
	if err != nil {
		return err
	}
	var failed []error
	for _, p := range players {
		if err := d.askOne(ctx, id, p, players, badges); err != nil {
			failed = append(failed, fmt.Errorf("ask user %d: %w", p.User, err))
		}
	}
	return errors.Join(failed...)
}

func (d *Desk) players(ctx context.Context, members []match.Membership) ([]player, error) {
	list := make([]player, len(members))
	for i, u := range members {
		list[i] = player{User: u.User, Name: u.Name, Team: u.Team}
		if d.Restrictions == nil {
			continue
		}
		names, err := d.Restrictions(ctx, u.User)
		if err != nil {
			return nil, fmt.Errorf("read restrictions of user %d: %w", u.User, err)
		}
		list[i].Barred = slices.ContainsFunc(names, func(n string) bool { return slices.Contains(barring, n) })
	}
	return list, nil
}

// askOne begins the chat with one player. Who is not online, has missed too often or has
// nobody to give something to is not asked.
func (d *Desk) askOne(ctx context.Context, id int64, giver player, all []player, badges []Badge) error {
	if !d.Teller.Online(giver.User) {
		return nil
	}
	text, _, err := d.Stats.Stat(ctx, giver.User, StatMisses)
	if err != nil {
		return err
	}
	if misses, _ := strconv.Atoi(text); misses >= setting.AccoladeMisses.Get(ctx, d.Settings) { // no number: none
		return nil
	}
	age := time.Duration(setting.AccoladeDays.Get(ctx, d.Settings)) * 24 * time.Hour
	given, err := d.Store.GivenTo(ctx, giver.User, age)
	if err != nil {
		return err
	}
	list := candidates(giver, all, given)
	if len(list) == 0 {
		return nil
	}
	chosen := list[d.pick(len(list))]
	return d.begin(ctx, Ask{
		Match: id, Giver: giver.User, Recipient: chosen.User, Name: chosen.Name, Badges: badges,
		Answer: time.Duration(setting.AccoladeAnswer.Get(ctx, d.Settings)) * time.Second,
	})
}

func (d *Desk) pick(n int) int {
	if d.Pick != nil {
		return d.Pick(n)
	}
	return rand.IntN(n) //nolint:gosec // no secret
}

// begin has a chat ask: a new one, or that of the giver if it is open only for notices.
// Who is being asked about another match stays with that.
func (d *Desk) begin(ctx context.Context, a Ask) error {
	key := cluster.NewKey(ChatKind, a.Giver)
	for range ownTries {
		_, err := d.Processes.Own(ctx, key, a)
		var held *registry.HeldError
		if errors.As(err, &held) {
			_, err = d.Processes.Call(ctx, key, a)
		}
		switch {
		case errors.Is(err, cluster.ErrNone): // it has ended in between
			continue
		case refusal.Is(err, refusal.Taken):
			return nil
		}
		return err
	}
	return cluster.ErrUnavailable
}

// say puts a question, if nobody has. A desk that is not there yet is nil.
func (d *Desk) say(ctx context.Context, e say) any {
	if d == nil {
		return said{Match: e.Ask.Match, Again: true}
	}
	limited, cancel := context.WithTimeout(ctx, stepLimit)
	defer cancel()
	first, err := d.Store.BeginQuestion(limited, Asked{e.Ask.Match, e.Ask.Giver, e.Ask.Recipient})
	if err != nil {
		d.Log.Warn("question not put", "user", e.Ask.Giver, "key", e.Ask.Match, "err", err)
		return said{Match: e.Ask.Match, Again: true}
	}
	if !first {
		return said{Match: e.Ask.Match}
	}
	heard := d.Teller.Online(e.Ask.Giver)
	d.Teller.Tell(ctx, d.Bot, e.Ask.Giver, question(e.Ask.Name, e.Ask.Badges)...)
	return said{Match: e.Ask.Match, First: true, Heard: heard}
}

func (d *Desk) late(ctx context.Context, e late) any {
	if d == nil {
		return lapsed{Match: e.Match, Again: true}
	}
	return lapsed{Match: e.Match, Counts: setting.Accolades.Get(ctx, d.Settings)}
}

func (d *Desk) tell(ctx context.Context, e tell) {
	if d != nil && setting.Accolades.Get(ctx, d.Settings) && setting.AccoladeInform.Get(ctx, d.Settings) {
		d.Teller.Tell(ctx, d.Bot, e.To, textAwarded)
	}
}

package automod

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

// Kind is the process kind; there is one process.
const Kind = "automod"

// Key is that of the process.
var Key = registry.NewKey(Kind, "main")

// Login is an account that is to be checked at a time.
type Login struct {
	User int64     `json:"user"`
	Due  time.Time `json:"due"`
}

// The commands.
type (
	// Seen tells of logins. One that waits to be checked already is checked once, at the
	// earlier time.
	Seen struct {
		Logins []Login `json:"logins"`
	}
	// tick looks what is due.
	tick struct{}
	// failed has users checked again later.
	failed struct {
		Users []int64 `json:"users"`
	}
)

// View is what a follower sees.
type View struct {
	Waiting int `json:"waiting"`
}

var (
	_ = message.Register[Seen]("automod.seen")
	_ = message.Register[View]("automod.view")
)

// check is the effect: these are due.
type check struct{ Users []int64 }

const (
	tickEvery = time.Second
	// atOnce is how many are checked in one go.
	atOnce = 200
	// again is the pause after the database was away.
	again = 10 * time.Second
	// waitingMost bounds who waits; the next login brings another check.
	waitingMost = 200_000
)

// NewKind describes automod to the cluster. desk is nil as long as there is none.
func NewKind(desk func() *Desk) process.Kind {
	return process.Kind{
		Name: Kind, Scope: process.PerCluster, Start: process.Ensured, Doubt: process.Freeze,
		Purpose: "Automod: who has logged in is compared with the keys of bans a while later, and banned once.",
		Origin:  "of the login: notes the keys and hands them over; repeats to a new owner those that are not done",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			return open(snapshot)
		},
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			c, ok := effect.(check)
			d := desk()
			switch {
			case !ok:
				return nil
			case d == nil:
				return failed(c)
			}
			if err := d.CheckAll(ctx, c.Users); err != nil {
				if ctx.Err() == nil {
					d.Log.Warn("logins not checked", "err", err)
				}
				return failed(c)
			}
			return nil
		},
	}
}

// state is the machine.
type state struct {
	waiting map[int64]time.Time // by user: when it is due
	ticking bool
}

var _ process.Machine = (*state)(nil)

func open(snapshot []byte) (*state, error) {
	s := &state{waiting: map[int64]time.Time{}}
	if snapshot == nil {
		return s, nil
	}
	if err := json.Unmarshal(snapshot, &s.waiting); err != nil {
		return nil, fmt.Errorf("read automod's snapshot: %w", err)
	}
	return s, nil
}

// Apply implements process.Machine.
func (s *state) Apply(c process.Command) (process.Outcome, error) {
	switch body := c.Body.(type) {
	case Seen:
		for _, l := range body.Logins {
			s.add(l)
		}
		return process.Outcome{Timers: s.begin()}, nil
	case failed:
		for _, user := range body.Users {
			s.add(Login{user, c.At.Add(again)})
		}
		return process.Outcome{Timers: s.begin()}, nil
	case tick:
		return s.tick(c.At), nil
	}
	return process.Outcome{}, refusal.New(refusal.Invalid, "automod does not know %T", c.Body)
}

func (s *state) add(l Login) {
	due, waits := s.waiting[l.User]
	if waits && !l.Due.Before(due) || !waits && len(s.waiting) >= waitingMost {
		return
	}
	s.waiting[l.User] = l.Due
}

// begin starts to tick if somebody waits.
func (s *state) begin() []process.Timer {
	if s.ticking || len(s.waiting) == 0 {
		return nil
	}
	s.ticking = true
	return []process.Timer{{After: tickEvery, Body: tick{}}}
}

// tick has those checked who are due, the first ones first.
func (s *state) tick(now time.Time) process.Outcome {
	var due []Login
	for user, at := range s.waiting {
		if !at.After(now) {
			due = append(due, Login{user, at})
		}
	}
	slices.SortFunc(due, func(a, b Login) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.User, b.User)) })
	due = due[:min(len(due), atOnce)]
	var out process.Outcome
	if len(due) > 0 {
		users := make([]int64, len(due))
		for i, l := range due {
			users[i] = l.User
			delete(s.waiting, l.User)
		}
		out.Effects = []any{check{users}}
	}
	s.ticking = false
	out.Timers = s.begin()
	return out
}

// View implements process.Machine.
func (s *state) View() any { return View{len(s.waiting)} }

// Snapshot implements process.Machine; open is its reverse.
func (s *state) Snapshot() ([]byte, error) { return json.Marshal(s.waiting) }

// Resume implements process.Machine.
func (s *state) Resume() []process.Timer {
	s.ticking = false
	return s.begin()
}

package bridge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/coordinator"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// Busy says that Discord wants no more for a while.
type Busy struct{ After time.Duration }

// Error implements error.
func (b *Busy) Error() string { return fmt.Sprintf("discord: wait %s", b.After) }

// ErrRejected says that Discord will never take it: the channel is gone, or closed to us.
var ErrRejected = errors.New("discord: rejected")

// FactDiscord is the fact of a user (package account) that says which account of Discord
// is linked.
const FactDiscord = "discord_id"

type (
	// Processes sends commands (cluster.Runtime).
	Processes interface {
		Call(ctx context.Context, key cluster.Key, command any) (any, error)
		Cast(key cluster.Key, command any)
	}
	// Facts are texts about users (account.Stats).
	Facts interface {
		Stat(ctx context.Context, user int64, key string) (value string, ok bool, err error)
		SetStat(ctx context.Context, user int64, key, value string) error
	}
)

// Desk does what the bridge wants done, on the node where its process runs.
type Desk struct {
	Discord   Discord // nil: this node cannot
	Processes Processes
	Facts     Facts
	// Unbridge has nothing of a user carried anymore; nil: nobody can.
	Unbridge func(ctx context.Context, user int64) error
	// Self is the incarnation of this node.
	Self func() int64
	// Terms reads how the bridge is set.
	Terms func(ctx context.Context) Terms
	// Counters are channels of Discord by what they count, and Numbers how many there are.
	Counters func(ctx context.Context) map[string]string
	Numbers  func() Numbers
	Log      *slog.Logger

	ear ear
}

const (
	postLimit  = 10 * time.Second // for one post
	batchLimit = 15 * time.Second // for all of one go
	speakLimit = 2 * time.Second
)

// session is that of residents, see package roster.
const session = 1

// do carries out an effect.
func (d *Desk) do(ctx context.Context, id int64, effect any) any {
	switch e := effect.(type) {
	case look:
		return d.look(ctx, e)
	case send:
		return d.send(ctx, e.Posts)
	case speak:
		return d.speak(ctx, id, e.Lines)
	case link:
		return d.link(ctx, e)
	case name:
		d.name(ctx)
	case unbridge:
		d.unbridge(ctx, e.User)
	}
	return nil
}

func (d *Desk) unbridge(ctx context.Context, user int64) {
	if d.Unbridge == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, speakLimit)
	defer cancel()
	if err := d.Unbridge(ctx, user); err != nil {
		d.Log.Warn("user not unbridged", "user", user, "err", err)
	}
}

// Enabled reports whether the bridge is on.
func (d *Desk) Enabled(ctx context.Context) bool { return d.Terms(ctx).On }

func (d *Desk) look(ctx context.Context, e look) any {
	t := d.Terms(ctx)
	if t.On && d.Discord == nil {
		d.Log.Warn("the bridge is on, but this node has no token for Discord")
		t.On = false
	}
	if t.On {
		d.ear.want()
	} else {
		d.ear.leave()
	}
	if t.Equal(&e.Terms) {
		return nil
	}
	return t
}

// send posts in order. What Discord will never take is done with, and so is what nobody
// wants to be carried anymore.
func (d *Desk) send(ctx context.Context, posts []post) any {
	var out sent
	if !d.Enabled(ctx) {
		for _, p := range posts {
			out.Done = append(out.Done, p.Seq)
		}
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, batchLimit)
	defer cancel()
	for _, p := range posts {
		err := d.one(ctx, p)
		busy := (*Busy)(nil)
		switch {
		case errors.As(err, &busy):
			out.After = max(busy.After, time.Millisecond)
			return out
		case errors.Is(err, ErrRejected):
			d.Log.Warn("post given up", "key", p.Channel+p.Person, "seq", p.Seq, "err", err)
		case err != nil:
			d.Log.Info("post waits", "key", p.Channel+p.Person, "seq", p.Seq, "err", err)
			return out
		}
		out.Done = append(out.Done, p.Seq)
	}
	return out
}

func (d *Desk) one(ctx context.Context, p post) error {
	if d.Discord == nil {
		return errors.New("this node has no token for Discord")
	}
	ctx, cancel := context.WithTimeout(ctx, postLimit)
	defer cancel()
	if p.Channel != "" {
		return d.Discord.Post(ctx, p.Channel, p.Text, nonce(p.Key))
	}
	if p.User != 0 {
		person, ok, err := d.Facts.Stat(ctx, p.User, FactDiscord)
		if err != nil || !ok || person == "" {
			return err
		}
		p.Person = person
	}
	return d.Discord.Direct(ctx, p.Person, p.Text, nonce(p.Key))
}

// speak says lines in channels here, in order.
func (d *Desk) speak(ctx context.Context, id int64, lines []line) any {
	var out spoken
	on := d.Enabled(ctx)
	for _, l := range lines {
		var err error
		if on {
			err = d.say(ctx, id, l)
		}
		if no, refused := refusal.As(err); err != nil && (!refused || no.Code == refusal.Unavailable) {
			d.Log.Debug("line waits", "key", l.Room, "seq", l.Seq, "err", err)
			out.Again = true
			return out
		}
		out.Done = append(out.Done, l.Seq)
	}
	return out
}

func (d *Desk) say(ctx context.Context, id int64, l line) error {
	ctx, cancel := context.WithTimeout(ctx, speakLimit)
	defer cancel()
	_, err := d.Processes.Call(ctx, cluster.NewKey(chat.Kind, l.Room), chat.Say{
		Member: chat.Member{User: id, Session: session, Incarnation: d.Self()},
		Name:   Account.Name, Join: 1, Text: l.Text, Line: l.Seq,
	})
	return err
}

// link links an account of Discord to the one whose code it is.
func (d *Desk) link(ctx context.Context, l link) any {
	ctx, cancel := context.WithTimeout(ctx, speakLimit)
	defer cancel()
	answer := linked{Message: l.Message, Person: l.Person, Text: textTrouble}
	reply, err := d.Processes.Call(ctx, resident.Key(coordinator.Kind), coordinator.TakeCode{Purpose: coordinator.LinkDiscord, User: l.User, Code: l.Code})
	taken, ok := reply.(coordinator.Taken)
	switch {
	case err != nil || !ok:
		d.Log.Warn("account of Discord not linked", "user", l.User, "err", err)
	case taken.User == 0:
		answer.Text = textNoCode
	default:
		if err := d.Facts.SetStat(ctx, taken.User, FactDiscord, l.Person); err != nil {
			d.Log.Warn("account of Discord not linked", "user", taken.User, "err", err)
			return answer
		}
		answer.Text = textLinked
	}
	return answer
}

// Linked reports whether a user has linked an account of Discord.
func (d *Desk) Linked(ctx context.Context, user int64) (bool, error) {
	_, ok, err := d.Facts.Stat(ctx, user, FactDiscord)
	return ok, err
}

// name names the channels that say how many there are.
func (d *Desk) name(ctx context.Context) {
	if d.Discord == nil {
		return
	}
	n := d.Numbers()
	names := map[string]string{
		"clients": "Players online: " + strconv.Itoa(n.Clients),
		"players": "Players in game: " + strconv.Itoa(n.Players),
		"matches": "Ongoing battles: " + strconv.Itoa(n.Matches),
		"lobbies": "Open lobbies: " + strconv.Itoa(n.Lobbies),
	}
	ctx, cancel := context.WithTimeout(ctx, batchLimit)
	defer cancel()
	for what, channel := range d.Counters(ctx) {
		if names[what] == "" {
			continue
		}
		if err := d.Discord.Rename(ctx, channel, names[what]); err != nil {
			d.Log.Info("channel of Discord not named", "key", channel, "err", err)
		}
	}
}

// ear says whether this node listens on Discord.
type ear struct {
	mu    sync.Mutex
	until time.Time
	wake  chan struct{}
}

// earLife is how long a node listens after it last ran the bridge: a process that moves
// is heard on both nodes for a while, and takes each message once.
const earLife = 3 * lookEvery

func (e *ear) signal() chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wake == nil {
		e.wake = make(chan struct{}, 1)
	}
	return e.wake
}

func (e *ear) set(until time.Time) {
	wake := e.signal()
	e.mu.Lock()
	e.until = until
	e.mu.Unlock()
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (e *ear) want()  { e.set(time.Now().Add(earLife)) }
func (e *ear) leave() { e.set(time.Time{}) }

func (e *ear) left() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Until(e.until)
}

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"teiserver/test/springclient"
)

const (
	// tick is how often a bot looks whether it has something to do.
	tick = 50 * time.Millisecond
	// askGap is between two tries to get into a battle.
	askGap = time.Second
	// askLimit is how long an answer is waited for. Commands wait for the next owner of
	// what they are for, and those behind them wait as well; who asks twice joins twice.
	askLimit = 30 * time.Second
)

// bot is a player or a host. It wants to be online, in its channels, and in the battle
// of its host; whenever it is not, it does what a player would do about it.
type bot struct {
	crowd    *crowd
	name     string
	flavor   springclient.Flavor
	host     string // whose battle it plays in; its own name for a host
	channels []string
	home     *node // where it begins
	known    bool  // its account exists

	// What follows is guarded by crowd.mu.
	at      *visit // nil: not connected, or on the way in
	heardAt time.Time
	seated  bool // in a battle
	goHome  bool
}

// errHome ends a visit of a bot that goes back to its home by itself.
var errHome = errors.New("going home")

// run connects again and again until ctx ends.
func (b *bot) run(ctx context.Context) {
	var out time.Time // since when it is out, zero if it never was in
	to := b.home
	for life := 1; ctx.Err() == nil; life++ {
		v, err := b.enter(ctx, to, life)
		if err != nil {
			to = b.crowd.pick(to)
			pause(ctx, 5*tick)
			continue
		}
		b.crowd.arrived(b, v, out)
		err = b.live(ctx, v)
		b.crowd.departed(b, v, err, ctx.Err() != nil)
		v.close()
		if out = time.Now(); errors.Is(err, errHome) {
			out, to = time.Time{}, b.home
			continue
		}
		to = b.crowd.pick(v.node)
	}
}

// enter connects and logs in.
func (b *bot) enter(ctx context.Context, n *node, life int) (*visit, error) {
	v, err := connect(ctx, b, n, life)
	if err != nil {
		return nil, err
	}
	if err := v.login(ctx); err != nil {
		v.close()
		return nil, err
	}
	return v, nil
}

// live chats and plays until the connection ends.
func (b *bot) live(ctx context.Context, v *visit) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	next := map[string]time.Time{} // when to speak in a room
	for {
		select {
		case line, open := <-v.lines:
			if !open {
				return v.gone()
			}
			v.take(line)
		case now := <-t.C:
			if err := b.act(v, next, now); err != nil {
				return err
			}
		case <-ctx.Done():
			_ = v.send("EXIT") // we close anyway
			return ctx.Err()
		}
	}
}

// act does what is due.
func (b *bot) act(v *visit, next map[string]time.Time, now time.Time) error {
	if now.Sub(v.lastLine) > silence {
		return errors.New("silent for " + seconds(silence))
	}
	if b.crowd.wantsHome(b) {
		_ = v.send("EXIT") // we close anyway
		return errHome
	}
	if now.Sub(v.lastPing) > pingGap {
		v.lastPing = now
		if err := v.send("PING"); err != nil {
			return err
		}
	}
	if err := b.play(v, now); err != nil {
		return err
	}
	if b.crowd.hushed() {
		return nil
	}
	return b.talk(v, next, now)
}

// play opens a battle or joins that of the host, if the bot is in none.
func (b *bot) play(v *visit, now time.Time) error {
	since := now.Sub(v.asked)
	if v.room != 0 || since < askGap || v.asking && since < askLimit {
		return nil
	}
	if b.host == b.name {
		v.asking, v.asked = true, now
		return v.send("OPENBATTLE 0 0 * 8452 16 -1540855590 0 1565299817 spring\t105.1.1-2590\tQuicksilver Remake 1.24\t%s plays\tBeyond All Reason test-25000", b.name)
	}
	for id, battle := range v.model.Battles {
		if battle.Founder == b.host {
			v.asking, v.asked = true, now
			return v.send("JOINBATTLE %d * script", id)
		}
	}
	return nil
}

// talk says a line in each room where one is due.
func (b *bot) talk(v *visit, next map[string]time.Time, now time.Time) error {
	due := func(room string) bool {
		at, ok := next[room]
		if ok && now.Before(at) {
			return false
		}
		pace := b.crowd.pace
		next[room] = now.Add(pace/2 + rand.N(pace)) // else they speak in one voice
		return ok
	}
	for _, channel := range b.channels {
		if due(channel) {
			if err := v.say(channel, "SAY "+channel); err != nil {
				return err
			}
		}
	}
	if room := battleRoom(v.room); v.whole && due(room) {
		return v.say(room, "SAYBATTLE")
	}
	return nil
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

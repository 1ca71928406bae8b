package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"teiserver/internal/account"
	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
	"teiserver/internal/resident"
)

// Desk does deeds: what the monitor needs of its node.
type Desk struct {
	Processes Processes
	// Self is the incarnation of this node.
	Self    func() int64
	Now     func() time.Time // of the store, as reports have it
	Matches Matches
	Users   Users
	Stats   Stats
	Events  Events // nil: events are not kept
	Teller  resident.Teller
	// Coordinator is the account in whose name hosts are told what to do.
	Coordinator int64
	// Disconnect ends the session of a user, wherever it is.
	Disconnect func(ctx context.Context, user int64, reason string) error
	// Started is told that a match has begun, perhaps twice; nil: nobody asks. It must not
	// block.
	Started func(m lobby.MatchState)
	// Ended is told that a match has ended or its end data has come, so that it is
	// processed at once; nil: it waits for the job. It must not block.
	Ended func()
	// Hardware is told when the hardware of a user is known; nil: nobody asks.
	Hardware func(ctx context.Context, user int64) error
	Settings Settings
	Log      *slog.Logger
}

type (
	// Processes are asked and numbered in the cluster (cluster.Runtime).
	Processes interface {
		Call(ctx context.Context, key cluster.Key, command any) (any, error)
		Next(ctx context.Context, sequence string) (int64, error)
	}
	// Matches are the records of matches (match.Store).
	Matches interface {
		LastStarted(ctx context.Context, founder int64, since time.Time) (*match.Match, error)
		FinishMatch(ctx context.Context, id int64, at time.Time) (bool, error)
		SaveEnd(ctx context.Context, e match.End) (bool, error)
		AddLobbyMessage(ctx context.Context, m match.LobbyMessage, once string) error
	}
	// Users are found by name, nil if there is none (account.Service).
	Users interface {
		UserByName(ctx context.Context, name string) (*account.User, error)
	}
	// Stats are what is known of users (account.Stats).
	Stats interface {
		SetStats(ctx context.Context, user int64, stats map[string]string) error
	}
	// Settings are those of the site (setting.Service).
	Settings interface {
		MatchMonitor(ctx context.Context) bool
		NewPlayer(ctx context.Context) time.Duration
	}
	// Events keeps what happened in and around games (package telemetry).
	Events interface {
		// KeepEvent keeps an event; one with a key that is known changes nothing.
		KeepEvent(ctx context.Context, e Happened) error
	}
)

// Happened is an event.
type Happened struct {
	Key     string // no other event has it
	Scope   string // ScopeMatch, ScopeLobby or ScopeServer
	Type    string
	User    int64 // 0: of nobody
	Match   int64 // 0: of none
	Seconds int64 // of the game
	Value   json.RawMessage
	At      time.Time
}

// What an event is about.
const (
	ScopeMatch  = "match"
	ScopeLobby  = "lobby"
	ScopeServer = "server"
)

// SequenceMatch numbers matches.
const SequenceMatch = "match"

const (
	// deedLimit is how long one deed may take: a lobby that does not answer is asked again.
	deedLimit = 2 * time.Second
	sideways  = 16 // hosts at once
	// stillMeant is how long after a report a person is acted against: a deed that was
	// delayed for longer would meet a connection that nobody has complained of.
	stillMeant = 30 * time.Second
	// lastGame is how long a game may have run whose end is reported to a lobby that
	// knows nothing of it.
	lastGame = 24 * time.Hour
)

// session is that of residents, see package roster.
const session = 1

// do carries out an effect of the monitor.
func (d *Desk) do(ctx context.Context, id int64, effect any) any {
	switch e := effect.(type) {
	case batch:
		return d.doBatch(ctx, e.Deeds)
	case attend:
		d.attend(ctx, id)
	case odd:
		d.Log.Info("report not understood", "user", e.From, "lines", e.Lines)
	case lost:
		for _, x := range e.Deeds {
			d.Log.Error("report given up", "user", x.Host, "kind", string(x.What), "key", x.Lobby, "seq", x.Seq)
		}
	}
	return nil
}

// attend keeps the monitor in its room.
func (d *Desk) attend(ctx context.Context, id int64) {
	ctx, cancel := context.WithTimeout(ctx, deedLimit)
	defer cancel()
	_, err := d.Processes.Call(ctx, cluster.NewKey(chat.Kind, Room), chat.Join{
		Member: chat.Member{User: id, Session: session, Incarnation: d.Self()}, Name: Account.Name, Join: 1,
	})
	if err != nil && ctx.Err() == nil && !isRefused(err) {
		d.Log.Debug("room not entered", "err", err)
	}
}

// doBatch does the deeds of each host in order, and those of several hosts side by side.
func (d *Desk) doBatch(ctx context.Context, deeds []Deed) any {
	on := d.Settings.MatchMonitor(ctx)
	var (
		mu   sync.Mutex
		all  sync.WaitGroup
		room = make(chan struct{}, sideways)
		out  done
	)
	for _, host := range hosts(deeds) {
		room <- struct{}{}
		all.Go(func() {
			defer func() { <-room }()
			for _, x := range deeds {
				if x.Host != host {
					continue
				}
				again := on && d.try(ctx, x)
				mu.Lock()
				if again {
					out.Later = append(out.Later, host)
				} else {
					out.Seqs = append(out.Seqs, x.Seq)
				}
				mu.Unlock()
				if again {
					return
				}
			}
		})
	}
	all.Wait()
	return out
}

// try does one deed and reports whether it has to be tried again. A panic is the deed's
// own and does not come back.
func (d *Desk) try(ctx context.Context, x Deed) (again bool) {
	defer func() {
		if r := recover(); r != nil {
			d.Log.Error("report panicked", "user", x.Host, "kind", string(x.What), "seq", x.Seq, "err", fmt.Sprint(r), "stack", string(debug.Stack()))
			again = false
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, deedLimit)
	defer cancel()
	err := d.one(ctx, x)
	switch {
	case err == nil:
		return false
	case isRefused(err):
		d.Log.Info("report refused", "user", x.Host, "kind", string(x.What), "key", x.Lobby, "seq", x.Seq, "err", err)
		return false
	}
	d.Log.Debug("report waits", "user", x.Host, "kind", string(x.What), "key", x.Lobby, "seq", x.Seq, "err", err)
	return true
}

// isRefused reports an answer that will be the same the next time.
func isRefused(err error) bool {
	r, ok := refusal.As(err)
	return errors.Is(err, errIgnored) || ok && r.Code != refusal.Unavailable
}

// errIgnored says that a report means nothing.
var errIgnored = errors.New("nothing to do")

func (d *Desk) one(ctx context.Context, x Deed) error {
	switch x.What {
	case Start:
		return d.start(ctx, x)
	case Stop, Crash:
		return d.stop(ctx, x)
	case Manual:
		return d.manual(ctx, x)
	case Broken:
		return d.broken(ctx, x)
	case Event:
		return d.event(ctx, x)
	case Chat:
		return d.chat(ctx, x)
	case Hardware:
		return d.hardware(ctx, x)
	case EndOfMatch:
		return d.end(ctx, x)
	}
	return fmt.Errorf("%w: %q", errIgnored, x.What)
}

func (d *Desk) start(ctx context.Context, x Deed) error {
	reply, err := d.Processes.Call(ctx, lobbyKey(x.Lobby), lobby.StartMatch{Founder: x.Host, Report: x.Seq, At: x.At})
	if errors.Is(err, cluster.ErrNone) {
		return fmt.Errorf("%w: lobby %d is closed", errIgnored, x.Lobby)
	}
	if m, ok := reply.(lobby.MatchState); err == nil && ok && m.Started && d.Started != nil {
		d.Started(m)
	}
	return err
}

// stop ends the match of the lobby; or, if that is gone or knows of none, the match that
// the host started last: it may have lost its lobby while the game went on.
func (d *Desk) stop(ctx context.Context, x Deed) error {
	ended, again, err := d.stopIn(ctx, x)
	if err != nil {
		return err
	}
	if ended == 0 && !again {
		if ended, err = d.stopLast(ctx, x); err != nil {
			return err
		}
	}
	if ended == 0 && !again {
		return nil
	}
	d.ended()
	kind := "lobby.match_stopped"
	if x.What == Crash {
		kind = "lobby.spring_crashed"
	}
	return d.keep(ctx, x, Happened{Scope: ScopeLobby, Type: kind, User: x.Host, Match: ended})
}

func (d *Desk) stopIn(ctx context.Context, x Deed) (ended int64, again bool, err error) {
	if x.Lobby == 0 {
		return 0, false, nil
	}
	next, err := d.Processes.Next(ctx, SequenceMatch)
	if err != nil {
		return 0, false, err
	}
	reply, err := d.Processes.Call(ctx, lobbyKey(x.Lobby), lobby.EndMatch{
		Founder: x.Host, Report: x.Seq, At: x.At, NextID: next, NextUUID: ulid.Make().String(),
	})
	r, refused := refusal.As(err)
	if errors.Is(err, cluster.ErrNone) || refused && r.Code == refusal.NotFound {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	s, _ := reply.(lobby.MatchState)
	return s.Ended, s.Again, nil
}

func (d *Desk) stopLast(ctx context.Context, x Deed) (int64, error) {
	m, err := d.lastMatch(ctx, x)
	if err != nil || m == nil || m.Lobby == x.Lobby || !m.Finished.IsZero() {
		return 0, err
	}
	ended, err := d.Matches.FinishMatch(ctx, m.ID, x.At)
	if err != nil || !ended {
		return 0, err
	}
	return m.ID, nil
}

func (d *Desk) ended() {
	if d.Ended != nil {
		d.Ended()
	}
}

// lastMatch is the match that the host had started last when it reported. Matches start
// at the time of their report, so that one that came later is told apart.
func (d *Desk) lastMatch(ctx context.Context, x Deed) (*match.Match, error) {
	m, err := d.Matches.LastStarted(ctx, x.Host, x.At.Add(-lastGame))
	if err != nil || m == nil || m.Started.After(x.At) {
		return nil, err
	}
	return m, nil
}

func (d *Desk) manual(ctx context.Context, x Deed) error {
	u, err := d.user(ctx, x.Name)
	if err != nil {
		return err
	}
	h := Happened{Scope: ScopeLobby, Type: "lobby.manual_stop", User: u.ID}
	m, err := d.lastMatch(ctx, x)
	if err != nil {
		return err
	}
	if m != nil {
		h.Match = m.ID
	}
	return d.keep(ctx, x, h)
}

func (d *Desk) broken(ctx context.Context, x Deed) error {
	u, err := d.user(ctx, x.Name)
	if err != nil {
		return err
	}
	value, err := json.Marshal(map[string]int64{"from_id": x.Host})
	if err != nil {
		return err
	}
	if err := d.keep(ctx, x, Happened{Scope: ScopeServer, Type: "spads.broken_connection", User: u.ID, Value: value}); err != nil {
		return err
	}
	if d.Disconnect == nil || d.Now().Sub(x.At) > stillMeant {
		return nil
	}
	return d.Disconnect(ctx, u.ID, "reported broken connection")
}

// newcomerType is what a new player does who is about to hand its commander away.
const newcomerType = "allycommloaded"

func (d *Desk) event(ctx context.Context, x Deed) error {
	u, err := d.user(ctx, x.Name)
	if err != nil {
		return err
	}
	m, err := d.lastMatch(ctx, x)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("%w: the host has started no match", errIgnored)
	}
	h := Happened{Scope: ScopeMatch, Type: x.Type, User: u.ID, Match: m.ID, Seconds: x.Seconds}
	if x.Data != "" {
		h.Value = json.RawMessage(x.Data)
	}
	if err := d.keep(ctx, x, h); err != nil {
		return err
	}
	played := time.Duration(u.PlayMinutes) * time.Minute
	if x.Data != "" || x.Type != newcomerType || played >= d.Settings.NewPlayer(ctx) {
		return nil
	}
	if d.Now().Sub(x.At) <= stillMeant && d.Teller != nil {
		d.Teller.Tell(ctx, d.Coordinator, x.Host, "!kickban "+u.Name)
	}
	return d.keepAs(ctx, x, "/new", Happened{Scope: ScopeMatch, Type: "newuserliftingcomms", User: u.ID, Match: m.ID, Seconds: x.Seconds})
}

func (d *Desk) chat(ctx context.Context, x Deed) error {
	u, err := d.user(ctx, x.Name)
	if err != nil {
		return err
	}
	m, err := d.lastMatch(ctx, x)
	if err != nil {
		return err
	}
	if m == nil {
		return fmt.Errorf("%w: the host has started no match", errIgnored)
	}
	return d.Matches.AddLobbyMessage(ctx, match.LobbyMessage{Match: m.ID, User: u.ID, Text: x.Text}, name(x))
}

func (d *Desk) hardware(ctx context.Context, x Deed) error {
	u, err := d.user(ctx, x.Name)
	if err != nil {
		return err
	}
	if err := d.Stats.SetStats(ctx, u.ID, x.Stats); err != nil {
		return err
	}
	if d.Hardware == nil {
		return nil
	}
	return d.Hardware(ctx, u.ID)
}

func (d *Desk) end(ctx context.Context, x Deed) error {
	e, err := match.ReadEnd(x.Host, x.Data)
	if err != nil {
		return fmt.Errorf("%w: %w", errIgnored, err)
	}
	saved, err := d.Matches.SaveEnd(ctx, e)
	if err != nil {
		return err
	}
	if !saved {
		d.Log.Info("no match for end data", "user", x.Host, "key", e.Match)
	}
	d.ended() // or an owner that died has saved it, and nobody has looked since
	return nil
}

// keep keeps an event of a deed under the deed's name.
func (d *Desk) keep(ctx context.Context, x Deed, h Happened) error { return d.keepAs(ctx, x, "", h) }

func (d *Desk) keepAs(ctx context.Context, x Deed, suffix string, h Happened) error {
	if d.Events == nil {
		return nil
	}
	h.Key, h.At = name(x)+suffix, x.At
	return d.Events.KeepEvent(ctx, h)
}

// name is what a deed is called in rows that it must make once only.
func name(x Deed) string { return fmt.Sprintf("%s/%d", Kind, x.Seq) }

// user finds whom a report is about.
func (d *Desk) user(ctx context.Context, called string) (*account.User, error) {
	u, err := d.Users.UserByName(ctx, called)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return nil, fmt.Errorf("%w: there is no user %s", errIgnored, called)
	}
	return u, nil
}

func lobbyKey(id int64) cluster.Key { return cluster.NewKey(lobby.Kind, id) }

package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/bridge"
	"teiserver/internal/bridge/discord"
	"teiserver/internal/client"
	"teiserver/internal/coordinator"
	"teiserver/internal/guard"
	"teiserver/internal/lobby"
	"teiserver/internal/moderation"
	"teiserver/internal/resident"
	"teiserver/internal/setting"
	"teiserver/internal/telemetry"
)

// mostErrands is how many reads and messages for the bridge may wait; more are dropped, as
// nobody who causes them waits.
const mostErrands = 1000

// errandLimit is how long one may take.
const errandLimit = 5 * time.Second

var _ coordinator.Discord = (*bridge.Desk)(nil)

// buildBridge gives the bridge what it works with, and what is seen here to the bridge and
// to telemetry.
func (s *Server) buildBridge() error {
	desk := &bridge.Desk{
		Processes: s.node, Facts: account.NewStats(s.store), Self: func() int64 { return s.node.Self().Incarnation },
		Unbridge: func(ctx context.Context, user int64) error {
			return s.moderation.Unbridge(ctx, user, moderation.Actor{User: s.residents[coordinator.Kind]})
		},
		Terms:    s.bridgeTerms,
		Counters: func(ctx context.Context) map[string]string { return setting.BridgeCounters.Get(ctx, s.settings) },
		Numbers:  s.bridgeNumbers, Log: s.log,
	}
	if s.cfg.DiscordToken != "" {
		c, err := discord.New(discord.Options{Token: s.cfg.DiscordToken.Reveal(), API: s.cfg.DiscordAPI})
		if err != nil {
			return fmt.Errorf("--discord-api: %w", err)
		}
		desk.Discord = c
	}
	s.late.bridge.Store(desk)
	s.clients.Desk.Discord = desk
	observe := guard.Hook(s.guard, "lobby observed", s.observe)
	s.late.observe.Store(&observe)
	s.caches.OnChange(setting.Table, func(key string) {
		if key == setting.Bridge.Key() || strings.HasPrefix(key, "bridge.") {
			s.node.Cast(resident.Key(bridge.Kind), bridge.Changed{})
		}
	})
	s.errands = make(chan func(context.Context), mostErrands)
	s.runAddon("bridge", desk.Run)
	s.runAddon("errands", s.runErrands)
	return nil
}

// bridgeDesk is what the bridge works with, nil as long as there is none.
func (l *late) bridgeDesk() *bridge.Desk { return l.bridge.Load() }

// bridgeTerms is how the bridge is set.
func (s *Server) bridgeTerms(ctx context.Context) bridge.Terms {
	return bridge.Terms{
		Read: true, On: setting.Bridge.Get(ctx, s.settings),
		FromDiscord: setting.BridgeFromDiscord.Get(ctx, s.settings), FromServer: setting.BridgeFromServer.Get(ctx, s.settings),
		Numbers: setting.BridgeNumbers.Get(ctx, s.settings), Notify: setting.BridgeNotify.Get(ctx, s.settings),
		Rooms: setting.BridgeRooms.Get(ctx, s.settings), Posts: setting.BridgePosts.Get(ctx, s.settings),
		Flagged: setting.FlaggedWords.Get(ctx, s.settings), Link: setting.DiscordLink.Get(ctx, s.settings),
	}
}

// bridgeNumbers is how many there are, bots not counted.
func (s *Server) bridgeNumbers() (n bridge.Numbers) {
	people, lobbies, matches := s.roster.Census()
	n.Lobbies, n.Matches = lobbies, matches
	for _, p := range people {
		if p.Bot {
			continue
		}
		n.Clients++
		if p.InGame {
			n.Players++
		}
	}
	return n
}

// errand has something done soon, beside what asks for it.
func (s *Server) errand(f func(ctx context.Context)) {
	select {
	case s.errands <- f:
	default:
		s.log.Warn("too much waits for the bridge")
	}
}

func (s *Server) runErrands(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case f := <-s.errands:
			s.guard.Do("errand", func() {
				ctx, cancel := context.WithTimeout(ctx, errandLimit)
				defer cancel()
				f(ctx)
			})
		}
	}
}

// overhear gives a line of a channel to the bridge, if it is to be carried.
func (s *Server) overhear(ctx context.Context, o client.Overheard) {
	if !setting.Bridge.Get(ctx, s.settings) || !setting.BridgeFromServer.Get(ctx, s.settings) ||
		setting.BridgeRooms.Get(ctx, s.settings)[o.Channel] == "" {
		return
	}
	if names, err := restrictions(ctx, s.moderation, o.From); err != nil || slices.Contains(names, moderation.Bridging) {
		return
	}
	s.node.Cast(resident.Key(bridge.Kind), bridge.Heard{ //nolint:contextcheck // a cast outlives what it comes of
		From: o.From, FromName: o.FromName, Bot: o.Bot, Session: o.Session, Line: o.Line, Room: o.Channel, Text: o.Text,
	})
}

// observe is told what lobbies see: it is an event for telemetry, and some of it is told to
// whom it happened.
func (s *Server) observe(ctx context.Context, o lobby.Observation) {
	_ = s.telemetry.Record(ctx, telemetry.Event{Family: telemetry.FamilyLobby, Name: o.Name, User: o.User, Match: o.Match}) // off, or too many: then not
	if o.Name == "lobby.queue_promotion" {
		key := fmt.Sprintf("queue/%d/%d/%d", o.Lobby, o.User, s.node.Now().Unix()/60)
		s.notify(ctx, key, o.User, account.NotifyQueue, "You have reached the front of the queue and are now a player.")
	}
}

// matchStarted tells the players of a match on Discord that it has begun.
func (s *Server) matchStarted(m lobby.MatchState) {
	ctx := context.Background()
	if !setting.Bridge.Get(ctx, s.settings) || !setting.BridgeNotify.Get(ctx, s.settings) {
		return
	}
	for _, x := range m.View.Members {
		if x.Status.Player {
			s.notify(ctx, fmt.Sprintf("start/%d/%d", m.ID, x.User), x.User, account.NotifyStart, "The game you are a player of is starting.")
		}
	}
}

// notify tells a user something on Discord, if the bridge is on, an account is linked and
// the user wants it.
func (s *Server) notify(ctx context.Context, key string, user int64, what account.Option, text string) {
	if !setting.Bridge.Get(ctx, s.settings) || !setting.BridgeNotify.Get(ctx, s.settings) {
		return
	}
	s.errand(func(ctx context.Context) {
		if linked, err := s.late.bridge.Load().Linked(ctx, user); err == nil && linked && s.accounts.Wants(ctx, account.NewStats(s.store), user, what) {
			s.node.Cast(resident.Key(bridge.Kind), bridge.Notify{Key: key, User: user, Text: text}) //nolint:contextcheck // likewise
		}
	})
}

// proclaim posts where operators look on Discord that this node has begun or ends, and
// reports whether the bridge has taken it. Nobody waits for Discord.
func (s *Server) proclaim(ctx context.Context, what string, channels ...string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	for _, to := range channels {
		n := bridge.Notice{
			Key: fmt.Sprintf("%s/%s/%d", what, s.cfg.NodeName, s.node.Self().Incarnation), To: to,
			Text: fmt.Sprintf("Teiserver %s for node %s", what, s.cfg.NodeName),
		}
		if _, err := s.node.Call(ctx, resident.Key(bridge.Kind), n); err != nil {
			return false
		}
	}
	return true
}

// announceTries is how often the start of a node is told to a bridge that is not there
// yet, a second apart.
const announceTries = 30

// announceLife announces the start of this node now, and its end when it stops.
func (s *Server) announceLife(context.Context) error {
	s.run("announcement", func(ctx context.Context) { //nolint:contextcheck // it does not hold up the start
		for range announceTries {
			if !setting.Bridge.Get(ctx, s.settings) || s.proclaim(ctx, "startup", "main", "server-updates") {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
	})
	s.started("announcement of the end", func(ctx context.Context) error {
		if setting.Bridge.Get(ctx, s.settings) {
			s.proclaim(ctx, "shutdown", "server-updates")
		}
		return nil
	})
	return nil
}

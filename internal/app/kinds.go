package app

import (
	"context"
	"sync/atomic"

	"teiserver/internal/accolade"
	"teiserver/internal/achievement"
	"teiserver/internal/automod"
	"teiserver/internal/bridge"
	"teiserver/internal/chat"
	"teiserver/internal/client"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/coordinator"
	"teiserver/internal/job"
	"teiserver/internal/lobby"
	"teiserver/internal/login"
	"teiserver/internal/match"
	"teiserver/internal/matchmaking"
	"teiserver/internal/monitor"
	"teiserver/internal/party"
	"teiserver/internal/resident"
)

// domainStore is what processes keep in the store themselves.
type domainStore interface {
	match.Store
	chat.Store
	monitor.Store
	accolade.Store
	achievement.Store
	matchmaking.Store
}

// parts are what kinds of processes are made of. Kinds are made before the services of
// the node, and to be listed in the docs: what is not there yet comes late.
type parts struct {
	store     domainStore
	residents map[string]int64 // ids of the residents' accounts, by kind
	late      *late
	jobs      *job.Service
}

// kinds lists every kind of process, docs/processes.md describes them.
func kinds(p parts) []process.Kind {
	return append(matchmaking.Kinds(p.store, matchWorld{p.late}),
		lobby.NewKind(p.store, world{p.late}),
		chat.NewKind(p.store),
		coordinator.NewKind(p.residents[coordinator.Kind]),
		monitor.NewKind(p.residents[monitor.Kind], p.store, p.late.monitorDesk),
		party.NewKind(),
		accolade.NewBotKind(p.residents[accolade.Kind], p.store, p.late.accoladeDesk),
		accolade.NewChatKind(p.store, p.late.accoladeDesk),
		achievement.NewKind(p.store, p.late.counter),
		automod.NewKind(p.late.automodDesk),
		bridge.NewKind(p.residents[bridge.Kind], p.store, p.late.bridgeDesk),
		login.NewKind(lease.SystemClock{}.Boot),
		job.NewKind(p.jobs),
	)
}

// home is a resident: its account, and where private messages to it go.
type home struct {
	kind    string
	chat    string // see client.Mailbox
	account resident.Account
}

// residents lists the server's own accounts. Their kinds are in roster.Residents too.
func residents() []home {
	return []home{
		{kind: coordinator.Kind, account: coordinator.Account},
		{kind: monitor.Kind, account: monitor.Account},
		{kind: accolade.Kind, chat: accolade.ChatKind, account: accolade.Account},
		{kind: bridge.Kind, account: bridge.Account},
	}
}

// mailboxes says where private messages to residents go.
func (s *Server) mailboxes() []client.Mailbox {
	var list []client.Mailbox
	for _, h := range residents() {
		list = append(list, client.Mailbox{ID: s.residents[h.kind], Kind: h.kind, Chat: h.chat, Off: s.off(h.kind)})
	}
	return list
}

// late is what processes of this node use of its services: nothing as long as those have
// not been made. No process runs here before that, but for residents.
type late struct {
	clients atomic.Pointer[client.Service]
	reports atomic.Pointer[monitor.Desk]
	// thanks and deeds are what accolades and achievements work with.
	thanks  atomic.Pointer[accolade.Desk]
	deeds   atomic.Pointer[achievement.Counter]
	automod atomic.Pointer[automod.Desk]
	bridge  atomic.Pointer[bridge.Desk]
	// observe is told what lobbies see.
	observe atomic.Pointer[func(context.Context, lobby.Observation)]
}

var _ resident.Teller = (*late)(nil)

// Tell implements resident.Teller.
func (l *late) Tell(ctx context.Context, from, to int64, lines ...string) {
	if c := l.clients.Load(); c != nil {
		c.Tell(ctx, from, to, lines...)
	}
}

// Online implements resident.Teller.
func (l *late) Online(user int64) bool {
	c := l.clients.Load()
	return c != nil && c.Online(user)
}

// Ring has a resident ring a user.
func (l *late) Ring(ctx context.Context, from, to int64) {
	if c := l.clients.Load(); c != nil {
		c.Ring(ctx, from, to)
	}
}

// Move takes a user to another lobby.
func (l *late) Move(ctx context.Context, user, lobbyID int64) error {
	c := l.clients.Load()
	if c == nil {
		return client.ErrOffline
	}
	return c.Move(ctx, user, lobbyID)
}

// monitorDesk is what the match monitor works with, nil as long as there is none.
func (l *late) monitorDesk() *monitor.Desk { return l.reports.Load() }

// accoladeDesk is what AccoladesBot and its chats work with, nil as long as there is none.
func (l *late) accoladeDesk() *accolade.Desk { return l.thanks.Load() }

// counter is what achievements are counted with, nil as long as there is none.
func (l *late) counter() *achievement.Counter { return l.deeds.Load() }

// automodDesk is what automod checks with, nil as long as there is none.
func (l *late) automodDesk() *automod.Desk { return l.automod.Load() }

package lobby

import (
	"time"

	"teiserver/internal/balance"
	"teiserver/internal/cluster/message"
	"teiserver/internal/consul"
)

// This file is the seam between a lobby with its consul and those around it: what its
// commands must bring along, and the events that come of the consul.
//
// Ways in, for a node whose client is in the room:
//
//   - Join, SetStatus, Say and Order carry Facts of the sender. With Join they are asked
//     for, with Order too; with SetStatus and Say they may be nil where nothing has changed
//     since. Know brings them in between: a new rating, party, restriction, friend.
//   - A Say that is a command ("$...") is answered by Command, as before, and not shown.
//     The edge takes it apart with consul.Parse; what is the Coordinator's goes there
//     (consul.IsCoordinators), the rest comes back here as Order with the words that
//     consul.TargetWords names resolved, and a Seed. "$explain" is shown like any line and
//     answered by the lobby itself; there is nothing to do for it.
//   - Progress whenever the founder's in-game bit changes; HostData for c.battle.update_host;
//     Hello for a "hello" to the Coordinator.
//
// Ways out: the events below, on the room's feed. Everybody they are for is in the room.
// The Coordinator is their speaker; lines that are said for a user (echoes of orders, votes)
// are plain Said of that user, and are to be stored as what it said.
//
// Who is moved into a lobby (pull, split) may be anywhere: it is summoned, which is an
// effect, see World.Summon. Its node then sends Join with Forced.

// Facts are what a lobby must know of a person.
type Facts = consul.Facts

// Target is a word of an order that names somebody.
type Target = consul.Target

// Terms are what everybody in the room may know of what holds there.
type Terms = consul.Terms

type (
	// Order is a "$" command of a member or the founder. Who is not permitted is told so in
	// the room; the reply is always nil.
	Order struct {
		Who
		Facts   Facts    `json:"facts"`
		Name    string   `json:"name"`             // in lower case, without "$"
		Silent  bool     `json:"silent,omitempty"` // "$%": not echoed
		Rest    string   `json:"rest"`             // what follows the first blank
		Targets []Target `json:"targets,omitempty"`
		Seed    uint64   `json:"seed"`
		Line    int64    `json:"line,omitempty"` // numbers its echo, see Said
	}
	// Know brings new facts of a member, asker or founder.
	Know struct {
		Who
		Facts Facts `json:"facts"`
	}
	// Hello says that a member is present, which an AFK check may have asked. Reply Present.
	Hello struct{ Who }
	// HostData is what a host tells of itself; nil and 0 tell nothing.
	HostData struct {
		Who
		Preset    string   `json:"preset,omitempty"`
		TeamSize  int      `json:"team_size,omitempty"`
		TeamCount int      `json:"team_count,omitempty"`
		Bosses    []string `json:"bosses,omitempty"` // by name
	}
	// Progress says whether the founder is in game.
	Progress struct {
		Who
		InGame bool `json:"in_game"`
	}
	// StartMatch is the match monitor's: the game has been launched. Founder is who said so;
	// any other than this lobby's is refused. Reply MatchState.
	StartMatch struct {
		Founder int64 `json:"founder"`
		// Report numbers what hosts report, rising: one that is not above the last that was
		// carried out here was carried out before, and does nothing. 0 is none.
		Report int64 `json:"report,omitempty"`
		// At is when it was reported, by the store's clock; zero is now.
		At time.Time `json:"at,omitzero"`
	}
	// EndMatch is the match monitor's: the match is over, the next one has these ids, which
	// come from sequence and random. If none is on, or another than Match, nothing happens; a
	// Match of 0 is whichever is on. Reply MatchState. Both commands make the durable record,
	// match.Start and match.Stop.
	EndMatch struct {
		Founder  int64     `json:"founder"`
		Report   int64     `json:"report,omitempty"` // as that of StartMatch, and so is At
		At       time.Time `json:"at,omitzero"`
		Match    int64     `json:"match,omitempty"`
		NextID   int64     `json:"next_id"`
		NextUUID string    `json:"next_uuid"`
	}
	// Balance asks for teams of those who play now. Reply: Balanced if they are known, else
	// BalanceTask, of which the asker makes the teams (balance.Make) to bring with KeepBalance.
	Balance struct {
		Teams  int    `json:"teams"`
		Groups bool   `json:"groups"` // parties stay together if they can
		Seed   uint64 `json:"seed"`
		// Ratings are fresh ones, by user and game type, if the asker has them.
		Ratings map[int64]map[string]consul.Rating `json:"ratings,omitempty"`
	}
	// KeepBalance brings the result of a task. The first for a task is kept; reply Balanced.
	KeepBalance struct {
		Input  balance.Input  `json:"input"`
		Result balance.Result `json:"result"`
	}
	// ForgetBalance has the next Balance make new teams.
	ForgetBalance struct{}
	// Reserve takes an empty lobby for a split of another one, or for a match. Who has taken
	// it may do so again. Refusals: Taken, Forbidden.
	Reserve struct {
		For   int64  `json:"for,omitempty"`   // the lobby that splits
		Match string `json:"match,omitempty"` // that was found for waiting players
	}
	// Place puts a member where a part of the server wants it; nil fields stay. No rule of
	// the consul holds it up.
	Place struct {
		User   int64 `json:"user"`
		Player *bool `json:"player,omitempty"`
		Ready  *bool `json:"ready,omitempty"`
		Team   *int  `json:"team,omitempty"`
		Ally   *int  `json:"ally,omitempty"`
	}
)

// The replies.
type (
	// Present tells whether an AFK check had waited for the sender of Hello.
	Present struct {
		Asked bool `json:"asked"`
	}
	// MatchState is a lobby as the match monitor records it.
	MatchState struct {
		ID       int64            `json:"id"` // of the match that is on, or comes next
		UUID     string           `json:"uuid"`
		HostUUID string           `json:"host_uuid"`
		View     View             `json:"view"`
		Parties  map[int64]string `json:"parties"` // by player; empty if balance took them apart
		InGame   bool             `json:"in_game"`
		Started  bool             `json:"started"`         // match ID is on
		Ended    int64            `json:"ended,omitempty"` // the match that EndMatch has ended
		Again    bool             `json:"again,omitempty"` // the report was carried out before
	}
	// BalanceTask is a request that is to be answered with KeepBalance.
	BalanceTask struct {
		Input balance.Input `json:"input"`
	}
	// Balanced are the teams, and of whom they were made with which ratings.
	Balanced struct {
		Input  balance.Input  `json:"input"`
		Result balance.Result `json:"result"`
	}
)

// The events.
type (
	// Spoke is a line of the Coordinator in the room: for everybody, or for To only. In the
	// Spring protocol SAIDBATTLE, with Emote SAIDBATTLEEX.
	Spoke struct {
		Text  string `json:"text"`
		Emote bool   `json:"emote,omitempty"`
		To    int64  `json:"to,omitempty"`
	}
	// Told is a private message of the Coordinator to somebody in the room, who may be the
	// founder, line by line.
	Told struct {
		To    int64    `json:"to"`
		Lines []string `json:"lines"`
	}
	// Noted is the echo of a silent order: it is shown to nobody, and stored like a Said.
	Noted struct {
		User int64  `json:"user"`
		Text string `json:"text"`
	}
	// Rung says that the Coordinator rings somebody.
	Rung struct {
		User int64 `json:"user"`
	}
	// Expelled says that somebody's connection is to be ended for a flood.
	Expelled struct {
		User   int64  `json:"user"`
		Reason string `json:"reason"`
	}
	// QueueSet is the join queue, first to last, normal priority before low. It comes with
	// every change of either.
	QueueSet struct {
		Users []int64 `json:"users"`
	}
	// BossesSet are the bosses in the order in which they became it.
	BossesSet struct {
		Users []int64 `json:"users"`
	}
	// TermsSet says that something of Terms changed. A title that changes with them comes as
	// InfoSet, with Retitled.
	TermsSet struct {
		Terms Terms `json:"terms"`
	}
)

var (
	_ = message.Register[Order]("lobby.order")
	_ = message.Register[Know]("lobby.know")
	_ = message.Register[Hello]("lobby.hello")
	_ = message.Register[HostData]("lobby.host_data")
	_ = message.Register[Progress]("lobby.progress")
	_ = message.Register[StartMatch]("lobby.start_match")
	_ = message.Register[EndMatch]("lobby.end_match")
	_ = message.Register[Balance]("lobby.balance")
	_ = message.Register[KeepBalance]("lobby.keep_balance")
	_ = message.Register[ForgetBalance]("lobby.forget_balance")
	_ = message.Register[Reserve]("lobby.reserve")
	_ = message.Register[Place]("lobby.place")
	_ = message.Register[Present]("lobby.present")
	_ = message.Register[MatchState]("lobby.match_state")
	_ = message.Register[BalanceTask]("lobby.balance_task")
	_ = message.Register[Balanced]("lobby.balanced")
	_ = message.Register[Spoke]("lobby.spoke")
	_ = message.Register[Told]("lobby.told")
	_ = message.Register[Noted]("lobby.noted")
	_ = message.Register[Rung]("lobby.rung")
	_ = message.Register[Expelled]("lobby.expelled")
	_ = message.Register[QueueSet]("lobby.queue_set")
	_ = message.Register[BossesSet]("lobby.bosses_set")
	_ = message.Register[TermsSet]("lobby.terms_set")
)

package lobby

import (
	"strconv"
	"strings"
	"time"

	"teiserver/internal/cluster/process"
	"teiserver/internal/consul"
	"teiserver/internal/match"
	"teiserver/internal/refusal"
)

// The script tags by which a game finds its records.
const (
	tagRanked    = "game/modoptions/ranked_game"
	tagMatchID   = "game/server_match_id"
	tagMatchUUID = "server/match/uuid"
	tagHostUUID  = "server/host/uuid"
)

// defaultDenial is what an asker reads when the host gives no reason.
const defaultDenial = "no reason given by lobby host user"

// open begins the lobby. It publishes no event: nobody can have heard of it before.
func (s *State) open(c Open, at time.Time) (process.Outcome, error) {
	if s.opened || s.closed {
		return refuse(refusal.Taken, "this lobby is open already")
	}
	s.opened, s.listed = true, true
	s.password = secret(c.Password)
	s.matchID, s.hostUUID, s.matchUUID = c.MatchID, c.HostUUID, c.MatchUUID
	c.Info.Passworded = s.password != ""
	s.room.view.Info = c.Info
	s.room.view.FounderStatus = Unsynced
	s.consul = consul.New(c.Info.Title)
	s.room.view.Terms = s.consul.TermsUnder(&s.rules)
	// The ids of match and host follow with the first Tick, as clients know it.
	s.room.view.Tags = map[string]string{
		tagRanked:    "1",
		tagMatchID:   strconv.FormatInt(c.MatchID, 10),
		tagMatchUUID: "",
	}
	out := process.Outcome{Record: match.Match{
		ID: c.MatchID, UUID: c.MatchUUID, ServerUUID: c.HostUUID,
		Founder: c.Info.Founder.User, Lobby: c.Info.ID, Map: c.Info.Map, Created: at,
	}}
	if !s.ticking {
		out.Timers = s.Resume()
	}
	s.readRules()
	out.Effects, s.effects = s.effects, nil
	return out, nil
}

// join asks the host. A member who asks again is out at once: clients expect to
// have left. The host reads the request before the leave, as it always did.
func (s *State) join(c Join) (process.Outcome, error) {
	if c.User == s.room.view.Info.Founder.User {
		return refuse(refusal.Invalid, "the host is in its own lobby")
	}
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	if p, ok := s.room.Asker(c.User); ok && older(c.Who, p.Who) {
		return process.Outcome{}, superseded()
	}
	if c.Forced {
		return s.forcedJoin(c, a)
	}
	if err := s.admit(c); err != nil {
		return process.Outcome{}, err
	}
	asked := Asked{Who: c.Who, Join: c.Join, ScriptPassword: c.ScriptPassword, IP: c.IP}
	events := []any{Requested{Asked: asked}}
	switch {
	case a.member < 0:
	case c.Session > s.room.view.Members[a.member].Session: // the end of the old session comes later
		events = append(events, s.loss(a.member, c.Grace)...)
	default:
		events = append(events, s.removal(a.member, false)...)
	}
	return process.Outcome{Events: events}, nil
}

// admit asks the lock, the password and the consul, in this order of reasons.
func (s *State) admit(c Join) error {
	facts := consul.Facts{Moderator: c.Moderator, Caster: c.Caster, Bot: c.Bot}
	if c.Facts != nil {
		facts = *c.Facts
	}
	var verdict consul.Verdict
	if !s.guarded(func(t *consul.Turn) { verdict = t.Join(c.User, &facts, s.approved[c.User]) }) {
		return unguarded()
	}
	free := verdict.Override || c.Moderator || c.Caster || facts.Caster
	switch {
	case s.room.view.Info.Locked && !free:
		return refusal.New(refusal.Locked, "Battle locked")
	case s.password != "" && secret(c.Password) != s.password && !free && !verdict.Friend:
		return refusal.New(refusal.Password, "Invalid password")
	case verdict.Reason != "":
		return refusal.New(refusal.Banned, "%s", verdict.Reason)
	case facts.Restricted(consul.RestrictLobbies, consul.RestrictJoining):
		return refusal.New(refusal.Banned, "You are currently banned from joining lobbies")
	case s.reserved.Until.After(s.at) && !free:
		return refusal.New(refusal.Banned, "This lobby waits for players of another one, please try again in a minute")
	}
	return nil
}

// forcedJoin lets somebody in whom the server sends, without asking anybody.
func (s *State) forcedJoin(c Join, a actor) (process.Outcome, error) {
	if a.member >= 0 {
		if c.Session > s.room.view.Members[a.member].Session {
			return process.Outcome{Events: append(s.loss(a.member, c.Grace), s.entrance(c)...)}, nil
		}
		return a.led(), nil // it is here
	}
	return process.Outcome{Events: s.entrance(c)}, nil
}

func (s *State) entrance(c Join) []any {
	events := []any{Entered{Member: Member{
		Who: c.Who, Join: c.Join, ScriptPassword: c.ScriptPassword, Status: Unsynced, Told: true,
	}}}
	if st := s.returning(c.User); st != Unsynced {
		events = append(events, StatusSet{User: c.User, Status: st})
	}
	return events
}

func (s *State) answer(c Answer) (process.Outcome, error) {
	a, err := s.actor(c.By)
	if err != nil {
		return process.Outcome{}, err
	}
	if !a.founder {
		return refuse(refusal.Forbidden, "only the host may answer")
	}
	p, ok := s.room.Asker(c.User)
	if !ok {
		return refuse(refusal.NotFound, "user %d has not asked to join", c.User)
	}
	if !c.Accept {
		reason := strings.TrimSpace(c.Reason)
		if reason == "" {
			reason = defaultDenial
		}
		return a.led(Denied{Who: p.Who, Reason: reason}), nil
	}
	var out bool
	var reason string
	if !s.guarded(func(t *consul.Turn) { reason, out = t.Banned(c.User) }) {
		return process.Outcome{}, unguarded()
	}
	if out { // since it has asked
		return a.led(Denied{Who: p.Who, Reason: reason}), nil
	}
	events := []any{Entered{Member: Member{
		Who: p.Who, Join: p.Join, ScriptPassword: p.ScriptPassword, Status: Unsynced,
	}}}
	if st := s.returning(p.User); st != Unsynced {
		events = append(events, StatusSet{User: p.User, Status: st})
	}
	return a.led(events...), nil
}

func (s *State) leave(c Leave) (process.Outcome, error) {
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	if a.founder {
		return closing(), nil
	}
	if a.member >= 0 {
		if m := &s.room.view.Members[a.member]; c.Join != 0 && later(m.Who, m.Join, c.Who, c.Join) {
			return process.Outcome{}, superseded()
		}
		return process.Outcome{Events: s.loss(a.member, c.Grace)}, nil
	}
	p, ok := s.room.Asker(c.User)
	if !ok {
		return refuse(refusal.NotFound, "user %d is not in this lobby", c.User)
	}
	if older(c.Who, p.Who) || c.Join != 0 && later(p.Who, p.Join, c.Who, c.Join) {
		return process.Outcome{}, superseded()
	}
	return process.Outcome{Events: []any{Withdrawn{Who: p.Who}}}, nil
}

func (s *State) kick(c Kick) (process.Outcome, error) {
	a, err := s.host(c.By, c.Rights)
	if err != nil {
		return process.Outcome{}, err
	}
	if c.Protected || c.User == s.room.view.Info.Founder.User {
		return refuse(refusal.Forbidden, "user %d cannot be kicked", c.User)
	}
	i := s.room.member(c.User)
	if i < 0 {
		return refuse(refusal.NotFound, "user %d is not in this lobby", c.User)
	}
	if i == a.member { // kicks itself: no use to take the seat over before
		return process.Outcome{Events: s.removal(i, true)}, nil
	}
	return a.led(s.removal(i, true)...), nil
}

// gone takes out every session of an incarnation.
func (s *State) gone(c Gone) (process.Outcome, error) {
	if s.room.view.Info.Founder.Incarnation == c.Incarnation {
		return closing(), nil
	}
	var events []any
	for i := range s.room.view.Members {
		if s.room.view.Members[i].Incarnation == c.Incarnation {
			events = append(events, s.loss(i, c.Grace)...)
		}
	}
	for _, p := range s.room.view.Pending {
		if p.Incarnation == c.Incarnation {
			events = append(events, Withdrawn{Who: p.Who})
		}
	}
	return process.Outcome{Events: events}, nil
}

// absent takes out a session that is over. That nothing is there to take out is no
// mistake: whoever checked did not know.
func (s *State) absent(c Absent) (process.Outcome, error) {
	a, err := s.actor(c.Who)
	if err != nil {
		return process.Outcome{}, err
	}
	if a.founder {
		return closing(), nil
	}
	if a.member >= 0 {
		return process.Outcome{Events: s.loss(a.member, c.Grace)}, nil
	}
	if p, ok := s.room.Asker(c.User); ok && !older(c.Who, p.Who) {
		return process.Outcome{Events: []any{Withdrawn{Who: p.Who}}}, nil
	}
	return process.Outcome{}, nil
}

// removal is the end of a membership. SPADS drops its connection if somebody leaves
// who still owns computer players, so they go first.
func (s *State) removal(member int, kicked bool) []any {
	m := &s.room.view.Members[member]
	var events []any
	for i := range s.room.view.Computers {
		if c := &s.room.view.Computers[i]; c.Owner == m.User {
			events = append(events, ComputerRemoved{Name: c.Name})
		}
	}
	return append(events, Departed{Who: m.Who, Kicked: kicked})
}

// loss is the end of a membership whose place is kept for a while.
func (s *State) loss(member int, grace time.Duration) []any {
	events := s.removal(member, false)
	out := events[len(events)-1].(Departed)
	out.Keep = grace
	events[len(events)-1] = out
	return events
}

func closing() process.Outcome {
	return process.Outcome{Events: []any{Closed{}}, Close: true}
}

// secret returns the password that counts: protocols have several words for none.
func secret(password string) string {
	switch password {
	case "", "*", "empty":
		return ""
	}
	return password
}

package moderation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/cache"
	"teiserver/internal/refusal"
)

// The sizes of the caches: everybody who is online in a large community.
const (
	cacheSize = 50_000
	bansSize  = 1
)

// Service reads and changes what counts of users. It is safe for concurrent use.
type Service struct {
	store     Store
	caches    *cache.Caches
	standings *cache.Table[int64, *Standing]
	bans      *cache.Table[string, *Bans]
	banned    *cache.Table[string, *Banned]
	now       func() time.Time
	log       *slog.Logger
}

// NewService returns the service of a node. Without caches (a command beside a running
// server) each look-up asks the store, and running nodes read of changes in its log. now
// is the clock of the cluster.
func NewService(store Store, caches *cache.Caches, now func() time.Time, log *slog.Logger) *Service {
	if now == nil {
		now = time.Now
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Service{store: store, caches: caches, now: now, log: log}
	if caches == nil {
		return s
	}
	s.standings = cache.NewTable(caches, TableStanding, cache.TableOptions[int64, *Standing]{
		Load:     func(ctx context.Context, id int64) (*Standing, error) { return store.Standing(ctx, id) },
		KeyText:  func(id int64) string { return strconv.FormatInt(id, 10) },
		ParseKey: func(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) },
		Size:     cacheSize,
		Purpose:  "restrictions and marks of a user; a stale one lets a restricted user go on for a second",
	})
	s.bans = cache.NewTable(caches, TableBans, cache.TableOptions[string, *Bans]{
		Load:     func(ctx context.Context, _ string) (*Bans, error) { return store.Bans(ctx) },
		KeyText:  func(key string) string { return key },
		ParseKey: func(text string) (string, error) { return text, nil },
		Size:     bansSize,
		Purpose:  "banned addresses, and how many keys are banned; a stale one lets a new account in for a second",
	})
	s.banned = cache.NewTable(caches, TableBanned, cache.TableOptions[string, *Banned]{
		Load:     func(ctx context.Context, _ string) (*Banned, error) { return store.Banned(ctx) },
		KeyText:  func(key string) string { return key },
		ParseKey: func(text string) (string, error) { return text, nil },
		Size:     bansSize,
		Purpose:  "banned domains of mail and phrases; a stale one lets a name or a line through for a second",
	})
	return s
}

// Now is the clock by which actions end.
func (s *Service) Now() time.Time { return s.now() }

// Standing is what counts of a user; never nil without an error.
func (s *Service) Standing(ctx context.Context, user int64) (*Standing, error) {
	load := s.store.Standing
	if s.standings != nil {
		load = s.standings.GetOrLoad
	}
	st, err := load(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("standing of user %d: %w", user, err)
	}
	return st, nil
}

// Bans are those that count.
func (s *Service) Bans(ctx context.Context) (*Bans, error) {
	if s.bans == nil {
		return s.store.Bans(ctx)
	}
	b, err := s.bans.GetOrLoad(ctx, KeyBans)
	if err != nil {
		return nil, fmt.Errorf("bans: %w", err)
	}
	return b, nil
}

func (s *Service) announce(changes []cache.Change) {
	if s.caches != nil {
		s.caches.Announce(changes)
	}
}

// The texts of refused logins, as clients know them.
const (
	TextBanned    = "Banned, please see the discord channel #moderation-bot for more details"
	TextSuspended = "This account is temporarily suspended. You can see the #moderation-bot on discord for more details; if you need to appeal anything please use the #open-ticket channel on the discord. Be aware, trying to evade moderation by creating new accounts will result in extending the suspension or even a permanent ban."
	TextAlt       = "Alt account detected. We do not allow alt accounts. Please login as your main account. Repeatedly creating alts can result in suspension or bans. If you think this account was flagged incorrectly please open a ticket on our discord and explain why."
	textRenaming  = "Your account is restricted from renaming"
	textMuted     = "Muted"
)

var _ account.Verdicts = (*Service)(nil)

// MayTry implements account.Verdicts: an account of somebody who has another one is refused
// before anything is said about its password.
func (s *Service) MayTry(ctx context.Context, user int64) error {
	st, err := s.Standing(ctx, user)
	if err != nil {
		return err
	}
	if st.Alt != 0 {
		return refusal.New(refusal.Banned, TextAlt)
	}
	return nil
}

// Refusal is why a user may not log in at a moment, nil if it may.
func (s *Standing) Refusal(now time.Time) *refusal.Error {
	switch {
	case s == nil:
		return nil
	case s.Alt != 0:
		return refusal.New(refusal.Banned, TextAlt)
	case s.Restricted(now, Permanent):
		return refusal.New(refusal.Banned, TextBanned)
	case s.Restricted(now, Login):
		return refusal.New(refusal.Banned, TextSuspended)
	}
	return nil
}

// MayLogIn implements account.Verdicts.
func (s *Service) MayLogIn(ctx context.Context, u *account.User, ip string) error {
	st, err := s.Standing(ctx, u.ID)
	if err != nil {
		return err
	}
	no := st.Refusal(s.now())
	switch {
	case no != nil:
		return no
	case u.IsBot() || u.Moderates() || u.Relied():
		return nil
	}
	return s.mayCome(ctx, ip, u.Created)
}

// MayRegister implements account.Verdicts.
func (s *Service) MayRegister(ctx context.Context, ip string) error {
	return s.mayCome(ctx, ip, time.Time{})
}

func (s *Service) mayCome(ctx context.Context, ip string, made time.Time) error {
	b, err := s.Bans(ctx)
	if err != nil {
		return err
	}
	if ban, banned := b.Covers(ip, made); banned {
		s.log.InfoContext(ctx, "kept out by a banned address", "key", ban)
		return refusal.New(refusal.Banned, TextBanned)
	}
	return nil
}

// MayRename implements account.Verdicts.
func (s *Service) MayRename(ctx context.Context, user int64) error {
	st, err := s.Standing(ctx, user)
	if err != nil {
		return err
	}
	switch now := s.now(); {
	case st.Restricted(now, Renaming, Community):
		return refusal.New(refusal.Forbidden, textRenaming)
	case st.Restricted(now, AllChat):
		return refusal.New(refusal.Forbidden, textMuted)
	}
	return nil
}

// NewAction is what a moderator wants done about a user.
type NewAction struct {
	User         int64
	Reason       string
	Restrictions []string
	Expires      time.Time // zero: never
	Notes        string
	Hidden       bool
}

// Act restricts a user, on all nodes at once.
func (s *Service) Act(ctx context.Context, n NewAction, by Actor) (Action, error) {
	a, err := s.action(n, by)
	if err != nil {
		return Action{}, err
	}
	return s.act(ctx, a, s.entry(ActionCreated, by, map[string]any{
		"target_user_id": a.User, "restrictions": a.Restrictions, "reason": a.Reason, "expires": when(a.Expires),
	}))
}

func (s *Service) act(ctx context.Context, a Action, e Entry) (Action, error) {
	done, changes, err := s.store.AddAction(ctx, a, e)
	if err != nil {
		return Action{}, fmt.Errorf("act on user %d: %w", a.User, err)
	}
	s.announce(changes)
	s.log.InfoContext(ctx, "user restricted", "user", done.User, "key", done.ID, "kind", strings.Join(done.Restrictions, ", "))
	return done, nil
}

// action brings an action into its form.
func (s *Service) action(n NewAction, by Actor) (Action, error) {
	restrictions, err := checkRestrictions(n.Restrictions)
	if err != nil {
		return Action{}, err
	}
	now := s.now()
	a := Action{
		User: n.User, Reason: cut(n.Reason, maxText), Restrictions: restrictions, Expires: n.Expires,
		Notes: n.Notes, Hidden: n.Hidden, Author: by.User,
	}
	switch {
	case a.Reason == "":
		return Action{}, errors.New("an action needs a reason: the user is told")
	case !a.Expires.IsZero() && !a.Expires.After(now):
		return Action{}, errors.New("an action that is over before it begins")
	}
	if a.Has(Login) && permanent(a.Expires, now) {
		a.Restrictions = append(a.Restrictions, Permanent)
	}
	return a, nil
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.DateTime)
}

func (s *Service) entry(action string, by Actor, details map[string]any) Entry {
	return Entry{Action: action, User: by.User, By: by.Name, Details: details}
}

// Revoke ends an action before its time.
func (s *Service) Revoke(ctx context.Context, id int64, reason string, by Actor) (Action, error) {
	if reason = cut(reason, maxText); reason == "" {
		reason = "revoked"
	}
	a, changes, err := s.store.EndAction(ctx, id, by.User, reason,
		s.entry(ActionHalted, by, map[string]any{"action_id": id, "reason": reason}))
	if err != nil {
		return a, fmt.Errorf("revoke action %d: %w", id, err)
	}
	s.announce(changes)
	s.log.InfoContext(ctx, "restriction revoked", "user", a.User, "key", id)
	return a, nil
}

// expiredAtOnce is how many actions are ended in one transaction.
const expiredAtOnce = 100

// EndExpired is the job that ends what has run out: each action once. Nothing is forbidden
// by it anymore as it is; lobbies hear of it now.
func (s *Service) EndExpired(ctx context.Context) error {
	for {
		ended, changes, err := s.store.EndExpired(ctx, expiredAtOnce)
		if err != nil {
			return fmt.Errorf("end what has run out: %w", err)
		}
		s.announce(changes)
		for _, a := range ended {
			s.log.InfoContext(ctx, "restriction has run out", "user", a.User, "key", a.ID)
		}
		if len(ended) < expiredAtOnce {
			return nil
		}
	}
}

// Ban bans whom a Ban names: its source at once and for ever, others when they come.
func (s *Service) Ban(ctx context.Context, b Ban, by Actor) (Ban, error) {
	if err := b.check(); err != nil {
		return Ban{}, err
	}
	b.Author = by.User
	var source *Action
	if b.Source != 0 {
		a, err := s.action(NewAction{User: b.Source, Reason: b.Reason, Restrictions: []string{Login}}, by)
		if err != nil {
			return Ban{}, err
		}
		source = &a
	}
	done, changes, err := s.store.AddBan(ctx, b, source, s.entry(BanCreated, by, map[string]any{
		"source_user_id": b.Source, "keys": b.Keys, "addresses": b.Addresses, "reason": b.Reason,
	}))
	if err != nil {
		return Ban{}, fmt.Errorf("ban: %w", err)
	}
	s.announce(changes)
	return done, nil
}

// Unban ends a ban. Its source keeps the action that came with it.
func (s *Service) Unban(ctx context.Context, id int64, by Actor) (Ban, error) {
	b, changes, err := s.store.RemoveBan(ctx, id, by.User, s.entry(BanDisabled, by, map[string]any{"ban_id": id}))
	if err != nil {
		return b, fmt.Errorf("remove ban %d: %w", id, err)
	}
	s.announce(changes)
	return b, nil
}

// SetShadowban has a user speak to nobody and join nothing, without being told why.
func (s *Service) SetShadowban(ctx context.Context, user int64, on bool, by Actor) error {
	what := Shadowban
	if !on {
		what = Unshadowban
	}
	return s.mark(ctx, user, Mark{Shadowbanned: &on}, s.entry(what, by, map[string]any{"target_user_id": user}))
}

// maxChain bounds how far an original is looked for.
const maxChain = 10

// SetAlt says that an account belongs to the owner of another one; 0 says that it does not.
func (s *Service) SetAlt(ctx context.Context, user, original int64, by Actor) error {
	if original == 0 {
		return s.mark(ctx, user, Mark{Alt: &original}, s.entry(UnmarkedAlt, by, map[string]any{"user_id": user}))
	}
	actual := original
	for range maxChain {
		if actual == user {
			return errors.New("an account is not the alternative of itself")
		}
		st, err := s.store.Standing(ctx, actual)
		if err != nil {
			return fmt.Errorf("standing of user %d: %w", actual, err)
		}
		if st.Alt == 0 {
			break
		}
		actual = st.Alt
	}
	return s.mark(ctx, user, Mark{Alt: &actual}, s.entry(MarkedAlt, by, map[string]any{
		"smurf_id": user, "origin_id": original, "actual_origin_id": actual,
	}))
}

func (s *Service) mark(ctx context.Context, user int64, m Mark, e Entry) error {
	changes, err := s.store.MarkUser(ctx, user, m, e)
	if err != nil {
		return fmt.Errorf("mark user %d: %w", user, err)
	}
	s.announce(changes)
	return nil
}

// EnactedName names in the audit log that a ban took effect on a user; stores know it.
func EnactedName(ban, user int64) string { return fmt.Sprintf("ban %d of user %d", ban, user) }

// Enact has a ban take effect on an account that automod has found, once: false if that
// was done before, be it that a moderator has undone it since.
func (s *Service) Enact(ctx context.Context, b *Ban, user int64, by Actor) (bool, error) {
	e := s.entry(BanEnacted, by, map[string]any{"target_user_id": user, "ban_id": b.ID})
	e.Once = EnactedName(b.ID, user)
	var err error
	if b.Source != 0 && b.Source != user {
		err = s.mark(ctx, user, Mark{Alt: &b.Source, AltBan: b.ID}, e)
	} else {
		var a Action
		a, err = s.action(NewAction{User: user, Reason: TextAutomod, Restrictions: []string{Login}, Hidden: true}, by)
		if err == nil {
			_, err = s.act(ctx, a, e)
		}
	}
	if errors.Is(err, ErrDone) {
		return false, nil
	}
	return err == nil, err
}

// TextAutomod is the reason of what automod does.
const TextAutomod = "Banned (Automod)"

// Unbridge keeps the words of a user inside the server from now on, once, for a line with
// a word that is flagged.
func (s *Service) Unbridge(ctx context.Context, user int64, by Actor) error {
	st, err := s.Standing(ctx, user)
	if err != nil || st.Restricted(s.now(), Bridging) {
		return err
	}
	a, err := s.action(NewAction{User: user, Reason: "Flagged words", Restrictions: []string{Bridging}, Hidden: true}, by)
	if err != nil {
		return err
	}
	_, err = s.act(ctx, a, s.entry(Debridged, by, map[string]any{"target_user_id": user}))
	return err
}

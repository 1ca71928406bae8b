package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/automod"
	"teiserver/internal/config"
	"teiserver/internal/coordinator"
	"teiserver/internal/moderation"
	"teiserver/internal/store"
	"teiserver/internal/store/engine"
)

// moderators are what a command of the operator works with: running nodes read of what it
// does within a second.
type moderators struct {
	*moderation.Service
	store    *store.Store
	accounts *account.Service
}

// withModeration runs a command beside whatever nodes there are.
func withModeration(ctx context.Context, cfg config.Config, f func(m moderators) error) error {
	return moderationOn(ctx, cfg, store.Admin, f)
}

func moderationOn(ctx context.Context, cfg config.Config, use engine.Use, f func(m moderators) error) error {
	return withUse(ctx, cfg, use, func(st *store.Store) error {
		log := cfg.Logger(os.Stderr)
		return f(moderators{
			Service: moderation.NewService(st, nil, nil, log), store: st,
			accounts: account.NewService(st, nil, nil, settingsOf(cfg, st), account.Options{Cheap: cfg.Unlimited, Log: log}),
		})
	})
}

// operator is who runs a command, as the audit log names it.
func operator() string {
	for _, key := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if name := os.Getenv(key); name != "" {
			return name
		}
	}
	return "operator"
}

// actor is in whose name something is done: that of a moderator's account, or the operator's own.
func (m moderators) actor(ctx context.Context, by string) (moderation.Actor, error) {
	a := moderation.Actor{Name: operator()}
	if by == "" {
		return a, nil
	}
	u, err := m.named(ctx, by)
	if err == nil {
		a.User = u.ID
	}
	return a, err
}

// actorOf is actor, whose account must have the least role, or one that contains it.
func (m moderators) actorOf(ctx context.Context, by string, least account.Role) (moderation.Actor, error) {
	a, err := m.actor(ctx, by)
	if err != nil || a.User == 0 {
		return a, err
	}
	u, err := m.accounts.UserByID(ctx, a.User)
	if err == nil && (u == nil || !u.Can(least)) {
		err = fmt.Errorf("%s may not do this: it takes the role %s", by, least)
	}
	return a, err
}

// named finds an account by its name, whatever its case.
func (m moderators) named(ctx context.Context, name string) (*account.User, error) {
	u, err := m.accounts.UserByName(ctx, name)
	if err == nil && u == nil {
		err = fmt.Errorf("there is no user %s", name)
	}
	return u, err
}

// idOf is that of a name, 0 for none.
func (m moderators) idOf(ctx context.Context, name string) (int64, error) {
	if name == "" {
		return 0, nil
	}
	u, err := m.named(ctx, name)
	if err != nil {
		return 0, err
	}
	return u.ID, nil
}

// names turns ids into names for lists; 0 is nobody.
func (m moderators) names(ctx context.Context, none string, ids ...int64) ([]any, error) {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = none
		if id == 0 {
			continue
		}
		u, err := m.accounts.UserByID(ctx, id)
		if err != nil {
			return nil, err
		}
		if list[i] = fmt.Sprint("#", id); u != nil {
			list[i] = u.Name
		}
	}
	return list, nil
}

// listMost bounds lists.
const listMost = 1000

// NewAction is an action that the operator asks for.
type NewAction struct {
	User     string
	Restrict []string
	Reason   string
	For      string // "7 days", a date, "never"
	Notes    string
	Hidden   bool
	Report   int64 // of which it comes; 0: of none
	By       string
}

// AddAction restricts a user; running nodes know it within a second, and what follows for
// the user's connection happens then.
func AddAction(ctx context.Context, cfg config.Config, n NewAction, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		u, err := m.named(ctx, n.User)
		if err != nil {
			return err
		}
		by, err := m.actor(ctx, n.By)
		if err != nil {
			return err
		}
		expires, err := moderation.ParseExpiry(n.For, time.Now())
		if err != nil {
			return err
		}
		a, err := m.Act(ctx, moderation.NewAction{
			User: u.ID, Reason: n.Reason, Restrictions: n.Restrict, Expires: expires, Notes: n.Notes, Hidden: n.Hidden,
		}, by)
		if err != nil {
			return err
		}
		if n.Report != 0 {
			if _, err := m.CloseReport(ctx, n.Report, a.ID, by); err != nil {
				return fmt.Errorf("action %d was made, but: %w", a.ID, err)
			}
		}
		_, err = fmt.Fprintf(w, "action %d: %s is restricted from %s, until %s\n", a.ID, u.Name, strings.Join(a.Restrictions, ", "), until(a.Expires))
		return err
	})
}

func until(t time.Time) string {
	if t.IsZero() {
		return "for ever"
	}
	return t.UTC().Format(time.DateTime)
}

// RevokeAction ends an action.
func RevokeAction(ctx context.Context, cfg config.Config, id int64, reason, by string, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		if _, err := m.Revoke(ctx, id, reason, actor); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "action %d is revoked\n", id)
		return err
	})
}

// ListActions prints actions, of a user or of all.
func ListActions(ctx context.Context, cfg config.Config, user string, all, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		id, err := m.idOf(ctx, user)
		if err != nil {
			return err
		}
		actions, err := m.store.Actions(ctx, moderation.ActionQuery{User: id, All: all, Most: listMost})
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "actions", actions)
		}
		now := time.Now()
		return tableOf(ctx, m, w, "ID\tUSER\tBY\tRESTRICTIONS\tUNTIL\tSTATE\tREASON", actions, func(a moderation.Action) ([]int64, []any) {
			state := "active"
			switch {
			case !a.Ended.IsZero():
				state = a.EndReason
			case !a.ActiveAt(now):
				state = moderation.Expired
			}
			return []int64{a.User, a.Author}, []any{strings.Join(a.Restrictions, ", "), until(a.Expires), short(state), short(a.Reason)}
		}, func(a moderation.Action) int64 { return a.ID })
	})
}

// tableOf prints rows that begin with a number and the names of two users.
func tableOf[T any](ctx context.Context, m moderators, w io.Writer, head string, rows []T, cells func(T) (users []int64, rest []any), id func(T) int64) error {
	var lines [][]any
	for _, row := range rows {
		users, rest := cells(row)
		named, err := m.names(ctx, "-", users...)
		if err != nil {
			return err
		}
		lines = append(lines, slices.Concat([]any{id(row)}, named, rest))
	}
	return table(w, head, lines, func(line []any) []any { return line })
}

// ListReports prints what users have reported.
func ListReports(ctx context.Context, cfg config.Config, about string, all, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		id, err := m.idOf(ctx, about)
		if err != nil {
			return err
		}
		reports, err := m.store.Reports(ctx, moderation.ReportQuery{Target: id, All: all, Most: listMost})
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "reports", reports)
		}
		return tableOf(ctx, m, w, "ID\tABOUT\tBY\tAT\tWHERE\tSTATE\tTEXT", reports, func(r moderation.Report) ([]int64, []any) {
			state := "open"
			switch {
			case r.Action != 0:
				state = fmt.Sprint("action ", r.Action)
			case !r.Closed.IsZero():
				state = "closed"
			}
			place := strings.TrimSpace(r.Place + " " + r.PlaceID)
			return []int64{r.Target, r.Reporter}, []any{until(r.Created), dash(place), state, short(r.Text)}
		}, func(r moderation.Report) int64 { return r.ID })
	})
}

// CloseReport closes a report of which nothing came, or that action.
func CloseReport(ctx context.Context, cfg config.Config, id, action int64, by string, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		if _, err := m.CloseReport(ctx, id, action, actor); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "report %d is closed\n", id)
		return err
	})
}

// NewBan is a ban that the operator asks for.
type NewBan struct {
	User        string   // banned with all its keys
	WithAddress bool     // also with the addresses it came from
	Keys        []string // besides
	Addresses   []string
	Reason      string
	By          string
}

// AddBan bans.
func AddBan(ctx context.Context, cfg config.Config, n NewBan, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Setup, func(m moderators) error {
		by, err := m.actor(ctx, n.By)
		if err != nil {
			return err
		}
		b := moderation.Ban{Keys: n.Keys, Addresses: n.Addresses, Reason: n.Reason}
		if b.Source, err = m.idOf(ctx, n.User); err != nil {
			return err
		}
		if b.Source != 0 {
			keys, err := m.store.Keys(ctx, b.Source)
			if err != nil {
				return err
			}
			for _, k := range keys {
				if k.Kind != moderation.KeyAddress || n.WithAddress {
					b.Keys = append(b.Keys, k.Value)
				}
			}
		}
		if b, err = m.Ban(ctx, b, by); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "ban %d: %d keys, %d addresses\n", b.ID, len(b.Keys), len(b.Addresses))
		return err
	})
}

// RemoveBan ends a ban.
func RemoveBan(ctx context.Context, cfg config.Config, id int64, by string, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		if _, err := m.Unban(ctx, id, actor); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "ban %d is removed; an action that came with it is revoked by itself\n", id)
		return err
	})
}

// ListBans prints bans.
func ListBans(ctx context.Context, cfg config.Config, all, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		bans, err := m.store.BanList(ctx, all)
		if err != nil {
			return err
		}
		if asJSON {
			for i := range bans {
				bans[i].Keys, bans[i].Addresses = list(bans[i].Keys), list(bans[i].Addresses)
			}
			return writeJSON(w, "bans", bans)
		}
		return tableOf(ctx, m, w, "ID\tSOURCE\tBY\tSINCE\tKEYS\tADDRESSES\tSTATE\tREASON", bans, func(b moderation.Ban) ([]int64, []any) {
			state := "active"
			if !b.Removed.IsZero() {
				state = "removed"
			}
			return []int64{b.Source, b.Author}, []any{until(b.Created), len(b.Keys), dash(short(strings.Join(b.Addresses, " "))), state, short(b.Reason)}
		}, func(b moderation.Ban) int64 { return b.ID })
	})
}

// SetShadowban sets or clears the shadow ban of a user.
func SetShadowban(ctx context.Context, cfg config.Config, user string, on bool, by string, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		u, err := m.named(ctx, user)
		if err != nil {
			return err
		}
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		if err := m.SetShadowban(ctx, u.ID, on, actor); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s: shadow ban %s\n", u.Name, map[bool]string{true: "on", false: "off"}[on])
		return err
	})
}

// SetAlt says that an account belongs to the owner of another one, or, without that, that
// it does not.
func SetAlt(ctx context.Context, cfg config.Config, user, original, by string, w io.Writer) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		u, err := m.named(ctx, user)
		if err != nil {
			return err
		}
		of, err := m.idOf(ctx, original)
		if err != nil {
			return err
		}
		actor, err := m.actor(ctx, by)
		if err != nil {
			return err
		}
		if err := m.SetAlt(ctx, u.ID, of, actor); err != nil {
			return err
		}
		if of == 0 {
			_, err = fmt.Fprintf(w, "%s is an account of its own\n", u.Name)
		} else {
			_, err = fmt.Fprintf(w, "%s is marked as an account of %s\n", u.Name, original)
		}
		return err
	})
}

// CheckUser compares an account with the bans and prints what came of it.
func CheckUser(ctx context.Context, cfg config.Config, user string, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		u, err := m.named(ctx, user)
		if err != nil {
			return err
		}
		author := int64(0)
		if c, err := m.accounts.UserByName(ctx, coordinator.Account.Name); err != nil {
			return err
		} else if c != nil { // else no node has run yet
			author = c.ID
		}
		desk := automod.Desk{Store: m.store, Judge: m, Users: m.accounts, Coordinator: author, Log: cfg.Logger(os.Stderr)}
		said, err := desk.Check(ctx, u.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, said)
		return err
	})
}

// Audit says what of the audit log to print; empty is all.
type Audit struct {
	Action string
	By     string // an account
	Most   int
}

// ListAudit prints the audit log, the newest first.
func ListAudit(ctx context.Context, cfg config.Config, q Audit, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		user, err := m.idOf(ctx, q.By)
		if err != nil {
			return err
		}
		entries, err := m.store.Entries(ctx, moderation.EntryQuery{User: user, Action: q.Action, Most: q.Most})
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "entries", entries)
		}
		return table(w, "ID\tAT\tBY\tACTION\tDETAILS", entries, func(e moderation.Entry) []any {
			names, err := m.names(ctx, dash(e.By), e.User)
			if err != nil {
				names = []any{fmt.Sprint("#", e.User)}
			}
			details, err := json.Marshal(e.Details)
			if err != nil {
				details = []byte("?")
			}
			return []any{e.ID, until(e.At), names[0], e.Action, string(details)}
		})
	})
}

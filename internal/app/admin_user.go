package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/config"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
	"teiserver/internal/store"
	"teiserver/internal/store/engine"
)

// shownUser is an account as operators see it: without what lets anybody in.
type shownUser struct {
	ID         int64          `json:"id"`
	Name       string         `json:"name"`
	Email      string         `json:"email"`
	Roles      []account.Role `json:"roles"`
	Country    string         `json:"country"`
	Rank       int            `json:"rank"`
	Hours      int64          `json:"hours"`
	Created    time.Time      `json:"created,omitzero"`
	LastLogin  time.Time      `json:"last_login,omitzero"`
	LastIP     string         `json:"last_ip,omitempty"`
	Client     string         `json:"client,omitempty"`
	Waits      bool           `json:"waits_for_code"`
	Suspect    bool           `json:"waits_for_moderator"`
	Agreed     int64          `json:"agreed"`
	NewEmail   string         `json:"new_email,omitempty"`
	NoPassword bool           `json:"no_password,omitempty"`
}

func shown(u *account.User) shownUser {
	return shownUser{
		ID: u.ID, Name: u.Name, Email: u.Email, Roles: list(u.Roles), Country: u.Country, Rank: u.Rank, Hours: u.Hours(),
		Created: u.Created, LastLogin: u.LastLogin, LastIP: u.LastIP, Client: u.Client, Waits: u.Code != "", Suspect: u.Suspect,
		Agreed: u.Agreed, NewEmail: u.NewEmail, NoPassword: u.Password == "",
	}
}

// fullUser is all that is known of one.
type fullUser struct {
	shownUser
	FormerNames  []string            `json:"former_names"`
	Restrictions []string            `json:"restrictions"`
	AltOf        int64               `json:"alt_of,omitempty"`
	Shadowbanned bool                `json:"shadowbanned,omitempty"`
	Settings     map[string]bool     `json:"settings"`
	Statistics   map[string]string   `json:"statistics"`
	Keys         map[string][]string `json:"keys"`
}

// plain is a moment for people.
func plain(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.DateTime)
}

func roleNames(roles []account.Role) string {
	names := make([]string, len(roles))
	for i, r := range roles {
		names[i] = string(r)
	}
	return strings.Join(names, ",")
}

// UserList says which accounts to print.
type UserList struct {
	Text       string
	Role       string
	Unverified bool
	After      int64
	Most       int
}

// ListUsers prints accounts, by number.
func ListUsers(ctx context.Context, cfg config.Config, q UserList, asJSON bool, w io.Writer) error {
	var role account.Role
	if q.Role != "" {
		var err error
		if role, err = account.ParseAnyRole(q.Role); err != nil {
			return err
		}
	}
	return readStore(ctx, cfg, func(st *store.Store) error {
		users, err := st.Users(ctx, account.Query{Text: q.Text, Role: role, Unverified: q.Unverified, After: q.After, Most: q.Most})
		if err != nil {
			return err
		}
		rows := make([]shownUser, len(users))
		for i, u := range users {
			rows[i] = shown(u)
		}
		if asJSON {
			return writeJSON(w, "users", rows)
		}
		return table(w, "ID\tNAME\tE-MAIL\tROLES\tRANK\tHOURS\tCREATED\tLAST LOGIN\tSTATE", rows, func(u shownUser) []any {
			state := "verified"
			switch {
			case u.Suspect:
				state = "waits for a moderator"
			case u.Waits:
				state = "waits for the code"
			}
			return []any{u.ID, u.Name, u.Email, dash(roleNames(u.Roles)), u.Rank, u.Hours, plain(u.Created), plain(u.LastLogin), state}
		})
	})
}

// ShowUser prints all that is known of an account but what lets somebody in.
func ShowUser(ctx context.Context, cfg config.Config, name string, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		u, err := m.named(ctx, name)
		if err != nil {
			return err
		}
		full, err := m.full(ctx, u)
		if err != nil {
			return err
		}
		if asJSON {
			return writeObject(w, full)
		}
		return full.print(w)
	})
}

func (m moderators) full(ctx context.Context, u *account.User) (fullUser, error) {
	f := fullUser{shownUser: shown(u), Settings: map[string]bool{}, Keys: map[string][]string{}}
	names, err := m.store.FormerNames(ctx, u.ID, u.Name)
	if err != nil {
		return f, err
	}
	standing, err := m.Standing(ctx, u.ID)
	if err != nil {
		return f, err
	}
	facts := account.NewStats(m.store)
	if f.Statistics, err = facts.All(ctx, u.ID); err != nil {
		return f, err
	}
	keys, err := m.store.Keys(ctx, u.ID)
	if err != nil {
		return f, err
	}
	for _, k := range keys {
		f.Keys[k.Kind] = append(f.Keys[k.Kind], k.Value)
	}
	for _, o := range account.UserOptions {
		if f.Settings[o.Key], err = m.accounts.Option(ctx, facts, u.ID, o); err != nil {
			return f, err
		}
	}
	f.FormerNames, f.Restrictions = list(names), list(standing.Restrictions(m.Now()))
	f.AltOf, f.Shadowbanned = standing.Alt, standing.Shadowbanned
	return f, nil
}

func (f fullUser) print(w io.Writer) error {
	rows := [][]any{
		{"number", f.ID}, {"name", f.Name}, {"former names", dash(strings.Join(f.FormerNames, ", "))}, {"e-mail", f.Email},
		{"new e-mail", dash(f.NewEmail)}, {"roles", dash(roleNames(f.Roles))}, {"country", f.Country}, {"rank", f.Rank}, {"hours", f.Hours},
		{"created", plain(f.Created)}, {"last login", plain(f.LastLogin)}, {"last address", dash(f.LastIP)}, {"client", dash(f.Client)},
		{"waits for the code", f.Waits}, {"waits for a moderator", f.Suspect}, {"agreement", f.Agreed},
		{"restrictions", dash(strings.Join(f.Restrictions, ", "))}, {"alternative of", f.AltOf}, {"shadow ban", f.Shadowbanned},
	}
	for _, key := range slices.Sorted(maps.Keys(f.Settings)) {
		rows = append(rows, []any{"setting " + key, setting.Bool.Print(f.Settings[key])})
	}
	for _, key := range slices.Sorted(maps.Keys(f.Keys)) {
		rows = append(rows, []any{"key " + key, short(strings.Join(f.Keys[key], " "))})
	}
	for _, key := range slices.Sorted(maps.Keys(f.Statistics)) {
		rows = append(rows, []any{key, short(f.Statistics[key])})
	}
	return table(w, "FACT\tVALUE", rows, func(row []any) []any { return row })
}

// onUser does something to an account in somebody's name, who must be somebody who may, and
// of the least role. do hands the act to what it does: both are stored, or neither.
func onUser(ctx context.Context, cfg config.Config, name, by string, least account.Role, do func(m moderators, u *account.User, act account.Act) error) error {
	return onUserWith(ctx, cfg, store.Admin, name, by, least, do)
}

func onUserWith(ctx context.Context, cfg config.Config, use engine.Use, name, by string, least account.Role, do func(m moderators, u *account.User, act account.Act) error) error {
	return moderationOn(ctx, cfg, use, func(m moderators) error {
		u, err := m.named(ctx, name)
		if err != nil {
			return err
		}
		actor, err := m.actorOf(ctx, by, least)
		if err != nil {
			return err
		}
		if actor.User != 0 {
			who, err := m.accounts.UserByID(ctx, actor.User)
			if err != nil {
				return err
			}
			if !who.MayTouch(u) {
				return fmt.Errorf("%s may not change the account of %s", who.Name, u.Name)
			}
		}
		return do(m, u, account.Act{User: actor.User, By: actor.Name, Details: map[string]any{"user_id": u.ID}})
	})
}

// as names what is done.
func as(act account.Act, action string) *account.Act {
	act.Action = action
	return &act
}

// SetPassword gives an account another password; its sessions end.
func SetPassword(ctx context.Context, cfg config.Config, name, password, by string) error {
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		return m.accounts.SetPassword(ctx, u.ID, password, as(act, moderation.PasswordSet))
	})
}

// MailReset has a link mailed by which the user sets the password.
func MailReset(ctx context.Context, cfg config.Config, name, by string, w io.Writer) error {
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		mailed, err := m.accounts.MailReset(ctx, u.ID, as(act, moderation.LinkMailed))
		if err != nil {
			return err
		}
		if !mailed {
			return errors.New("a link was mailed before, and counts still")
		}
		_, err = fmt.Fprintf(w, "a link goes to %s within a minute, if a node runs\n", u.Email)
		return err
	})
}

// SetRoles gives and takes roles; the sessions of the account end.
func SetRoles(ctx context.Context, cfg config.Config, name string, give, take []string, by string, w io.Writer) error {
	var gives, takes []account.Role
	for _, part := range []struct {
		from []string
		to   *[]account.Role
	}{{give, &gives}, {take, &takes}} {
		for _, text := range part.from {
			r, err := account.ParseRole(text)
			if err != nil {
				return err
			}
			*part.to = append(*part.to, r)
		}
	}
	if len(gives)+len(takes) == 0 {
		return errors.New("no role is named: use --give and --take")
	}
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		if by != "" {
			who, err := m.named(ctx, by)
			if err != nil {
				return err
			}
			for _, r := range slices.Concat(gives, takes) {
				if !who.MayGive(r) {
					return fmt.Errorf("%s may not give or take the role %s", who.Name, r)
				}
			}
		}
		now, err := m.accounts.SetRoles(ctx, u.ID, gives, takes, as(act, moderation.RolesChanged))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s has the roles %s\n", now.Name, dash(roleNames(now.Roles)))
		return err
	})
}

// RenameUser gives an account another name, of whatever kind; its session ends.
func RenameUser(ctx context.Context, cfg config.Config, name, to, by string, w io.Writer) error {
	return onUser(ctx, cfg, name, by, account.Senior, func(m moderators, u *account.User, act account.Act) error {
		old, err := m.accounts.SetName(ctx, u.ID, to, as(act, moderation.NameChanged))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s is %s now\n", old, to)
		return err
	})
}

// SetEmail gives an account another address.
func SetEmail(ctx context.Context, cfg config.Config, name, email, by string) error {
	return onUser(ctx, cfg, name, by, account.Senior, func(m moderators, u *account.User, act account.Act) error {
		_, err := m.accounts.SetEmail(ctx, u.ID, email, as(act, moderation.EmailChanged))
		return err
	})
}

// VerifyUser verifies an account, or has its code mailed again.
func VerifyUser(ctx context.Context, cfg config.Config, name string, resend bool, by string, w io.Writer) error {
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		if resend {
			mailed, err := m.accounts.MailCode(ctx, u.ID, as(act, moderation.CodeMailed))
			if err != nil {
				return err
			}
			if !mailed {
				return fmt.Errorf("%s waits for no code, or has no address", u.Name)
			}
			_, err = fmt.Fprintf(w, "the code goes to %s within a minute, if a node runs\n", u.Email)
			return err
		}
		did, err := m.accounts.Verify(ctx, u.ID, as(act, moderation.UserVerified))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s %s verified\n", u.Name, map[bool]string{true: "is", false: "was"}[did])
		return err
	})
}

// Shown is what is set of what others see; nil leaves it.
type Shown = account.Shown

// SetShown sets what others see of a user in place of what is computed.
func SetShown(ctx context.Context, cfg config.Config, name string, s Shown, by string) error {
	if s.Country == nil && s.Rank == nil {
		return errors.New("nothing is named: use --country and --rank")
	}
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		if s.Country != nil {
			act.Details["country"] = *s.Country
		}
		if s.Rank != nil {
			act.Details["rank"] = *s.Rank
		}
		return m.accounts.SetShown(ctx, u.ID, s, as(act, moderation.ShownChanged))
	})
}

// UserSettings prints the settings of a user, one of them, or sets it.
func UserSettings(ctx context.Context, cfg config.Config, name, key, value, by string, asJSON bool, w io.Writer) error {
	use := store.Admin
	if value == "" {
		use = store.Look
	}
	return onUserWith(ctx, cfg, use, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) error {
		facts := account.NewStats(m.store)
		if value != "" {
			o, err := account.FindOption(key)
			if err != nil {
				return err
			}
			v, err := setting.Bool.Parse(value)
			if err != nil {
				return fmt.Errorf("setting %s: %w", o.Key, err)
			}
			act.Details["key"], act.Details["value"] = o.Key, v
			return m.accounts.SetOption(ctx, facts, u.ID, o, v, as(act, moderation.OptionChanged))
		}
		type row struct {
			account.Option
			Value bool `json:"value"`
		}
		var rows []row
		for _, o := range account.UserOptions {
			if key != "" && o.Key != strings.ToLower(key) {
				continue
			}
			v, err := m.accounts.Option(ctx, facts, u.ID, o)
			if err != nil {
				return err
			}
			rows = append(rows, row{o, v})
		}
		if len(rows) == 0 {
			_, err := account.FindOption(key)
			return err
		}
		if asJSON {
			return writeJSON(w, "settings", rows)
		}
		return table(w, "KEY\tVALUE\tMEANING", rows, func(r row) []any {
			return []any{r.Key, setting.Bool.Print(r.Value), r.Description}
		})
	})
}

// errNotSure is for what cannot be undone.
var errNotSure = errors.New("this cannot be undone: add --yes")

// forgetTries is how often an account is forgotten that changes meanwhile.
const forgetTries = 5

// ForgetUser takes the person out of an account: matches and ratings stay, under a name
// that says nothing. With whole the account goes, if nobody else has to do with it.
func ForgetUser(ctx context.Context, cfg config.Config, name string, whole, yes bool, by string, w io.Writer) error {
	if !yes {
		return errNotSure
	}
	return onUser(ctx, cfg, name, by, account.Moderator, func(m moderators, u *account.User, act account.Act) (err error) {
		if u.Has(account.Server) {
			return fmt.Errorf("%s is an account of the server itself", u.Name)
		}
		e := moderation.Entry{Action: moderation.UserForgotten, User: act.User, By: act.By, Details: map[string]any{"target_id": u.ID}}
		if whole {
			e.Action = moderation.UserDeleted
		}
		for try := 1; ; try++ {
			if whole {
				err = m.store.DeleteUser(ctx, u.ID, u.Version, e)
			} else {
				err = m.store.ForgetUser(ctx, u.Forget(), e)
			}
			if !errors.Is(err, account.ErrConflict) || try == forgetTries {
				break
			}
			if u, err = m.store.UserByID(ctx, u.ID); err != nil {
				break
			}
		}
		if errors.Is(err, store.ErrUsed) {
			err = fmt.Errorf("%s was in matches, or is in the records of moderators: user forget takes the person out of it", name)
		}
		if err != nil {
			return err
		}
		if whole {
			_, err = fmt.Fprintf(w, "user %d is deleted\n", u.ID)
		} else {
			_, err = fmt.Fprintf(w, "the user of account %d is forgotten\n", u.ID)
		}
		return err
	})
}

package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/config"
	"teiserver/internal/moderation"
	"teiserver/internal/setting"
	"teiserver/internal/store"
	"teiserver/internal/store/engine"
)

// NewUser is an account that the operator asks for. Password is the typed one;
// Role may name several, separated by commas, or none.
type NewUser struct {
	Name     string
	Password string
	Email    string
	Role     string
}

// withStore opens the store beside whatever nodes use it, for changes of what is there,
// and closes it after f.
func withStore(ctx context.Context, cfg config.Config, f func(st *store.Store) error) error {
	return withUse(ctx, cfg, store.Admin, f)
}

// readStore is withStore for commands that only read: they make nothing and migrate nothing.
func readStore(ctx context.Context, cfg config.Config, f func(st *store.Store) error) error {
	return withUse(ctx, cfg, store.Look, f)
}

// setupStore is withStore for commands that make sense before the first start: they make
// the database, and the data folder if it lies there.
func setupStore(ctx context.Context, cfg config.Config, f func(st *store.Store) error) error {
	return withUse(ctx, cfg, store.Setup, f)
}

func withUse(ctx context.Context, cfg config.Config, use engine.Use, f func(st *store.Store) error) error {
	if use != store.Setup && madeByStart(cfg) {
		return fmt.Errorf("database %s: %w", cfg.Database, store.ErrMissing)
	}
	if use == store.Setup && madeByStart(cfg) {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return fmt.Errorf("make data folder: %w", err)
		}
	}
	st, err := store.Open(ctx, cfg.Database.Reveal(), store.Options{Use: use, Log: cfg.Logger(os.Stderr)})
	if err != nil {
		return err
	}
	err = f(st)
	if closed := st.Close(); err == nil && closed != nil {
		err = fmt.Errorf("close database: %w", closed)
	}
	return err
}

// settingsOf returns settings that are read from the store each time.
func settingsOf(cfg config.Config, st *store.Store) *setting.Service {
	return setting.NewService(st, nil, cfg.Logger(os.Stderr))
}

// AddUser makes an account; running nodes know it at once.
func AddUser(ctx context.Context, cfg config.Config, u NewUser) error {
	return setupStore(ctx, cfg, func(st *store.Store) error {
		next := func(ctx context.Context) (int64, error) {
			n, err := st.Reserve(ctx, sequenceUser, 1)
			if errors.Is(err, lease.ErrTimeline) { // and no node has joined since
				if _, err = st.BeginTimeline(ctx); err == nil {
					n, err = st.Reserve(ctx, sequenceUser, 1)
				}
			}
			return n, err
		}
		log := cfg.Logger(os.Stderr)
		accounts := account.NewService(st, nil, next, settingsOf(cfg, st), account.Options{Cheap: cfg.Unlimited, Log: log})
		act := account.Act{Action: moderation.UserCreated, By: operator(), Details: map[string]any{"name": u.Name, "roles": u.Role}}
		return addUser(ctx, accounts, u, &act)
	})
}

// audit notes in the audit log what the operator has done.
func audit(ctx context.Context, st *store.Store, action string, details map[string]any) error {
	return st.AddEntry(ctx, moderation.Entry{Action: action, By: operator(), Details: details})
}

// plainRole names the role of those who have none.
const plainRole = "user"

// addUser makes an account. A name or address in use is account.ErrNameTaken or
// account.ErrEmailTaken.
func addUser(ctx context.Context, accounts *account.Service, u NewUser, act *account.Act) error {
	var roles []account.Role
	for _, name := range strings.Split(u.Role, ",") {
		if name = strings.TrimSpace(name); name == "" || name == plainRole {
			continue
		}
		role, err := account.ParseRole(name)
		if err != nil {
			return err
		}
		roles = append(roles, role)
	}
	password := ""
	if u.Password != "" {
		password = account.ClientPassword(u.Password)
	}
	_, err := accounts.Create(ctx, account.NewUser{Name: u.Name, Password: password, Email: u.Email, Act: act}, roles...)
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	return nil
}

// SetConfig stores a setting; running nodes follow within about a second.
func SetConfig(ctx context.Context, cfg config.Config, key, value string) error {
	if _, err := setting.Check(key, value); err != nil {
		return err // before the database is touched
	}
	return setupStore(ctx, cfg, func(st *store.Store) error {
		if err := settingsOf(cfg, st).Set(ctx, key, value); err != nil {
			return err
		}
		return audit(ctx, st, moderation.SettingUpdated, map[string]any{"key": key, "value": value})
	})
}

// SetConfigFile stores the content of a file as a setting, without the end of its last
// line; "-" is the standard input.
func SetConfigFile(ctx context.Context, cfg config.Config, key, file string) error {
	text, err := readFile(file)
	if err != nil {
		return fmt.Errorf("read the value of %s: %w", key, err)
	}
	return SetConfig(ctx, cfg, key, strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"))
}

// ResetConfig goes back to a setting's default.
func ResetConfig(ctx context.Context, cfg config.Config, key string) error {
	if _, err := setting.Describe(key); err != nil {
		return err
	}
	return setupStore(ctx, cfg, func(st *store.Store) error {
		if err := settingsOf(cfg, st).Reset(ctx, key); err != nil {
			return err
		}
		return audit(ctx, st, moderation.SettingUpdated, map[string]any{"key": key, "default": true})
	})
}

// GetConfig prints the value of a setting.
func GetConfig(ctx context.Context, cfg config.Config, key string, w io.Writer) error {
	if _, err := setting.Describe(key); err != nil {
		return err
	}
	return readStore(ctx, cfg, func(st *store.Store) error {
		info, err := settingsOf(cfg, st).Describe(ctx, key)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(w, info.Text)
		return err
	})
}

// ListConfig prints all settings with their values.
func ListConfig(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		all, err := settingsOf(cfg, st).List(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "settings", all)
		}
		return table(w, "KEY\tVALUE\tSET\tMEANING", all, func(i setting.Info) []any {
			set := ""
			if i.Set {
				set = "set"
			}
			return []any{i.Key, short(strings.ReplaceAll(i.Text, "\n", `\n`)), set, i.Description}
		})
	})
}

// shortText is how much of a long text a list shows; config get prints all of it.
const shortText = 40

func short(s string) string {
	if r := []rune(s); len(r) > shortText {
		return string(r[:shortText-1]) + "…"
	}
	return s
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func table[T any](w io.Writer, head string, rows []T, cells func(T) []any) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, head)
	for _, row := range rows {
		for i, c := range cells(row) {
			if i > 0 {
				fmt.Fprint(tw, "\t")
			}
			fmt.Fprint(tw, c)
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// writeJSON writes one object with a list under its name, never null.
func writeJSON[T any](w io.Writer, name string, rows []T) error {
	return writeObject(w, map[string]any{name: list(rows)})
}

// list is never null in JSON.
func list[T any](rows []T) []T {
	if rows == nil {
		return []T{}
	}
	return rows
}

func writeObject(w io.Writer, o any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(o)
}

package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/config"
	"teiserver/internal/setting"
	"teiserver/internal/store"
)

// NewUser is an account that the operator asks for. Password is the typed one;
// Role may name several, separated by commas, or none.
type NewUser struct {
	Name     string
	Password string
	Email    string
	Role     string
}

// withStore opens the store beside whatever nodes use it, and closes it after f.
func withStore(ctx context.Context, cfg config.Config, f func(st *store.Store) error) error {
	st, err := store.Open(ctx, cfg.Database.Reveal(), store.Options{Use: store.Admin, Log: cfg.Logger(os.Stderr)})
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
	return withStore(ctx, cfg, func(st *store.Store) error {
		next := func(ctx context.Context) (int64, error) { return st.Reserve(ctx, sequenceUser, 1) }
		log := cfg.Logger(os.Stderr)
		accounts := account.NewService(st, nil, next, settingsOf(cfg, st), account.Options{Cheap: cfg.Unlimited, Log: log})
		return addUser(ctx, accounts, u)
	})
}

// plainRole names the role of those who have none.
const plainRole = "user"

// addUser makes an account. A name or address in use is account.ErrNameTaken or
// account.ErrEmailTaken.
func addUser(ctx context.Context, accounts *account.Service, u NewUser) error {
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
	_, err := accounts.Create(ctx, account.NewUser{Name: u.Name, Password: password, Email: u.Email}, roles...)
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
	return withStore(ctx, cfg, func(st *store.Store) error { return settingsOf(cfg, st).Set(ctx, key, value) })
}

// ResetConfig goes back to a setting's default.
func ResetConfig(ctx context.Context, cfg config.Config, key string) error {
	if _, err := setting.Describe(key); err != nil {
		return err
	}
	return withStore(ctx, cfg, func(st *store.Store) error { return settingsOf(cfg, st).Reset(ctx, key) })
}

// GetConfig prints the value of a setting.
func GetConfig(ctx context.Context, cfg config.Config, key string, w io.Writer) error {
	if _, err := setting.Describe(key); err != nil {
		return err
	}
	return withStore(ctx, cfg, func(st *store.Store) error {
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
	return withStore(ctx, cfg, func(st *store.Store) error {
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

// ClusterStatus prints the nodes as the store knows them.
func ClusterStatus(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return withStore(ctx, cfg, func(st *store.Store) error {
		nodes, err := st.Nodes(ctx)
		if err != nil {
			return err
		}
		return writeNodes(nodes, asJSON, w)
	})
}

func writeNodes(nodes []lease.Node, asJSON bool, w io.Writer) error {
	if asJSON {
		return writeJSON(w, "nodes", nodes)
	}
	return table(w, "NODE\tINCARNATION\tSTATE\tLEASE\tCLIENTS\tPROCESSES\tHEARS\tVERSION\tADDRESS", nodes, func(n lease.Node) []any {
		return []any{n.Name, n.Incarnation, n.State, left(n), n.Clients, n.Processes, dash(strings.Join(n.Hears, ",")), dash(n.Version), dash(n.Address)}
	})
}

// left says how long a lease still holds. Nodes that ended or are alone have none.
func left(n lease.Node) string {
	switch {
	case n.State == "left" || n.State == "gone" || n.Left == 0: // a single node needs none
		return "-"
	case n.Left < 0:
		return "expired"
	default:
		return n.Left.Round(100 * time.Millisecond).String()
	}
}

// ClusterProcesses prints what runs where, as the store knows it.
func ClusterProcesses(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return withStore(ctx, cfg, func(st *store.Store) error {
		owners, err := st.Owners(ctx)
		if err != nil {
			return err
		}
		return writeOwners(owners, asJSON, w)
	})
}

func writeOwners(owners []registry.Owner, asJSON bool, w io.Writer) error {
	slices.SortFunc(owners, func(a, b registry.Owner) int { return strings.Compare(fmt.Sprint(a.Key), fmt.Sprint(b.Key)) })
	if asJSON {
		return writeJSON(w, "processes", owners)
	}
	return table(w, "PROCESS\tNODE\tINCARNATION\tEPOCH\tSTATE\tSINCE", owners, func(o registry.Owner) []any {
		state := string(o.State)
		if o.Gone {
			state += ", node gone"
		}
		return []any{o.Key, o.Node, o.Incarnation, o.Epoch, state, time.UnixMilli(o.Since).UTC().Format(time.DateTime)}
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
	if rows == nil {
		rows = []T{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(map[string][]T{name: rows})
}

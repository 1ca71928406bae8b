package app

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/lease"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/store"
)

// clusterStatus is what the store knows of the nodes, and how fast it said so.
type clusterStatus struct {
	Nodes     []lease.Node `json:"nodes"`
	Unheard   []unheard    `json:"unheard"` // links that do not work, one way each
	Database  string       `json:"database"`
	RoundTrip float64      `json:"round_trip_ms"` // of one read of the database, from here
	Durable   *durable     `json:"durability,omitempty"`
	Jobs      []job.Status `json:"jobs"` // all that are here
}

// durable is what becomes of acknowledged commands in a failover; PostgreSQL only.
type durable struct {
	Promised bool   `json:"promised"`
	Text     string `json:"text"`
}

func durableOf(ctx context.Context, cfg config.Config) *durable {
	if !cfg.Database.PostgreSQL() {
		return nil
	}
	e, err := store.Examine(ctx, cfg.Database.Reveal())
	if err != nil {
		return nil // what was read before says more
	}
	level, text := durability(e.Server)
	return &durable{level == levelOK, text}
}

// unheard says that a living node does not hear another one.
type unheard struct {
	Node string `json:"node"`
	Of   string `json:"of"`
}

// ClusterStatus prints the nodes as the store knows them. It needs no node, so it
// answers when half the cluster is down.
func ClusterStatus(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		if _, err := st.Nodes(ctx); err != nil { // the first one opens the connection
			return err
		}
		began := time.Now()
		nodes, err := st.Nodes(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		jobs, err := st.JobStatuses(ctx)
		if err != nil {
			return err
		}
		return writeStatus(clusterStatus{
			Nodes: list(nodes), Unheard: list(brokenLinks(nodes)),
			Database: st.Describe(), RoundTrip: float64(took.Microseconds()) / 1000, Durable: durableOf(ctx, cfg), Jobs: everyJob(jobs),
		}, asJSON, w)
	})
}

// brokenLinks lists who does not hear whom, of the nodes that live.
func brokenLinks(nodes []lease.Node) (broken []unheard) {
	for _, a := range nodes {
		for _, b := range nodes {
			if alive(a) && alive(b) && a.Name != b.Name && !slices.Contains(a.Hears, b.Name) {
				broken = append(broken, unheard{a.Name, b.Name})
			}
		}
	}
	return broken
}

func alive(n lease.Node) bool { return n.State == lease.Serving || n.State == lease.Draining }

func writeStatus(s clusterStatus, asJSON bool, w io.Writer) error {
	if asJSON {
		return writeObject(w, s)
	}
	err := table(w, "NODE\tINCARNATION\tSTATE\tLEASE\tCLIENTS\tPROCESSES\tHEARS\tVERSION\tADDRESS", s.Nodes, func(n lease.Node) []any {
		return []any{n.Name, n.Incarnation, stateOf(n), left(n), n.Clients, n.Processes, dash(strings.Join(n.Hears, ",")), dash(n.Version), dash(n.Address)}
	})
	for _, u := range s.Unheard {
		_, _ = fmt.Fprintf(w, "%s does not hear %s\n", u.Node, u.Of)
	}
	if err == nil {
		err = writeJobs(s.Jobs, w)
	}
	_, _ = fmt.Fprintf(w, "database %s, round trip %.1f ms\n", s.Database, s.RoundTrip)
	if s.Durable != nil && !s.Durable.Promised {
		_, _ = fmt.Fprintf(w, "durability: %s\n", s.Durable.Text)
	}
	return err
}

// stateOf is what a node does. One that waits before it serves again is not drained by
// anybody, though it takes as little.
func stateOf(n lease.Node) string {
	if alive(n) && n.Note != "" {
		return n.Note
	}
	return n.State
}

// everyJob lists how all jobs stand that there are, in the order of their table, also those
// that were never tried.
func everyJob(known []job.Status) (all []job.Status) {
	for _, j := range job.Table {
		row := job.Status{Job: j.Name}
		if i := slices.IndexFunc(known, func(k job.Status) bool { return k.Job == j.Name }); i >= 0 {
			row = known[i]
		} else if j.Every.Unit == "" {
			continue
		}
		all = append(all, row)
	}
	return all
}

// writeJobs prints how the jobs stand.
func writeJobs(rows []job.Status, w io.Writer) error {
	if len(rows) == 0 {
		return nil
	}
	_, _ = fmt.Fprintln(w)
	err := table(w, "JOB\tPERIOD\tDONE\tNODE\tFAILURES\tERROR", rows, func(k job.Status) []any {
		done := "never"
		if !k.Done.IsZero() {
			done = k.Done.UTC().Format(time.DateTime)
		}
		return []any{k.Job, dash(k.Period), done, dash(k.Node), k.Failures, dash(strings.Join(strings.Fields(k.Error), " "))}
	})
	_, _ = fmt.Fprintln(w)
	return err
}

// left says how long a lease still holds. Nodes that ended or are alone have none.
func left(n lease.Node) string {
	switch {
	case !alive(n) || n.Left == 0: // a single node needs none
		return "-"
	case n.Left < 0:
		return "expired"
	default:
		return n.Left.Round(100 * time.Millisecond).String()
	}
}

// clusterProcesses is what the store knows of the processes.
type clusterProcesses struct {
	Processes []registry.Owner `json:"processes"`
	Missing   []missing        `json:"missing"` // what should run and does not
}

// missing is a process that should run: a singleton that nobody has begun, or one that
// waits for its next owner.
type missing struct {
	Key registry.Key `json:"key"`
	Why string       `json:"why"`
}

// ClusterProcesses prints what runs where, as the store knows it, and what should run
// and does not.
func ClusterProcesses(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		owners, err := st.Owners(ctx)
		if err != nil {
			return err
		}
		return writeOwners(owners, missingOf(owners, kinds(parts{store: st})), asJSON, w)
	})
}

// missingOf lists what should run and does not. A released process that starts with
// its next command is asleep and not missing.
func missingOf(owners []registry.Owner, kinds []process.Kind) (list []missing) {
	byName := map[string]process.Kind{}
	begun := map[registry.Key]bool{}
	for _, k := range kinds {
		byName[k.Name] = k
	}
	for _, o := range owners {
		begun[o.Key] = o.State != registry.Closed
		k := byName[o.Key.Kind]
		switch {
		case o.State == registry.Owned && o.Gone:
			list = append(list, missing{o.Key, "its node is gone and nobody has taken it over yet"})
		case o.State == registry.Released && (k.Start != process.OnDemand || k.Idle == 0):
			list = append(list, missing{o.Key, "released, and nobody has taken it over yet"})
		}
	}
	for _, k := range kinds {
		if key := cluster.SingletonKey(k.Name); k.Start == process.Ensured && k.Scope == process.PerCluster && !begun[key] {
			list = append(list, missing{key, "no node has started it"})
		}
	}
	return list
}

func writeOwners(owners []registry.Owner, absent []missing, asJSON bool, w io.Writer) error {
	slices.SortFunc(owners, func(a, b registry.Owner) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	if asJSON {
		return writeObject(w, clusterProcesses{list(owners), list(absent)})
	}
	err := table(w, "PROCESS\tNODE\tINCARNATION\tEPOCH\tSTATE\tSINCE", owners, func(o registry.Owner) []any {
		state := string(o.State)
		if o.Gone {
			state += ", node gone"
		}
		return []any{o.Key, o.Node, o.Incarnation, o.Epoch, state, time.UnixMilli(o.Since).UTC().Format(time.DateTime)}
	})
	for _, m := range absent {
		_, _ = fmt.Fprintf(w, "%s should run and does not: %s\n", m.Key, m.Why)
	}
	return err
}

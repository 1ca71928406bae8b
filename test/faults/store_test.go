//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// The databases of a run, as FAULTS_DB names them.
const (
	onPostgres = "postgres"
	onSQLite   = "sqlite"
)

// store is the database of a run, as the suite sees it from outside.
type store interface {
	url() string     // for nodes and commands
	hosts() []string // its hosts in the network
	// audit has the store write down every change of nodes, owners and snapshots.
	audit(ctx context.Context) error
	// audited is a query for what it has written down after a number: number, boot
	// clock, key, change.
	audited() string
	// ask reads rows.
	ask(ctx context.Context, sql string, row func(scan func(...any) error) error, args ...any) error
	end()
}

// databaseKind is what FAULTS_DB names.
func databaseKind() (string, error) {
	switch kind := os.Getenv("FAULTS_DB"); kind {
	case "", onPostgres:
		return onPostgres, nil
	case onSQLite:
		return onSQLite, nil
	default:
		return "", fmt.Errorf("FAULTS_DB=%s: it should be %s or %s", kind, onPostgres, onSQLite)
	}
}

func (r *rig) audit() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := r.store.audit(ctx); err != nil {
		r.t.Fatalf("tables of the audit: %v", err)
	}
}

// readAudit moves what the store has written down since the last time into the history.
func (r *rig) readAudit(ctx context.Context) error {
	err := r.store.ask(ctx, r.store.audited(), func(scan func(...any) error) error {
		e := Event{Kind: Row, Change: &Change{Store: r.branch}}
		var body string
		if err := scan(&r.audited, &e.At, &e.Key, &body); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(body), e.Change); err != nil {
			return err
		}
		r.history.Add(e)
		return nil
	}, r.audited)
	if err != nil {
		return fmt.Errorf("read the audit: %w", err)
	}
	return nil
}

// readRecords moves the records of battles into the history.
func (r *rig) readRecords(ctx context.Context) error {
	err := r.store.ask(ctx, "SELECT uuid, lobby FROM matches", func(scan func(...any) error) error {
		var uuid string
		var lobby int64
		if err := scan(&uuid, &lobby); err != nil {
			return err
		}
		r.history.Add(Event{Kind: Row, At: now(), What: "match", Arg: uuid, Key: fmt.Sprint("lobby/", lobby)})
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the records: %w", err)
	}
	return nil
}

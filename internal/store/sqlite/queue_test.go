package sqlite

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"teiserver/internal/store/engine"
)

// The queue of jobs writes through the gate: a lease waits for at most one of its writes,
// and goes before all others that wait.
func TestQueuePassesTheGate(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	db, err := Open(ctx, filepath.Join(t.TempDir(), "test.db"), Options{Use: engine.Single, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queue, err := db.Queue()
	if err != nil {
		t.Fatal(err)
	}
	defer queue.Close()
	const write = "UPDATE river_queue SET metadata = metadata"
	tx, err := queue.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, write); err != nil {
		t.Fatal(err)
	}
	// Reads go on, writes wait for the gate.
	if err := db.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	short, end := context.WithTimeout(ctx, 10*time.Millisecond)
	if _, err := db.gate.enter(short, true); err == nil {
		t.Fatal("a lease is let in beside a write of the queue")
	}
	end()
	order := make(chan string, 2)
	go func() {
		leave, err := db.gate.enter(ctx, true)
		if err == nil {
			order <- "lease"
			leave()
		}
	}()
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := <-order; got != "lease" {
		t.Error(got)
	}
	// What comes without a transaction passes it too, and gives it back when it has ended,
	// also when it fails or its rows are not read to their end.
	if _, err := queue.ExecContext(ctx, write); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.ExecContext(ctx, "UPDATE nothing SET x = 1"); err == nil {
		t.Fatal("no error")
	}
	rows, err := queue.QueryContext(ctx, "-- a comment\nINSERT INTO river_queue (name, updated_at) VALUES ('a', 0), ('b', 0) RETURNING name") //nolint:rowserrcheck // they are not read to their end
	if err != nil {
		t.Fatal(err)
	}
	rows.Next()
	if err := rows.Close(); err != nil { //nolint:sqlclosecheck // that is the test
		t.Fatal(err)
	}
	var n int
	if err := queue.QueryRowContext(ctx, "-- name: x\nSELECT count(*) FROM river_queue").Scan(&n); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	cut, stop := context.WithCancel(ctx)
	if tx, err = queue.BeginTx(cut, nil); err != nil {
		t.Fatal(err)
	}
	stop() // rolled back by database/sql
	leave, err := db.gate.enter(ctx, true)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	_ = tx.Rollback()

	// While another process writes, the queue gives the gate up between its tries.
	other, err := connect(db.path, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if tx, err = other.BeginTx(ctx, nil); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := queue.ExecContext(ctx, write)
		done <- err
	}()
	for range 20 {
		leave, err := db.gate.enter(ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestReads(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{
		"SELECT 1": true, "  -- name: a :one\n-- b\n select 1": true, "UPDATE x SET y = 1": false,
		"WITH a AS (SELECT 1) UPDATE x SET y = 1": false, "": false, "--": false, "INSERT INTO x SELECT 1": false,
	} {
		if reads(query) != want {
			t.Errorf("%q", query)
		}
	}
}

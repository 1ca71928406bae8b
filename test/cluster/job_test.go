package cluster

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // reads what the nodes wrote
	_ "modernc.org/sqlite"
)

// oldEvents is work of some seconds for the job event-cleanup: 500 go in a step.
const oldEvents = 10_000

// TestJobKilled: three nodes; the one that runs a long job is killed in the middle of it.
// Another one finishes it, and its period is marked once.
func TestJobKilled(t *testing.T) {
	t.Parallel()
	for engine, url := range databases(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			c := Prepare(t, Config{Binary: binary, Nodes: 3, Database: url})
			if out, err := c.command("cluster", "status"); err != nil { // makes the tables
				t.Fatal(out, err)
			}
			db := openRaw(t, url)
			if _, err := db.Exec(`INSERT INTO telemetry_event (family, name, user_id, hash, match_id, game_time, value, at)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(oldEvents) + `)
				SELECT 'server', 'old', 0, '', 0, 0, '', i FROM n`); err != nil {
				t.Fatal(err)
			}
			c.StartNodes(t, 0, 1, 2)
			r := &rig{T: t, c: c}
			var killed string
			r.until("the job is at work", func() error {
				left := number(t, db, `SELECT count(*) FROM telemetry_event`)
				err := db.QueryRow(`SELECT n.name FROM owner o JOIN node n ON n.incarnation = o.incarnation
					WHERE o.kind = 'job' AND o.id = 'cleanup' AND o.state = 'owned'`).Scan(&killed)
				if err == nil && (left == oldEvents || left == 0) {
					err = fmt.Errorf("%d events are left", left)
				}
				return err
			})
			c.Processes[r.nodeOf(killed)].Kill()
			if left := number(t, db, `SELECT count(*) FROM telemetry_event`); left == 0 {
				t.Fatal("the job was done before its node was killed")
			}
			r.until("the job is done", func() error {
				var by string
				if err := db.QueryRow(`SELECT node FROM job_run WHERE job = 'event-cleanup'`).Scan(&by); err != nil {
					return err
				}
				if by == killed {
					return errors.New("marked by the node that was killed")
				}
				return nil
			})
			if left := number(t, db, `SELECT count(*) FROM telemetry_event`); left != 0 {
				t.Errorf("%d events are left", left)
			}
			if marks := number(t, db, `SELECT count(*) FROM job_run WHERE job = 'event-cleanup'`); marks != 1 {
				t.Errorf("%d marks", marks)
			}
		})
	}
}

func openRaw(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, source := "pgx", url
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func number(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

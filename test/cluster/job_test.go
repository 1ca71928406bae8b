package cluster

import (
	"errors"
	"fmt"
	"testing"

	"teiserver/internal/store/pgtest"
)

// oldEvents is work of some seconds for the job event-cleanup: 500 go in a step.
const oldEvents = 10_000

const eventsLeft = `SELECT count(*) FROM telemetry_event`

// TestJobKilled: three nodes; the one that runs a long job is killed in the middle of it.
// Another one finishes it, and its period is marked once.
func TestJobKilled(t *testing.T) {
	t.Parallel()
	for engine, url := range databases(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			c := Prepare(t, Config{Binary: binary, Nodes: 3, Database: url})
			if out, err := c.command("config", "reset", "spring.motd"); err != nil { // makes the tables
				t.Fatal(out, err)
			}
			db := pgtest.OpenRaw(t, url)
			db.Exec(`INSERT INTO telemetry_event (family, name, user_id, hash, match_id, game_time, value, at)
				WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ` + fmt.Sprint(oldEvents) + `)
				SELECT 'server', 'old', 0, '', 0, 0, '', i FROM n`)
			c.StartNodes(t, 0, 1, 2)
			r := &rig{T: t, c: c}
			var killed string
			r.until("the job is at work", func() error {
				left := db.Number(eventsLeft)
				killed = db.Text(`SELECT n.name FROM owner o JOIN node n ON n.incarnation = o.incarnation
					WHERE o.kind = 'job' AND o.id = 'cleanup' AND o.state = 'owned'`)
				if killed == "" || left == oldEvents || left == 0 {
					return fmt.Errorf("%d events are left, the owner is %q", left, killed)
				}
				return nil
			})
			c.Processes[r.nodeOf(killed)].Kill()
			if db.Number(eventsLeft) == 0 {
				t.Fatal("the job was done before its node was killed")
			}
			r.until("the job is done", func() error {
				switch db.Text(`SELECT node FROM job_run WHERE job = 'event-cleanup'`) {
				case "":
					return errors.New("no mark")
				case killed:
					return errors.New("marked by the node that was killed")
				}
				return nil
			})
			if left := db.Number(eventsLeft); left != 0 {
				t.Errorf("%d events are left", left)
			}
			if marks := db.Number(`SELECT count(*) FROM job_run WHERE job = 'event-cleanup'`); marks != 1 {
				t.Errorf("%d marks", marks)
			}
		})
	}
}

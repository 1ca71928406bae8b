//go:build faults

package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver
)

// diskSize is the size of the small disk: enough for a run, and soon full.
const diskSize = 256 << 20

// file is an SQLite file that all nodes share, as processes of one host do. It and the
// nodes' folders are on a small disk of their own.
type file struct {
	disk string
	path string
	db   *sql.DB
}

func newFile(disk string) (*file, error) {
	f := &file{disk: disk, path: filepath.Join(disk, "database", "teiserver.db")}
	return f, os.Mkdir(filepath.Dir(f.path), 0o700)
}

func (f *file) url() string     { return "sqlite:" + f.path }
func (f *file) hosts() []string { return nil }

func (f *file) end() {
	if f.db != nil {
		_ = f.db.Close()
	}
}

// open opens the file beside the nodes, once it is there.
func (f *file) open() (*sql.DB, error) {
	if f.db != nil {
		return f.db, nil
	}
	var err error
	f.db, err = sql.Open("sqlite", "file:"+f.path+"?_pragma=busy_timeout(5000)&_pragma=wal_autocheckpoint(0)")
	return f.db, err
}

func (f *file) ask(ctx context.Context, text string, row func(scan func(...any) error) error, args ...any) error {
	db, err := f.open()
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (f *file) audited() string {
	return "SELECT n, at, key, change FROM faults_audit WHERE n > ? ORDER BY n"
}

// The audit of a file. Functions of the server that is built to be broken say who writes
// and when.
const (
	fileOwner = `json_object('state', %[1]s.state, 'incarnation', %[1]s.incarnation, 'epoch', %[1]s.epoch, 'writes', %[1]s.writes,
		'owner', coalesce((SELECT substr(address, 1, instr(address, ':') - 1) FROM node WHERE incarnation = %[1]s.incarnation), ''),
		'alive', json(CASE WHEN EXISTS (SELECT 1 FROM node WHERE incarnation = %[1]s.incarnation AND state IN ('serving', 'draining')) THEN 'true' ELSE 'false' END))`
	fileNode = `json_object('state', %[1]s.state, 'incarnation', %[1]s.incarnation, 'owner', substr(%[1]s.address, 1, instr(%[1]s.address, ':') - 1),
		'left', coalesce(%[1]s.expires_at - fault_at() / 1000000, 0),
		'alive', json(CASE WHEN %[1]s.state IN ('serving', 'draining') THEN 'true' ELSE 'false' END))`
)

// fileTrigger writes down one kind of change.
func fileTrigger(table, action, when, key, before, after string) string {
	return fmt.Sprintf(`CREATE TRIGGER faults_%[1]s_%[2]s AFTER %[2]s ON %[1]s %[3]s BEGIN
		INSERT INTO faults_audit (at, key, change) VALUES (fault_at(), %[4]s,
			json_object('table', '%[1]s', 'action', '%[2]s', 'by', fault_by(), 'before', json(%[5]s), 'after', json(%[6]s)));
	END`, table, action, when, key, before, after)
}

func (f *file) audit(ctx context.Context) error {
	db, err := f.open()
	if err != nil {
		return err
	}
	list := []string{"CREATE TABLE faults_audit (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, key TEXT NOT NULL, change TEXT NOT NULL)"}
	for table, of := range map[string]struct{ key, row, when string }{
		"owner": {"%s.kind || '/' || %s.id", fileOwner, ""},
		"node":  {"%s.name || substr(%s.name, 1, 0)", fileNode, "WHEN OLD.state IS NOT NEW.state"},
	} {
		row := func(of, name string) string {
			return strings.ReplaceAll(strings.ReplaceAll(of, "%[1]s", name), "%s", name)
		}
		list = append(list,
			fileTrigger(table, "INSERT", "", row(of.key, "NEW"), "'null'", row(of.row, "NEW")),
			fileTrigger(table, "UPDATE", of.when, row(of.key, "NEW"), row(of.row, "OLD"), row(of.row, "NEW")),
			fileTrigger(table, "DELETE", "", row(of.key, "OLD"), row(of.row, "OLD"), "'null'"))
	}
	owner := "(SELECT " + strings.ReplaceAll(fileOwner, "%[1]s", "o") + " FROM owner o WHERE o.kind = NEW.kind AND o.id = NEW.id)"
	for _, action := range []string{"INSERT", "UPDATE"} {
		list = append(list, fileTrigger("snapshot", action, "", "NEW.kind || '/' || NEW.id", "'null'", owner))
	}
	for _, text := range list {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

// mountDisk makes a small disk.
func mountDisk(at string) error {
	if err := os.Mkdir(at, 0o755); err != nil { //nolint:gosec // others have to pass
		return err
	}
	if err := unix.Mount("faults", at, "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		return fmt.Errorf("mount %s: %w", at, err)
	}
	return nil
}

func unmountDisk(at string) error { return unix.Unmount(at, unix.MNT_DETACH) }

// filler is what fills the disk.
func (f *file) filler() string { return filepath.Join(f.disk, "filler") }

// fill takes what is left of the disk, and says that there was something.
func (f *file) fill() (some bool, err error) {
	out, err := os.OpenFile(f.filler(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return false, err
	}
	defer func() { _ = out.Close() }()
	for size := 1 << 20; size > 0; size /= 2 {
		for block := make([]byte, size); ; {
			n, err := out.Write(block)
			some = some || n > 0
			if errors.Is(err, unix.ENOSPC) {
				break
			}
			if err != nil {
				return some, err
			}
		}
	}
	return some, nil
}

func (f *file) empty() error { return os.Remove(f.filler()) }

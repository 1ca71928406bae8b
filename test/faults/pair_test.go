//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"teiserver/test/faults/network"
)

// standby is the host of the second PostgreSQL. It is the primary after a failover, and
// the first follows it then.
const standby = "standby"

// pair is a PostgreSQL with a standby that follows it, as nodes and operators reach them:
// one address for both, of which whoever connects gets the one that can be written.
type pair struct {
	from    *network.Host // where the suite asks from
	servers [2]*postgres
	primary int
}

func newPair(dir string, net *network.Network) (*pair, error) {
	p := &pair{from: net.Host(operator)}
	for i, name := range []string{database, standby} {
		var err error
		if p.servers[i], err = newPostgres(dir, net.Host(name)); err != nil {
			return nil, err
		}
	}
	if err := p.main().begin(); err != nil {
		return nil, err
	}
	return p, nil
}

// main is the server that is written to, other the one that follows.
func (p *pair) main() *postgres  { return p.servers[p.primary] }
func (p *pair) other() *postgres { return p.servers[1-p.primary] }

func (p *pair) url() string {
	return fmt.Sprintf("postgres://teiserver@%s:5432,%s:5432/postgres?target_session_attrs=read-write", p.servers[0].host.Address, p.servers[1].host.Address)
}

func (p *pair) hosts() []string { return []string{database, standby} }

func (p *pair) end() {
	for _, s := range p.servers {
		if s == nil {
			continue
		}
		s.signal(syscall.SIGCONT)
		s.stop(syscall.SIGQUIT)
		_ = os.RemoveAll(s.data)
	}
}

// session runs something on a session with the server that is written to.
func (p *pair) session(ctx context.Context, f func(c *pgx.Conn) error) error {
	c, err := connect(ctx, p.from, p.main().url())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	return f(c)
}

func (p *pair) ask(ctx context.Context, sql string, row func(scan func(...any) error) error, args ...any) error {
	return p.session(ctx, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := row(rows.Scan); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// attend waits until the server that is written to answers.
func (p *pair) attend(ctx context.Context) error {
	return retry(ctx, func(ctx context.Context) error { return p.session(ctx, func(c *pgx.Conn) error { return c.Ping(ctx) }) })
}

// retry tries again until there is no error or the context ends.
func retry(ctx context.Context, f func(ctx context.Context) error) error {
	for {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := f(try)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// attach makes the other server a standby that has all.
func (p *pair) attach(ctx context.Context) error {
	if err := p.other().follow(p.main()); err != nil {
		return fmt.Errorf("make a standby: %w", err)
	}
	return p.caughtUp(ctx, "TRUE")
}

// caughtUp waits until the standby has all that is committed now, and a condition holds
// for it.
func (p *pair) caughtUp(ctx context.Context, condition string) error {
	var end string
	err := retry(ctx, func(ctx context.Context) error {
		return p.session(ctx, func(c *pgx.Conn) error { return c.QueryRow(ctx, "SELECT pg_current_wal_lsn()::text").Scan(&end) })
	})
	if err != nil {
		return err
	}
	return retry(ctx, func(ctx context.Context) error {
		return p.session(ctx, func(c *pgx.Conn) error {
			var n int
			if err := c.QueryRow(ctx, "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn >= $1::pg_lsn AND "+condition, end).Scan(&n); err != nil {
				return err
			}
			if n == 0 {
				return errors.New("the standby has not caught up")
			}
			return nil
		})
	})
}

// synchronous has nothing acknowledged that the standby does not have.
func (p *pair) synchronous(ctx context.Context) error {
	err := p.session(ctx, func(c *pgx.Conn) error {
		if _, err := c.Exec(ctx, "ALTER SYSTEM SET synchronous_standby_names = '*'"); err != nil {
			return err
		}
		_, err := c.Exec(ctx, "SELECT pg_reload_conf()")
		return err
	})
	if err != nil {
		return err
	}
	return p.caughtUp(ctx, "sync_state = 'sync'")
}

// detach has the standby follow no more, from a moment on at which it has all.
func (p *pair) detach(ctx context.Context) error {
	if err := p.caughtUp(ctx, "TRUE"); err != nil {
		return err
	}
	c, err := connect(ctx, p.from, p.other().url())
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	if _, err := c.Exec(ctx, "ALTER SYSTEM SET primary_conninfo = ''"); err != nil {
		return err
	}
	_, err = c.Exec(ctx, "SELECT pg_reload_conf()")
	return err
}

// promote makes the standby the server that is written to. The one before must not run.
func (p *pair) promote(ctx context.Context) error {
	p.primary = 1 - p.primary
	return retry(ctx, func(ctx context.Context) error {
		return p.session(ctx, func(c *pgx.Conn) error {
			var standby, done bool
			if err := c.QueryRow(ctx, "SELECT pg_is_in_recovery()").Scan(&standby); err != nil || !standby {
				return err
			}
			if err := c.QueryRow(ctx, "SELECT pg_promote(TRUE, 30)").Scan(&done); err != nil {
				return err
			}
			if !done {
				return errors.New("the standby was not promoted in time")
			}
			return nil
		})
	})
}

// save copies the database as it is now, for restore.
func (p *pair) save() error { return p.main().backup(p.main(), p.main().data+".backup") }

// restore puts what was saved in the place of the database, which does not run, and starts it.
func (p *pair) restore(ctx context.Context) error {
	m := p.main()
	if err := os.RemoveAll(m.data); err != nil {
		return err
	}
	if err := os.Rename(m.data+".backup", m.data); err != nil {
		return err
	}
	if err := m.start(); err != nil {
		return err
	}
	return p.attend(ctx)
}

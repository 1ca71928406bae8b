package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"teiserver/internal/cluster/lease"
)

// markEvery is how often the node notes that the database has come as far as this: what a
// crash leaves out is unseen only if the backup is of these last seconds.
const markEvery = 10 * time.Second

// memoryName is the file in the data folder.
const memoryName = "memory.json"

// readMemory returns what this node remembers of its database; nothing at its first start.
func readMemory(dir string) (m lease.Memory, err error) {
	text, err := os.ReadFile(filepath.Join(dir, memoryName)) //nolint:gosec // the operator names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read what this node remembers: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return lease.Memory{}, fmt.Errorf("read what this node remembers: %s: %w", memoryName, err)
	}
	return m, nil
}

// writeMemory keeps what this node remembers, whole or not at all.
func writeMemory(dir string, m lease.Memory) (err error) {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, memoryName)
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// remember keeps the membership of this life and its marks in the data folder, until the
// node stops. A database that knows less than that went back in time: it was restored.
func (s *Server) remember(joined lease.Membership) {
	m := lease.Memory{ClusterID: joined.ClusterID, ID: joined.Timeline.ID, Token: joined.Timeline.Token, Incarnation: joined.Incarnation}
	keep := func(ctx context.Context) error {
		mark, err := s.store.Mark(ctx, m.Incarnation) // first in the store: it must not be behind
		if err != nil {
			return err
		}
		m.Mark = mark
		return writeMemory(s.cfg.DataDir, m)
	}
	if err := writeMemory(s.cfg.DataDir, m); err != nil {
		s.log.Warn("cannot remember how far the database was", "err", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(markEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
			case <-ctx.Done():
				return
			}
			err := keep(ctx)
			switch {
			case err == nil, ctx.Err() != nil:
			case errors.Is(err, lease.ErrCondemned):
				// A single node renews nothing that could tell it.
				s.givenUp.Store(true)
				s.fail(fmt.Errorf("%w: %w", ErrCondemned, err))
				return
			default:
				s.log.Warn("cannot remember how far the database was", "err", err)
			}
		}
	})
	s.started("memory", func(stop context.Context) error {
		cancel()
		wg.Wait()
		if s.givenUp.Load() {
			return nil
		}
		if err := keep(stop); err != nil && !errors.Is(err, lease.ErrCondemned) {
			return err
		}
		return nil
	})
}

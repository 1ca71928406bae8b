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

// remembered is what is kept in the data folder.
type remembered struct {
	mu sync.Mutex
	m  lease.Memory
}

// joined begins anew with what joining gave.
func (r *remembered) joined(dir string, j lease.Membership) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.m = lease.Memory{ClusterID: j.ClusterID, ID: j.Timeline.ID, Token: j.Timeline.Token, Incarnation: j.Incarnation}
	return writeMemory(dir, r.m)
}

// marked adds the mark of an incarnation.
func (r *remembered) marked(dir string, incarnation, mark int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.m.Incarnation != incarnation {
		return nil // joined anew meanwhile
	}
	r.m.Mark = mark
	return writeMemory(dir, r.m)
}

// mark raises the mark of this node, first in the store: it must not be behind.
func (s *Server) mark(ctx context.Context) error {
	inc := s.incarnation()
	mark, err := s.store.Mark(ctx, inc)
	if err != nil {
		return err
	}
	return s.memory.marked(s.cfg.DataDir, inc, mark)
}

// rejoined notes what this node has joined, at its start and on another timeline.
func (s *Server) rejoined() {
	if err := s.memory.joined(s.cfg.DataDir, s.node.Membership()); err != nil {
		s.log.Warn("cannot remember how far the database was", "err", err)
	}
}

// remember keeps the membership of this node and its marks in the data folder, until the
// node stops. A database that knows less than that went back in time: it was restored.
func (s *Server) remember() {
	s.rejoined()
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
			err := s.mark(ctx)
			switch {
			case err == nil, ctx.Err() != nil:
			case errors.Is(err, lease.ErrTimeline), s.cfg.Clustered() && errors.Is(err, lease.ErrCondemned):
				// A single node renews nothing that could tell it. It goes on in the new one,
				// and one of a cluster as well if that is why; its lease finds that out.
				s.node.Recheck()
			case errors.Is(err, lease.ErrCondemned):
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
		if err := s.mark(stop); err != nil && !errors.Is(err, lease.ErrCondemned) {
			return err
		}
		return nil
	})
}

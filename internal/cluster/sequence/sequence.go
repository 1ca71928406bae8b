// Package sequence hands out numbers that are unique in the cluster.
//
// Each node takes blocks from the store and gives numbers out of its block. No number
// is given twice: a block whose outcome is unknown is never used, so numbers are
// missing after a failure or a restart, and two nodes give theirs in mixed order.
package sequence

import (
	"context"
	"fmt"
	"sync"
)

// BlockSize is how many numbers a node takes at once: one write of the store for
// fifty lobbies, and at most fifty numbers lost by a restart.
const BlockSize = 50

// Sequences are the blocks of one node.
type Sequences struct {
	store Store
	size  int

	mu     sync.Mutex
	blocks map[string]*block
}

// block is what is left of a block: next up to, not including, end.
type block struct {
	slot      chan struct{} // held by whoever takes a number or asks the store
	next, end int64
}

// New makes the sequences of a node.
func New(store Store) *Sequences {
	return &Sequences{store: store, size: BlockSize, blocks: map[string]*block{}}
}

// Next returns a number of a sequence that nobody else gets, ever. An error has given
// no number.
func (s *Sequences) Next(ctx context.Context, name string) (int64, error) {
	b := s.block(name)
	select {
	case b.slot <- struct{}{}:
	case <-ctx.Done():
		return 0, fmt.Errorf("next of %s: %w", name, ctx.Err())
	}
	defer func() { <-b.slot }()
	if b.next == b.end {
		// If the answer is lost the block is lost with it: asking again takes another.
		first, err := s.store.Reserve(ctx, name, s.size)
		if err != nil {
			return 0, fmt.Errorf("next of %s: %w", name, err)
		}
		b.next, b.end = first, first+int64(s.size)
	}
	n := b.next
	b.next++
	return n, nil
}

// Void forgets the blocks that there are: the store gave them in a history that is not its
// own any more.
func (s *Sequences) Void() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocks = map[string]*block{}
}

func (s *Sequences) block(name string) *block {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.blocks[name]
	if b == nil {
		b = &block{slot: make(chan struct{}, 1)}
		s.blocks[name] = b
	}
	return b
}

package account

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxNotes bounds the facts that wait for the store while it is away.
const maxNotes = 100_000

// noteRetry is the pause after the store refused a note.
const noteRetry = time.Second

// noteFlush is how long an orderly stop waits for the last notes.
const noteFlush = 2 * time.Second

// loginNote are the facts of one login.
type loginNote struct {
	at                    time.Time
	ip, client, lobbyHash string
}

// loginNotes holds the last login of each user until it is stored, so that a
// login does not wait for a write that nobody waits for.
type loginNotes struct {
	mu    sync.Mutex
	byID  map[int64]loginNote
	ready chan struct{} // has room for one signal
}

func newLoginNotes() *loginNotes {
	return &loginNotes{byID: map[int64]loginNote{}, ready: make(chan struct{}, 1)}
}

// NoteLogin records the facts of a login, soon: it does not wait for the store.
// They may be lost if the node is killed at this moment.
func (s *Service) NoteLogin(id int64, at time.Time, ip, client, lobbyHash string) {
	s.notes.put(id, loginNote{at, ip, client, lobbyHash})
	select {
	case s.notes.ready <- struct{}{}:
	default:
	}
}

// put keeps a note unless a later one is there.
func (n *loginNotes) put(id int64, note loginNote) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if old, ok := n.byID[id]; ok && old.at.After(note.at) {
		return
	}
	if _, ok := n.byID[id]; ok || len(n.byID) < maxNotes {
		n.byID[id] = note
	}
}

func (n *loginNotes) take() map[int64]loginNote {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.byID
	n.byID = map[int64]loginNote{}
	return all
}

// Run stores the facts of logins until ctx ends, and then those that are left; it keeps
// what is remembered of them, and the limits those of the site, and mails links for new
// passwords.
func (s *Service) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { s.runRemembered(ctx) })
	all.Go(func() { s.runRates(ctx) })
	all.Go(func() { s.runResets(ctx) })
	s.runNotes(ctx)
}

func (s *Service) runNotes(ctx context.Context) {
	for {
		select {
		case <-s.notes.ready:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteFlush)
			defer cancel()
			s.storeNotes(last)
			return
		}
		if s.storeNotes(ctx) {
			continue
		}
		pause := time.NewTimer(noteRetry)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
		select {
		case s.notes.ready <- struct{}{}:
		default:
		}
	}
}

// storeNotes stores what waits and reports whether all of it is stored. What
// failed is kept, unless the user is gone.
func (s *Service) storeNotes(ctx context.Context) bool {
	var failed error
	for id, n := range s.notes.take() {
		if failed != nil {
			s.notes.put(id, n)
			continue
		}
		err := s.store.NoteLogin(ctx, id, n.at, n.ip, n.client, n.lobbyHash)
		if err != nil && !errors.Is(err, ErrNotFound) {
			failed = err
			s.notes.put(id, n)
			continue
		}
		s.lookup.noted(id, n.lobbyHash)
	}
	if failed != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "logins not noted yet", "err", failed)
	}
	return failed == nil
}

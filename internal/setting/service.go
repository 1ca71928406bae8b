package setting

import (
	"context"
	"fmt"
	"log/slog"
	"slices"

	"teiserver/internal/cluster/cache"
)

// Service reads and changes settings. It is safe for concurrent use.
type Service struct {
	store  Store
	caches *cache.Caches
	table  *cache.Table[string, *entry]
	fixed  map[string]*entry
	log    *slog.Logger
}

// entry is a value as it is cached: already parsed, the default if nothing is
// stored. Values are shared and immutable.
type entry struct {
	value any
	text  string
	set   bool
}

// tableSize is far above the number of settings, so none is ever pushed out.
const tableSize = 1000

// NewService returns the service of a node. Without caches (a command beside a
// running server) each read asks the store. Make one service per node: it owns
// the cache table.
func NewService(store Store, caches *cache.Caches, log *slog.Logger) *Service {
	s := &Service{store: store, caches: caches, log: log}
	if caches != nil {
		s.table = cache.NewTable(caches, Table, cache.TableOptions[string, *entry]{
			Load:     s.load,
			KeyText:  func(key string) string { return key },
			ParseKey: func(text string) (string, error) { return text, nil },
			Size:     tableSize,
			Purpose:  "site settings; a stale value applies the old rule for a second",
		})
	}
	return s
}

// Fixed returns a service without a store whose values never change, for tests
// and tools. It panics on an unknown key or a wrong value.
func Fixed(values map[string]string) *Service {
	s := &Service{fixed: map[string]*entry{}, log: slog.New(slog.DiscardHandler)}
	for key, text := range values {
		d, err := lookup(key)
		if err != nil {
			panic(err)
		}
		v, canonical, err := d.parse(text)
		if err != nil {
			panic(err)
		}
		s.fixed[key] = &entry{value: v, text: canonical, set: true}
	}
	return s
}

// Get returns the present value. If it cannot be read it is the default, and the
// log says so: rules of a site must not stop the server.
func (s *Setting[T]) Get(ctx context.Context, svc *Service) T {
	e, err := svc.entry(ctx, s.key)
	if err != nil {
		svc.log.WarnContext(ctx, "setting not read, default used", "key", s.key, "err", err)
		return s.def
	}
	v, ok := e.value.(T)
	if !ok {
		return s.def // nothing stored, or not readable by this release
	}
	return v
}

// Set stores a value for all nodes, or says in one line what is wrong with it.
func (s *Service) Set(ctx context.Context, key, text string) error {
	canonical, err := Check(key, text)
	if err != nil {
		return err
	}
	changes, err := s.store.PutSetting(ctx, key, canonical, false)
	if err != nil {
		return fmt.Errorf("store setting %s: %w", key, err)
	}
	s.announce(changes)
	return nil
}

// Reset goes back to the default.
func (s *Service) Reset(ctx context.Context, key string) error {
	if _, err := lookup(key); err != nil {
		return err
	}
	changes, err := s.store.DeleteSetting(ctx, key)
	if err != nil {
		return fmt.Errorf("remove setting %s: %w", key, err)
	}
	s.announce(changes)
	return nil
}

// Describe returns a setting with its present value.
func (s *Service) Describe(ctx context.Context, key string) (Info, error) {
	d, err := lookup(key)
	if err != nil {
		return Info{}, err
	}
	e, err := s.entry(ctx, key)
	if err != nil {
		return Info{}, err
	}
	info := d.describe()
	if e.set {
		info.Text, info.Set = e.text, true
	}
	return info, nil
}

// List returns every setting with its present value, by key.
func (s *Service) List(ctx context.Context) ([]Info, error) {
	keys := Keys()
	all := make([]Info, 0, len(keys))
	for _, key := range keys {
		info, err := s.Describe(ctx, key)
		if err != nil {
			return nil, err
		}
		all = append(all, info)
	}
	return all, nil
}

// OnChange calls f after one of the keys may have changed on any node. f must not
// block; it reads the new values itself, elsewhere. A service without caches never calls it.
func (s *Service) OnChange(f func(), keys ...string) {
	if s.caches == nil {
		return
	}
	s.caches.OnChange(Table, func(key string) {
		if len(keys) == 0 || slices.Contains(keys, key) {
			f()
		}
	})
}

func (s *Service) announce(changes []cache.Change) {
	if s.caches != nil {
		s.caches.Announce(changes)
	}
}

// unset stands for a setting without a stored value.
var unset = &entry{}

func (s *Service) entry(ctx context.Context, key string) (*entry, error) {
	switch {
	case s.fixed != nil:
		if e, ok := s.fixed[key]; ok {
			return e, nil
		}
		return unset, nil
	case s.table != nil:
		return s.table.GetOrLoad(ctx, key)
	default:
		return s.load(ctx, key)
	}
}

// load reads a setting. A missing one is an entry too: a negative answer of the
// cache would be asked for again every few seconds.
func (s *Service) load(ctx context.Context, key string) (*entry, error) {
	v, ok, err := s.store.Setting(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load setting %s: %w", key, err)
	}
	if !ok {
		return unset, nil
	}
	d, known := defined[key]
	if !known {
		return unset, nil // of another release
	}
	value, canonical, err := d.parse(v.Text)
	if err != nil {
		s.log.WarnContext(ctx, "stored setting not understood, default used", "key", key, "err", err)
		return unset, nil
	}
	return &entry{value: value, text: canonical, set: true}, nil
}

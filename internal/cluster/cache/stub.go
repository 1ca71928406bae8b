package cache

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"teiserver/internal/cluster/bus"
)

var ErrAbsent = errors.New("cache: absent")

type Options struct{ Log *slog.Logger }
type Info struct {
	Name    string
	Size    int
	MaxAge  time.Duration
	Purpose string
}
type Caches struct{}

func New(b bus.Bus, log Log, opts Options) *Caches          { panic("not built") }
func (c *Caches) Run(ctx context.Context) error             { panic("not built") }
func (c *Caches) Announce(changes []Change)                 { panic("not built") }
func (c *Caches) OnChange(table string, f func(key string)) { panic("not built") }
func (c *Caches) Tables() []Info                            { panic("not built") }
func Tables() []Info                                        { panic("not built") }

type TableOptions[K comparable, V any] struct {
	Load     func(ctx context.Context, key K) (V, error)
	KeyText  func(K) string
	ParseKey func(string) (K, error)
	Size     int
	MaxAge   time.Duration
	Save     func(ctx context.Context, key K, value V) ([]Change, error)
	Insert   func(ctx context.Context, key K, value V) ([]Change, bool, error)
	Remove   func(ctx context.Context, key K) ([]Change, error)
	Modify   func(ctx context.Context, key K, change func(V) (V, error)) (V, []Change, error)
	Watch    func(K)
	Purpose  string
}
type Table[K comparable, V any] struct{}

func NewTable[K comparable, V any](c *Caches, name string, o TableOptions[K, V]) *Table[K, V] {
	panic("not built")
}
func (t *Table[K, V]) Get(key K) (V, bool)                             { panic("not built") }
func (t *Table[K, V]) GetOrLoad(ctx context.Context, key K) (V, error) { panic("not built") }
func (t *Table[K, V]) Put(ctx context.Context, key K, value V) error   { panic("not built") }
func (t *Table[K, V]) InsertNew(ctx context.Context, key K, value V) (bool, error) {
	panic("not built")
}
func (t *Table[K, V]) Update(ctx context.Context, key K, change func(V) (V, error)) (V, error) {
	panic("not built")
}
func (t *Table[K, V]) Delete(ctx context.Context, key K) error { panic("not built") }

package feed

import (
	"context"
	"errors"

	"teiserver/internal/cluster/bus"
)

var ErrNone = errors.New("feed: no such feed")

type HubOptions struct {
	Trusted func() bool
	Gone    func(bus.Origin) bool
}
type Hub struct{}
type OpenOption func(*Publisher)

func EvenInDoubt() OpenOption { panic("not built") }

func NewHub(b bus.Bus, opts HubOptions) *Hub { panic("not built") }
func (h *Hub) Close()                        { panic("not built") }
func (h *Hub) Open(topic string, epoch, run int64, view ViewFunc, opts ...OpenOption) *Publisher {
	panic("not built")
}
func (h *Hub) Follow(topic string, locate func(ctx context.Context) (node string, err error), f Follower) *Subscription {
	panic("not built")
}
func (p *Publisher) Restart() Version { panic("not built") }
func (p *Publisher) Version() Version { panic("not built") }

type Subscription struct{}

func (s *Subscription) Stop()    { panic("not built") }
func (s *Subscription) Refresh() { panic("not built") }

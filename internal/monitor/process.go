package monitor

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/resident"
)

// Store keeps the state of the monitor with each report.
type Store interface {
	// KeepState stores f.Snapshot, fenced.
	KeepState(ctx context.Context, f registry.Fence) error
}

// NewKind describes the monitor to the cluster. id is that of its account. desk is asked
// each time deeds are to be done: until it has one they wait.
func NewKind(id int64, store Store, desk func() *Desk) process.Kind {
	return resident.Kind(id, Account, process.Kind{
		Name:    Kind,
		Doubt:   process.Freeze,
		Persist: true,
		Purpose: "AutohostMonitor: takes what autohosts report of their games and has it recorded.",
		Origin:  "hands over what its host says, in order, until it is taken",
		Open: func(_ context.Context, _ string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return NewState(), nil
			}
			return RestoreState(snapshot)
		},
		Write: func(ctx context.Context, f registry.Fence, record any) error {
			if _, ok := record.(kept); !ok {
				return fmt.Errorf("write record of %s: unknown type %T", f.Key, record)
			}
			return store.KeepState(ctx, f)
		},
		Do: func(ctx context.Context, _ registry.Key, effect any) any {
			if d := desk(); d != nil {
				return d.do(ctx, id, effect)
			}
			if b, ok := effect.(batch); ok {
				return done{Later: hosts(b.Deeds)}
			}
			return nil
		},
	})
}

// hosts are those who reported, each once.
func hosts(deeds []Deed) []int64 {
	var list []int64
	seen := map[int64]bool{}
	for _, d := range deeds {
		if !seen[d.Host] {
			seen[d.Host] = true
			list = append(list, d.Host)
		}
	}
	return list
}

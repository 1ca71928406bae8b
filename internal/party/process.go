package party

import (
	"context"
	"fmt"
	"time"

	"teiserver/internal/cluster/process"
)

// settle is how long a new owner waits for the edges to repeat who is connected.
const settle = 300 * time.Millisecond

// NewKind describes parties to the cluster.
func NewKind() process.Kind {
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerID,
		Start:   process.Explicit,
		Doubt:   process.Freeze,
		Persist: true,
		Settle:  settle,
		Indexed: true,
		Purpose: "A party: its leader, its members and who is invited.",
		Origin:  "says who its client is; tells it what has changed; repeats to a new owner who is there",
		Open: func(_ context.Context, id string, snapshot []byte) (process.Machine, error) {
			if snapshot == nil {
				return &State{}, nil
			}
			s, err := RestoreState(snapshot)
			if err != nil {
				return nil, fmt.Errorf("open party %s: %w", id, err)
			}
			return s, nil
		},
		// Gone as well, see package lobby.
		Repeats: func(body any) bool {
			switch body.(type) {
			case Here, Back, Leave, Gone:
				return true
			}
			return false
		},
	}
}

package app

import (
	"context"
	"fmt"
	"io"

	"teiserver/internal/config"
	"teiserver/internal/store"
)

// DatabaseRestored begins a new timeline: the operator has put a backup back in a way that
// nothing else can see.
func DatabaseRestored(ctx context.Context, cfg config.Config, w io.Writer) error {
	return withStore(ctx, cfg, func(st *store.Store) error {
		line, err := st.BeginTimeline(ctx)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "timeline %d begins; nodes that run join again, and numbers go on above those that may have been given\n", line.ID)
		return err
	})
}

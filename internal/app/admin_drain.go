package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"teiserver/internal/cluster/lease"
	"teiserver/internal/config"
	"teiserver/internal/store"
)

// Drain is what an operator wants of a node, from wherever the database is reached.
type Drain struct {
	Node  string
	Drain bool
	Wait  time.Duration // until it is done; 0 does not wait
	JSON  bool
}

// drainLook is how often the node's row is read while somebody waits.
const drainLook = 500 * time.Millisecond

// DrainNode asks a node to drain, or to serve again, and waits until it does. Draining
// the only node that serves is refused.
func DrainNode(ctx context.Context, cfg config.Config, d Drain, w io.Writer) error {
	return withStore(ctx, cfg, func(st *store.Store) error {
		if d.Drain {
			if err := othersServe(ctx, st, d.Node); err != nil {
				return err
			}
		}
		if err := st.SetDrain(ctx, d.Node, d.Drain); err != nil {
			if errors.Is(err, lease.ErrNoNode) {
				return fmt.Errorf("no node named %q is alive", d.Node)
			}
			return err
		}
		n, err := awaitDrain(ctx, st, d)
		if err != nil {
			return err
		}
		if d.JSON {
			return writeJSON(w, "nodes", []lease.Node{n})
		}
		_, err = fmt.Fprintln(w, drainNews(n, d))
		return err
	})
}

func drainNews(n lease.Node, d Drain) string {
	switch {
	case !d.Drain && inService(n):
		return n.Name + " is in service"
	case d.Drain && drained(n):
		return n.Name + " is drained: no clients, no processes"
	default:
		return fmt.Sprintf("%s has been asked; now it is %s, with %d clients and %d processes", n.Name, n.State, n.Clients, n.Processes)
	}
}

func inService(n lease.Node) bool { return n.State == lease.Serving }
func drained(n lease.Node) bool {
	return n.State == lease.Draining && n.Clients == 0 && n.Processes == 0
}

// awaitDrain waits until the node has done what is wanted, and returns its row.
func awaitDrain(ctx context.Context, st *store.Store, d Drain) (lease.Node, error) {
	limit := time.Now().Add(d.Wait)
	for {
		n, err := livingNode(ctx, st, d.Node)
		if err != nil {
			return n, err
		}
		if d.Wait == 0 || d.Drain && drained(n) || !d.Drain && inService(n) {
			return n, nil
		}
		if time.Now().After(limit) {
			return n, fmt.Errorf("%s is %s after %s, with %d clients and %d processes; it goes on", n.Name, n.State, d.Wait, n.Clients, n.Processes)
		}
		t := time.NewTimer(drainLook)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return n, ctx.Err()
		}
	}
}

// livingNode is the newest life of a name.
func livingNode(ctx context.Context, st *store.Store, name string) (lease.Node, error) {
	nodes, err := st.Nodes(ctx)
	if err != nil {
		return lease.Node{}, err
	}
	var found lease.Node
	for _, n := range nodes {
		if n.Name == name && alive(n) && n.Incarnation > found.Incarnation {
			found = n
		}
	}
	if found.Incarnation == 0 {
		return found, fmt.Errorf("no node named %q is alive", name)
	}
	return found, nil
}

func othersServe(ctx context.Context, st *store.Store, name string) error {
	nodes, err := st.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n.Name != name && n.State == lease.Serving && n.Left > 0 {
			return nil
		}
	}
	return fmt.Errorf("no other node serves: nobody could go on with what %s runs. Start another node first, or stop this one", name)
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// lookGap is how often the cluster is looked at.
	lookGap = 500 * time.Millisecond
	// readyLimit is how long a health check waits; a paused node does not answer.
	readyLimit = 400 * time.Millisecond
	// ready is the answer of a node that takes clients.
	ready = "ready"
)

// watch looks at the cluster until ctx ends.
type watch struct {
	site    *site
	nodes   []*node
	journal *journal

	mu  sync.Mutex
	now *world
}

func newWatch(s *site, nodes []*node, j *journal) *watch {
	return &watch{site: s, nodes: nodes, journal: j, now: &world{}}
}

func (w *watch) run(ctx context.Context) {
	for ctx.Err() == nil {
		began := time.Now()
		next := w.look(ctx)
		if ctx.Err() != nil {
			return // what could not be asked any more is no news
		}
		w.mu.Lock()
		before := w.now
		if next.trouble != "" { // what was known last is shown on
			next.rows, next.owners, next.missing = before.rows, before.owners, before.missing
		}
		w.now = next
		w.mu.Unlock()
		for _, n := range changes(before, next, w.blow) {
			w.journal.add(n.bad, "%s", n.text)
		}
		for _, n := range w.nodes {
			n.forgive()
		}
		pause(ctx, lookGap-time.Since(began))
	}
}

func (w *watch) blow(name string) (string, time.Time) {
	for _, n := range w.nodes {
		if n.name == name {
			return n.blow()
		}
	}
	return "", time.Time{}
}

// world is the last look.
func (w *watch) world() *world {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *watch) look(ctx context.Context) *world {
	next := &world{at: time.Now(), rows: map[string]row{}, owners: map[string]owner{}, ready: map[string]string{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, n := range w.nodes {
		all.Go(func() {
			text := health(ctx, n.http)
			n.ready.Store(text == ready)
			mu.Lock()
			defer mu.Unlock()
			next.ready[n.name] = text
		})
	}
	ask := func(take func() error) {
		all.Go(func() {
			if err := take(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				next.trouble = err.Error()
			}
		})
	}
	ask(func() error { return w.askNodes(ctx, next) })
	ask(func() error { return w.askOwners(ctx, next) })
	all.Wait()
	return next
}

func (w *watch) askNodes(ctx context.Context, next *world) error {
	var got struct {
		Nodes []row `json:"nodes"`
	}
	if err := w.ask(ctx, &got, "status"); err != nil {
		return err
	}
	for _, r := range got.Nodes {
		if r.Incarnation > next.rows[r.Name].Incarnation {
			next.rows[r.Name] = r
		}
	}
	return nil
}

func (w *watch) askOwners(ctx context.Context, next *world) error {
	var got struct {
		Processes []owner `json:"processes"`
		Missing   []struct {
			Key struct{ Kind, ID string } `json:"key"`
		} `json:"missing"`
	}
	if err := w.ask(ctx, &got, "processes"); err != nil {
		return err
	}
	for _, o := range got.Processes {
		next.owners[o.name()] = o
	}
	for _, m := range got.Missing {
		next.missing = append(next.missing, m.Key.Kind+"/"+m.Key.ID)
	}
	return nil
}

func (w *watch) ask(ctx context.Context, to any, what string) error {
	out, err := w.site.command(ctx, "cluster", what, "--json")
	if err != nil {
		return err
	}
	if err := json.Unmarshal(out, to); err != nil {
		return fmt.Errorf("read cluster %s: %w", what, err)
	}
	return nil
}

// health asks a node whether it takes clients: "ready", or why not.
func health(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	switch {
	case ctx.Err() != nil:
		return "no answer"
	case err != nil:
		return "no connection"
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if err != nil {
		return "no answer"
	}
	if resp.StatusCode == http.StatusOK {
		return ready
	}
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "; ")
}

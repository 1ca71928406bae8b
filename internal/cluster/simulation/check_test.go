package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
)

// promise is how long after the end of all faults everything is served again: a full
// TTL of own good renewals, a TTL and a look to condemn who is dead, the sweep, and
// homeFirst for a key whose home does not take it; and who gave way has to hear first.
const promise = 12*time.Second + hearFirst

// settleFor is how long copies may take after that.
const settleFor = 10 * time.Second

// simulate plays one schedule.
func simulate(w *world) {
	for _, h := range w.hosts {
		w.work.Go(h.run)
	}
	started := w.waitUntil(30*time.Second, 100*time.Millisecond, func() bool {
		ready := 0
		for _, l := range w.living() {
			if l.ready() {
				ready++
			}
		}
		return ready == w.plan.nodes
	})
	if started {
		<-time.After(time.Second)
		w.openRooms()
		w.load()
		w.play()
		w.judge()
	} else {
		w.bad("the nodes have not become ready")
	}
	w.finish()
}

// judge waits for the promise, and looks at everything when it is quiet.
func (w *world) judge() {
	w.note("the faults are over")
	for _, h := range w.hosts {
		w.operator(h.name, false)
	}
	over := time.Now()
	var why string
	if !w.waitUntil(promise, 200*time.Millisecond, func() bool { why = w.unserved(); return why == "" }) && !w.broken() {
		w.bad("%v after the faults: %s", time.Since(over), why)
	}
	w.served = time.Since(over)
	w.hush()
	<-time.After(patience + time.Second) // what is under way comes to its end
	if w.broken() {
		return
	}
	if !w.waitUntil(settleFor, 500*time.Millisecond, func() bool { why = w.unlike(); return why == "" }) && !w.broken() {
		w.bad("%v after the faults: %s", time.Since(over), why)
	}
	w.facts()
}

// unserved says what does not run that should, or does not answer somewhere.
func (w *world) unserved() string {
	lives := w.living()
	if len(lives) < w.plan.nodes {
		return fmt.Sprintf("%d of %d nodes live", len(lives), w.plan.nodes)
	}
	for _, l := range lives {
		if !l.ready() {
			return l.host.name + " is not ready"
		}
	}
	ran := w.running()
	for _, id := range w.plan.ids {
		w.mu.Lock()
		r := w.record(id)
		must := r.mustLive() || id == "boss/main"
		w.mu.Unlock()
		if must && len(ran[id]) != 1 {
			return fmt.Sprintf("%s runs on %v", id, ran[id])
		}
	}
	return ""
}

// running lists who has a process in its table, by key.
func (w *world) running() map[string][]string {
	ran := map[string][]string{}
	for _, l := range w.living() {
		for _, p := range l.node.Processes() {
			ran[p.Key.String()] = append(ran[p.Key.String()], fmt.Sprintf("%s@%d", l.host.name, p.Epoch))
		}
	}
	return ran
}

// unlike says what is not as it must be when all is quiet: what runs where, what each
// node is told, and what the copies hold.
func (w *world) unlike() string {
	lives := w.living()
	ran := w.running()
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	rows, err := w.store.Owners(ctx)
	if err != nil {
		return err.Error()
	}
	owners := map[string]registry.Owner{}
	for _, o := range rows {
		owners[o.Key.String()] = o
	}
	for _, id := range sortedKeys(ran) {
		o := owners[id]
		if want := fmt.Sprintf("%s@%d", o.Node, o.Epoch); len(ran[id]) != 1 || ran[id][0] != want || o.Gone || o.State != registry.Owned {
			return fmt.Sprintf("%s runs on %v, the store says %+v", id, ran[id], o)
		}
	}
	for i, id := range w.plan.ids {
		l := lives[i%len(lives)]
		list, err := w.read(l, id)
		w.mu.Lock()
		r := w.record(id)
		must, shut := r.mustLive(), r.shut
		w.mu.Unlock()
		switch {
		case errors.Is(err, cluster.ErrNone) && !must && strings.HasPrefix(id, "room/"):
			if len(ran[id]) > 0 {
				return fmt.Sprintf("%s is none and runs on %v", id, ran[id])
			}
			list = nil
		case err != nil:
			return fmt.Sprintf("%s on %s: %v", id, l.host.name, err)
		case shut:
			return id + " answers and was closed"
		}
		for _, o := range lives {
			f := o.copies()[id]
			if f == nil {
				continue
			}
			got, ended := f.state()
			if err != nil && !ended || err == nil && !ended && !slices.Equal(got, list) {
				return fmt.Sprintf("%s on %s is %v, ended %v; the owner has %v, %v", id, o.host.name, got, ended, list, err)
			}
			if ended && err == nil && freezes(keyOf(id)) && must {
				return fmt.Sprintf("%s on %s was told of an end", id, o.host.name)
			}
		}
	}
	return ""
}

// read asks for all of a process, and judges the answer as a client does.
func (w *world) read(l *life, id string) ([]int, error) {
	s := w.sending(id, get{})
	ctx, cancel := within(5 * time.Second)
	defer cancel()
	reply, err := l.node.Call(ctx, keyOf(id), get{})
	w.heard(l, s, reply, err)
	a, _ := reply.(answer)
	return a.Values, err
}

// facts looks at what the store was told.
func (w *world) facts() {
	epochs, seen := map[string]int64{}, map[string]bool{}
	for _, f := range w.store.Facts() {
		key := f.Key.String()
		if f.Epoch < epochs[key] {
			w.bad("%s: %s was written under epoch %d after %d", key, f.Value, f.Epoch, epochs[key])
		}
		epochs[key] = f.Epoch
		if seen[f.Value] {
			w.bad("%s: %s was written twice", key, f.Value)
		}
		seen[f.Value] = true
	}
	w.mu.Lock()
	var lost []string
	for id, r := range w.records {
		for v := range r.lasting {
			if !seen[fmt.Sprint(v)] {
				lost = append(lost, fmt.Sprintf("%s: the acknowledged durable %d was not written", id, v))
			}
		}
	}
	w.mu.Unlock()
	for _, l := range lost {
		w.bad("%s", l)
	}
}

// finish ends all lives, and waits for everything that was begun.
func (w *world) finish() {
	w.hush()
	close(w.end)
	for _, l := range w.living() {
		l.host.kill()
	}
	w.work.Wait()
	w.inflight.Wait()
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
)

// storeLimit is how long one access to the store may take outside of a call.
const storeLimit = 2 * time.Second

// Own implements Runtime.
func (n *Node) Own(ctx context.Context, key Key, first any) (any, error) {
	kind := n.kinds[key.Kind]
	if kind == nil || kind.Start != process.Explicit {
		return nil, fmt.Errorf("own %s: not of an explicit kind", key)
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callPatience)
		defer cancel()
	}
	p, err := n.own(ctx, key, first)
	if err != nil {
		return nil, err
	}
	reply, err := p.First(ctx)
	if err != nil {
		if err = n.judge(err); errors.Is(err, errAgain) {
			return nil, fmt.Errorf("own %s: %w", key, ErrUnavailable)
		}
		return nil, err
	}
	return reply, nil
}

// own claims the key and starts its process, under the lock of the key.
func (n *Node) own(ctx context.Context, key Key, first any) (*process.Process, error) {
	unlock, err := n.dir.Lock(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("own %s: %w (%w)", key, ErrUnavailable, err)
	}
	defer unlock()
	if p := n.host.Get(key); p != nil {
		return nil, &registry.HeldError{Owner: n.ownerHere(key, p.Epoch())}
	}
	own, err := n.claim(ctx, key)
	if err != nil {
		var held *registry.HeldError
		if errors.As(err, &held) {
			return nil, held
		}
		return nil, fmt.Errorf("own %s: %w (%w)", key, ErrUnavailable, err)
	}
	if !own.Fresh && len(own.Snapshot) > 0 {
		// Somebody's process that had lost its node: it is taken over, not made anew.
		if _, err := n.run(ctx, own); err != nil {
			return nil, fmt.Errorf("own %s: %w (%w)", key, ErrUnavailable, err)
		}
		return nil, &registry.HeldError{Owner: n.ownerHere(key, own.Epoch)}
	}
	own.Fresh = true // nothing is left of an earlier life
	p, err := n.host.Start(ctx, own, &process.Call{Body: first, ID: n.nextID()})
	if err != nil {
		n.closeUnused(ctx, own)
		return nil, fmt.Errorf("own %s: %w (%w)", key, ErrUnavailable, err)
	}
	n.announce(n.ownerHere(key, own.Epoch), false)
	return p, nil
}

// claim takes a key for this node. The lock of the key is held.
func (n *Node) claim(ctx context.Context, key Key) (registry.Ownership, error) {
	if n.draining.Load() || !n.lease.Trusted() {
		return registry.Ownership{}, fmt.Errorf("claim %s: this node takes nothing now", key)
	}
	own, err := n.dir.Claim(ctx, key, n.lease.Incarnation())
	if err != nil {
		var held *registry.HeldError
		if errors.As(err, &held) {
			n.count.HeldClaims.Add(1)
		} else {
			n.lookOwn() // it may have happened
		}
		return own, fmt.Errorf("claim %s: %w", key, err)
	}
	n.count.Claims.Add(1)
	if !own.Fresh {
		n.count.Takeovers.Add(1)
	}
	n.log.Info("claimed", "kind", key.Kind, "key", key.String(), "epoch", own.Epoch, "fresh", own.Fresh)
	return own, nil
}

// run starts the process of a key that was claimed without a command, and tells. A key
// that nothing can go on from is closed: ErrNone.
func (n *Node) run(ctx context.Context, own registry.Ownership) (*process.Process, error) {
	kind := n.kinds[own.Key.Kind]
	if !own.Fresh && kind.Persist && len(own.Snapshot) == 0 && kind.Start != process.Ensured {
		n.log.Warn("closed a key without a snapshot", "key", own.Key.String(), "epoch", own.Epoch)
		n.closeUnused(ctx, own)
		return nil, ErrNone
	}
	p, err := n.host.Start(ctx, own, nil)
	if errors.Is(err, process.ErrNoState) {
		n.closeUnused(ctx, own)
		return nil, ErrNone
	}
	if err != nil {
		if own.Fresh {
			n.closeUnused(ctx, own)
		}
		n.lookOwn()
		return nil, err // else the row stays ours, and the sweep tries again
	}
	n.announce(n.ownerHere(own.Key, own.Epoch), !own.Fresh)
	return p, nil
}

// closeUnused gives up a key that was claimed and is not run, also when ctx has ended.
func (n *Node) closeUnused(ctx context.Context, own registry.Ownership) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
	defer cancel()
	err := n.o.Owners.CloseKey(ctx, registry.Fence{
		Key: own.Key, Incarnation: own.Incarnation, Epoch: own.Epoch, Writes: own.Writes,
	})
	if err != nil { // the sweep finds the row
		n.lookOwn()
		n.log.Warn("key not closed", "key", own.Key.String(), "epoch", own.Epoch, "err", err)
		return
	}
	n.announce(registry.Owner{Key: own.Key, Epoch: own.Epoch, State: registry.Closed}, false)
}

// startAtHome has an on-demand process started where it should live. A home that
// cannot be reached is not waited for: the claim decides, not the proposal.
func (n *Node) startAtHome(ctx context.Context, key Key) (registry.Owner, error) {
	home := registry.Home(key, n.servingNodes())
	if home == "" || home == n.self.Node {
		return n.startHere(ctx, key)
	}
	tryCtx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	body, err := n.bus.Request(tryCtx, home, serviceStart, start{Key: key})
	if err != nil {
		if ctx.Err() != nil {
			return registry.Owner{}, errAgain
		}
		return n.startHere(ctx, key)
	}
	if a, ok := body.(answer); ok && a.Outcome == moved {
		n.dir.Learn(a.Owner)
		return a.Owner, nil
	}
	return registry.Owner{}, errAgain
}

// startHere claims and runs an on-demand key, or says who has it.
func (n *Node) startHere(ctx context.Context, key Key) (registry.Owner, error) {
	unlock, err := n.dir.Lock(ctx, key)
	if err != nil {
		return registry.Owner{}, errAgain
	}
	defer unlock()
	if p := n.host.Get(key); p != nil {
		return n.ownerHere(key, p.Epoch()), nil
	}
	own, err := n.claim(ctx, key)
	var held *registry.HeldError
	switch {
	case errors.As(err, &held):
		return held.Owner, nil
	case err != nil:
		return registry.Owner{}, fmt.Errorf("%w: %w", errAgain, err)
	}
	_, err = n.run(ctx, own)
	switch {
	case errors.Is(err, ErrNone): // the next try begins anew: nobody must take this for the answer
		return registry.Owner{}, errAgain
	case err != nil:
		n.log.Warn("process not started", "key", key.String(), "epoch", own.Epoch, "err", err)
		return registry.Owner{}, fmt.Errorf("%w: %w", errAgain, err)
	}
	return n.ownerHere(key, own.Epoch), nil
}

// serveStart is the home's side of startAtHome.
func (n *Node) serveStart(ctx context.Context, _ bus.Origin, body any) (any, error) {
	s, ok := body.(start)
	if !ok {
		return nil, fmt.Errorf("start with a %T", body)
	}
	kind := n.kinds[s.Key.Kind]
	if kind == nil || kind.Start != process.OnDemand {
		return answer{Outcome: unavailable, Text: "not an on-demand kind here"}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	o, err := n.startHere(ctx, s.Key)
	if err != nil {
		return answer{Outcome: unavailable, Text: err.Error()}, nil
	}
	return answer{Outcome: moved, Owner: o}, nil
}

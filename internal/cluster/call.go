package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

// The numbers of a call.
const (
	// callPatience is how long a call lasts if its context does not say.
	callPatience = process.Patience
	// tryLimit is one try at another node. Longer than any durable write is slow,
	// shorter than what is left after a node has died.
	tryLimit = 1 * time.Second
	// Pauses between tries double from the first to the longest.
	firstPause  = 10 * time.Millisecond
	longestCall = 200 * time.Millisecond
	longestCast = 1 * time.Second
	// redirectsFollowed before the store is read: caches may point at each other.
	redirectsFollowed = 2
)

// errAgain: nothing was executed and trying again may help.
var errAgain = errors.New("cluster: try again")

// Call implements Runtime.
func (n *Node) Call(ctx context.Context, key Key, command any) (any, error) {
	id := n.nextID()
	if p := n.host.Get(key); p != nil {
		n.count.Local.Add(1)
		reply, err := p.Call(ctx, process.Call{Body: command, ID: id})
		if err == nil {
			return reply, nil
		}
		if err = n.judge(err); !errors.Is(err, errAgain) {
			n.countRefusal(err)
			return nil, err
		}
	} else {
		n.count.Remote.Add(1)
	}
	reply, err := n.route(ctx, key, command, id, longestCall, 1<<30)
	n.countRefusal(err)
	return reply, err
}

func (n *Node) countRefusal(err error) {
	if err == nil {
		return
	}
	if _, ok := refusal.As(err); ok {
		n.count.Refused.Add(1)
	}
}

func (n *Node) nextID() process.ID {
	return process.ID{Incarnation: n.self.Incarnation, N: n.ids.Add(1)}
}

// judge turns what a process said into what a caller may hear, or errAgain.
func (n *Node) judge(err error) error {
	switch {
	case errors.Is(err, process.ErrUnavailable), errors.Is(err, process.ErrEnded), errors.Is(err, process.ErrNewer):
		return errAgain
	case errors.Is(err, process.ErrInDoubt), errors.Is(err, process.ErrPanicked),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		n.count.Unavailable.Add(1)
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// route tries until there is an answer, with the same id, so that the command is
// applied once however often it arrives.
func (n *Node) route(ctx context.Context, key Key, command any, id process.ID, longest time.Duration, tries int) (any, error) {
	kind := n.kinds[key.Kind]
	if kind == nil {
		return nil, fmt.Errorf("call %s: no such kind", key)
	}
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callPatience)
		defer cancel()
	}
	r := search{node: n, key: key, kind: kind}
	pause := firstPause
	var last error
	for try := range tries {
		if try > 0 {
			n.count.Retries.Add(1)
		}
		reply, err := r.try(ctx, command, id)
		if !errors.Is(err, errAgain) && !errors.Is(err, errMoved) {
			return reply, err
		}
		last = err
		if errors.Is(err, errMoved) {
			continue
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, longest)
			continue
		case <-ctx.Done():
		case <-n.ctx.Done():
		}
		break
	}
	n.count.Unavailable.Add(1)
	return nil, fmt.Errorf("call %s: %w (%w)", key, ErrUnavailable, last)
}

// search is one caller's way to the owner of a key.
type search struct {
	node      *Node
	key       Key
	kind      *process.Kind
	redirects int
	reread    bool // the hint has proved wrong: read the store
}

// errMoved: the answer named another owner; try there at once.
var errMoved = fmt.Errorf("moved: %w", errAgain)

// try finds the owner and gives it the command once.
func (s *search) try(ctx context.Context, command any, id process.ID) (any, error) {
	n := s.node
	if p := n.host.Get(s.key); p != nil {
		reply, err := p.Call(ctx, process.Call{Body: command, ID: id})
		if err == nil {
			return reply, nil
		}
		return nil, n.judge(err)
	}
	o, err := s.locate(ctx)
	if err != nil {
		return nil, err
	}
	if o.Incarnation == n.lease.Incarnation() {
		return nil, errMoved // it has just been started here
	}
	if o.Node == n.self.Node {
		s.reread = true
		return nil, errAgain // an earlier life of this node that is not condemned yet
	}
	left := tryLimit
	if d, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(d))
	}
	if left <= 0 {
		return nil, errAgain
	}
	tryCtx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	body, err := n.bus.Request(tryCtx, o.Node, serviceCall, call{
		Key: s.key, Epoch: o.Epoch, ID: id, Command: command,
	})
	if err != nil {
		s.reread = true
		return nil, fmt.Errorf("ask %s: %w (%w)", o.Node, errAgain, err)
	}
	a, ok := body.(answer)
	if !ok {
		return nil, fmt.Errorf("call %s at %s: answer of type %T", s.key, o.Node, body)
	}
	return s.read(a)
}

// read turns an answer into a result.
func (s *search) read(a answer) (any, error) {
	switch a.Outcome {
	case replied:
		return a.Reply, nil
	case refused:
		return nil, a.Refusal
	case wrong:
		return nil, errors.New(a.Text)
	case inDoubt:
		s.node.count.Unavailable.Add(1)
		return nil, fmt.Errorf("call %s: %w: %s", s.key, ErrUnavailable, a.Text)
	case moved:
		s.node.count.Redirects.Add(1)
		if s.redirects++; s.redirects <= redirectsFollowed {
			s.node.dir.Forget(s.key)
			s.node.dir.Learn(a.Owner)
			return nil, errMoved
		}
		s.redirects = 0
	}
	s.reread = true
	return nil, errAgain
}

// locate returns the living owner of the key, starting the process if its kind starts
// on demand. ErrNone and errAgain are the other answers; unknown never creates.
func (s *search) locate(ctx context.Context) (registry.Owner, error) {
	n := s.node
	if n.host.Get(s.key) != nil {
		return n.ownerHere(s.key, 0), nil
	}
	look := n.dir.Lookup
	if s.reread {
		look, s.reread = n.dir.Read, false
	}
	o, found := look(ctx, s.key)
	return s.choose(ctx, o, found)
}

// choose is locate for who has looked.
func (s *search) choose(ctx context.Context, o registry.Owner, found registry.Found) (registry.Owner, error) {
	n := s.node
	switch {
	case found == registry.Unknown:
		return o, errAgain
	case found == registry.HasOwner && o.State == registry.Owned && !o.Gone && o.Incarnation != n.lease.Incarnation():
		return o, nil
	case s.kind.Start == process.OnDemand && (found == registry.None || o.State == registry.Released || o.Gone):
		return n.startAtHome(ctx, s.key)
	case s.kind.Start == process.Explicit && found == registry.None:
		return o, ErrNone
	}
	// Nobody runs it and somebody will: it was released, its owner is gone, it has not
	// been ensured yet, or it is ours and the answer to our claim was lost.
	s.reread = true
	n.dir.Forget(s.key)
	n.hurryFor(o)
	return o, errAgain
}

func (n *Node) ownerHere(key Key, epoch int64) registry.Owner {
	return registry.Owner{Key: key, Node: n.self.Node, Incarnation: n.lease.Incarnation(), Epoch: epoch, State: registry.Owned}
}

// serveCall executes another node's command here. The bus has refused what is late,
// and ends ctx when the sender does not wait anymore.
func (n *Node) serveCall(ctx context.Context, _ bus.Origin, body any) (any, error) {
	c, ok := body.(call)
	if !ok {
		return nil, fmt.Errorf("call with a %T", body)
	}
	p := n.host.Get(c.Key)
	if p == nil {
		return n.notHere(ctx, c.Key), nil
	}
	reply, err := p.Call(ctx, process.Call{Body: c.Command, ID: c.ID, Epoch: c.Epoch})
	var r *refusal.Error
	switch {
	case err == nil:
		return answer{Outcome: replied, Reply: reply}, nil
	case errors.As(err, &r):
		return answer{Outcome: refused, Refusal: r}, nil
	case errors.Is(err, process.ErrNewer):
		// Somebody knows a newer owner than us: the store decides who is right.
		if o, found := n.dir.Read(ctx, c.Key); found == registry.HasOwner && o.Epoch > p.Epoch() && o.Incarnation != n.lease.Incarnation() {
			p.Drop()
		}
		return answer{Outcome: unavailable}, nil
	case errors.Is(err, process.ErrEnded):
		return n.notHere(ctx, c.Key), nil
	case errors.Is(err, process.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return answer{Outcome: unavailable}, nil
	case errors.Is(err, process.ErrInDoubt), errors.Is(err, process.ErrPanicked):
		return answer{Outcome: inDoubt, Text: err.Error()}, nil
	}
	return answer{Outcome: wrong, Text: err.Error()}, nil
}

// notHere says where the process is instead, by the store.
func (n *Node) notHere(ctx context.Context, key Key) answer {
	o, found := n.dir.Read(ctx, key)
	switch {
	case found == registry.None:
		return answer{Outcome: none}
	case found == registry.HasOwner && o.State == registry.Owned && !o.Gone && o.Incarnation != n.lease.Incarnation():
		return answer{Outcome: moved, Owner: o}
	case found == registry.HasOwner:
		n.hurryFor(o)
	}
	return answer{Outcome: unavailable}
}

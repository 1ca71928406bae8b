package matchmaking

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/guard"
	"teiserver/internal/refusal"
)

// Bounds of the steps; see stuckAfter.
const (
	askLimit   = 3 * time.Second // one process or session
	claimLimit = 20 * time.Second
	enterLimit = 15 * time.Second
)

func queueKey(id int) registry.Key { return registry.NewKey(KindQueue, strconv.Itoa(id)) }

// QueueKey is the key of a queue, MatchKey that of a match.
func QueueKey(id int) registry.Key { return queueKey(id) }

// MatchKey is the key of a match.
func MatchKey(id string) registry.Key { return registry.NewKey(KindMatch, id) }

// doQueue carries out an effect of a queue.
func doQueue(ctx context.Context, w World, effect any) (next any) {
	switch e := effect.(type) {
	case begin:
		ctx, cancel := context.WithTimeout(ctx, askLimit)
		defer cancel()
		// One that is there already goes on; one that could not be begun is begun again with
		// a tick, as nobody has asked for it.
		_ = w.Own(ctx, MatchKey(e.Begin.ID), e.Begin)
	case readSite:
		return site{w.Site(ctx)}
	}
	return nil
}

// doMatch carries out an effect of a match. Doing one twice does no harm: who is claimed,
// in the room or seated is so already.
func doMatch(ctx context.Context, w World, effect any) (next any) {
	switch e := effect.(type) {
	case claim:
		return doClaim(ctx, w, e)
	case pause:
		others(ctx, w, e.Queue, Hold{Users: e.Users, Until: e.Until})
	case seek:
		return doSeek(ctx, w, e)
	case furnish:
		return doFurnish(ctx, w, e)
	case report:
		return doReport(ctx, w, e)
	}
	return nil
}

func doClaim(ctx context.Context, w World, e claim) claimed {
	ctx, cancel := context.WithTimeout(ctx, claimLimit)
	defer cancel()
	err := ask(ctx, w, queueKey(e.Begin.Spec.ID), Confirm{e.Begin.ID})
	switch {
	case refusal.Is(err, refusal.NotFound):
		return claimed{Unknown: true}
	case err != nil:
		return claimed{Unclear: true}
	}
	s := w.Site(ctx)
	c := claimed{Fates: map[string]Fate{}, Ready: s.Ready, Room: s.Room}
	if len(rooms(w, &s)) == 0 { // nobody is asked for nothing
		e.Begin.each(func(p *Party) { c.Fates[p.Group] = FateLater })
		return c
	}
	for _, x := range claims(&e.Begin) {
		one, done := context.WithTimeout(ctx, askLimit)
		fate := w.Claim(one, x.Claim).fate()
		done()
		if fate != "" {
			c.Fates[x.group] = fate
			break // the others are free again as soon as it has failed
		}
	}
	return c
}

type claimOf struct {
	Claim
	group string
}

// claims are those of a match, by user: of two matches that want the same players one gets
// the first of them, and the other keeps nobody waiting.
func claims(b *Begin) (list []claimOf) {
	b.each(func(p *Party) {
		for _, user := range p.Users {
			list = append(list, claimOf{Claim{User: user, Match: b.ID, Party: p.Party, Users: p.Users}, p.Group})
		}
	})
	slices.SortFunc(list, func(a, b claimOf) int { return int(a.User - b.User) })
	return list
}

func ask(ctx context.Context, w World, key registry.Key, command any) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	_, err := w.Call(ctx, key, command)
	return err
}

// others asks all queues but one, side by side. It reports whether all have answered.
func others(ctx context.Context, w World, but int, command any) bool {
	var all guard.Group
	var mu sync.Mutex
	ok := true
	s := w.Site(ctx)
	for _, q := range s.Queues {
		if q.ID == but {
			continue
		}
		all.Go(func() {
			err := ask(ctx, w, queueKey(q.ID), command)
			if _, refused := refusal.As(err); err != nil && !refused {
				mu.Lock()
				ok = false
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return ok
}

// doReport tells how it went. Who plays is out of the other queues before its own knows:
// until then its session is this match's.
func doReport(ctx context.Context, w World, e report) reported {
	told := e.Host != 0
	if told {
		w.Order(ctx, e.Host, "!forcestart")
	}
	if len(e.Gone) > 0 && !others(ctx, w, e.Queue, Withdraw{Users: e.Gone, Match: e.Settle.Match}) {
		return reported{Told: told}
	}
	if len(e.Free) > 0 {
		others(ctx, w, e.Queue, Hold{Users: e.Free})
	}
	err := ask(ctx, w, queueKey(e.Queue), e.Settle)
	_, refused := refusal.As(err)
	return reported{Told: told, OK: err == nil || refused || errors.Is(err, cluster.ErrNone)}
}

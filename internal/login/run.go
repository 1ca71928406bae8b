package login

import (
	"context"
	"time"
)

// retry is the pause after an ask that was not answered.
const retry = 250 * time.Millisecond

// Run lets users in until ctx ends.
func (q *Queue) Run(ctx context.Context) {
	d := desk{Queue: q, purse: purse{joined: time.Now()}}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.changed:
			q.readRules(ctx)
		case <-q.wake:
		case <-timer.C:
		}
		if !time.Now().Before(q.rules.Load().nextReading) {
			q.readRules(ctx)
		}
		timer.Reset(d.serve(ctx))
	}
}

// desk is where Run serves; it holds what only Run needs.
type desk struct {
	*Queue
	purse purse
	pace  pace
	asked time.Time // the last ask was sent
}

// serve lets in whom it can and returns when to be called again, if nobody comes to an
// empty queue before.
func (d *desk) serve(ctx context.Context) time.Duration {
	r := d.rules.Load()
	members := len(d.Runtime.Members())
	d.members.Store(int64(members))
	if !r.on {
		d.letIn(d.Waiting(), freed)
		return rulesEvery
	}
	d.use(r) // what is left at hand
	since := time.Since(d.asked)
	if r.storm && since < gap && d.Waiting() > 0 {
		return gap - since
	}
	if d.Waiting() == 0 {
		if since < beat {
			return beat - since
		}
		if r.storm && members == 1 {
			return beat // nobody counts on being told
		}
	}
	return d.ask(ctx, r)
}

// ask asks the owner for those who wait, and lets them in as far as there are permits.
func (d *desk) ask(ctx context.Context, r *rules) time.Duration {
	sent, waiting := time.Now(), d.Waiting()
	members := d.Runtime.Members()
	a := Ask{
		Node: d.Runtime.Self().Incarnation, Rate: r.rate, Waiting: waiting, Room: d.room(r),
		Members: make([]int64, len(members)), Alone: d.purse.ask(sent),
	}
	for i, m := range members {
		a.Members[i] = m.Incarnation
	}
	if !d.Runtime.Trusted() {
		a.Waiting = 0 // nobody can log in here now
	}
	d.asked = sent
	patience := term
	if a.Alone { // its own share does not wait for an answer
		patience = retry
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	reply, err := d.Runtime.Call(limited, key, a)
	cancel()
	g, ok := reply.(Grant)
	if err != nil || !ok {
		// Before, the owner may be starting.
		if !d.purse.alone && ctx.Err() == nil && sent.After(d.purse.joined.Add(newcomer)) && (waiting > 0 || !r.storm) {
			d.Log.Warn("no answer about the login rate, the own share will be used", "key", key.String(), "err", err)
		}
		d.purse.failed()
		d.tell(waiting - d.use(r))
		return retry
	}
	if d.purse.answered(sent, g) {
		return 0
	}
	still := waiting - d.use(r) // of those whom the owner was told of
	switch left := d.tell(still); {
	case left.untold: // somebody has come since who waits to be told whether to wait
		return 0
	case left.waiting > still: // others have
		return min(g.Next, gap)
	}
	return g.Next
}

// use lets in as many as there are permits and room for, and says how many.
func (d *desk) use(r *rules) int {
	if !d.Runtime.Trusted() {
		return 0
	}
	want := d.Waiting()
	if room := d.room(r); room >= 0 {
		want = min(want, room)
	}
	now, members := time.Now(), len(d.Runtime.Members())
	if r.storm {
		return d.useInStorm(now, want, r, members)
	}
	n := d.letIn(d.purse.take(now, want, r.rate, members), permitted)
	d.Counters.Admitted.Add(int64(n))
	return n
}

// stormAtOnce is how many come in at once on a node in a storm. It makes a node that is
// slow, for whatever reason, slower in letting others in.
const stormAtOnce = 16

// useInStorm is use without looking for room, spread over time, and with what this
// node may let in without asking.
func (d *desk) useInStorm(now time.Time, want int, r *rules, members int) int {
	d.mu.Lock()
	want = min(want, stormAtOnce-d.coming)
	d.mu.Unlock()
	want = d.pace.take(now, want, r.rate)
	n := d.purse.take(now, want, r.rate, members)
	d.mu.Lock()
	n += d.calm.take(now, want-n, r.rate, int64(members))
	d.mu.Unlock()
	d.pace.giveBack(want - n)
	n = d.letIn(n, freed)
	d.Counters.Admitted.Add(int64(n))
	return n
}

// room is for how many there is room in the cluster, below 0 for any number.
func (q *Queue) room(r *rules) int {
	if r.limit == 0 {
		return -1
	}
	return max(0, r.limit-q.People())
}

// letIn lets in up to n users and says how many.
func (q *Queue) letIn(n int, as int32) (done int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for ; done < n; done++ {
		e := q.waiting.Front()
		if e == nil {
			break
		}
		p := e.Value.(*Place)
		q.waiting.Remove(e)
		delete(q.byUser, p.user)
		p.state.Store(as)
		if p.storm {
			p.coming = true
			q.coming++
		}
		p.turn()
		q.known(p)
	}
	return done
}

// rest is who is left in the queue.
type rest struct {
	waiting int
	untold  bool // some of them have not been told to wait
}

// tell tells the first n of those who wait that they have to.
func (q *Queue) tell(n int) rest {
	q.mu.Lock()
	defer q.mu.Unlock()
	for e := q.waiting.Front(); e != nil && n > 0 && q.untold > 0; e, n = e.Next(), n-1 {
		q.known(e.Value.(*Place))
	}
	return rest{q.waiting.Len(), q.untold > 0}
}

// known lets a place know that it is decided. The queue is locked.
func (q *Queue) known(p *Place) {
	if p.told == nil || p.decided {
		return
	}
	p.decided = true
	if !p.storm {
		q.untold--
	}
	close(p.told)
}

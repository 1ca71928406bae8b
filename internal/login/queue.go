package login

import (
	"container/list"
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// textFull is what clients know for "not now".
const textFull = "The server is currently full, please try again in a minute or two."

// Options of a Queue.
type Options struct {
	Runtime   cluster.Runtime
	Settings  *setting.Service
	People    func() int // players online in the cluster, bots not counted
	Unlimited bool       // never throttle, for load tests
	Log       *slog.Logger
}

// Counters count since the start.
type Counters struct {
	Admitted atomic.Int64 // let in for a permit
	Refused  atomic.Int64 // because the queue was full
}

// Queue are the users who wait on this node. It is safe for concurrent use. Run lets
// them in.
type Queue struct {
	Options
	Counters Counters

	rules   atomic.Pointer[rules]
	members atomic.Int64  // of the cluster, as Run saw them last
	changed chan struct{} // the settings have
	wake    chan struct{} // somebody came to an empty queue

	mu      sync.Mutex
	waiting list.List               // of *Place, first come first
	byUser  map[int64]*list.Element // of waiting
	untold  int                     // at the end of waiting: who does not know yet whether to wait
	calm    calm
	coming  int // places that were let in in a storm and are not Done
}

// rules are the settings of the throttle, or those for a storm.
type rules struct {
	on          bool
	storm       bool // only a storm is held up
	rate        int
	most        int // places
	limit       int // users online, 0: any number
	nextReading time.Time
}

// New makes the queue of a node.
func New(o Options) *Queue {
	q := &Queue{Options: o, changed: make(chan struct{}, 1), wake: make(chan struct{}, 1), byUser: map[int64]*list.Element{}}
	q.readRules(context.Background())
	o.Settings.OnChange(func() {
		select {
		case q.changed <- struct{}{}:
		default:
		}
	}, setting.LoginThrottle.Key(), setting.LoginRate.Key(), setting.StormRate.Key(), setting.LoginQueue.Key(), setting.UserLimit.Key())
	return q
}

// rulesEvery is how often the settings are read without a change having been heard of.
const rulesEvery = 10 * time.Second

func (q *Queue) readRules(ctx context.Context) {
	r := &rules{nextReading: time.Now().Add(rulesEvery)}
	switch {
	case q.Unlimited:
	case q.Settings.LoginThrottle(ctx):
		r.on, r.rate, r.limit = true, q.Settings.LoginRate(ctx), q.Settings.UserLimit(ctx)
	default:
		r.rate = q.Settings.StormRate(ctx)
		r.on, r.storm = r.rate > 0, true
	}
	if r.on {
		r.most = q.Settings.LoginQueue(ctx)
	}
	q.rules.Store(r)
}

// Place is a user's place in the queue.
type Place struct {
	q    *Queue
	user int64         // 0: nobody knows yet whether it is really that user
	at   *list.Element // while it waits
	turn func()
	lost func()

	told    chan struct{} // closed when it is known whether the user has to wait; nil: it has to
	decided bool          // told is closed; guarded by the queue
	storm   bool          // only a long wait is told
	coming  bool          // let in, and not Done; guarded by the queue
	state   atomic.Int32
}

// The states of a place.
const (
	waits int32 = iota
	permitted
	freed // in a storm, or the throttle was switched off
	left
)

// Refuse refuses a user for whom there would be no place, before anything dear is done
// to find out whether it is really that user.
func (q *Queue) Refuse(u *account.User) error {
	r := q.rules.Load()
	if !r.on || u.Privileged() {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting.Len() < r.most || q.byUser[u.ID] != nil {
		return nil
	}
	q.Counters.Refused.Add(1)
	return refusal.New(refusal.Full, textFull)
}

// ProvesLast reports whether the user's password is to be checked when its turn has
// come: in a storm, if that takes a hash. On other days who waits is known.
func (q *Queue) ProvesLast(u *account.User) bool {
	r := q.rules.Load()
	return r.on && r.storm && !u.Privileged()
}

// Enter takes a place for a user, at the end. No place and no error: the user need not
// wait. A user who waits here already takes over that place, and the lost of the older
// one is called; a full queue is a refusal. Who has not proved to be that user takes
// over nothing, and has nothing that could be taken over.
//
// turn is called once when the user is let in, lost instead of it when the place was
// taken over. Neither may block or call the queue.
func (q *Queue) Enter(u *account.User, proved bool, turn, lost func()) (*Place, error) {
	r := q.rules.Load()
	if !r.on || u.Privileged() {
		return nil, nil //nolint:nilnil // said above
	}
	p := &Place{q: q, turn: turn, lost: lost}
	if proved {
		p.user = u.ID
	}
	q.mu.Lock()
	if e := q.byUser[p.user]; e != nil {
		old := e.Value.(*Place)
		old.state.Store(left)
		p.told, p.decided, p.storm, p.at = old.told, old.decided, old.storm, e
		e.Value = p
		q.mu.Unlock()
		old.lost()
		return p, nil
	}
	defer q.mu.Unlock()
	if r.storm && q.waiting.Len() == 0 && q.calm.take(time.Now(), 1, r.rate, q.members.Load()) == 1 {
		return nil, nil //nolint:nilnil // said above
	}
	if q.waiting.Len() >= r.most {
		q.Counters.Refused.Add(1)
		return nil, refusal.New(refusal.Full, textFull)
	}
	switch {
	case r.storm:
		p.storm, p.told = true, make(chan struct{})
		if q.waiting.Len() == 0 {
			q.hurry()
		}
	case q.waiting.Len() == q.untold: // nobody knows that there is a wait
		p.told = make(chan struct{})
		q.untold++
		q.hurry()
	}
	p.at = q.waiting.PushBack(p)
	if proved {
		q.byUser[p.user] = p.at
	}
	return p, nil
}

func (q *Queue) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// User is whose place it is, 0 if that is not proved.
func (p *Place) User() int64 { return p.user }

// stormPatience is how long somebody waits in a storm before it is told.
const stormPatience = 3 * time.Second

// Decided waits, for a moment at most, until it is known whether the user has to wait,
// and reports whether the user is in. turn has been called then. A wait in a storm is
// short for most, so that only who waits longer has to know.
func (p *Place) Decided(ctx context.Context) bool {
	if p.told != nil {
		patience := 2 * term
		if p.storm {
			patience = stormPatience
		}
		t := time.NewTimer(patience)
		defer t.Stop()
		select {
		case <-p.told:
		case <-t.C:
		case <-ctx.Done():
		}
	}
	return p.In()
}

// In reports whether the user has been let in.
func (p *Place) In() bool {
	s := p.state.Load()
	return s == permitted || s == freed
}

// Permitted reports whether the user came in by a permit, for which there was room on
// the server, and not because the throttle was switched off.
func (p *Place) Permitted() bool { return p.state.Load() == permitted }

// Done says that the user is in, or will not be: the next may come. To have said so
// before, or by Leave, is no harm.
func (p *Place) Done() {
	q := p.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.coming {
		return
	}
	p.coming = false
	if q.coming--; q.waiting.Len() > 0 {
		q.hurry()
	}
}

// Leave gives the place up, if the user still waits.
func (p *Place) Leave() {
	defer p.Done()
	q := p.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.state.CompareAndSwap(waits, left) {
		return
	}
	q.known(p)
	q.waiting.Remove(p.at)
	delete(q.byUser, p.user)
}

// Waiting is how many wait on this node.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}

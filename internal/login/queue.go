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
	changed chan struct{} // the settings have
	wake    chan struct{} // somebody came to an empty queue

	mu      sync.Mutex
	waiting list.List               // of *Place, first come first
	byUser  map[int64]*list.Element // of waiting
	untold  int                     // at the end of waiting: who does not know yet whether to wait
}

// rules are the settings of the throttle.
type rules struct {
	on          bool
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
	}, setting.LoginThrottle.Key(), setting.LoginRate.Key(), setting.LoginQueue.Key(), setting.UserLimit.Key())
	return q
}

// rulesEvery is how often the settings are read without a change having been heard of.
const rulesEvery = 10 * time.Second

func (q *Queue) readRules(ctx context.Context) {
	r := &rules{nextReading: time.Now().Add(rulesEvery)}
	if r.on = !q.Unlimited && q.Settings.LoginThrottle(ctx); r.on {
		r.rate, r.most, r.limit = q.Settings.LoginRate(ctx), q.Settings.LoginQueue(ctx), q.Settings.UserLimit(ctx)
	}
	q.rules.Store(r)
}

// Place is a user's place in the queue.
type Place struct {
	q    *Queue
	user int64
	turn func()
	lost func()

	told    chan struct{} // closed when it is known whether the user has to wait; nil: it has to
	decided bool          // told is closed; guarded by the queue
	state   atomic.Int32
}

// The states of a place.
const (
	waits int32 = iota
	permitted
	freed // the throttle was switched off
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

// Enter takes a place for a user, at the end. No place and no error: the user need not
// wait. A user who waits here already takes over that place, and the lost of the older
// one is called; a full queue is a refusal.
//
// turn is called once when the user is let in, lost instead of it when the place was
// taken over. Neither may block or call the queue.
func (q *Queue) Enter(u *account.User, turn, lost func()) (*Place, error) {
	r := q.rules.Load()
	if !r.on || u.Privileged() {
		return nil, nil //nolint:nilnil // said above
	}
	p := &Place{q: q, user: u.ID, turn: turn, lost: lost}
	q.mu.Lock()
	if e := q.byUser[u.ID]; e != nil {
		old := e.Value.(*Place)
		old.state.Store(left)
		p.told, p.decided = old.told, old.decided
		e.Value = p
		q.mu.Unlock()
		old.lost()
		return p, nil
	}
	defer q.mu.Unlock()
	if q.waiting.Len() >= r.most {
		q.Counters.Refused.Add(1)
		return nil, refusal.New(refusal.Full, textFull)
	}
	if q.waiting.Len() == q.untold { // nobody knows that there is a wait
		p.told = make(chan struct{})
		q.untold++
		q.hurry()
	}
	q.byUser[u.ID] = q.waiting.PushBack(p)
	return p, nil
}

func (q *Queue) hurry() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// User is whose place it is.
func (p *Place) User() int64 { return p.user }

// Decided waits, for a moment at most, until it is known whether the user has to wait,
// and reports whether the user is in. turn has been called then.
func (p *Place) Decided(ctx context.Context) bool {
	if p.told != nil {
		t := time.NewTimer(2 * term)
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

// Leave gives the place up, if the user still waits.
func (p *Place) Leave() {
	q := p.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if !p.state.CompareAndSwap(waits, left) {
		return
	}
	q.known(p)
	q.waiting.Remove(q.byUser[p.user])
	delete(q.byUser, p.user)
}

// Waiting is how many wait on this node.
func (q *Queue) Waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waiting.Len()
}

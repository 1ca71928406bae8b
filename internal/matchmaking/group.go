package matchmaking

import (
	"slices"
	"time"

	"teiserver/internal/setting"
)

// The process kinds. The id of a queue is its number, that of a match NUMBER-N, with the
// number of its queue.
const (
	KindQueue = "matchmaking_queue"
	KindMatch = "matchmaking_match"
)

// Spec is a queue as the site has it.
type Spec = setting.Queue

// Who is a session.
type Who struct {
	User        int64 `json:"user"`
	Session     int64 `json:"session"`     // a newer one takes over, an older one is ignored
	Incarnation int64 `json:"incarnation"` // of the node that holds the connection
}

// Waiting is a player who waits.
type Waiting struct {
	Who
	Lost time.Time `json:"lost,omitzero"` // its connection ended; its place is kept until then
}

// Group is a player or a party that waits.
type Group struct {
	ID      string    `json:"id"`              // of this stay in this queue, a ULID
	Party   string    `json:"party,omitempty"` // that they are
	Members []Waiting `json:"members"`
	Rating  float64   `json:"rating"` // the mean of theirs
	Joined  time.Time `json:"joined"`
	Held    time.Time `json:"held,omitzero"` // it is not matched before
}

// Users are its members.
func (g *Group) Users() []int64 {
	list := make([]int64, len(g.Members))
	for i := range g.Members {
		list[i] = g.Members[i].User
	}
	return list
}

func (g *Group) member(user int64) *Waiting {
	for i := range g.Members {
		if g.Members[i].User == user {
			return &g.Members[i]
		}
	}
	return nil
}

// lost reports whether the connection of somebody is lost.
func (g *Group) lost() bool {
	return slices.ContainsFunc(g.Members, func(m Waiting) bool { return !m.Lost.IsZero() })
}

func (g *Group) clone() Group {
	c := *g
	c.Members = slices.Clone(g.Members)
	return c
}

// sameUsers reports whether two groups are of the same players, in any order.
func sameUsers(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// Site is what of the site's settings holds for matchmaking.
type Site struct {
	Queues []Spec        `json:"queues"`
	Ready  time.Duration `json:"ready"`
	Room   time.Duration `json:"room"`
	Rooms  []string      `json:"rooms,omitempty"`
	Rules
}

// Rules say who fits.
type Rules struct {
	Spread float64 `json:"spread"`
	Growth float64 `json:"growth"` // for each growEvery
	Most   float64 `json:"most"`
}

// Queue is the queue with this number.
func (s *Site) Queue(id int) (Spec, bool) {
	i := slices.IndexFunc(s.Queues, func(q Spec) bool { return q.ID == id })
	if i < 0 {
		return Spec{}, false
	}
	return s.Queues[i], true
}

// growEvery is how long somebody waits until others may differ by more.
const growEvery = 30 * time.Second

// spread is by how much the rating of others may differ from that of a group.
func (r Rules) spread(g *Group, at time.Time) float64 {
	steps := float64(at.Sub(g.Joined) / growEvery)
	return max(r.Spread, min(r.Most, r.Spread+max(0, steps)*r.Growth))
}

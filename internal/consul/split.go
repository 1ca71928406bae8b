package consul

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// splitAfter is how long people have to decide on a split.
const splitAfter = 60 * time.Second

// seekAgain is after how long a destination is looked for once more: its search was lost
// with a node.
const seekAgain = 15 * time.Second

// Split is a split that people are asked about.
type Split struct {
	ID      int64     `json:"id"`
	Starter int64     `json:"starter"`
	Least   int       `json:"least"` // so many must move, the starter among them
	Due     time.Time `json:"due"`
	Votes   []Vote    `json:"votes,omitempty"` // by user
	Engine  string    `json:"engine,omitempty"`
	Seed    uint64    `json:"seed"`
	Seeking time.Time `json:"seeking,omitzero"` // since then its destination is looked for
}

// Vote is what somebody does in a split: what Follow does, who may be the starter.
type Vote struct {
	User   int64 `json:"user"`
	Follow int64 `json:"follow"`
}

func (t *Turn) orderSplit(o *order) {
	s := t.State
	if s.Split != nil {
		t.hint(o.User, "A split is already underway, you cannot start a new one yet")
		return
	}
	least := 1
	if o.rest != "" {
		n, ok := t.integer(o, o.rest)
		if !ok {
			return
		}
		least = max(n, 1)
	}
	s.Splits++
	s.Split = &Split{ID: s.Splits, Starter: o.User, Least: least, Due: t.At.Add(splitAfter), Seed: o.Seed}
	t.echo(o)
	t.emote("Split lobby sequence started ($y to move, $n to cancel, $follow <name> to follow user)")
	lines := []string{
		splitter,
		t.name(o.User) + " is moving to a new lobby, to follow them say $y.",
		"If you want to follow someone else then say $follow <name> and you will follow that user.",
		"The split will take place in 60 seconds if at least " + strconv.Itoa(least) + " player(s) agree to move.",
		"You can change your mind at any time. Say $n to cancel your decision and stay here.",
		splitter,
	}
	for i := len(t.Room.Seats) - 1; i >= 0; i-- {
		t.tell(t.Room.Seats[i].User, lines...)
	}
	t.tell(o.User,
		"Splitlobby sequence started. If you stay in this lobby you will be moved to a random empty lobby.",
		"If you choose a lobby yourself then anybody voting yes will follow you to that lobby.",
		splitter)
	t.act(Later{After: splitAfter, Body: SplitDue{Split: s.Split.ID}})
}

func (x *Split) vote(user, follow int64) {
	x.drop(user)
	x.Votes = append(x.Votes, Vote{User: user, Follow: follow})
	slices.SortFunc(x.Votes, func(a, b Vote) int { return cmp.Compare(a.User, b.User) })
}

func (x *Split) drop(user int64) {
	x.Votes = slices.DeleteFunc(x.Votes, func(v Vote) bool { return v.User == user })
}

// voting reports whether there is a split that can still be decided on.
func (t *Turn) voting() bool { return t.State.Split != nil && t.State.Split.Seeking.IsZero() }

func (t *Turn) orderYes(o *order) {
	if !t.voting() {
		return
	}
	if o.User != t.State.Split.Starter {
		t.State.Split.vote(o.User, t.State.Split.Starter)
	}
	t.echo(o)
}

func (t *Turn) orderNo(o *order) {
	if !t.voting() {
		return
	}
	t.State.Split.drop(o.User)
	t.echo(o)
}

func (t *Turn) orderFollow(o *order) {
	if !t.voting() {
		return
	}
	who, ok := t.about(o)
	if !ok {
		return
	}
	if o.User != t.State.Split.Starter {
		t.State.Split.vote(o.User, who.User)
	}
	t.echo(o)
}

func (t *Turn) orderCancelSplit(o *order) {
	t.echo(o)
	if t.voting() {
		t.State.Split = nil
	}
}

func (t *Turn) orderDoSplit(o *order) {
	t.echo(o)
	if t.voting() {
		t.EndSplit(t.State.Split.ID)
	}
}

// Followers are those whose vote leads to the starter, over others if need be. Who
// follows in a circle, or somebody who stays, stays.
func (x *Split) Followers() (list []int64) {
	follow := make(map[int64]int64, len(x.Votes))
	for _, v := range x.Votes {
		follow[v.User] = v.Follow
	}
	for _, v := range x.Votes {
		at := v.Follow
		for step := 0; at != x.Starter && step < len(x.Votes); step++ {
			next, votes := follow[at]
			if !votes {
				break
			}
			at = next
		}
		if at == x.Starter {
			list = append(list, v.User)
		}
	}
	return list
}

// EndSplit counts who moves, and looks for where to. It does nothing if the split is over.
func (t *Turn) EndSplit(id int64) {
	x := t.State.Split
	if x == nil || x.ID != id || !x.Seeking.IsZero() {
		return
	}
	followers := len(t.moving(x))
	switch {
	case followers == 0:
		t.emote("Split failed, nobody followed the split leader")
	case followers+1 < x.Least:
		t.emote("Split failed, not enough players agreed to split (%d/%d)", followers+1, x.Least)
	default:
		t.seek(x)
		return
	}
	t.State.Split = nil
}

// moving are the followers who are here.
func (t *Turn) moving(x *Split) (list []int64) {
	for _, user := range x.Followers() {
		if t.Room.member(user) != nil {
			list = append(list, user)
		}
	}
	return list
}

func (t *Turn) seek(x *Split) {
	x.Seeking = t.At
	t.act(Seek{Split: x.ID, Starter: x.Starter, Stays: t.Room.member(x.Starter) != nil, Seed: x.Seed})
}

// splitOverdue is for timers and searches that were lost with a node.
func (t *Turn) splitOverdue() {
	x := t.State.Split
	switch {
	case x == nil:
	case !x.Seeking.IsZero():
		if t.At.Sub(x.Seeking) >= seekAgain {
			t.seek(x)
		}
	case !t.At.Before(x.Due):
		t.EndSplit(x.ID)
	}
}

// SplitFound moves those who agreed.
func (t *Turn) SplitFound(id, lobby int64) {
	x := t.State.Split
	if x == nil || x.ID != id {
		return
	}
	t.State.Split = nil
	if lobby == 0 || lobby == t.Room.ID {
		t.emote("Split failed, unable to find empty lobby")
		return
	}
	t.emote("Split completed.")
	if t.Room.member(x.Starter) != nil {
		t.act(Summon{User: x.Starter, Lobby: lobby})
	}
	for _, user := range t.moving(x) {
		t.act(Summon{User: user, Lobby: lobby})
	}
}

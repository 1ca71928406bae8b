package spring

import "container/list"

// crowd are the strangers of a node whose addresses are limited, by network: when there are
// too many, those go that are of the network with most of them. The zero value is empty.
type crowd struct {
	byAge list.List      // of *visitor, the oldest first
	of    map[string]int // how many a network has
	with  map[int]int    // how many networks have so many
	most  int            // that one network has
}

func (c *crowd) size() int { return c.byAge.Len() }

func (c *crowd) add(v *visitor) {
	v.place = c.byAge.PushBack(v)
	c.count(v.network(), 1)
}

func (c *crowd) remove(v *visitor) {
	c.byAge.Remove(v.place)
	v.place = nil
	c.count(v.network(), -1)
}

func (c *crowd) count(network string, n int) {
	if c.of == nil {
		c.of, c.with = map[string]int{}, map[int]int{}
	}
	before := c.of[network]
	now := before + n
	if c.with[before]--; c.with[before] <= 0 {
		delete(c.with, before)
	}
	if now == 0 {
		delete(c.of, network)
	} else {
		c.of[network] = now
		c.with[now]++
	}
	if c.most = max(c.most, now); c.with[c.most] == 0 {
		c.most = now // it alone had most, and has one less
	}
}

// oldest is the oldest stranger of the networks that have most, nil if a newcomer's own
// network is one of them.
func (c *crowd) oldest(newcomer string) *visitor {
	if c.of[newcomer] == c.most {
		return nil
	}
	for e := c.byAge.Front(); e != nil; e = e.Next() {
		if v, ok := e.Value.(*visitor); ok && c.of[v.network()] == c.most {
			return v
		}
	}
	return nil
}

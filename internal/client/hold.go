package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"teiserver/internal/cluster"
	"teiserver/internal/guard"
	"teiserver/internal/lobby"
)

// Clients expect no answer to most commands of a lobby: what is refused silently while
// the owner cannot decide would be wrong on one side for ever, and a match that begins
// then would be lost. So such a command is held here, the last value of each field,
// and sent in order as soon as there is an owner that answers (rule 25).

// The numbers of holding.
const (
	// heldMost bounds what one client may have waiting; what is more is refused aloud.
	heldMost = 100
	// holdAfter is how long the connection waits for an answer before it holds.
	holdAfter = time.Second
	// sendEvery is how often what is held is tried.
	sendEvery = 250 * time.Millisecond
	// sendAtOnce is how many clients' commands are tried at the same time.
	sendAtOnce = 16
)

// holding is a command that waits for its lobby.
type holding struct {
	id      int64  // of the lobby
	field   string // what it sets
	command any
}

// held are the commands of one client that wait, in order.
type held struct {
	mu   sync.Mutex
	list []*holding
}

// mayHold reports whether a command may be held: what is said is not, nor what the client
// gets an answer to.
func mayHold(command any) bool {
	switch command.(type) {
	case lobby.SetStatus, lobby.Update, lobby.Retitle, lobby.AddComputer, lobby.UpdateComputer, lobby.RemoveComputer,
		lobby.AddRect, lobby.RemoveRect, lobby.SetTags, lobby.RemoveTags, lobby.SetUnits, lobby.Force, lobby.Kick, lobby.Answer:
		return true
	}
	return false
}

// fieldOf names what a command sets that may be held.
func fieldOf(command any) string {
	switch cmd := command.(type) {
	case lobby.AddComputer:
		return fmt.Sprintf("%T %s", cmd, cmd.Computer.Name)
	case lobby.UpdateComputer:
		return fmt.Sprintf("%T %s", cmd, cmd.Name)
	case lobby.RemoveComputer:
		return fmt.Sprintf("%T %s", cmd, cmd.Name)
	case lobby.AddRect:
		return fmt.Sprintf("%T %d", cmd, cmd.Rect.Ally)
	case lobby.RemoveRect:
		return fmt.Sprintf("%T %d", cmd, cmd.Ally)
	case lobby.SetTags:
		return fmt.Sprintf("%T %q", cmd, keys(cmd.Tags))
	case lobby.RemoveTags:
		return fmt.Sprintf("%T %q", cmd, cmd.Keys)
	case lobby.SetUnits:
		return fmt.Sprintf("%T %q %q %t", cmd, cmd.Disable, cmd.Enable, cmd.All)
	case lobby.Force:
		return fmt.Sprintf("%T %d %t %t %t %t %t", cmd, cmd.User,
			cmd.Handicap != nil, cmd.Team != nil, cmd.Ally != nil, cmd.Color != nil, cmd.Spectator)
	case lobby.Kick:
		return fmt.Sprintf("%T %d", cmd, cmd.User)
	case lobby.Answer:
		return fmt.Sprintf("%T %d", cmd, cmd.User)
	}
	return fmt.Sprintf("%T", command)
}

func keys(tags map[string]string) []string {
	list := make([]string, 0, len(tags))
	for k := range tags {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// add puts a command at the end. An earlier one for the same field is dropped, unless
// it is the first and may be on its way. False if there is no room.
func (h *held) add(n *holding) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := 1; i < len(h.list); i++ {
		if h.list[i].id == n.id && h.list[i].field == n.field {
			h.list = slices.Delete(h.list, i, i+1)
			break
		}
	}
	if len(h.list) >= heldMost {
		return false
	}
	h.list = append(h.list, n)
	return true
}

// waits reports whether something waits for this lobby: what comes later waits behind.
func (h *held) waits(id int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.list, func(n *holding) bool { return n.id == id })
}

func (h *held) first() *holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.list) == 0 {
		return nil
	}
	return h.list[0]
}

func (h *held) done(n *holding) {
	h.drop(func(other *holding) bool { return other == n })
}

func (h *held) drop(which func(*holding) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = slices.DeleteFunc(h.list, which)
}

// hold keeps a command for later.
func (c *Client) hold(id int64, command any) error {
	if !c.held.add(&holding{id, fieldOf(command), command}) {
		return fmt.Errorf("hold %T: %d commands wait already: %w", command, heldMost, cluster.ErrUnavailable)
	}
	c.svc.holders.add(c)
	return nil
}

// unhold forgets what waits for a lobby: the client has left it.
func (c *Client) unhold(id int64) { c.held.drop(func(n *holding) bool { return n.id == id }) }

// sendHeld tries what is held, in order, until something has no answer. Lobbies that
// did not answer another client in this round are not asked again.
func (c *Client) sendHeld(ctx context.Context, silent *sync.Map) {
	for n := c.held.first(); n != nil && ctx.Err() == nil && !c.ended.Load(); n = c.held.first() {
		if _, skip := silent.Load(n.id); skip {
			return
		}
		try, cancel := context.WithTimeout(ctx, holdAfter)
		_, err := c.svc.Runtime.Call(try, lobbyKey(n.id), n.command)
		cancel()
		if errors.Is(err, cluster.ErrUnavailable) || ctx.Err() != nil {
			silent.Store(n.id, true)
			return
		}
		c.held.done(n)
	}
}

// holders are the clients that hold something.
type holders struct {
	mu   sync.Mutex
	set  map[*Client]struct{}
	wake chan struct{}
}

func newHolders() *holders {
	return &holders{set: map[*Client]struct{}{}, wake: make(chan struct{}, 1)}
}

func (h *holders) add(c *Client) {
	h.mu.Lock()
	h.set[c] = struct{}{}
	h.mu.Unlock()
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// list returns those that still hold something.
func (h *holders) list() (clients []*Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.set {
		if c.ended.Load() || c.held.first() == nil {
			delete(h.set, c)
			continue
		}
		clients = append(clients, c)
	}
	return clients
}

// sendAllHeld sends what clients hold whenever they hold something, until ctx ends.
func (s *Service) sendAllHeld(ctx context.Context) {
	for {
		select {
		case <-s.holders.wake:
		case <-ctx.Done():
			return
		}
		for clients := s.holders.list(); len(clients) > 0; clients = s.holders.list() {
			s.sendRound(ctx, clients)
			select {
			case <-time.After(sendEvery):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (s *Service) sendRound(ctx context.Context, clients []*Client) {
	if !s.Runtime.Trusted() {
		return // the store is away: nobody decides
	}
	var silent sync.Map
	var all guard.Group
	slots := make(chan struct{}, sendAtOnce)
	for _, c := range clients {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			c.sendHeld(ctx, &silent)
		})
	}
	all.Wait()
}

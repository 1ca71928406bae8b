package feed

import (
	"maps"
	"slices"
	"time"

	"teiserver/internal/cluster/bus"
)

// beatLoop sends heartbeats and reminders, and looks after replicas that hear
// nothing, until the hub is closed.
func (h *Hub) beatLoop() {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	reminder := time.NewTimer(time.Hour)
	defer reminder.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-beat.C:
			h.beat()
			h.lookAfter()
		case <-reminder.C:
		case <-h.remind:
		}
		reminder.Reset(h.sendReminders())
	}
}

// sendReminders sends the marks that are due and returns how long until the next.
func (h *Hub) sendReminders() time.Duration {
	now := time.Now()
	wait := time.Hour
	var due []*Publisher
	h.mu.Lock()
	rest := h.reminders[:0]
	for _, r := range h.reminders {
		left := r.at.Sub(now)
		if left > 0 {
			rest, wait = append(rest, r), min(wait, left)
			continue
		}
		if !slices.Contains(due, r.p) {
			due = append(due, r.p)
		}
	}
	clear(h.reminders[len(rest):])
	h.reminders = rest
	h.mu.Unlock()
	for _, p := range due {
		p.remind()
	}
	return wait
}

// beat tells the others the versions of all feeds of this node.
func (h *Hub) beat() {
	h.mu.Lock()
	open := slices.Collect(maps.Values(h.publishers))
	h.mu.Unlock()
	// A node without feeds beats as well: that a feed is missing must be heard.
	b := Heartbeat{Versions: make(map[string]Version, len(open)), Doubt: !h.opts.Trusted()}
	for _, p := range open {
		p.tidy()
		if p.trusted() {
			b.Versions[p.topic] = p.lastSent()
		}
	}
	if err := h.bus.Publish(HeartbeatTopic, b); err != nil {
		h.opts.Log.Debug("feed heartbeat not sent", "err", err)
	}
}

// heartbeat takes in the versions of another node.
func (h *Hub) heartbeat(m bus.Message) {
	b, ok := m.Body.(Heartbeat)
	if !ok || m.Origin == h.bus.Self() || h.opts.Gone(m.Origin) {
		return
	}
	for _, r := range h.followed() {
		v, listed := b.Versions[r.topic]
		r.beaten(m.Origin, v, listed, b.Doubt)
	}
}

// lookAfter looks for the publishers of replicas that hear nothing of theirs.
func (h *Hub) lookAfter() {
	now := time.Now()
	for _, r := range h.followed() {
		if r.silentSince(now) {
			r.refetch(true)
		}
	}
}

func (h *Hub) followed() []*replica {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Collect(maps.Values(h.replicas))
}

package bus

import (
	"sync"
	"time"
)

const (
	// latencyWindow is how long the fastest message counts. Quartz drifts by up to
	// 100 µs a second: within two windows that is 60 ms, within a day 8 s.
	latencyWindow = 5 * time.Minute
	// latencyPeers bounds the incarnations remembered.
	latencyPeers = 1024
)

// latency estimates how long messages were on their way without comparing the
// clocks of two hosts: the smallest difference between a receiver's uptime and
// the sender's, per incarnation, is taken for no time at all. So a message held
// up by a blocked link is known to be late when it arrives.
type latency struct {
	mu    sync.Mutex
	peers map[Origin]*offsets
}

// offsets are minima over this window and the one before. A window ends only
// when a message arrives after it, so silence does not forget: the first message
// after a blockade is still compared with those before it.
type offsets struct {
	began        time.Duration
	now, earlier time.Duration
}

// note takes in a message that the sender sent at its uptime sent and that
// arrived at our uptime now. It returns for how long it was held up.
func (l *latency) note(from Origin, sent, now time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	offset := now - sent
	o := l.peers[from]
	if o == nil {
		l.forget()
		l.peers[from] = &offsets{began: now, now: offset, earlier: offset}
		return 0
	}
	if now-o.began > latencyWindow {
		o.began, o.earlier, o.now = now, o.now, offset
	}
	o.now = min(o.now, offset)
	return max(0, offset-min(o.now, o.earlier))
}

// forget makes room for one more: the incarnation that was new the longest ago goes.
func (l *latency) forget() {
	if l.peers == nil {
		l.peers = map[Origin]*offsets{}
	}
	if len(l.peers) < latencyPeers {
		return
	}
	var oldest Origin
	var began time.Duration
	for from, o := range l.peers {
		if oldest.Node == "" || o.began < began {
			oldest, began = from, o.began
		}
	}
	delete(l.peers, oldest)
}

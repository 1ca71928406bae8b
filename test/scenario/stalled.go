package scenario

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// What a player's connection may fall behind in the server, what its own side holds, whose
// buffer is small as Stall has it, and about what is sent at a time.
const (
	queued = 1 << 20
	taken  = 1 << 20
	batch  = 1 << 16
)

// enough is how much is sent to a client that does not read before the test only waits for its
// end: what the server may queue, and what the system holds for both sides.
func enough() int { return queued + batch + sendBuffer() + taken }

// sendBuffer is the most that this system holds of what was written to a connection.
func sendBuffer() int {
	const unknown = 8 << 20
	text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_wmem")
	if err != nil {
		return unknown
	}
	sizes := strings.Fields(string(text))
	most, err := strconv.Atoi(sizes[len(sizes)-1])
	if err != nil {
		return unknown
	}
	return most
}

func stalled(t *testing.T, env Env) {
	w := enter(t, env)
	room := strings.ToLower(env.Name())
	deaf, speaker := w.player(), w.player()
	var listeners []*actor
	for node := range env.Nodes {
		listeners = append(listeners, w.online(node, springclient.Player, env.Account(t, Plain)))
	}
	w.meet()
	for _, x := range append(listeners, deaf, speaker) {
		x.send("JOIN %s", room)
		x.want("CLIENTS %s %s…", room, x.name)
	}
	for _, x := range listeners {
		x.await("everybody in the channel", func(m *springclient.Model) bool { return len(m.Channels[room]) == len(listeners)+2 })
	}
	deaf.Stall()
	// The reader stops after what it has read already.
	deaf.send("PING")
	ctx, cancel := limit()
	defer cancel()
	gone := func() bool { _, there := listeners[0].Snapshot().World.Users[deaf.name]; return !there }
	text := strings.Repeat("x", 240)
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for sent, most := 0, enough(); !gone(); {
		if sent < most {
			for range 200 {
				speaker.send("SAY %s %s", room, text)
			}
			sent += 200 * (len(text) + len(room) + 20)
			// Nobody else waits for the deaf one: the last line comes to all.
			speaker.send("SAY %s batch %d", room, sent)
			for _, x := range listeners {
				x.want("SAID %s %s batch %d", room, speaker.name, sent)
				x.sync()
			}
			continue
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			t.Fatalf("a client that does not read was not dropped after %d bytes", sent)
		}
	}
	for _, x := range listeners {
		x.await("the end of "+deaf.name, func(m *springclient.Model) bool { return m.Users[deaf.name] == nil })
	}
	deaf.Cut()
	// Its account can come back at once.
	again := w.online(deaf.node, springclient.Player, deaf.name)
	again.send("SAYPRIVATE %s back", speaker.name)
	speaker.want("SAIDPRIVATE %s back", again.name)
}

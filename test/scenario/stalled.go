package scenario

import (
	"strings"
	"testing"
	"time"

	"teiserver/test/springclient"
)

// enough is how much is sent to a client that does not read before the test only
// waits: more than any kernel and any sensible queue hold.
const enough = 64 << 20

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
	for sent := 0; !gone(); {
		if sent < enough {
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

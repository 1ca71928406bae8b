package spring

import (
	"strings"
	"testing"
	"time"
)

// TestStrangersAreMetered: who has not logged in tells thirty things a minute; what is
// more is dropped with a line, and the connection stays.
func TestStrangersAreMetered(t *testing.T) {
	serveTest(t, func(t *testing.T, s *Server, store *siteStore, dial func() *peer) {
		a := dial()
		a.want("TASSERVER ")
		a.send(strings.Repeat("c.telemetry.simple_client_event lobby.y abc\n", 30) + "PING\n")
		a.want("PONG")
		a.send("c.telemetry.update_client_property hardware:cpuinfo QU1E abc\n")
		a.want("NO cmd=Rate limited")
		a.send("c.telemetry.upload_infolog infolog abc e30 QQ\nPING\n")
		a.want("NO cmd=Rate limited")
		a.want("PONG")
		if n := s.Counters.Told.Load(); n != 2 {
			t.Errorf("%d are counted, want 2", n)
		}
		store.set("telemetry.strangers_per_minute", "1")
		<-time.After(limitsEvery + time.Minute)
		a.send("c.telemetry.simple_client_event lobby.y abc\nc.telemetry.simple_client_event lobby.y abc\nPING\n")
		a.want("NO cmd=Rate limited")
		a.want("PONG")
	})
}

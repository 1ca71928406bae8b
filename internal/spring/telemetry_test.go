package spring

import (
	"strings"
	"testing"
)

// TestStrangersAreMetered: who has not logged in tells thirty things a minute; what is
// more is dropped with a line, and the connection stays.
func TestStrangersAreMetered(t *testing.T) {
	serveTest(t, func(t *testing.T, _ *Server, _ *siteStore, dial func() *peer) {
		a := dial()
		a.want("TASSERVER ")
		a.send(strings.Repeat("c.telemetry.simple_client_event lobby.y abc\n", strangersPerMinute) + "PING\n")
		a.want("PONG")
		a.send("c.telemetry.update_client_property hardware:cpuinfo QU1E abc\n")
		a.want("NO cmd=Rate limited")
		a.send("c.telemetry.upload_infolog infolog abc e30 QQ\nPING\n")
		a.want("NO cmd=Rate limited")
		a.want("PONG")
	})
}

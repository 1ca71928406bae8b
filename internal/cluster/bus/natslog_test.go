package bus

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestPeerThatIsDown: the server tries every second; an operator reads it once a minute.
func TestPeerThatIsDown(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	l := newServerLog(Options{Log: slog.New(slog.NewTextHandler(&b, nil))})
	for try := range 50 {
		for _, peer := range []string{"10.0.0.1:6222", "10.0.0.2:6222"} {
			l.Errorf("Error trying to connect to route (attempt %d): dial tcp %s: connect: connection refused", try+1, peer)
		}
	}
	l.Errorf("something else")
	l.Errorf("something else")
	if n := strings.Count(b.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

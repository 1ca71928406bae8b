package bus

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

// TestPeerThatIsDown: the server tries every second; an operator reads it once a minute. The
// node learns when nobody is there whom it was told to join.
func TestPeerThatIsDown(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	tried := 0
	l := newServerLog(Options{
		Listen: "10.0.0.3:6222", Join: []string{"10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"},
		OnTried: func() { tried++ }, Log: slog.New(slog.NewTextHandler(&b, nil)),
	})
	for try := range 50 {
		for _, peer := range []string{"10.0.0.1:6222", "10.0.0.2:6222"} {
			if try == 0 && tried > 0 {
				t.Error("one of two was not tried yet")
			}
			l.Errorf("Error trying to connect to route (attempt %d): dial tcp %s: connect: connection refused", try+1, peer)
		}
	}
	l.Errorf("something else")
	l.Errorf("something else")
	if tried != 1 {
		t.Errorf("told %d times that nobody is there", tried)
	}
	if n := strings.Count(b.String(), "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, b.String())
	}
}

package bus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestStats: what goes to other nodes is counted there and here, with its bytes; what
// stays on the node is not.
func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNetwork()
		c := joined(t, n, "a", "b")
		a, b := c[0], c[1]
		b.Subscribe("news", func(Message) {})
		b.Serve("echo", func(_ context.Context, _ Origin, body any) (any, error) { return body, nil })
		await(t, 100*time.Millisecond) // between two heartbeats
		check := func(what string, sent, received int64, f func()) {
			t.Helper()
			before, there := a.Stats(), b.Stats()
			f()
			synctest.Wait()
			now, then := a.Stats(), b.Stats()
			if now.Sent-before.Sent != sent || now.Received-before.Received != received {
				t.Errorf("%s: sent %d, received %d", what, now.Sent-before.Sent, now.Received-before.Received)
			}
			if out, in := now.SentBytes-before.SentBytes, then.ReceivedBytes-there.ReceivedBytes; out != in || (out > 0) != (sent > 0) {
				t.Errorf("%s: %d bytes left, %d have come", what, out, in)
			}
		}
		check("a message", 1, 0, func() { _ = a.Publish("news", word{1}) })
		check("a local message", 0, 0, func() { a.PublishLocal("news", word{1}) })
		check("a request", 1, 1, func() { _, _ = a.Request(t.Context(), "b", "echo", word{1}) })
		check("a request to itself", 0, 0, func() { _, _ = a.Request(t.Context(), "a", "echo", word{1}) })
	})
}

package postgres

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestHurry: what clears a broken connection away does not wait as long as the driver
// would, and a new connection has the time that it has.
func TestHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		for limit, want := range map[time.Duration]time.Duration{15 * time.Second: closing, connectTimeout: connectTimeout} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			start := time.Now()
			if _, err := hurry(silent)(ctx, "tcp", "nowhere"); err == nil || time.Since(start) != want {
				t.Errorf("a dial of %s ended after %s: %v", limit, time.Since(start), err)
			}
			cancel()
		}
		near, far := net.Pipe()
		defer func() { _ = far.Close() }()
		conn, err := hurry(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		start := time.Now()
		if err := conn.SetDeadline(start.Add(15 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(start) != closing {
			t.Errorf("a read ended after %s: %v", time.Since(start), err)
		}
		// No deadline is none.
		if err := conn.SetDeadline(time.Time{}); err != nil {
			t.Fatal(err)
		}
		go func() { <-time.After(time.Minute); _, _ = far.Write([]byte{1}) }()
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

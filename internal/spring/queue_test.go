package spring

import (
	"context"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/login"
	"teiserver/internal/setting"
	"teiserver/internal/spring/wire"
)

// queueTest runs a test with a server whose queue lets nobody in. LOGIN has the
// password right, as user 1.
func queueTest(t *testing.T, test func(t *testing.T, s *Server, store *siteStore, dial func() *peer)) {
	was := handlers["LOGIN"]
	defer func() { handlers["LOGIN"] = was }()
	handlers["LOGIN"] = func(c *conn, ctx context.Context, id string, request any) bool {
		c.login = request.(wire.Login)
		return c.admit(ctx, id, &account.User{ID: 1, Name: c.login.Name}, true)
	}
	serveTest(t, func(t *testing.T, s *Server, store *siteStore, dial func() *peer) {
		s.Queue = login.New(login.Options{Settings: setting.Fixed(map[string]string{"login.throttle": "on"})})
		test(t, s, store, dial)
	})
}

const loginLine = "LOGIN Erin X03MO1qnZdYdgyfeuILPmQ== 0 * LuaLobby Chobby\t1 2\tsp\n"

// TestQueuedConnections: who waits and is heard of stays, beyond the time for the
// login; who is silent falls to the idle time. Both leave the queue.
func TestQueuedConnections(t *testing.T) {
	for name, tc := range map[string]struct{ send, answer string }{
		"heartbeats": {"c.auth.login_queue_heartbeat\n", "QUEUED"},
		"pings":      {"PING\n", "PONG"},
		"silent":     {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			queueTest(t, func(t *testing.T, s *Server, store *siteStore, dial func() *peer) {
				store.set("spring.login_timeout_s", "60")
				<-time.After(2 * limitsEvery)
				a := dial()
				a.want("TASSERVER ")
				a.send("#4 " + loginLine)
				a.want("#4 QUEUED")
				if n := s.Queue.Waiting(); n != 1 {
					t.Errorf("%d wait", n)
				}
				began := time.Now()
				for range 10 {
					if tc.send != "" {
						<-time.After(100 * time.Second)
						a.send(tc.send)
						a.want(tc.answer)
					}
				}
				a.send("JOIN main\n")
				a.want("DENIED Unauthenticated")
				a.send("STLS\n")
				a.want("SERVERMSG No incomming match")
				heard := time.Now()
				a.want("s.system.disconnect Heartbeat")
				if took := time.Since(heard); took < 119*time.Second || took > 120*time.Second || tc.send != "" && time.Since(began) < 1000*time.Second {
					t.Errorf("closed after %v", took)
				}
				synctest.Wait()
				if n := s.Queue.Waiting(); n != 0 {
					t.Errorf("%d wait when the connection is gone", n)
				}
			})
		})
	}
}

// TestQueueOnTheSameNode: a user who comes again has the place; the older connection
// is told.
func TestQueueOnTheSameNode(t *testing.T) {
	queueTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		a, b := dial(), dial()
		a.want("TASSERVER ")
		b.want("TASSERVER ")
		a.send(loginLine)
		a.want("QUEUED")
		a.send(loginLine)
		a.want("QUEUED")
		b.send(loginLine)
		b.want("QUEUED")
		a.want("s.system.disconnect Logged out")
		if n := s.Queue.Waiting(); n != 1 {
			t.Errorf("%d wait", n)
		}
	})
}

// changed is the store of an account whose password was set while it waited.
type changed struct{ account.Store }

func (changed) UserByID(_ context.Context, id int64) (*account.User, error) {
	return &account.User{ID: id, Name: "Erin", Password: "another", SignOuts: 1}, nil
}

// TestPasswordSetInTheQueue: who has waited with a password that counts no more does not
// come in.
func TestPasswordSetInTheQueue(t *testing.T) {
	queueTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		settings := setting.Fixed(map[string]string{"login.throttle": "on"})
		owner := &rateOwner{}
		s.Accounts = account.NewService(changed{}, nil, nil, settings, account.Options{})
		s.Queue = login.New(login.Options{Runtime: owner, Settings: settings, Log: s.Log})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { s.Queue.Run(ctx) })
		a := dial()
		a.want("TASSERVER ")
		a.send(loginLine)
		a.want("QUEUED")
		owner.permits.Store(1)
		a.want("s.system.disconnect Logged out")
		cancel()
		all.Wait()
	})
}

// TestCall: the reader is called away from its line whenever the call comes, and loses
// no line over it.
func TestCall(t *testing.T) {
	serveTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		var c *conn
		a := dial()
		a.want("TASSERVER ")
		s.mu.Lock()
		for c = range s.conns {
		}
		s.mu.Unlock()
		for range 50 {
			var calls sync.WaitGroup
			calls.Go(c.call)
			a.send("PI")
			a.send("NG\nPING\n")
			a.want("PONG")
			a.want("PONG")
			calls.Wait()
			synctest.Wait()
			if c.turn.Load() {
				t.Fatal("the call was not answered")
			}
		}
		<-time.After(119 * time.Second)
		a.send("PING\n")
		a.want("PONG")
	})
}

// slowCall is a connection on which calling the reader away takes until the reader
// sets its own deadline, or for a moment if it does not.
type slowCall struct {
	net.Conn
	own chan struct{} // of room one
}

func (c slowCall) SetReadDeadline(at time.Time) error {
	if at.After(time.Unix(1, 0)) {
		err := c.Conn.SetReadDeadline(at)
		select {
		case c.own <- struct{}{}:
		default:
		}
		return err
	}
	t := time.NewTimer(50 * time.Millisecond)
	defer t.Stop()
	select {
	case <-c.own:
	default:
	}
	select {
	case <-c.own:
	case <-t.C:
	}
	return c.Conn.SetReadDeadline(at)
}

// TestCallMeetsALine: a call that the reader sees before its deadline is set does not
// end the connection by it afterwards.
func TestCallMeetsALine(t *testing.T) {
	s := NewServer(Options{Settings: setting.Fixed(nil), Log: slog.New(slog.DiscardHandler)})
	ours, theirs := net.Pipe()
	a := newPeer(t, theirs)
	if !s.start(context.Background(), slowCall{ours, make(chan struct{}, 1)}, false) {
		t.Fatal("not taken")
	}
	a.want("TASSERVER ")
	s.mu.Lock()
	var c *conn
	for c = range s.conns {
	}
	s.mu.Unlock()
	var calls sync.WaitGroup
	calls.Go(c.call)
	for !c.turn.Load() {
		runtime.Gosched()
	}
	a.send("PING\n")
	a.want("PONG")
	calls.Wait()
	a.send("PING\n")
	a.want("PONG")
	if err := s.Shutdown(t.Context(), "over"); err != nil {
		t.Error(err)
	}
}

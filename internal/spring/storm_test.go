package spring

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/login"
	"teiserver/internal/setting"
)

// people is a store of accounts in which u1, u2 and so on have a password that takes
// little to check.
type people struct{ account.Store }

func (people) UserIDByName(_ context.Context, name string) (id int64, err error) {
	if _, err := fmt.Sscanf(name, "u%d", &id); err != nil {
		return 0, account.ErrNotFound
	}
	return id, nil
}

func (people) UserByID(_ context.Context, id int64) (*account.User, error) {
	const cheap = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	return &account.User{ID: id, Name: fmt.Sprint("u", id), Password: cheap}, nil
}

// rateOwner is a cluster of one node whose owner of the rate gives as it is told.
type rateOwner struct {
	cluster.Runtime
	permits atomic.Int64
}

func (*rateOwner) Self() bus.Origin          { return bus.Origin{Node: "a", Incarnation: 1} }
func (*rateOwner) Members() []cluster.Member { return make([]cluster.Member, 1) }
func (*rateOwner) Trusted() bool             { return true }

func (o *rateOwner) Call(context.Context, cluster.Key, any) (any, error) {
	return login.Grant{Permits: int(o.permits.Swap(0)), Next: 1e9}, nil
}

// TestNoHashBeforeThePermit: in a storm a password that is not remembered is checked when
// the turn has come; who has no place is refused before.
func TestNoHashBeforeThePermit(t *testing.T) {
	serveTest(t, func(t *testing.T, s *Server, _ *siteStore, dial func() *peer) {
		settings := setting.Fixed(map[string]string{"login.storm_rate": "4", "login.queue": "5"})
		owner := &rateOwner{}
		s.Accounts = account.NewService(people{}, nil, nil, settings, account.Options{})
		s.Queue = login.New(login.Options{Runtime: owner, Settings: settings, Log: s.Log})
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { s.Queue.Run(ctx) })
		come := func(id int) *peer {
			p := dial()
			p.want("TASSERVER ")
			p.send(strings.Replace(loginLine, "Erin", fmt.Sprint("u", id), 1))
			synctest.Wait()
			return p
		}
		hashed, letIn := &s.Accounts.Counters.Hashed, &s.Queue.Counters.Admitted
		come(7).want("DENIED Invalid password") // one comes in without asking
		var waiting []*peer
		for id := range 5 {
			waiting = append(waiting, come(1+id))
		}
		come(3).want("DENIED The server is currently full") // has not proved that it waits already
		come(99).want("DENIED The server is currently full")
		if n := hashed.Load(); n != 1 || s.Queue.Waiting() != 5 {
			t.Errorf("%d passwords are hashed, and %d wait", n, s.Queue.Waiting())
		}
		for began := time.Now(); time.Since(began) < 10*time.Second; <-time.After(10 * time.Millisecond) {
			synctest.Wait()
			if h, in := hashed.Load(), 1+letIn.Load(); h > in {
				t.Fatalf("%d passwords are hashed, and %d have come in", h, in)
			}
			owner.permits.Store(1)
		}
		for i, p := range waiting {
			line := <-p.lines
			if line == "QUEUED" {
				line = <-p.lines
			}
			if line != "DENIED Invalid password" {
				t.Errorf("%d: got %q", i, line)
			}
		}
		if n := hashed.Load(); n != 6 {
			t.Errorf("%d passwords are hashed in the end", n)
		}
		cancel()
		all.Wait()
	})
}

package process_test

import (
	"sync"
	"testing"
	"testing/synctest"

	"teiserver/internal/cluster/clustertest"
	"teiserver/internal/cluster/process"
)

// TestLoads: what waits in a mailbox, and what was taken out of it and is not answered
// yet, counts as waiting.
func TestLoads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := clustertest.NewStore()
		r := newRig(t, s, nil)
		if got := r.host.Loads()["tally"]; got != (process.Load{}) {
			t.Errorf("before: %+v", got)
		}
		p := r.start()
		enter, leave := make(chan struct{}), make(chan struct{})
		s.OnAccess(func(x clustertest.Access) clustertest.Fault { // a durable write that takes its time
			if x.Op == "write" {
				enter <- struct{}{}
				<-leave
			}
			return clustertest.Fault{}
		})
		var all sync.WaitGroup
		send := func(n int) {
			for range n {
				all.Go(func() { _, _ = r.call(p, add{V: 1, Durable: true}) })
			}
		}
		send(1)
		<-enter
		send(4)
		synctest.Wait()
		check := func(want int) {
			t.Helper()
			if got := r.host.Loads()["tally"]; got != (process.Load{Processes: 1, Waiting: want, Longest: want}) {
				t.Errorf("%+v, want %d waiting", got, want)
			}
		}
		check(5)
		leave <- struct{}{}
		<-enter // the four have left the mailbox together
		check(4)
		leave <- struct{}{}
		<-enter
		check(3)
		for range 2 {
			leave <- struct{}{}
			<-enter
		}
		leave <- struct{}{}
		all.Wait()
		synctest.Wait()
		check(0)
	})
}

package roster

import (
	"testing"
	"testing/synctest"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
)

// TestResidents: a resident is shown once, whichever nodes list it, stays while its process
// moves, and goes and comes as the newest of what is heard says.
func TestResidents(t *testing.T) {
	serve(t, func(t *testing.T, f *fakeRuntime, r *Roster) {
		other := bus.Origin{Node: "b", Incarnation: 2}
		f.onMember([]cluster.Member{{Origin: f.self}, {Origin: other}})
		c := newStrict(1, 2, Everything)
		r.Online(person(1, 2))
		r.Attach(c)
		synctest.Wait()
		here, there := f.follower(t, cluster.IndexTopic("bridge")+"@a"), f.follower(t, cluster.IndexTopic("bridge")+"@b")
		tell := func(to feed.Follower, incarnation, epoch, seq int64, away, closed bool) {
			to.Event(feed.Version{Epoch: incarnation, Run: 1, Seq: seq}, process.Indexed{
				ID: "main", Epoch: epoch, Run: 1, Seq: seq, Closed: closed,
				Summary: account.Resident{ID: 90, Name: "DiscordBridge", Country: "GB", Away: away},
			})
			synctest.Wait()
		}
		for _, step := range []struct {
			what        string
			to          feed.Follower
			incarnation int64
			epoch, seq  int64
			away        bool
			closed      bool
			online      bool
		}{
			{"away from the start", here, 1, 1, 1, true, false, false},
			{"comes", here, 1, 1, 2, false, false, true},
			{"is listed again", here, 1, 1, 2, false, false, true},
			{"its process has moved", there, 2, 2, 1, false, false, true},
			{"the owner before ends it", here, 1, 1, 3, false, true, true},
			{"the owner before is late", here, 1, 1, 3, true, false, true},
			{"goes", there, 2, 2, 5, true, false, false},
			{"is late once more", here, 1, 1, 4, false, false, false},
			{"comes again", there, 2, 2, 6, false, false, true},
		} {
			tell(step.to, step.incarnation, step.epoch, step.seq, step.away, step.closed)
			if _, online := r.User(90); online != step.online {
				t.Errorf("%s: online %t", step.what, online)
			}
		}
		r.Detach(c)
		ok(t, c)
	})
}

package roster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/chat"
	"teiserver/internal/cluster"
	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/process"
	"teiserver/internal/lobby"
)

// fakeRuntime keeps what the roster asks of the cluster. The rest of the interface
// is not implemented: using it panics.
type fakeRuntime struct {
	cluster.Runtime
	self bus.Origin

	mu       sync.Mutex
	onMember func([]cluster.Member)
	taken    map[string]func(cluster.Key)
	follows  map[string]feed.Follower
	closed   map[string]func()
	casts    []string
	local    []cluster.Key

	events []any // published presence
	ended  bool
}

func newFake() *fakeRuntime {
	return &fakeRuntime{
		self: bus.Origin{Node: "a", Incarnation: 1}, taken: map[string]func(cluster.Key){},
		follows: map[string]feed.Follower{}, closed: map[string]func(){},
	}
}

func (f *fakeRuntime) Self() bus.Origin { return f.self }

func (f *fakeRuntime) OnMembers(g func([]cluster.Member)) {
	f.onMember = g
	g([]cluster.Member{{Origin: f.self}})
}

func (f *fakeRuntime) OnTakeover(kind string, g func(cluster.Key)) { f.taken[kind] = g }

func (f *fakeRuntime) Follow(key cluster.Key, to feed.Follower, closed func()) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follows[key.String()], f.closed[key.String()] = to, closed
	return func() { f.stop(key.String()) }
}

func (f *fakeRuntime) FollowNode(topic string, node bus.Origin, to feed.Follower) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.follows[topic+"@"+node.Node] = to
	return func() { f.stop(topic + "@" + node.Node) }
}

func (f *fakeRuntime) stop(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.follows, what)
}

func (f *fakeRuntime) Cast(key cluster.Key, command any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch command.(type) {
	case lobby.Gone, chat.Gone:
		f.casts = append(f.casts, "gone "+key.String())
	case lobby.Absent, chat.Leave:
		f.casts = append(f.casts, "absent "+key.String())
	case lobby.Repeat, chat.Repeat:
		f.casts = append(f.casts, "repeat "+key.String())
	}
}

func (f *fakeRuntime) Local(kind string, g func(cluster.Key)) {
	for _, k := range f.local {
		if k.Kind == kind {
			g(k)
		}
	}
}

func (f *fakeRuntime) follower(t *testing.T, what string) feed.Follower {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	to := f.follows[what]
	if to == nil {
		t.Fatalf("%s is not followed", what)
	}
	return to
}

func (f *fakeRuntime) following() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []string
	for what := range f.follows {
		list = append(list, what)
	}
	slices.Sort(list)
	return list
}

// fakePublisher is the fake's end of the presence feed.
type fakePublisher struct{ f *fakeRuntime }

func (p fakePublisher) Publish(event any) feed.Version {
	p.f.events = append(p.f.events, event)
	return p.Version()
}

func (p fakePublisher) Version() feed.Version { return at(1, int64(len(p.f.events))) }
func (p fakePublisher) Close()                { p.f.ended = true }

// serve runs a test with a roster that is served.
func serve(t *testing.T, test func(t *testing.T, f *fakeRuntime, r *Roster)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		r := open(f, noGrace, func(feed.ViewFunc) publisher { return fakePublisher{f} })
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Serve(ctx) }()
		synctest.Wait()
		test(t, f, r)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
		if left := f.following(); len(left) > 0 || !f.ended {
			t.Errorf("left behind: %v, closed %v", left, f.ended)
		}
	})
}

func TestPresenceOfThisNode(t *testing.T) {
	serve(t, func(t *testing.T, f *fakeRuntime, r *Roster) {
		u := person(1, 2)
		r.Online(u)
		r.Online(person(1, 1)) // older
		c := newStrict(1, 2, Everything)
		r.Attach(c)
		if !r.SetStatus(1, 2, true, false) || r.SetStatus(1, 1, false, false) || r.SetStatus(2, 1, true, true) {
			t.Error("status of the wrong session")
		}
		r.SetStatus(1, 2, true, false)
		u.Node, u.Incarnation = "a", 1
		v := u
		v.InGame = true
		var view PresenceView
		err := r.view(t.Context(), func(at feed.Version, x any) {
			view = x.(PresenceView)
			if at != r.out.Version() {
				t.Errorf("view at %v", at)
			}
		})
		if d := cmp.Diff(PresenceView{Users: []User{v}}, view); d != "" || err != nil {
			t.Error(d, err)
		}
		if got, found := r.UserByName("u1"); !found || *got != v {
			t.Errorf("found %v", got)
		}
		r.Offline(1, 1)
		r.Offline(1, 2)
		r.Offline(1, 2)
		want := []any{Came{u}, Changed{v}, Went{1, 2}}
		if d := cmp.Diff(want, f.events); d != "" {
			t.Error(d)
		}
		if users, _ := r.Count(); users != 0 {
			t.Errorf("%d users", users)
		}
		r.Detach(c)
		ok(t, c)
	})
}

// TestShell drives a whole story through the feeds of a fake cluster.
func TestShell(t *testing.T) {
	serve(t, func(t *testing.T, f *fakeRuntime, r *Roster) {
		other := bus.Origin{Node: "b", Incarnation: 2}
		f.onMember([]cluster.Member{{Origin: f.self}, {Origin: other}})
		synctest.Wait()
		filled := make(chan error)
		go func() { filled <- r.Filled(t.Context()) }()
		f.follower(t, "presence@b").Reset(at(1, 9), PresenceView{Users: []User{person(5, 1)}}) // an earlier life
		if users, _ := r.Count(); users != 0 {
			t.Error("an earlier life of a node is believed")
		}
		f.follower(t, "presence@b").Reset(at(2, 1), PresenceView{Users: []User{person(2, 1)}})
		for _, kind := range []string{lobby.Kind, chat.Kind} {
			f.follower(t, cluster.IndexTopic(kind)+"@a").Reset(at(1, 1), process.IndexView{})
		}
		f.follower(t, cluster.IndexTopic(chat.Kind)+"@b").Reset(at(2, 1), process.IndexView{
			Entries: []process.Indexed{{ID: "main", Epoch: 1, Summary: chat.Summary{Name: "main", Members: 1}}},
		})
		synctest.Wait()
		select {
		case <-filled:
			t.Fatal("filled too early")
		default:
		}
		host := whoOf(2, 1, 2)
		f.follower(t, cluster.IndexTopic(lobby.Kind)+"@b").Reset(at(2, 1), process.IndexView{
			Entries: []process.Indexed{indexed(7, at(1, 1), host)},
		})
		if err := <-filled; err != nil {
			t.Fatal(err)
		}
		if err := r.Filled(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, found := r.User(2); !found {
			t.Error("user 2 is not visible")
		}
		c := enterAndTalk(t, f, r, host)
		dieAndAudit(t, f, r, c)
	})
}

func enterAndTalk(t *testing.T, f *fakeRuntime, r *Roster, host lobby.Who) *strict {
	r.Online(person(1, 1))
	c := newStrict(1, 1, Everything)
	r.Attach(c)
	if ids := r.LobbyIDs(); !slices.Equal(ids, []int64{7}) {
		t.Errorf("lobbies %v", ids)
	}
	entering := make(chan error)
	go func() { entering <- r.Enter(t.Context(), c, 7) }()
	synctest.Wait()
	room := f.follower(t, "lobby/7")
	if _, followed := r.Room(7); followed {
		t.Error("a room that was not heard")
	}
	room.Reset(at(1, 1), lobby.View{Info: lobby.Info{ID: 7, Founder: host, Title: "t"}})
	if err := <-entering; err != nil {
		t.Fatal(err)
	}
	room.Event(at(1, 2), lobby.Entered{Member: memberOf(1, 1)})
	if l, in := r.LobbyOf(1); !in || l.Info.ID != 7 || len(l.Members) != 1 || c.in != 7 {
		t.Fatalf("not inside: %v", c.log)
	}
	if v, followed := r.Room(7); !followed || len(v.Members) != 1 {
		t.Errorf("room %v", v)
	}
	if l, in := r.LobbyOf(2); !in || l.Founder.ID != 2 {
		t.Error("the founder is nowhere")
	}
	r.Join(c, "main")
	synctest.Wait()
	main := f.follower(t, "channel/main")
	main.Reset(at(1, 1), chat.View{Name: "main"})
	main.Event(at(1, 2), chat.Joined{Member: inMain(1, 1)})
	if c.channels["main"] == nil || len(r.Channels()) != 1 {
		t.Error("not in the channel")
	}
	f.taken[lobby.Kind](cluster.NewKey(lobby.Kind, 7))
	f.taken[chat.Kind](cluster.NewKey(chat.Kind, "main"))
	synctest.Wait()
	if want := []string{"repeat lobby/7", "repeat channel/main"}; !slices.Equal(f.casts, want) {
		t.Errorf("cast %v", f.casts)
	}
	f.closed["channel/main"]()
	synctest.Wait()
	if slices.Contains(f.following(), "channel/main") {
		t.Error("a channel that ended is still followed")
	}
	pass(tickEvery)
	if !slices.Contains(f.following(), "channel/main") {
		t.Error("the channel is not looked for again")
	}
	if !r.Deliver(1, 1, 2, PrivateSaid{Text: "psst"}) || !slices.Equal(c.private, []string{"psst"}) {
		t.Error("not delivered")
	}
	return c
}

func dieAndAudit(t *testing.T, f *fakeRuntime, r *Roster, c *strict) {
	f.casts = nil
	f.local = []cluster.Key{cluster.NewKey(lobby.Kind, 8), cluster.NewKey(chat.Kind, "main")}
	c.log = nil
	f.onMember([]cluster.Member{{Origin: f.self}})
	synctest.Wait()
	wantLog(t, c, "closed 7", "went 2")
	if want := []string{"gone lobby/8", "gone channel/main"}; !slices.Equal(f.casts, want) {
		t.Errorf("cast %v", f.casts)
	}
	for _, what := range f.following() {
		if strings.HasSuffix(what, "@b") {
			t.Errorf("%s is still followed", what)
		}
	}
	f.casts = nil
	f.follower(t, cluster.IndexTopic(lobby.Kind)+"@a").Event(at(1, 2), indexed(8, at(1, 1), whoOf(1, 1, 1), seatOf(whoOf(2, 1, 2), 1)))
	synctest.Wait()
	f.follower(t, "lobby/8").Reset(at(1, 1), lobby.View{
		Info: lobby.Info{ID: 8, Founder: whoOf(1, 1, 1)}, Members: []lobby.Member{{Who: whoOf(2, 1, 2), Join: 1}},
	})
	if !c.hosting {
		t.Errorf("not hosting: %v", c.log)
	}
	pass(3 * auditEvery * tickEvery)
	if !slices.Contains(f.casts, "absent lobby/8") {
		t.Errorf("cast %v", f.casts)
	}
	ok(t, c)
	r.Detach(c)
	r.Offline(1, 1)
	synctest.Wait()
	if slices.Contains(f.following(), "lobby/8") {
		t.Error("still followed")
	}
}

// TestEnterGivesUp: a lobby that does not answer is waited for as long as the caller
// wants, one that does not exist not at all.
func TestEnterGivesUp(t *testing.T) {
	serve(t, func(t *testing.T, f *fakeRuntime, r *Roster) {
		r.Online(person(1, 1))
		c := newStrict(1, 1, Everything)
		r.Attach(c)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Enter(ctx, c, 7); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("entered: %v", err)
		}
		r.Abandon(c, 7)
		synctest.Wait()
		if slices.Contains(f.following(), "lobby/7") {
			t.Error("still followed")
		}
		entering := make(chan error)
		go func() { entering <- r.Enter(t.Context(), c, 9) }()
		synctest.Wait()
		f.closed["lobby/9"]()
		if err := <-entering; err != nil {
			t.Errorf("no such lobby: %v", err)
		}
	})
}

// pass lets the bubble's time go by.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func noGrace(context.Context) time.Duration { return 0 }

package scenario

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"teiserver/test/springclient"
)

func hundredLogins(t *testing.T, env Env) {
	const n = 100
	w := enter(t, env)
	name := env.Fresh(t, Plain)
	var watchers []*actor
	for node := range env.Nodes {
		watchers = append(watchers, w.online(node, springclient.Player, env.Account(t, Plain)))
	}
	w.meet()
	rivals := make([]*actor, n)
	for i := range rivals {
		rivals[i] = w.connect(springclient.Player)
	}
	var start sync.WaitGroup
	start.Add(1)
	var done sync.WaitGroup
	for _, a := range rivals {
		done.Go(func() {
			start.Wait()
			_ = a.Send("%s", a.LoginLine(name, springclient.Password)) // may be cut off already
		})
	}
	start.Done()
	done.Wait()
	winner := w.survivor(rivals)
	winner.name = name
	for _, x := range watchers {
		x.await("one "+name, func(m *springclient.Model) bool { return m.Users[name] != nil })
		x.send("SAYPRIVATE %s who is it", name)
		winner.want("SAIDPRIVATE %s who is it", x.name)
	}
	winner.send("MYSTATUS 2")
	for _, x := range watchers {
		x.want("CLIENTSTATUS %s 2", name) // what the others of that name did comes before
		came, went := x.Count(0, "ADDUSER "+name+" …"), x.Count(0, "REMOVEUSER "+name)
		if came != went+1 {
			t.Errorf("%s saw %d arrivals and %d departures", x.name, came, went)
		}
	}
	w.converge()
	winner.sync()
}

// survivor waits until exactly one of the rivals is logged in and all others
// have been answered: closed, or denied.
func (w *world) survivor(rivals []*actor) *actor {
	w.Helper()
	ctx, cancel := limit()
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var in []*actor
		waiting := 0
		for _, a := range rivals {
			switch {
			case !a.Open():
			case a.Count(0, "DENIED …") > 0:
			case a.Count(0, "LOGININFOEND") > 0:
				in = append(in, a)
			default:
				waiting++
			}
		}
		if waiting == 0 && len(in) == 1 {
			return in[0]
		}
		if waiting == 0 && len(in) == 0 {
			w.Fatalf("none of %d logins stayed", len(rivals))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Fatalf("of %d logins %d are in and %d wait for an answer", len(rivals), len(in), waiting)
		}
	}
}

func oneName(t *testing.T, env Env) {
	w := enter(t, env)
	for round := range 5 {
		name := env.Name()
		var rivals []*actor
		for range 4 * len(env.Nodes) {
			rivals = append(rivals, w.connect(springclient.Player))
		}
		var start, done sync.WaitGroup
		start.Add(1)
		for i, a := range rivals {
			done.Go(func() {
				start.Wait()
				spelled := name
				if i%2 == 1 {
					spelled = strings.ToUpper(name)
				}
				_ = a.Send("REGISTER %s %s %s%d@example.com", spelled, springclient.Hash(springclient.Password), strings.ToLower(name), i)
			})
		}
		start.Done()
		done.Wait()
		accepted := 0
		for _, a := range rivals {
			ctx, cancel := limit()
			which, line, err := a.ExpectAny(ctx, "REGISTRATIONACCEPTED", "REGISTRATIONDENIED Username already taken", "REGISTRATIONDENIED …")
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			if which == 0 {
				accepted++
			}
			if which == 2 {
				t.Errorf("round %d: %s", round, line)
			}
			a.Close()
		}
		if accepted != 1 {
			t.Errorf("round %d: %d of %d registrations of one name were accepted", round, accepted, len(rivals))
		}
	}
}

func battlesAtOnce(t *testing.T, env Env) {
	w := enter(t, env)
	var hosts []*actor
	for range 2 * len(env.Nodes) {
		hosts = append(hosts, w.host())
	}
	watcher := w.player()
	w.meet()
	seen := map[int64]string{}
	for range 5 {
		ids := make([]int64, len(hosts))
		errs := sideBySide(len(hosts), len(hosts), func(i int) error {
			ctx, cancel := limit()
			defer cancel()
			var err error
			ids[i], err = hosts[i].OpenBattle(ctx, springclient.Battle{Title: fmt.Sprintf("Battle %d", i)})
			return err
		})
		for _, err := range errs {
			t.Fatal(err)
		}
		for i, id := range ids {
			if other, ok := seen[id]; ok {
				t.Errorf("%s and %s have both got battle %d", hosts[i].name, other, id)
			}
			seen[id] = hosts[i].name
			watcher.await(fmt.Sprintf("battle %d", id), func(m *springclient.Model) bool { return m.Battles[id] != nil })
		}
		for i, h := range hosts {
			h.send("LEAVEBATTLE")
			h.want("BATTLECLOSED %d", ids[i])
		}
	}
	watcher.await("no battle", func(m *springclient.Model) bool { return len(m.Battles) == 0 })
}

func tenThousandLines(t *testing.T, env Env) {
	const speakers, each, ahead = 5, 2000, 100
	w := enter(t, env)
	room := strings.ToLower(env.Name())
	var people []*actor
	for range speakers + len(env.Nodes) {
		people = append(people, w.player())
	}
	w.meet()
	for _, a := range people {
		a.send("JOIN %s", room)
		a.want("CLIENTS %s %s…", room, a.name)
	}
	for _, a := range people {
		a.await("everybody in the channel", func(m *springclient.Model) bool { return len(m.Channels[room]) == len(people) })
		a.Skip()
	}
	marks := make([]int, len(people))
	for i, a := range people {
		marks[i] = a.Mark()
	}
	errs := sideBySide(speakers, speakers, func(i int) error {
		a := people[i]
		ctx, cancel := limit()
		defer cancel()
		for n := range each {
			if err := a.Send("SAY %s %d", room, n); err != nil {
				return err
			}
			if n%ahead == ahead-1 { // wait for the echo now and then
				if _, err := a.Expect(ctx, "SAID %s %s %d", room, a.name, n); err != nil {
					return err
				}
			}
		}
		return nil
	})
	for _, err := range errs {
		t.Fatal(err)
	}
	for i, listener := range people {
		listener.Rewind(marks[i])
		for _, speaker := range people[:speakers] {
			listener.Rewind(marks[i])
			listener.want("SAID %s %s %d", room, speaker.name, each-1)
		}
		next := map[string]int{}
		for _, line := range listener.Lines(marks[i]) {
			f := strings.Fields(line)
			if len(f) != 4 || f[0] != "SAID" || f[1] != room {
				continue
			}
			if want := fmt.Sprint(next[f[2]]); f[3] != want {
				t.Fatalf("%s heard line %s of %s, want %s", listener.name, f[3], f[2], want)
			}
			next[f[2]]++
		}
		for _, speaker := range people[:speakers] {
			if next[speaker.name] != each {
				t.Errorf("%s heard %d of %d lines of %s", listener.name, next[speaker.name], each, speaker.name)
			}
		}
	}
}

func twoHundredVanish(t *testing.T, env Env) {
	const n = 200
	w := enter(t, env)
	room := strings.ToLower(env.Name())
	host := w.host()
	watchers := []*actor{host}
	for node := range env.Nodes {
		watchers = append(watchers, w.online(node, springclient.Player, env.Account(t, Plain)))
	}
	w.meet()
	id := host.open(springclient.Battle{})
	for _, a := range watchers {
		a.send("JOIN %s", room)
		a.want("CLIENTS %s %s…", room, a.name)
	}
	stop := host.doorman(id)
	crowd := env.crowd(t, n)
	guests := make([]*actor, n)
	errs := sideBySide(n, 16, func(i int) error {
		a, err := w.dial(i%len(env.Nodes), springclient.Player)
		if err != nil {
			return err
		}
		guests[i] = a
		ctx, cancel := limit()
		defer cancel()
		if err := a.Login(ctx, crowd[i]); err != nil {
			return err
		}
		a.name = crowd[i]
		if err := a.Join(ctx, room); err != nil {
			return err
		}
		switch i % 4 {
		case 0: // goes in the middle of joining
			err = a.AskToJoin(id, "empty", "1")
		case 1:
			if err := a.AskToJoin(id, "empty", "1"); err != nil {
				return err
			}
			if err = a.Joined(ctx, id); err == nil {
				err = a.Send("MYBATTLESTATUS 4195328 255")
			}
		case 2:
			err = a.Send("SAY %s bye", room)
		}
		if i%3 == 0 {
			a.Close()
		} else {
			a.Cut()
		}
		return err
	})
	for _, err := range errs {
		t.Error(err)
	}
	for _, a := range watchers {
		a.await("an empty house", func(m *springclient.Model) bool {
			for _, name := range crowd {
				if m.Users[name] != nil {
					return false
				}
			}
			return len(m.Battles[id].Members) == 0 && len(m.Channels[room]) == len(watchers)
		})
	}
	stop()
	late := w.player()
	if got := late.Snapshot(); len(got.World.Battles[id].Members) != 0 {
		t.Errorf("a newcomer sees ghosts in the battle: %v", got.World.Battles[id].Members)
	}
	for _, name := range crowd {
		if _, ok := late.Snapshot().World.Users[name]; ok {
			t.Errorf("a newcomer sees the ghost of %s", name)
		}
	}
}

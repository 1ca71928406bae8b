package scenario

import (
	"fmt"
	"maps"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"teiserver/test/springclient"
)

// converge waits until all clients agree with each other and with who is really there.
func (w *world) converge() {
	w.Helper()
	ctx, cancel := limit()
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		diff := w.disagreement()
		if diff == "" {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.Errorf("the clients do not come to agree:\n%s", diff)
			return
		}
	}
}

// disagreement says what two clients see differently, or what is not so.
func (w *world) disagreement() string {
	here, left := map[string]bool{}, map[string]bool{}
	var live []*actor
	for _, a := range w.all() {
		switch {
		case a.name == "":
		case a.Open():
			here[a.name] = true
			live = append(live, a)
		default:
			left[a.name] = true
		}
	}
	views := make([]springclient.Snapshot, len(live))
	for i, a := range live {
		views[i] = a.Snapshot()
		for name := range here {
			if _, ok := views[i].World.Users[name]; !ok {
				return fmt.Sprintf("%s does not see %s, who is there", a.name, name)
			}
		}
		for name := range left {
			if _, ok := views[i].World.Users[name]; ok && !here[name] {
				return fmt.Sprintf("%s sees %s, who has left", a.name, name)
			}
		}
	}
	for i, a := range live {
		for j := range i {
			if diff := compare(views[i], views[j], a.Flavor() == live[j].Flavor()); diff != "" {
				return fmt.Sprintf("%s (node %d) and %s (node %d):\n%s", live[j].name, live[j].node+1, a.name, a.node+1, diff)
			}
		}
	}
	return ""
}

// Disagreement says what two clients see differently, empty if nothing: their models
// are compared as far as both can know a thing.
func Disagreement(clients ...*springclient.Client) string {
	views := make([]springclient.Snapshot, len(clients))
	for i, c := range clients {
		views[i] = c.Snapshot()
		for j := range i {
			if diff := compare(views[i], views[j], c.Flavor() == clients[j].Flavor()); diff != "" {
				return fmt.Sprintf("%s and %s:\n%s", views[j].Me, views[i].Me, diff)
			}
		}
	}
	return ""
}

// compare compares what two clients can both know.
func compare(a, b springclient.Snapshot, sameFlavor bool) string {
	private := cmpopts.IgnoreUnexported(springclient.User{})
	if sameFlavor {
		if diff := cmp.Diff(b.World, a.World, private); diff != "" {
			return diff
		}
	} else {
		if diff := cmp.Diff(ids(b.World.Users), ids(a.World.Users)); diff != "" {
			return diff
		}
		if diff := cmp.Diff(opened(b.World.Battles), opened(a.World.Battles)); diff != "" {
			return diff
		}
	}
	if a.Room != nil && b.Room != nil && a.Room.ID == b.Room.ID {
		if diff := cmp.Diff(b.Room, a.Room); diff != "" {
			return diff
		}
	}
	for channel, members := range a.Channels {
		if others, ok := b.Channels[channel]; ok {
			if diff := cmp.Diff(others, members); diff != "" {
				return "channel " + channel + ":\n" + diff
			}
		}
	}
	return ""
}

func ids(users map[string]springclient.User) map[string]int64 {
	out := map[string]int64{}
	for name, u := range users {
		out[name] = u.ID
	}
	return out
}

func opened(battles map[int64]springclient.BattleView) map[int64]springclient.Opened {
	out := map[int64]springclient.Opened{}
	for id := range maps.Keys(battles) {
		out[id] = battles[id].Opened
	}
	return out
}

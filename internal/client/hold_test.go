package client

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/account"
	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
)

// set is MYBATTLESTATUS.
func (a *actor) set(r *rig, st lobby.Status) {
	r.Helper()
	a.do(r, func(w lobby.Who, _ lobby.Rights) any { return lobby.SetStatus{Who: w, Status: st} })
}

func (a *actor) do(r *rig, build func(lobby.Who, lobby.Rights) any) {
	r.Helper()
	if err := a.Command(r.Context(), build); err != nil {
		r.Errorf("not held: %v", err)
	}
}

// tag is SETSCRIPTTAGS.
func (a *actor) tag(r *rig, key, value string) {
	r.Helper()
	a.do(r, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.SetTags{Who: w, Rights: rights, Tags: map[string]string{key: value}}
	})
}

// TestRule25_HeldDuringAnOutage: what is changed while the store is away is there when
// it is back, the last value of each field, and the connection never stands still.
func TestRule25_HeldDuringAnOutage(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.ask(a, id)
		r.accept(host, a)
		r.away()
		pass(4 * time.Second) // nobody is trusted any more

		began := time.Now()
		for ally := range 9 {
			a.set(r, lobby.Status{Player: true, Ally: ally, Color: "7"})
		}
		for i := range 5 {
			host.tag(r, "game/x", fmt.Sprint(i))
		}
		host.tag(r, "game/y", "1")
		host.do(r, func(w lobby.Who, rights lobby.Rights) any {
			return lobby.RemoveTags{Who: w, Rights: rights, Keys: []string{"game/y"}}
		})
		host.do(r, func(w lobby.Who, rights lobby.Rights) any {
			return lobby.AddComputer{Who: w, Rights: rights, Computer: lobby.Computer{Name: "AI1", Owner: w.User}}
		})
		if took := time.Since(began); took > 2*holdAfter+time.Second {
			r.Errorf("the readers stood still for %v", took)
		}
		pass(time.Minute)
		if v := r.room(host); len(v.Computers) != 0 {
			r.Error("something was decided without the store")
		}
		r.store.OnAccess(nil)
		pass(10 * time.Second)
		v := r.room(host)
		want := lobby.Status{Player: true, Ally: 8, Color: "7"}
		if diff := cmp.Diff(want, v.Members[0].Status); diff != "" {
			r.Error(diff)
		}
		if _, there := v.Tags["game/y"]; there || v.Tags["game/x"] != "4" || len(v.Computers) != 1 {
			r.Errorf("tags %v, computers %v", v.Tags, v.Computers)
		}
		a.set(r, lobby.Status{Ally: 3}) // at once again
		if v := r.room(host); v.Members[0].Status.Ally != 3 {
			r.Errorf("status %+v", v.Members[0].Status)
		}
	})
}

// TestRule25_HeldOverACut: what members change while their node does not reach the
// lobby's is there when the link is back.
func TestRule25_HeldOverACut(t *testing.T) {
	inCluster(t, 3, func(r *rig) {
		host, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[1], 2)
		id := r.open(host)
		r.ask(a, id)
		r.accept(host, a)
		pass(2 * time.Second)
		r.net.Cut("a", "b") // the owner is there, and a's node does not reach it
		began := time.Now()
		a.set(r, lobby.Status{Player: true, Ally: 5})
		if took := time.Since(began); took > 2*holdAfter {
			r.Errorf("the reader stood still for %v", took)
		}
		r.net.Heal()
		pass(10 * time.Second)
		if v := r.room(host); v.Members[0].Status.Ally != 5 {
			r.Errorf("status %+v", v.Members[0].Status)
		}
	})
}

// TestRule25_LeavingForgets: who leaves meanwhile wants nothing of it any more.
func TestRule25_LeavingForgets(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		first, second, a := r.enter(r.nodes[0], 1, account.Bot), r.enter(r.nodes[0], 2, account.Bot), r.enter(r.nodes[1], 3)
		one, two := r.open(first), r.open(second)
		r.ask(a, one)
		r.accept(first, a)
		r.away()
		pass(4 * time.Second)
		a.set(r, lobby.Status{Player: true, Ally: 5})
		_ = a.LeaveLobby(r.Context()) // nobody can tell now
		r.store.OnAccess(nil)
		pass(10 * time.Second)
		if v := r.room(first); len(v.Members) != 0 {
			r.Errorf("still in: %+v", v.Members)
		}
		r.ask(a, two)
		r.accept(second, a)
		if v := r.room(second); v.Members[0].Status.Ally != 0 {
			r.Errorf("the other lobby has it: %+v", v.Members[0].Status)
		}
	})
}

// TestRule25_HeldIsBounded: beyond the bound a client is told.
func TestRule25_HeldIsBounded(t *testing.T) {
	inCluster(t, 2, func(r *rig) {
		host := r.enter(r.nodes[0], 1, account.Bot)
		r.open(host)
		r.away()
		pass(4 * time.Second)
		for i := range heldMost {
			host.tag(r, fmt.Sprint("game/", i), "x")
		}
		err := host.Command(r.Context(), func(w lobby.Who, rights lobby.Rights) any {
			return lobby.SetTags{Who: w, Rights: rights, Tags: map[string]string{"game/more": "x"}}
		})
		if !errors.Is(err, cluster.ErrUnavailable) {
			r.Errorf("one more: %v", err)
		}
		host.tag(r, "game/50", "y") // instead of one that waits
		r.store.OnAccess(nil)
		pass(20 * time.Second)
		v := r.room(host)
		for i := range heldMost {
			want := "x"
			if i == 50 {
				want = "y"
			}
			if got := v.Tags[fmt.Sprint("game/", i)]; got != want {
				r.Errorf("tag %d is %q", i, got)
			}
		}
	})
}

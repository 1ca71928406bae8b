package lobby

import (
	"testing"
)

func TestGone(t *testing.T) {
	t.Parallel()
	s := filled(t)
	for user := int64(20); user < 23; user++ {
		w := Who{User: user, Session: 1, Incarnation: 50}
		must(t, s, Join{Who: w})
		if user < 22 {
			must(t, s, Answer{By: who(founder), User: user, Accept: true})
		}
	}
	out := must(t, s, Gone{Incarnation: 50})
	wantEvents(t, out, Departed{Who: Who{21, 1, 50}}, Departed{Who: Who{20, 1, 50}}, Withdrawn{Who{22, 1, 50}})
	wantEvents(t, must(t, s, Gone{Incarnation: 51}))
	out = must(t, s, Gone{Incarnation: 100 * founder})
	wantEvents(t, out, Closed{})
	if !out.Close {
		t.Error("the founder's node is gone and the lobby stays")
	}
}

func TestAbsent(t *testing.T) {
	t.Parallel()
	s := filled(t)
	wantEvents(t, must(t, s, Absent{Who: who(outsider)}))
	wantEvents(t, must(t, s, Absent{Who: who(asker)}), Withdrawn{who(asker)})
	wantEvents(t, must(t, s, Absent{Who: who(spectator)}), Departed{Who: who(spectator)})
	out := must(t, s, Absent{Who: who(founder)})
	wantEvents(t, out, Closed{})
	if !out.Close {
		t.Error("the founder is absent and the lobby stays")
	}
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	st := Status{Player: true, Team: 7, Sync: 1, Color: "3"}
	lost := Member{Who: who(outsider), Join: 4, ScriptPassword: "x", Status: st, Told: true}
	known := func(user int64, s *State) Member { m, _ := s.room.Member(user); return m }

	t.Run("a lost member is added with its status", func(t *testing.T) {
		s := restored(t, filled(t))
		wantEvents(t, must(t, s, Repeat{Members: []Member{lost, lost}}), Entered{lost})
		wantEvents(t, must(t, s, Repeat{Members: []Member{lost}}))
		must(t, s, Leave{Who: who(outsider)})
		must(t, s, Update{Who: who(founder), Locked: true})
		must(t, s, Join{Who: who(outsider)}) // it has joined once
	})
	t.Run("nobody is removed", func(t *testing.T) {
		s := restored(t, filled(t))
		wantEvents(t, must(t, s, Repeat{}))
		if len(view(t, s).Members) != 3 {
			t.Error("members are missing")
		}
	})
	t.Run("a request that was accepted", func(t *testing.T) {
		s := restored(t, filled(t))
		m := Member{Who: who(asker), Join: 1, Status: Unsynced}
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}), Entered{m})
		if len(view(t, s).Pending) != 0 {
			t.Error("it still asks")
		}
	})
	t.Run("a member who asks again by now", func(t *testing.T) {
		s := restored(t, filled(t))
		wantEvents(t, must(t, s, Repeat{Members: []Member{{Who: who(asker), Join: 0}}}))
	})
	t.Run("the status of the last second", func(t *testing.T) {
		s := restored(t, filled(t))
		m := known(player, s)
		m.Status = st
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}), StatusSet{player, st})
		m.Status.Team = 9 // from a replica that has not heard of this life
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}))
	})
	t.Run("a newer session and a newer join", func(t *testing.T) {
		s := restored(t, filled(t))
		m := known(player, s)
		m.Session++
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}), Entered{m})
		m.Join++
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}), Entered{m})
		m.Join--
		wantEvents(t, must(t, s, Repeat{Members: []Member{m}}))
	})
	t.Run("the founder", func(t *testing.T) {
		s := restored(t, filled(t))
		host := who(founder)
		wantEvents(t, must(t, s, Repeat{Founder: &host, Members: []Member{{Who: host}}}))
		host.Incarnation++
		in := info()
		in.Founder = host
		wantEvents(t, must(t, s, Repeat{Founder: &host}), InfoSet{Info: in})
		other := who(player)
		wantEvents(t, must(t, s, Repeat{Founder: &other}))
		host.Session--
		wantEvents(t, must(t, s, Repeat{Founder: &host}))
	})
	t.Run("a lost request", func(t *testing.T) {
		s := restored(t, filled(t))
		p := Asked{Who: who(outsider), Join: 1, ScriptPassword: "x"}
		wantEvents(t, must(t, s, Repeat{Pending: []Asked{p}}), Requested{p})
		wantEvents(t, must(t, s, Repeat{Pending: []Asked{p}}))
		again := Asked{Who: who(player), Join: 2}
		wantEvents(t, must(t, s, Repeat{Pending: []Asked{again}}), Requested{again}, ComputerRemoved{"Barb"}, Departed{Who: who(player)})
		stale := Asked{Who: who(spectator), Join: 1}
		wantEvents(t, must(t, s, Repeat{Pending: []Asked{stale}}))
	})
}

// restored is the machine that a new owner makes of the snapshot.
func restored(t testing.TB, s *State) *State {
	t.Helper()
	r, err := RestoreState([]byte(snapshot(t, s)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

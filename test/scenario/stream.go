package scenario

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/test/springclient"
)

// residents are the server's own accounts: everybody sees them from the first line on.
var residents = []string{"Coordinator", "AutohostMonitor", "AccoladesBot"}

// loginStreams compares whole login streams, line by line, of each flavor of client on each
// node: the sections in their order, and in each section what belongs there and nothing else.
func loginStreams(t *testing.T, env Env) {
	w := enter(t, env)
	host, other, a, b, mod := w.host(), w.host(), w.player(), w.player(), w.moderator()
	w.meet()
	busy := host.open(springclient.Battle{Title: "Busy one"})
	locked := other.open(springclient.Battle{Title: "Busy two", Password: "secret"})
	host.admit(a, busy, "empty")
	host.admit(b, busy, "*")
	a.send("MYSTATUS 1")
	other.send("UPDATEBATTLEINFO 3 1 42 Another Map v2")
	other.send("MYSTATUS 1")
	w.converge()
	for _, x := range w.all() {
		x.await("the battle's lock and its host's status", func(m *springclient.Model) bool {
			return m.Battles[locked].Locked && m.Users[other.name].Status == 65
		})
	}
	mod.await("the status of "+a.name, func(m *springclient.Model) bool { return m.Users[a.name].Status == 1 })

	opened := func(id int64, host *actor, password, mapHash, mapName, title string) []string {
		return []string{
			fmt.Sprintf("BATTLEOPENED %d 0 0 %s 127.0.0.1 8452 16 %s 0 %s spring\t105.1.1-2590\t%s\t%s\tBeyond All Reason test-25000",
				id, host.name, password, mapHash, mapName, title),
		}
	}
	stage := []battleTold{
		{append(opened(busy, host, "0", "1565299817", "Quicksilver Remake 1.24", "Busy one"),
			fmt.Sprintf("UPDATEBATTLEINFO %d 0 0 1565299817 Quicksilver Remake 1.24", busy)),
			[]string{
				fmt.Sprintf("CLIENTSTATUS %s 1\nJOINEDBATTLE %d %[1]s", a.name, busy),
				fmt.Sprintf("CLIENTSTATUS %s 0\nJOINEDBATTLE %d %[1]s", b.name, busy),
			}},
		{append(opened(locked, other, "1", "42", "Another Map v2", "Busy two"),
			fmt.Sprintf("UPDATEBATTLEINFO %d 3 1 42 Another Map v2", locked)), nil},
	}
	plain, bot := env.Account(t, Plain), env.Account(t, Bot)
	for node := range env.Nodes {
		for _, f := range []struct {
			agent, shown, name string
			flavor             springclient.Flavor // of what it is told
			status             int
		}{
			{springclient.PlayerAgent, "LuaLobby Chobby", plain, springclient.Player, 0},
			{"PeerTest 1.0", "PeerTest ", plain, springclient.Player, 0}, // every player is told everything, whatever the program
			{springclient.HostAgent, "SPADS v", bot, springclient.Host, 64},
			{"PlainHost", "PlainHost", bot, springclient.Host, 64},
			{"SLTS Client d", "SLTS Client d", bot, springclient.Player, 64},
		} {
			x := w.connectTo(node, f.flavor)
			x.send("%s", strings.Replace(x.LoginLine(f.name, springclient.Password), x.Flavor().Agent(), f.agent, 1))
			x.want("LOGININFOEND")
			x.name = f.name
			want := streamTold{me: f.name, people: f.flavor == springclient.Player, battles: stage, users: map[string]string{}, statuses: map[string]int{}}
			for i, name := range residents {
				want.users[name] = fmt.Sprintf("ADDUSER %s GB %d Teiserver Internal Client", name, mod.id(residents[i]))
				want.statuses[name] = 64
			}
			for _, u := range []*actor{host, other, a, b, mod} {
				want.users[u.name] = fmt.Sprintf("ADDUSER %s ?? %d %s", u.name, mod.id(u.name), map[springclient.Flavor]string{
					springclient.Player: "LuaLobby Chobby", springclient.Host: "SPADS v"}[u.Flavor()])
				want.statuses[u.name] = map[*actor]int{host: 64, other: 65, a: 1, b: 0, mod: 32}[u]
			}
			want.users[f.name] = fmt.Sprintf("ADDUSER %s ?? %d %s", f.name, x.id(f.name), f.shown)
			want.statuses[f.name] = f.status
			if diff := cmp.Diff(want.lines(), want.sorted(x.Lines(0))); diff != "" {
				t.Errorf("%s with %s on node %d: stream (-want +got):\n%s", f.name, f.agent, node+1, diff)
			}
			x.send("EXIT")
			x.gone()
			x.name = "" // its account is used again
		}
	}
}

// battleTold is what a login stream says of a battle: two lines, and two more for each member.
type battleTold struct{ lines, members []string }

// streamTold is what a login stream is to say.
type streamTold struct {
	me       string
	people   bool // members of battles, and the statuses of players
	users    map[string]string
	statuses map[string]int
	battles  []battleTold
}

// lines is the stream, each section whose order means nothing in the order of its lines.
func (s streamTold) lines() []string {
	out := []string{
		"TASSERVER 0.38-33-ga5f3b28 * 8201 0", "ACCEPTED " + s.me, `SERVERMSG @PROTOCOL_EXTENSIONS@ {"ring:originator":1}`,
		"MOTD Message of the day", "MOTD Welcome to Teiserver", "MOTD Connect on port 8201 for TLS", "MOTD ---------", "MOTD ",
	}
	var users, statuses []string
	for name, line := range s.users {
		users = append(users, line)
		if status := s.statuses[name]; s.people || status&(64|32) != 0 {
			statuses = append(statuses, fmt.Sprintf("CLIENTSTATUS %s %d", name, status))
		}
	}
	slices.Sort(users)
	slices.Sort(statuses)
	out = append(out, users...)
	for _, b := range s.battles {
		out = append(out, b.lines...)
		if s.people {
			out = append(out, slices.Sorted(slices.Values(b.members))...)
		}
	}
	return append(append(out, statuses...), "LOGININFOEND")
}

// section is where in a stream a line belongs.
func section(word string, beforeJoined bool) int {
	switch {
	case word == "ADDUSER":
		return 1
	case word == "BATTLEOPENED" || word == "UPDATEBATTLEINFO" || word == "JOINEDBATTLE" || beforeJoined:
		return 2
	case word == "CLIENTSTATUS":
		return 3
	case word == "LOGININFOEND":
		return 4
	}
	return 0
}

// sorted is a stream that has come in the form of lines: what has no order is sorted, who is
// still there of a scenario before is left out, and what is in the wrong section says so.
func (s streamTold) sorted(got []string) []string {
	sections, blocks := [5][]string{}, map[string][]string{} // blocks: by battle
	at, battle := 0, ""
	for i := range slices.Index(got, "LOGININFOEND") + 1 {
		line := got[i]
		word, rest, _ := strings.Cut(line, " ")
		subject, _, _ := strings.Cut(rest, " ")
		n := section(word, word == "CLIENTSTATUS" && strings.HasPrefix(got[i+1], "JOINEDBATTLE "))
		if n < at {
			line = "out of order: " + line
		}
		at = max(at, n)
		switch {
		case n == 2 && word == "BATTLEOPENED":
			battle = subject
			blocks[battle] = []string{line}
		case n == 2 && word == "JOINEDBATTLE":
			pair := &blocks[battle][len(blocks[battle])-1]
			*pair += "\n" + line
		case n == 2:
			blocks[battle] = append(blocks[battle], line)
		case n != 1 && n != 3 || s.users[subject] != "":
			sections[n] = append(sections[n], line)
		}
	}
	for _, b := range s.battles {
		block := blocks[strings.Fields(b.lines[0])[1]]
		if len(block) > len(b.lines) {
			slices.Sort(block[len(b.lines):])
		}
		sections[2] = append(sections[2], block...)
	}
	slices.Sort(sections[1])
	slices.Sort(sections[3])
	return slices.Concat(sections[:]...)
}

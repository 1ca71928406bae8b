package scenario

import (
	"slices"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

func oddBefore(t *testing.T, env Env) {
	w := enter(t, env)
	for node := range env.Nodes {
		a := w.connectTo(node, springclient.Player)
		a.pester("stranger")
		a.send("%s", a.LoginLine("Nobody99", "x"))
		a.want("DENIED …")
		a.login(env.Account(t, Plain))
	}
}

func oddPlayer(t *testing.T, env Env) {
	r := battle(t, env)
	a := r.newcomer()
	a.pester("player")
	a.send("SAYPRIVATE %s alive", r.a.name)
	r.a.want("SAIDPRIVATE %s alive", a.name)
	member := r.newcomer()
	r.host.await(member.name, func(m *springclient.Model) bool { return m.Users[member.name] != nil })
	member.await("the battle", func(m *springclient.Model) bool { return m.Battles[r.id] != nil })
	r.host.admit(member, r.id, "empty")
	member.pester("player")
	r.marker("still open")
}

func oddHost(t *testing.T, env Env) {
	w := enter(t, env)
	w.anyHash = true // "beef" is taken from hosts, and told
	host := w.online(w.nextNode(), springclient.Host, env.Fresh(t, Bot))
	a, b := w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	host.admit(b, id, "empty")
	b.send("MYBATTLESTATUS 4195328 255")
	b.want("CLIENTBATTLESTATUS %s …", b.name)
	for _, line := range []string{
		"HANDICAP %s 101", "HANDICAP %s -1", "HANDICAP %s 200", "FORCETEAMNO %s 256", "FORCETEAMNO %s -1", "FORCEALLYNO %s 256",
		"FORCEALLYNO %s 99999999999", "FORCETEAMCOLOR %s x", "FORCETEAMCOLOR %s 99999999999999", "FORCETEAMCOLOR %s -1",
	} {
		host.send(line, b.name)
		host.sync()
	}
	for _, line := range []string{
		"ADDSTARTRECT 0 -1 -1 999 999", "ADDSTARTRECT 999 0 0 1 1", "ADDSTARTRECT -1 0 0 1 1", "ADDSTARTRECT 0 200 200 0 0",
		"ADDBOT Odd 12582912 0 x", "ADDBOT Odd2 4294967295 0 x", "ADDBOT Odd3 4294967296 0 x", "ADDBOT Odd4 0 red x", "ADDBOT Odd5 -5 0 x",
		"UPDATEBOT Odd2 4294967296 0", "UPDATEBOT Odd2 x 0", "UPDATEBOT Odd2 0 red",
		"UPDATEBATTLEINFO -1 0 5 Map", "UPDATEBATTLEINFO 1 7 5 Map", "UPDATEBATTLEINFO 1 0 beef Map", "UPDATEBATTLEINFO 1 0 5 Map\tTab",
		"SETSCRIPTTAGS =x", "SETSCRIPTTAGS a b=c", "SETSCRIPTTAGS a=\tb=\t=", "DISABLEUNITS a  b", "DISABLEUNITS a\tb",
		"MYBATTLESTATUS 4194304 red", "MYBATTLESTATUS 4194304 5 6", "c.battle.update_lobby_title ",
		"OPENBATTLE 0 0 * 1 16 beef 0 1 spring\t1\tm\tt\tg", "OPENBATTLE 0 0 * 1 16 1 0 beef spring\t1\tm\tt\tg",
	} {
		host.send("%s", line)
		host.sync()
	}
	a.sync()
	host.pester("bot")
	a.sync()
	b.sync()
	mod := w.online(w.nextNode(), springclient.Player, env.Fresh(t, Moderator)) // it ends up ignoring the Coordinator
	id = host.open(springclient.Battle{})
	host.admit(mod, id, "empty")
	mod.pester("moderator")
	host.send("LEAVEBATTLE")
	host.sync()
	id = host.open(springclient.Battle{})
	host.admit(a, id, "empty")
}

func overlong(t *testing.T, env Env) {
	w := enter(t, env)
	for node := range env.Nodes {
		fresh := w.connectTo(node, springclient.Player)
		a := w.online(node, springclient.Player, env.Account(t, Plain))
		for _, x := range []*actor{fresh, a} {
			for _, n := range []int{70_000, 200_000, 1_000_000} {
				mark := len(x.Lines(0))
				if err := x.SendRaw([]byte("SAYPRIVATE Nobody99 " + strings.Repeat("x", n) + "\n")); err != nil {
					t.Fatal(err)
				}
				x.sync()
				if got := answers(x.Lines(mark)); len(got) != 1 {
					t.Errorf("after a line of %d bytes: %d lines, first %.100q", n, len(got), got[0])
				}
			}
			// In pieces, with a command behind its end in the same packet.
			mark := len(x.Lines(0))
			for range 100 {
				if err := x.SendRaw([]byte(strings.Repeat("y", 10_000))); err != nil {
					t.Fatal(err)
				}
			}
			if err := x.SendRaw([]byte("\nPING\nPI")); err != nil {
				t.Fatal(err)
			}
			if err := x.SendRaw([]byte("NG\n")); err != nil {
				t.Fatal(err)
			}
			x.wantAll("PONG", "PONG")
			if got := answers(x.Lines(mark)); len(got) != 2 {
				t.Errorf("%d lines after the discarded one, want 2: %.200q", len(got), got)
			}
		}
		long := strings.Repeat("z", 60_000)
		a.send("SAYPRIVATE %s %s", a.name, long)
		a.want("SAIDPRIVATE %s %s", a.name, long)
	}
}

// answers are the lines that are not about who comes and goes: these may be late.
func answers(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		command, _, _ := strings.Cut(line, " ")
		return command == "ADDUSER" || command == "REMOVEUSER" || command == "CLIENTSTATUS"
	})
}

func oddBytes(t *testing.T, env Env) {
	w := enter(t, env)
	a := w.player()
	for _, raw := range []string{
		"\xff\xfe\x80\n", "SAY main \xff\n", "   \n", "\n\n\n", "\t\n", "PI\x00NG\n", "\r\n", "^^\n", "\x1b[31m\n", "# PING\n", "#x PING\n", "#1PING\n",
		"#99999999999999999999999999999 \n", "\u2028PING\n", ".\n", "_\n", "#1 \n", "#1 #2 PING\n",
	} {
		if err := a.SendRaw([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		a.sync()
	}
	a.Skip()
	for _, raw := range []string{"PING\r\n", "PING   \n", "PING  and more\n", "PING!\n", "PI", "NG\n"} {
		if err := a.SendRaw([]byte(raw)); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		a.wantNext("PONG")
	}
	a.send("SAYPRIVATE %s 😀 hé", a.name)
	a.want("SAIDPRIVATE %s 😀 hé", a.name)
}

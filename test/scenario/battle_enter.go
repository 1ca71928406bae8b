package scenario

import (
	"fmt"
	"testing"

	"teiserver/test/springclient"
)

// told is what BATTLEOPENED says of springclient.Battle's zero value.
func told(id, host string, passworded int) string {
	return fmt.Sprintf("BATTLEOPENED %s 0 0 %s 127.0.0.1 8452 16 %d 0 1565299817 spring\t105.1.1-2590\tQuicksilver Remake 1.24\t…\tBeyond All Reason test-25000",
		id, host, passworded)
}

func hostHandshake(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, bot := w.host(), w.player(), w.host()
	w.meet()
	host.send("%s", springclient.Battle{}.Line())
	host.wantNext(told("*", host.name, 0), "OPENBATTLE *", "JOINBATTLE * -1540855590", "SETSCRIPTTAGS …", "REQUESTBATTLESTATUS")
	a.want("%s", told("*", host.name, 0))
	bot.want("%s", told("*", host.name, 0))
	host.never(0, "JOINEDBATTLE …")
	host.send("MYBATTLESTATUS 4194306 16777215")
	host.want("CLIENTBATTLESTATUS %s 4194306 16777215", host.name)
	for node := range env.Nodes {
		b := w.online(node, springclient.Player, env.Account(t, Plain))
		if n := b.Count(0, told("*", host.name, 0)); n != 1 {
			t.Errorf("%s was told of the battle %d times", b.name, n)
		}
	}
	a.send("%s", springclient.Battle{}.Line())
	a.want("OPENBATTLEFAILED Not a bot")
	for title, why := range map[string]string{
		"c.battle test": "Lobby name contains invalid characters",
		"ThisTitleIsMuchTooLongForALobbyBecauseItHasMoreThanSeventyCharactersInIt": "Lobby name is too long",
	} {
		bot.send("%s", springclient.Battle{Title: title}.Line())
		bot.want("OPENBATTLEFAILED %s", why)
	}
	bot.send("OPENBATTLE 0 0 * 8452")
	bot.wantNext(`SERVERMSG No incomming match for OPENBATTLE with data '"0 0 * 8452"'. Userid *`, "OPENBATTLEFAILED No match")
	bot.send("OPENBATTLE 0 9 * 8452 16 1 0 1 spring\t1\tm\tt\tg")
	bot.send("OPENBATTLE 0 0 * x y 1 0 1 spring\t1\tm\tt\tg")
	bot.sync()
	bot.send("%s", springclient.Battle{Type: 1, Nat: 2, Password: "secret", MapHash: "-5", Title: "EU - 01 [x] (y)"}.Line())
	bot.want("BATTLEOPENED * 1 2 %s 127.0.0.1 8452 16 1 0 -5 spring\t105.1.1-2590\tQuicksilver Remake 1.24\tEU - 01 [x] (y)\tBeyond…", bot.name)
	a.want("BATTLEOPENED * 1 2 %s …", bot.name)
}

func joinHandshake(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, outside, bot := w.host(), w.player(), w.player(), w.player(), w.host()
	w.meet()
	id := host.open(springclient.Battle{})
	host.send("MYBATTLESTATUS 4194306 16777215")
	host.send("SETSCRIPTTAGS game/startpostype=2\tGAME/HostType=SPADS")
	host.send("ADDSTARTRECT 0 0 0 200 40")
	host.send("DISABLEUNITS armcom corcom")
	host.send("ADDBOT HostAI 4195394 255 Null AI|1")
	host.want("ADDBOT %d HostAI %s 4195394 255 Null AI|1", id, host.name)
	w.skip()

	a.send("JOINBATTLE %d empty 2048", id)
	host.want("JOINBATTLEREQUEST %s 127.0.0.1", a.name)
	a.sync()
	a.never(0, "JOINBATTLE *…")
	host.send("JOINBATTLEACCEPT %s", a.name)
	a.wantAll(fmt.Sprintf("JOINBATTLE %d -1540855590", id), fmt.Sprintf("JOINEDBATTLE %d %s 2048", id, a.name))
	a.want("SETSCRIPTTAGS game/hosttype=SPADS\t…game/startpostype=2…")
	a.wantAll("DISABLEUNITS armcom corcom", fmt.Sprintf("CLIENTBATTLESTATUS %s 4194306 16777215", host.name),
		fmt.Sprintf("ADDBOT %d HostAI %s 4195394 255 Null AI|1", id, host.name), "ADDSTARTRECT 0 0 0 200 40", "REQUESTBATTLESTATUS")
	host.want("JOINEDBATTLE %d %s 2048", id, a.name)
	outside.want("JOINEDBATTLE %d %s", id, a.name)
	b.want("JOINEDBATTLE %d %s", id, a.name)
	a.send("MYBATTLESTATUS 4194304 255")
	a.want("CLIENTBATTLESTATUS %s 4194304 255", a.name)
	host.want("CLIENTBATTLESTATUS %s 4194304 255", a.name)

	w.skip()
	b.send("JOINBATTLE %d  991177", id) // the password is empty: two blanks
	host.want("JOINBATTLEREQUEST %s 127.0.0.1", b.name)
	host.send("JOINBATTLEACCEPT %s", b.name)
	b.wantAll(fmt.Sprintf("JOINBATTLE %d -1540855590", id), fmt.Sprintf("JOINEDBATTLE %d %s 991177", id, b.name), "SETSCRIPTTAGS …",
		"CLIENTBATTLESTATUS "+host.name+" 4194306 16777215", "CLIENTBATTLESTATUS "+a.name+" 4194304 255", "ADDBOT …", "ADDSTARTRECT …", "REQUESTBATTLESTATUS")
	a.want("JOINEDBATTLE %d %s", id, b.name)
	host.want("JOINEDBATTLE %d %s 991177", id, b.name)
	outside.want("JOINEDBATTLE %d %s", id, b.name)
	b.send("MYBATTLESTATUS 4194304 65280")
	for _, x := range []*actor{a, b, host} {
		x.want("CLIENTBATTLESTATUS %s 4194304 65280", b.name)
	}
	outside.sync()
	outside.never(0, "CLIENTBATTLESTATUS …")
	bot.never(0, "JOINEDBATTLE …")
	outside.send("JOINBATTLE %d * 5", id)
	host.want("JOINBATTLEREQUEST %s 127.0.0.1", outside.name)
	host.send("JOINBATTLEACCEPT %s", outside.name)
	outside.want("JOINEDBATTLE %d %s 5", id, outside.name)
}

func joinRefused(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b := w.host(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(b, id, "empty")
	w.skip()
	a.send("JOINBATTLE 99999999 empty 12")
	a.want("JOINBATTLEFAILED No lobby found (type 1, lobby is nil for server_allows_join?)")
	for _, short := range []string{"", "99999", "99999 empty"} {
		a.send("JOINBATTLE%s", map[bool]string{true: "", false: " " + short}[short == ""])
		a.want(`SERVERMSG No incomming match for JOINBATTLE with data '"%s"'. Userid *`, short)
	}
	a.send("JOINBATTLE abc empty 12")
	a.sync()
	a.send("#5 JOINBATTLE %d empty 12", id)
	host.want("JOINBATTLEREQUEST %s *", a.name)
	host.send("JOINBATTLEDENY %s go away please", a.name)
	a.want("JOINBATTLEFAILED go away please")
	a.send("JOINBATTLE %d empty 12", id)
	host.want("JOINBATTLEREQUEST %s *", a.name)
	host.send("JOINBATTLEDENY %s", a.name)
	a.want("JOINBATTLEFAILED no reason given by lobby host user")
	// Only the host answers, and only who has asked.
	mark := len(a.Lines(0))
	host.send("JOINBATTLEACCEPT %s", a.name)
	host.send("JOINBATTLEACCEPT Nobody99")
	host.send("JOINBATTLEDENY Nobody99")
	host.sync()
	a.send("JOINBATTLE %d empty 12", id)
	host.want("JOINBATTLEREQUEST %s *", a.name)
	b.send("JOINBATTLEACCEPT %s", a.name)
	b.sync()
	host.send("SAYBATTLE marker")
	b.want("SAIDBATTLE %s marker", host.name)
	a.never(mark, "JOINBATTLE …")
	host.send("JOINBATTLEACCEPT %s", a.name)
	a.want("JOINEDBATTLE %d %s 12", id, a.name)
	host.send("JOINBATTLEACCEPT %s", a.name) // is in already
	host.sync()
}

func passwords(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, mod := w.host(), w.player(), w.moderator()
	w.meet()
	id := host.open(springclient.Battle{Password: "secret"})
	a.want("%s", told(fmt.Sprint(id), host.name, 1))
	for _, wrong := range []string{"empty", "*", "Secret", ""} {
		a.send("JOINBATTLE %d %s 7", id, wrong)
		a.want("JOINBATTLEFAILED Invalid password")
	}
	a.send("#9 JOINBATTLE %d wrong 7", id)
	a.want("#9 JOINBATTLEFAILED Invalid password")
	host.admit(a, id, "secret")
	host.admit(mod, id, "empty") // moderators need none
	mod.send("LEAVEBATTLE")
	mod.want("LEFTBATTLE %d %s", id, mod.name)
	host.send("LEAVEBATTLE")
	a.want("BATTLECLOSED %d", id)
	for _, password := range []string{"*", "empty"} {
		id := host.open(springclient.Battle{Password: password})
		for _, given := range []string{"*", "empty", ""} {
			host.admit(a, id, given)
			a.send("LEAVEBATTLE")
			a.want("LEFTBATTLE %d %s", id, a.name)
			host.want("LEFTBATTLE %d %s", id, a.name)
		}
		host.send("LEAVEBATTLE")
		host.want("BATTLECLOSED %d", id)
		a.want("BATTLECLOSED %d", id)
	}
}

func lockedBattle(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, mod, watcher := w.host(), w.player(), w.moderator(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.send("UPDATEBATTLEINFO 0 1 1565299817 Quicksilver Remake 1.24")
	for _, x := range []*actor{host, a, mod, watcher} {
		x.want("UPDATEBATTLEINFO %d 0 1 1565299817 Quicksilver Remake 1.24", id)
	}
	a.send("JOINBATTLE %d empty 7", id)
	a.want("JOINBATTLEFAILED Battle locked")
	host.admit(mod, id, "empty")
	host.send("UPDATEBATTLEINFO 0 0 1565299817 Quicksilver Remake 1.24")
	a.want("UPDATEBATTLEINFO %d 0 0 1565299817 Quicksilver Remake 1.24", id)
	host.admit(a, id, "empty")
}

func leaveBattle(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, outside := w.host(), w.player(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	host.admit(b, id, "empty")
	w.skip()
	a.send("MYBATTLESTATUS 4195330 255")
	a.want("CLIENTBATTLESTATUS %s …", a.name)
	a.send("ADDBOT AI1 0 0 NullAI")
	b.want("ADDBOT %d AI1 %s 0 0 NullAI", id, a.name)
	a.send("LEAVEBATTLE")
	left := fmt.Sprintf("LEFTBATTLE %d %s", id, a.name)
	a.want("%s", left)
	b.wantAll(fmt.Sprintf("REMOVEBOT %d AI1", id), left)
	host.wantAll(fmt.Sprintf("REMOVEBOT %d AI1", id), left)
	outside.want("%s", left)
	a.send("LEAVEBATTLE")
	a.send("SAYBATTLE still here")
	a.send("MYBATTLESTATUS 0 0")
	a.sync()
	host.send("SAYBATTLE marker")
	b.want("SAIDBATTLE %s marker", host.name)
	b.never(0, "SAIDBATTLE %s still here", a.name)
	a.never(0, "SAIDBATTLE %s marker", host.name)
	host.admit(a, id, "empty")
}

func hostLeaves(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, outside := w.host(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	mark := map[*actor]int{host: len(host.Lines(0)), a: len(a.Lines(0)), outside: len(outside.Lines(0))}
	host.send("LEAVEBATTLE")
	for x, from := range mark {
		x.want("BATTLECLOSED %d", id)
		x.never(from, "LEFTBATTLE …")
	}
	a.send("SAYBATTLE anybody")
	a.send("JOINBATTLE %d empty 1", id)
	a.want("JOINBATTLEFAILED …")
	a.never(0, "SAIDBATTLE * anybody")
	next := host.open(springclient.Battle{})
	if next <= id {
		t.Errorf("the next battle has id %d, the last had %d", next, id)
	}
	host.admit(a, next, "empty")
}

func hostLost(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, outside, asking := w.host(), w.player(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	asking.send("JOINBATTLE %d empty 1", id)
	host.want("JOINBATTLEREQUEST %s *", asking.name)
	host.Cut()
	for _, x := range []*actor{a, outside, asking} {
		x.wantAll(fmt.Sprintf("BATTLECLOSED %d", id), "REMOVEUSER "+host.name)
	}
	again := w.online(w.nextNode(), springclient.Host, host.name)
	next := again.open(springclient.Battle{})
	again.admit(a, next, "empty")
	again.admit(asking, next, "empty")
}

func hostReopens(t *testing.T, env Env) {
	w := enter(t, env)
	host, a := w.host(), w.player()
	w.meet()
	first := host.open(springclient.Battle{Title: "First"})
	host.admit(a, first, "empty")
	host.send("%s", springclient.Battle{Title: "Second"}.Line())
	a.want("BATTLECLOSED %d", first)
	a.want("BATTLEOPENED * 0 0 %s …", host.name)
	host.want("OPENBATTLE *")
	host.want("REQUESTBATTLESTATUS")
}

func changesBattle(t *testing.T, env Env) {
	w := enter(t, env)
	one, two, a, watcher := w.host(), w.host(), w.player(), w.player()
	w.meet()
	first := one.open(springclient.Battle{Title: "First"})
	second := two.open(springclient.Battle{Title: "Second"})
	one.admit(a, first, "empty")
	w.skip()
	a.send("JOINBATTLE %d empty 5", second)
	two.want("JOINBATTLEREQUEST %s *", a.name)
	left := fmt.Sprintf("LEFTBATTLE %d %s", first, a.name)
	for _, x := range []*actor{a, one, watcher} {
		x.want("%s", left) // before the host has answered
	}
	two.send("JOINBATTLEACCEPT %s", a.name)
	a.want("JOINEDBATTLE %d %s 5", second, a.name)
	watcher.want("JOINEDBATTLE %d %s", second, a.name)
	// Asking for the battle one is in leaves it too.
	a.send("JOINBATTLE %d empty 6", second)
	two.want("JOINBATTLEREQUEST %s *", a.name)
	watcher.want("LEFTBATTLE %d %s", second, a.name)
	two.send("JOINBATTLEACCEPT %s", a.name)
	watcher.want("JOINEDBATTLE %d %s", second, a.name)
	a.want("JOINEDBATTLE %d %s 6", second, a.name)
	// To and fro.
	for range 10 {
		one.admit(a, first, "empty")
		two.admit(a, second, "empty")
	}
}

func memberLost(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, outside := w.host(), w.player(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	host.admit(b, id, "empty")
	a.send("MYBATTLESTATUS 4195330 255")
	a.send("ADDBOT AI1 0 0 NullAI")
	b.want("ADDBOT %d AI1 %s 0 0 NullAI", id, a.name)
	host.want("ADDBOT %d AI1 %s 0 0 NullAI", id, a.name)
	a.Cut()
	left := fmt.Sprintf("LEFTBATTLE %d %s", id, a.name)
	for _, x := range []*actor{b, host} {
		x.wantAll(fmt.Sprintf("REMOVEBOT %d AI1", id), left, "REMOVEUSER "+a.name)
	}
	outside.wantAll(left, "REMOVEUSER "+a.name)
}

// placeKept: a player whose connection was lost has its place again, on whatever node
// it comes back, without the password; who said goodbye has not.
func placeKept(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b := w.host(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{Password: "secret"})
	host.admit(a, id, "secret")
	host.admit(b, id, "secret")
	a.send("MYBATTLESTATUS 4195398 16711680") // player of team 1, ally team 1, synced
	b.want("CLIENTBATTLESTATUS %s 4195396 16711680", a.name)
	a.Cut()
	b.want("REMOVEUSER %s", a.name)
	host.want("REMOVEUSER %s", a.name)

	again := w.online(w.nextNode(), springclient.Player, a.name)
	w.meet()
	host.admit(again, id, "empty")
	for _, x := range []*actor{b, host, again} {
		x.await("its place", func(m *springclient.Model) bool {
			return m.Room != nil && m.Room.Statuses[a.name] == "8389700 16711680"
		})
	}
	again.send("EXIT")
	b.want("REMOVEUSER %s", a.name)
	host.want("REMOVEUSER %s", a.name)
	third := w.online(w.nextNode(), springclient.Player, a.name)
	w.meet()
	mark := len(b.Lines(0))
	host.admit(third, id, "empty")
	b.sync()
	b.never(mark, "CLIENTBATTLESTATUS %s *", a.name)
}

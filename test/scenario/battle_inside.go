package scenario

import (
	"fmt"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// room is a battle with a host, two members, and somebody outside.
type room struct {
	*world
	id      int64
	host    *actor
	a, b    *actor
	outside *actor
	inside  []*actor
}

// battle makes a room whose members have told their first status.
func battle(t *testing.T, env Env) *room {
	w := enter(t, env)
	r := &room{world: w, host: w.host(), a: w.player(), b: w.player(), outside: w.player()}
	w.meet()
	r.inside = []*actor{r.host, r.a, r.b}
	r.id = r.host.open(springclient.Battle{})
	r.host.send("MYBATTLESTATUS 4194306 16777215")
	r.host.want("CLIENTBATTLESTATUS %s 4194306 16777215", r.host.name)
	for _, x := range []*actor{r.a, r.b} {
		r.host.admit(x, r.id, "empty")
		x.send("MYBATTLESTATUS 4194304 0")
		for _, y := range r.inside[:1+indexOf(r.inside[1:], x)+1] {
			y.want("CLIENTBATTLESTATUS %s 4194304 0", x.name)
		}
	}
	w.skip()
	return r
}

func indexOf(list []*actor, a *actor) int {
	for i, x := range list {
		if x == a {
			return i
		}
	}
	return -1
}

// everybody waits until all inside have got a line.
func (r *room) everybody(format string, args ...any) {
	r.Helper()
	for _, x := range r.inside {
		x.want(format, args...)
	}
}

// marker says something that everybody inside has heard when it returns: what
// was done before in this battle has then been seen.
func (r *room) marker(text string) {
	r.Helper()
	r.host.send("SAYBATTLE %s", text)
	r.everybody("SAIDBATTLE %s %s", r.host.name, text)
}

func battleStatus(t *testing.T, env Env) {
	r := battle(t, env)
	a := r.a
	for _, try := range []struct{ send, want string }{
		{"4195330 255", "4195328 255"},               // who becomes a player is not ready
		{"4195330 255", "4195330 255"},               // then may be
		{"4195330 255", "4195330 255"},               // repeated: told again
		{"4195398 16711680", "4195398 16711680"},     // team 1, ally 1
		{"306447494 16711680", "306447494 16711680"}, // team 17, ally 18, side 2
		{"4373504 0", "4195328 0"},                   // a handicap is not taken
		{"4194304 65280", "4194304 65280"},           // spectator
		{"0 65280", "0 65280"},                       // sync unknown
		{"8388608 65280", "8388608 65280"},           // unsynced
	} {
		a.send("MYBATTLESTATUS %s", try.send)
		r.everybody("CLIENTBATTLESTATUS %s %s", a.name, try.want)
	}
	a.send("MYBATTLESTATUS 12582912 0") // sync 3 is no value
	a.send("MYBATTLESTATUS -1 0")
	a.send("MYBATTLESTATUS 99999999999 0")
	a.send("MYBATTLESTATUS x 0")
	a.send("MYBATTLESTATUS")
	a.sync()
	a.send("MYBATTLESTATUS 4194304 7")
	r.everybody("CLIENTBATTLESTATUS %s 4194304 7", a.name)
	r.outside.send("MYBATTLESTATUS 4194304 7")
	r.outside.sync()
	r.outside.never(0, "CLIENTBATTLESTATUS …")
}

func forced(t *testing.T, env Env) {
	r := battle(t, env)
	a := r.a
	a.send("MYBATTLESTATUS 0 255")
	r.everybody("CLIENTBATTLESTATUS %s 0 255", a.name)
	for _, try := range []struct{ send, want string }{
		{"FORCETEAMNO %s 3", "12 255"},
		{"FORCEALLYNO %s 2", "140 255"},
		{"FORCETEAMCOLOR %s 123456", "140 123456"},
		{"HANDICAP %s 20", "41100 123456"},
		{"HANDICAP %s 0", "140 123456"},
		{"FORCETEAMNO %s 17", "262276 123456"},
		{"FORCETEAMNO %s 0", "128 123456"},
		{"FORCEALLYNO %s 0", "0 123456"},
	} {
		r.host.send(try.send, a.name)
		r.everybody("CLIENTBATTLESTATUS %s %s", a.name, try.want)
	}
	a.send("MYBATTLESTATUS 4195328 255")
	r.everybody("CLIENTBATTLESTATUS %s 4195328 255", a.name)
	r.host.send("FORCESPECTATORMODE %s", a.name)
	r.everybody("CLIENTBATTLESTATUS %s 4194304 255", a.name)
	r.marker("before")
	mark := len(r.b.Lines(0))
	r.host.send("FORCESPECTATORMODE %s", a.name) // is one already
	for _, who := range []*actor{r.b, r.outside} {
		who.send("FORCETEAMNO %s 5", a.name)
		who.send("FORCEALLYNO %s 5", a.name)
		who.send("FORCETEAMCOLOR %s 5", a.name)
		who.send("HANDICAP %s 5", a.name)
		who.send("KICKFROMBATTLE %s", a.name)
		who.sync()
	}
	r.host.send("FORCETEAMNO Nobody99 5")
	r.host.send("FORCEALLYNO %s 5", r.outside.name)
	r.host.send("FORCETEAMNO %s 999", a.name)
	r.host.send("FORCEALLYNO %s -1", a.name)
	r.host.send("FORCETEAMNO %s x", a.name)
	r.host.sync()
	r.marker("after")
	r.b.never(mark, "LEFTBATTLE …")
	r.b.never(mark, "CLIENTBATTLESTATUS %s * 5", a.name)
}

func computers(t *testing.T, env Env) {
	r := battle(t, env)
	a, b, id := r.a, r.b, r.id
	mark := len(a.Lines(0))
	b.send("ADDBOT SpecAI 0 0 NullAI") // a spectator may not
	b.sync()
	r.marker("one")
	a.never(mark, "ADDBOT …")
	r.host.send("ADDBOT HostAI 4195395 7 Null AI|1")
	r.everybody("ADDBOT %d HostAI %s 4195394 7 Null AI|1", id, r.host.name) // bit 0 is cleared
	a.send("MYBATTLESTATUS 4195328 255")
	r.everybody("CLIENTBATTLESTATUS %s 4195328 255", a.name)
	a.send("ADDBOT BarbAI 4195394 255 BARb|stable")
	r.everybody("ADDBOT %d BarbAI %s 4195394 255 BARb|stable", id, a.name)
	a.send("ADDBOT BarbAI 4195394 255 Other") // a known name: refused
	a.send("UPDATEBOT BarbAI 4373504 65280")
	r.everybody("UPDATEBOT %d BarbAI 4373504 65280", id)
	b.send("UPDATEBOT BarbAI 0 1")
	b.send("REMOVEBOT BarbAI")
	b.sync()
	r.marker("two")
	r.host.send("UPDATEBOT BarbAI 4195394 1")
	r.everybody("UPDATEBOT %d BarbAI 4195394 1", id)
	a.never(0, "REMOVEBOT …")
	late := r.player()
	r.host.await(late.name, func(m *springclient.Model) bool { return m.Users[late.name] != nil })
	late.await("the battle", func(m *springclient.Model) bool { return m.Battles[id] != nil })
	r.host.admit(late, id, "empty")
	late.Rewind(0)
	late.wantAll(fmt.Sprintf("ADDBOT %d BarbAI %s 4195394 1 BARb|stable", id, a.name), fmt.Sprintf("ADDBOT %d HostAI %s 4195394 7 Null AI|1", id, r.host.name))
	a.send("REMOVEBOT BarbAI")
	r.everybody("REMOVEBOT %d BarbAI", id)
	r.host.send("REMOVEBOT Unknown")
	r.host.send("REMOVEBOT HostAI")
	r.everybody("REMOVEBOT %d HostAI", id)
	r.outside.send("ADDBOT Out 0 0 NullAI")
	r.outside.sync()
	for _, bad := range []string{"ADDBOT", "ADDBOT a", "ADDBOT a b c d", "UPDATEBOT a"} {
		a.send("%s", bad)
		a.want("SERVERMSG No incomming match for %s …", strings.Fields(bad)[0])
	}
}

func rectangles(t *testing.T, env Env) {
	r := battle(t, env)
	r.host.send("ADDSTARTRECT 0 0 0 50 200")
	r.everybody("ADDSTARTRECT 0 0 0 50 200")
	r.host.send("ADDSTARTRECT 1 150 0 200 200")
	r.everybody("ADDSTARTRECT 1 150 0 200 200")
	mark := len(r.a.Lines(0))
	r.b.send("ADDSTARTRECT 2 1 1 2 2")
	r.b.send("REMOVESTARTRECT 1")
	r.outside.send("ADDSTARTRECT 2 1 1 2 2")
	r.b.sync()
	r.outside.sync()
	r.marker("tried")
	r.a.never(mark, "ADDSTARTRECT …")
	r.a.never(mark, "REMOVESTARTRECT …")
	r.host.send("REMOVESTARTRECT 0")
	r.everybody("REMOVESTARTRECT 0")
	r.host.send("REMOVESTARTRECT x")
	r.host.send("ADDSTARTRECT 0 0 0")
	r.host.want("SERVERMSG No incomming match for ADDSTARTRECT …")
	r.host.sync()
}

func scriptTags(t *testing.T, env Env) {
	r := battle(t, env)
	r.host.send("SETSCRIPTTAGS game/startpostype=2\tGAME/Hosttype=SPADS")
	r.everybody("SETSCRIPTTAGS game/hosttype=SPADS\tgame/startpostype=2")
	r.host.send("SETSCRIPTTAGS game/x=a=b c\tnothing\tgame/y=")
	r.everybody("SETSCRIPTTAGS game/x=a=b c\tgame/y=")
	r.host.send("REMOVESCRIPTTAGS GAME/startpostype game/unknown")
	r.everybody("REMOVESCRIPTTAGS game/startpostype")
	mark := len(r.a.Lines(0))
	r.b.send("SETSCRIPTTAGS game/z=1")
	r.outside.send("SETSCRIPTTAGS game/z=1")
	r.b.sync()
	r.outside.sync()
	r.marker("tried")
	r.a.never(mark, "SETSCRIPTTAGS …game/z…")
	r.host.send("SETSCRIPTTAGS")
	r.host.send("SETSCRIPTTAGS noequals")
	r.host.send("REMOVESCRIPTTAGS")
	r.host.sync()
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("game/modoptions/o%03d=%d", i, i))
	}
	r.host.send("SETSCRIPTTAGS %s", strings.Join(many, "\t"))
	r.everybody("SETSCRIPTTAGS %s", strings.Join(many, "\t"))
}

func disabledUnits(t *testing.T, env Env) {
	r := battle(t, env)
	r.host.send("DISABLEUNITS unit1 unit2 unit3")
	for _, x := range r.inside {
		x.wantAll("ENABLEALLUNITS", "DISABLEUNITS unit1 unit2 unit3")
	}
	r.host.send("ENABLEUNITS unit3")
	for _, x := range r.inside {
		x.wantAll("ENABLEALLUNITS", "DISABLEUNITS unit1 unit2")
	}
	mark := len(r.a.Lines(0))
	r.b.send("ENABLEALLUNITS")
	r.b.send("DISABLEUNITS unit9")
	r.b.sync()
	r.marker("tried")
	r.a.never(mark, "ENABLEALLUNITS")
	r.a.never(mark, "DISABLEUNITS …")
	r.host.send("ENABLEALLUNITS")
	r.everybody("ENABLEALLUNITS")
	mark = len(r.a.Lines(0))
	r.host.send("ENABLEALLUNITS")
	r.host.send("DISABLEUNITS")
	r.marker("again")
	r.a.never(mark, "DISABLEUNITS …")
}

func battleInformation(t *testing.T, env Env) {
	r := battle(t, env)
	everyone := append(r.inside, r.outside)
	for _, info := range []string{"1 0 9999 Supreme Isthmus v2.1", "2 1 9999 Supreme Isthmus v2.1", "2 0 -77 Other Map"} {
		r.host.send("UPDATEBATTLEINFO %s", info)
		for _, x := range everyone {
			x.want("UPDATEBATTLEINFO %d %s", r.id, info)
		}
	}
	mark := len(r.outside.Lines(0))
	r.b.send("UPDATEBATTLEINFO 9 1 5 Mine")
	r.host.send("UPDATEBATTLEINFO 2 0 -77 Other Map") // nothing changed
	for _, bad := range []string{"", " 0", " 0 0 5"} {
		r.host.send("UPDATEBATTLEINFO%s", bad)
		r.host.want("SERVERMSG No incomming match for UPDATEBATTLEINFO …")
	}
	r.b.sync()
	r.marker("tried")
	r.outside.sync()
	r.outside.never(mark, "UPDATEBATTLEINFO …")
}

func battleTitle(t *testing.T, env Env) {
	r := battle(t, env)
	r.host.send("c.battle.update_lobby_title NewName 123")
	r.host.want("OK cmd=c.battle.update_lobby_title")
	for _, x := range append(r.inside, r.outside) {
		x.Rewind(0)
		x.want("s.battle.update_lobby_title %d\tNewName 123", r.id)
	}
	r.host.send("c.battle.update_lobby_title not. a title")
	r.host.want("NO cmd=c.battle.update_lobby_title\tLobby name contains invalid characters")
	r.a.send("c.battle.update_lobby_title not mine")
	r.a.send("c.battles.list_ids")
	r.a.want("s.battles.id_list …%d…", r.id)
	late := r.online(r.nextNode(), springclient.Player, env.Account(t, Plain))
	if got := late.Snapshot().World.Battles[r.id].Title; got != "NewName 123" {
		t.Errorf("a newcomer sees the title %q", got)
	}
}

func battleChat(t *testing.T, env Env) {
	r := battle(t, env)
	for _, speaker := range r.inside {
		speaker.send("SAYBATTLE hello  from\t%s", speaker.name)
		r.everybody("SAIDBATTLE %s hello  from\t%s", speaker.name, speaker.name)
		speaker.send("SAYBATTLEEX waves é😀")
		r.everybody("SAIDBATTLEEX %s waves é😀", speaker.name)
	}
	r.host.send("SAYBATTLEPRIVATEEX %s only you", r.a.name)
	r.a.want("SAIDBATTLEEX %s only you", r.host.name)
	r.a.send("SAYBATTLEPRIVATEEX %s psst", r.b.name)
	r.b.want("SAIDBATTLEEX %s psst", r.a.name)
	r.outside.send("SAYBATTLE from outside")
	r.outside.send("SAYBATTLEPRIVATEEX %s from outside", r.a.name)
	r.outside.sync()
	r.a.send("SAYBATTLE")
	r.a.send("SAYBATTLEPRIVATEEX")
	r.a.want("SERVERMSG No incomming match for SAYBATTLEPRIVATEEX …")
	r.marker("last")
	r.b.never(0, "SAIDBATTLEEX * only you")
	r.host.never(0, "SAIDBATTLEEX * psst")
	r.a.never(0, "… from outside")
	r.outside.never(0, "SAIDBATTLE…")
}

func kick(t *testing.T, env Env) {
	r := battle(t, env)
	mod := r.moderator()
	mod.await("the battle", func(m *springclient.Model) bool { return m.Battles[r.id] != nil })
	r.host.await(mod.name, func(m *springclient.Model) bool { return m.Users[mod.name] != nil })
	r.host.admit(mod, r.id, "empty")
	r.b.send("KICKFROMBATTLE %s", r.a.name)
	r.b.sync()
	r.host.send("KICKFROMBATTLE %s", mod.name) // moderators stay
	r.host.send("KICKFROMBATTLE Nobody99")
	r.host.send("KICKFROMBATTLE %s", r.outside.name)
	r.host.send("KICKFROMBATTLE %s", r.a.name)
	left := fmt.Sprintf("LEFTBATTLE %d %s", r.id, r.a.name)
	r.a.wantAll("FORCEQUITBATTLE", left)
	for _, x := range []*actor{r.host, r.b, r.outside, mod} {
		x.want("%s", left)
		x.never(0, "LEFTBATTLE %d %s", r.id, mod.name)
	}
	r.a.send("SAYBATTLE I am back")
	r.a.sync()
	r.host.send("SAYBATTLE marker")
	r.b.want("SAIDBATTLE %s marker", r.host.name)
	r.b.never(0, "SAIDBATTLE %s I am back", r.a.name)
	r.a.never(0, "SAIDBATTLE %s marker", r.host.name)
	r.host.admit(r.a, r.id, "empty")
	mod.send("KICKFROMBATTLE %s", r.b.name)
	r.b.wantAll("FORCEQUITBATTLE", fmt.Sprintf("LEFTBATTLE %d %s", r.id, r.b.name))
}

func match(t *testing.T, env Env) {
	r := battle(t, env)
	r.host.send("JOIN autohosts")
	r.host.want("CLIENTS autohosts %s…", r.host.name)
	r.a.send("MYBATTLESTATUS 4195328 255")
	r.a.send("MYBATTLESTATUS 4195330 255")
	r.everybody("CLIENTBATTLESTATUS %s 4195330 255", r.a.name)
	r.host.send("SAYBATTLEEX * Launching game...")
	r.everybody("SAIDBATTLEEX %s * Launching game...", r.host.name)
	r.host.send("SAYEX autohosts * Launching game...")
	r.host.want("SAIDEX autohosts %s * Launching game...", r.host.name)
	r.host.send("MYSTATUS 65")
	for _, x := range append(r.inside, r.outside) {
		x.want("CLIENTSTATUS %s 65", r.host.name)
	}
	r.a.send("MYSTATUS 1")
	for _, x := range append(r.inside, r.outside) {
		x.want("CLIENTSTATUS %s 1", r.a.name)
	}
	r.a.send("MYSTATUS 0")
	r.host.want("CLIENTSTATUS %s 0", r.a.name)
	r.host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
	r.host.send("MYSTATUS 64")
	for _, x := range append(r.inside, r.outside) {
		x.want("CLIENTSTATUS %s 64", r.host.name)
	}
}

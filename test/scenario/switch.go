package scenario

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// switches are the add-ons that are switched off and on while they are in use; the bridge,
// which wants Discord, is another test's. That of accolades is the last: what a node says of
// it tells whether the node has the others.
var switches = []string{
	"addon.match_monitor", "addon.matchmaking", "addon.parties", "addon.lobby_commands", "addon.telemetry",
	"addon.achievements", "addon.automod", "addon.accolades",
}

// turnAll switches all of them.
func (w *world) turnAll(value string) {
	w.Helper()
	for _, key := range switches {
		w.env.Operate(w, "config", "set", key, value)
	}
}

// answered sends a line until it is answered so, and not with the other answer: what is set is
// known everywhere within a second, each setting for itself.
func (a *actor) answered(line, answer, other string) {
	a.w.Helper()
	a.w.until(line+" is answered "+answer, func() bool {
		ctx, cancel := limit()
		defer cancel()
		a.Skip()
		a.send("%s", line)
		which, _, err := a.ExpectAny(ctx, answer, other)
		if err != nil {
			a.w.Fatalf("%s: %v", a.name, err)
		}
		return which == 0
	})
}

// addonsSwitched: every add-on is switched off while it is in use and on again: the monitor in
// the middle of a game, matchmaking with somebody waiting, a party with two in it. What has
// nothing to do with them goes on, who asks for them is told that they are off, and afterwards they
// go on where they were.
func addonsSwitched(t *testing.T, env Env) {
	if env.Operate == nil || env.ShowMatch == nil {
		return
	}
	w := enter(t, env)
	t.Cleanup(func() {
		for _, key := range switches {
			env.Operate(t, "config", "set", key, "on")
		}
	})
	host, a, b, c := w.host(), w.player(), w.player(), w.player()
	w.meet()
	battle := host.open(springclient.Battle{})
	for _, p := range []*actor{a, b} {
		host.admit(p, battle, "empty")
	}
	id := host.matchID(battle)
	for i, x := range []*actor{a, b} {
		for _, status := range []int{4195328, 4195330} {
			x.send("MYBATTLESTATUS %d 255", status+68*i)
			host.want("CLIENTBATTLESTATUS %s %d 255", x.name, status+68*i)
		}
	}
	host.send("JOIN autohosts")
	host.want("CLIENTS autohosts …%s…", host.name)
	host.send("SAYEX autohosts * Launching game...")
	host.want("SAIDEX autohosts %s * Launching game...", host.name)
	show := func() Match {
		m, err := ReadMatch(env.ShowMatch(t, id))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	w.until("the match has begun", func() bool { return show().Started != "" })
	party := makeParty(a, b)
	c.queue(1)
	key := "machine of " + env.Name()
	env.Operate(t, "moderation", "ban", "add", "--key", key, "--reason", "Cheating")

	w.turnAll("off")
	c.want("s.matchmaking.your_queue_list ") // it is out, once the queue knows
	for _, p := range []*actor{a, b, c} {
		p.answered("SAYPRIVATE AccoladesBot 1", "SAIDPRIVATE AccoladesBot Accolades are switched off at the moment", "SAIDPRIVATE AccoladesBot …")
	}
	c.answered("c.matchmaking.join_queue 1", "NO cmd=c.matchmaking.join_queue\t1", "OK cmd=c.matchmaking.join_queue\t1")
	const invite = "c.party.invite_to_party"
	a.answered(invite+" "+c.name, "NO cmd="+invite+"\tmsg=Parties are switched off", "OK cmd="+invite)
	a.answered("SAYBATTLE $roll 6", "SAIDPRIVATE Coordinator Commands are switched off in lobbies", "SAIDBATTLE Coordinator …")
	host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
	host.want("SAIDEX autohosts %s * Server stopped (running time: 23m14s)", host.name)
	won := base64.StdEncoding.EncodeToString([]byte(`{"scenarioid":"archsimkatshelpers017","difficulty":"Normal","won":true}`))
	scenario := env.Fresh(t, Plain)
	player := w.online(a.node, springclient.Player, scenario)
	win := func() {
		player.send("c.telemetry.complex_client_event game_start:singleplayer:scenario_end %s abcdef", won)
	}
	win() // counts or does not: the setting is some node's that nobody asks
	player.sync()
	noted := w.newcomer() // with the key of the ban, and let be
	noted.tell(key)
	noted.sync()
	noted.Close()
	// The rest goes on: chat, and the battle, with its queue and its rules.
	host.admit(c, battle, "empty")
	c.send("SAYBATTLE still here")
	for _, x := range []*actor{host, a, b} {
		x.want("SAIDBATTLE %s still here", c.name)
	}
	b.send("c.party.leave_current_party")
	b.want("OK cmd=c.party.leave_current_party")
	a.want("#* s.party.left_party %s %s", party, b.name)

	w.turnAll("on")
	for _, p := range []*actor{a, b, c} {
		p.answered("SAYPRIVATE AccoladesBot 1", "SAIDPRIVATE AccoladesBot I'm not currently awaiting feedback for a player", "SAIDPRIVATE AccoladesBot …")
	}
	w.until("the match has ended", func() bool {
		host.send("SAYEX autohosts * Server stopped (running time: 23m14s)")
		host.want("SAIDEX autohosts %s * Server stopped (running time: 23m14s)", host.name)
		return show().Finished != ""
	})
	c.queues("")
	c.answered("c.matchmaking.join_queue 1", "OK cmd=c.matchmaking.join_queue\t1", "NO cmd=c.matchmaking.join_queue\t1")
	c.queues("1:Duel")
	c.send("c.matchmaking.leave_queue 1")
	c.queues("")
	a.answered(invite+" "+b.name, "OK cmd="+invite, "NO cmd="+invite+"\t…")
	b.want("#* s.party.invited_to_party %s %s", party, b.name)
	b.answered("c.party.accept_invite_to_party "+party, "OK cmd=c.party.accept_invite_to_party", "NO cmd=c.party.accept_invite_to_party\t…")
	a.answered("SAYBATTLE $roll 6", "SAIDBATTLE Coordinator …", "SAIDPRIVATE Coordinator Commands are switched off in lobbies")
	achieved := func() int {
		n := 0
		for _, word := range strings.Fields(string(env.Operate(t, "achievement", "of", scenario))) {
			if done, _, is := strings.Cut(word, "/"); is {
				count, _ := strconv.Atoi(done) // another word is none
				n += count
			}
		}
		return n
	}
	w.until("a scenario counts", func() bool { win(); player.sync(); return achieved() == 1 })
	fresh := w.newcomer()
	fresh.tell(key)
	fresh.want("s.system.disconnect Banned")
	fresh.gone()
}

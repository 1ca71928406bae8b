package scenario

import (
	"slices"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// commands is every incoming command but those that end or change the connection.
var commands = strings.Fields(`PING LISTCOMPFLAGS REGISTER LOGIN CONFIRMAGREEMENT RESETPASSWORDREQUEST CHANGEPASSWORD RESETPASSWORD
	RESENDVERIFICATION RENAMEACCOUNT CHANGEEMAILREQUEST CHANGEEMAIL GETUSERINFO CREATEBOTACCOUNT GETIP GETUSERID MYSTATUS
	JOIN LEAVE CHANNELS SAY SAYEX GETCHANNELMESSAGES SAYPRIVATE RING FRIENDLIST FRIENDREQUESTLIST IGNORELIST FRIENDREQUEST
	ACCEPTFRIENDREQUEST DECLINEFRIENDREQUEST UNFRIEND IGNORE UNIGNORE JOINBATTLE JOINBATTLEACCEPT JOINBATTLEDENY
	MYBATTLESTATUS SAYBATTLE SAYBATTLEEX SAYBATTLEPRIVATEEX ADDBOT UPDATEBOT REMOVEBOT ADDSTARTRECT REMOVESTARTRECT SETSCRIPTTAGS
	REMOVESCRIPTTAGS DISABLEUNITS ENABLEUNITS ENABLEALLUNITS HANDICAP FORCETEAMNO FORCEALLYNO FORCETEAMCOLOR FORCESPECTATORMODE
	KICKFROMBATTLE UPDATEBATTLEINFO c.battle.update_lobby_title c.battle.update_host c.battle.queue_status c.battle.extra_data
	c.battles.list_ids c.user.add_friend c.user.remove_friend c.user.rescind_friend_request c.user.accept_friend_request
	c.user.decline_friend_request c.user.whois c.user.whoisName c.user.list_relationships c.user.follow c.user.ignore c.user.avoid
	c.user.block c.user.reset_relationship c.user.follow_by_id c.user.ignore_by_id c.user.avoid_by_id c.user.block_by_id
	c.user.relationship c.user.closeness c.user.get_token_by_email c.user.get_token_by_name c.user.login c.party.create_new_party
	c.party.invite_to_party c.party.accept_invite_to_party c.party.decline_invite_to_party c.party.cancel_invite_to_party
	c.party.leave_current_party c.matchmaking.list_all_queues c.matchmaking.join_queue c.telemetry.upload_infolog
	c.telemetry.update_client_property c.telemetry.log_client_event c.telemetry.simple_client_event c.telemetry.complex_client_event
	c.telemetry.live_client_event c.telemetry.update_client_property_test c.telemetry.log_client_event_test
	c.moderation.report_user c.auth.login_queue_heartbeat c.auth.nosuch c.system.version c.user.nosuch c.nosuch.x
	CHANNELTOPIC MUTE UNMUTE MUTELIST FORCELEAVECHANNEL SETCHANNELKEY SAYPRIVATEEX SAYBATTLEPRIVATE GETINGAMETIME JSON SCRIPT
	PORTTEST KICK BAN LISTBANS SETBOTMODE SAYFROM BATTLEHOSTMSG PROMOTE TESTLOGIN TACHYON FOO OPENBATTLE LEAVEBATTLE`)

// arguments are shapes of argument that no command takes as something that
// would end the session: no name in them is free and legal.
func arguments() []string {
	return []string{
		"", " ", " !", " ! !", " ! ! !", " ! ! ! ! ! ! ! ! ! ! ! !", "\t", " \t\t\t\t", " !\t!\t!\t!\t!\t!", "!", "#1",
		" 1", " -1", " 0 0", " 1 2 3", " 1 2 3 4 5 6 7 8 9", " 999999999999999999999999999", " -999999999999999999999999999 5 5",
		" No-body 1", " No-body -1", " No-body 9999999999", " No-body x", " userName=", " userName=!", " userName=No-body x=y", " ==",
		" \xff\xfe\x80", " 1 \xc3\x28", "\x00", " \x00\x01\x07\x1b", " a\rb", " é😀 é😀", " \u202e\u0000", " " + strings.Repeat("!", 5000), " " + strings.Repeat("! ", 5000),
		" " + strings.Repeat("9", 20000), " 0 0 * x y 1 0 1 spring\t1\tm\tt\tg", " 0 9 * 1 16 1 0 1 spring\t1\tm\tt\tg",
		" 0 0 * 99999999 99999999999 1 0 hash spring\t1\tm\tt\tg", " 0 0 * 1 1 1 0 1 \t\t\t\t", " {\"teamSize\":\"x\",\"nbTeams\":[]}", " {",
	}
}

// pester sends every command with every shape of argument, and after each
// command sees that the connection still answers.
func (a *actor) pester(prefix string) {
	a.w.Helper()
	for _, command := range commands {
		var b strings.Builder
		for _, args := range arguments() {
			b.WriteString(prefix + command + args + "\n")
		}
		if err := a.SendRaw([]byte(b.String())); err != nil {
			a.w.Fatalf("%s after %s: %v\n%s", a.label(), command, err, a.Tail(20))
		}
		ctx, cancel := limit()
		err := a.Ping(ctx)
		cancel()
		if err != nil {
			a.w.Fatalf("%s does not answer after %s with odd arguments: %v", a.label(), command, err)
		}
	}
	a.Skip()
}

func oddBefore(t *testing.T, env Env) {
	w := enter(t, env)
	for node := range env.Nodes {
		a := w.connectTo(node, springclient.Player)
		a.pester("")
		a.send("%s", a.LoginLine("Nobody99", "x"))
		a.want("DENIED …")
		a.login(env.Account(t, Plain))
	}
}

func oddPlayer(t *testing.T, env Env) {
	r := battle(t, env)
	a := r.newcomer()
	a.pester("")
	a.pester("#77 ")
	a.send("SAYPRIVATE %s alive", r.a.name)
	r.a.want("SAIDPRIVATE %s alive", a.name)
	member := r.newcomer()
	r.host.await(member.name, func(m *springclient.Model) bool { return m.Users[member.name] != nil })
	member.await("the battle", func(m *springclient.Model) bool { return m.Battles[r.id] != nil })
	r.host.admit(member, r.id, "empty")
	member.pester("")
	r.marker("still open")
}

func oddHost(t *testing.T, env Env) {
	w := enter(t, env)
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
	host.pester("")
	a.sync()
	b.sync()
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

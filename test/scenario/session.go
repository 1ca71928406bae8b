package scenario

import (
	"fmt"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

func secure(t *testing.T, env Env) {
	w := enter(t, env)
	watcher := w.player()
	for node, n := range env.Nodes {
		if n.TLS == "" {
			t.Fatalf("node %s does not say where it speaks TLS", n.Name)
		}
		ctx, cancel := limit()
		defer cancel()
		c, err := springclient.DialTLS(ctx, n.TLS, springclient.Player)
		if err != nil {
			t.Fatal(err)
		}
		inside := w.adopt(c, node)
		inside.want("TASSERVER …")
		inside.login(env.Account(t, Plain))

		up := w.connectTo(node, springclient.Player)
		up.send("PING")
		up.want("PONG")
		if err := up.StartTLS(ctx); err != nil {
			t.Fatal(err)
		}
		up.want("OK cmd=STLS")
		up.wantNext("TASSERVER 0.38-33-ga5f3b28 * 8201 0")
		up.login(env.Account(t, Plain))
		w.meet()
		watcher.send("SAYPRIVATE %s grüße 😀", up.name)
		up.want("SAIDPRIVATE %s grüße 😀", watcher.name)
		up.send("SAYPRIVATE %s zurück é", inside.name)
		inside.want("SAIDPRIVATE %s zurück é", up.name)
	}
}

func messageIDs(t *testing.T, env Env) {
	w := enter(t, env)
	a, b := w.player(), w.player()
	w.meet()
	for _, try := range []struct {
		send string
		want []string
	}{
		{"#1 PING", []string{"#1 PONG"}},
		{"#12345678901234567890 PING", []string{"#12345678901234567890 PONG"}},
		{"#3 FOO", []string{`#3 SERVERMSG No incomming match for FOO with data '""'. Userid *`}},
		{"#4 JOIN idroom", []string{"JOIN idroom", "JOINED idroom " + a.name, "CHANNELTOPIC idroom " + a.name, "CLIENTS idroom " + a.name}},
		{"#5 SAY idroom hi", []string{"SAID idroom " + a.name + " hi"}},
		{"#6 LEAVE idroom", []string{"#6 LEFT idroom " + a.name}},
		{"#7 GETUSERINFO", []string{"#7 SERVERMSG Registration date: …", "#7 SERVERMSG Email address: …", "#7 SERVERMSG Ingame time: *"}},
		{"#8 FRIENDLIST", []string{"#8 FRIENDLISTBEGIN", "#8 FRIENDLISTEND"}},
		{"#111 IGNORELIST", []string{"#111 IGNORELISTBEGIN", "#111 IGNORELISTEND"}},
		{"#16 LISTCOMPFLAGS", []string{"#16 COMPFLAGS …"}},
		{"#17 SAYPRIVATE " + b.name + " hi", []string{"#17 SAYPRIVATE " + b.name + " hi"}},
		{"#18 MYSTATUS abc", []string{`#18 SERVERMSG No incomming match for MYSTATUS with data '"abc"'. Userid *`}},
	} {
		a.sync()
		a.Skip()
		a.send("%s", try.send)
		a.wantNext(try.want...)
	}
	a.send("#6 CHANNELS")
	a.wantAll("#6 CHANNELS", "#6 CHANNEL * *", "#6 ENDOFCHANNELS")
	mark := len(a.Lines(0))
	a.send("#x PING")
	a.send("# PING")
	a.send("^^")
	a.send(" PING")
	a.send("")
	a.sync()
	if got := a.Lines(mark); len(got) != 1 {
		t.Errorf("lines that do not parse were answered: %q", got)
	}
	a.send("ping")
	a.want(`SERVERMSG No incomming match for ping with data '""'. Userid %d`, a.id(a.name))
	host := w.host()
	host.send("#11 %s", springclient.Battle{}.Line())
	host.wantNext("#11 BATTLEOPENED …", "#11 OPENBATTLE *", "#11 JOINBATTLE …", "#11 SETSCRIPTTAGS …", "#11 REQUESTBATTLESTATUS")
}

func registration(t *testing.T, env Env) {
	w := enter(t, env)
	taken := env.Fresh(t, Plain)
	hash := springclient.Hash(springclient.Password)
	for node := range env.Nodes {
		a := w.connectTo(node, springclient.Player)
		for _, try := range []struct{ send, want string }{
			{taken + " " + hash + " other" + taken + "@example.com", "REGISTRATIONDENIED Username already taken"},
			{strings.ToUpper(taken) + " " + hash + " upper" + taken + "@example.com", "REGISTRATIONDENIED Username already taken"},
			{env.Name() + " " + hash + " " + strings.ToLower(taken) + "@example.com", "REGISTRATIONDENIED Email already attached to a user"},
			{"Bad-Name! " + hash + " bn@example.com", "REGISTRATIONDENIED Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)"},
			{"ThisNameIsFarTooLongForUs " + hash + " long@example.com", "REGISTRATIONDENIED Max length 20 characters"},
			{"a__b__c " + hash + " under@example.com", "REGISTRATIONDENIED Too many repeated symbols in name"},
			{"some[teI] " + hash + " tei@example.com", "REGISTRATIONDENIED That name is in restricted for use by the server, please choose another"},
			{"ab " + hash + " ab@example.com", "REGISTRATIONDENIED Not an acceptable name, please see section B3 of the code of conduct"},
			{env.Name() + " " + hash + " nomail", "REGISTRATIONDENIED invalid email"},
			{env.Name() + " " + springclient.Hash("") + " " + env.Name() + "@example.com", "REGISTRATIONDENIED User creation failed"},
			{"TwoArgs9 " + hash, `SERVERMSG No incomming match for REGISTER with data '"TwoArgs9 ` + hash + `"'. Userid `},
			{"", `SERVERMSG No incomming match for REGISTER with data '""'. Userid `},
		} {
			a.send("%s", strings.TrimSpace("REGISTER "+try.send))
			a.want("%s", try.want)
		}
		name := env.Name()
		a.send("REGISTER %s %s %s@example.com", name, hash, strings.ToLower(name))
		a.want("REGISTRATIONACCEPTED")
		far := w.connectTo((node+1)%len(env.Nodes), springclient.Player)
		far.login(name)
	}
}

func exits(t *testing.T, env Env) {
	w := enter(t, env)
	watcher := w.player()
	a, b, c := w.player(), w.player(), w.player()
	w.meet()
	a.send("EXIT goodbye")
	a.want("s.system.disconnect Logged out")
	a.gone()
	watcher.want("REMOVEUSER %s", a.name)
	b.Close()
	watcher.want("REMOVEUSER %s", b.name)
	c.Cut()
	watcher.want("REMOVEUSER %s", c.name)
	early := w.connect(springclient.Player)
	early.send("EXIT")
	early.want("s.system.disconnect Terminate")
	early.gone()
	silent := w.connect(springclient.Player)
	silent.Close()
}

func clientStatus(t *testing.T, env Env) {
	w := enter(t, env)
	a, watcher, host := w.player(), w.player(), w.host()
	w.meet()
	for _, try := range []struct{ send, want string }{{"1", "1"}, {"2", "2"}, {"3", "3"}, {"127", ""}, {"0", "0"}, {"4", ""}, {"64", ""}} {
		a.send("MYSTATUS %s", try.send)
		if try.want != "" {
			a.want("CLIENTSTATUS %s %s", a.name, try.want)
			watcher.want("CLIENTSTATUS %s %s", a.name, try.want)
		}
	}
	mark := len(host.Lines(0))
	watcher.never(0, "CLIENTSTATUS %s 64", a.name)
	host.send("MYSTATUS 1")
	watcher.want("CLIENTSTATUS %s 65", host.name)
	host.want("CLIENTSTATUS %s 65", host.name)
	host.send("MYSTATUS 0")
	watcher.want("CLIENTSTATUS %s 64", host.name)
	host.never(mark, "CLIENTSTATUS %s *", a.name)
	id := a.id(a.name)
	for _, bad := range []string{"", "abc"} {
		a.send("%s", strings.TrimSpace("MYSTATUS "+bad))
		a.want(`SERVERMSG No incomming match for MYSTATUS with data '"%s"'. Userid %d`, bad, id)
	}
	a.send("MYSTATUS 99999")
	a.send("MYSTATUS 1")
	watcher.want("CLIENTSTATUS %s 1", a.name)
}

func accountQueries(t *testing.T, env Env) {
	w := enter(t, env)
	a, host, mod := w.newcomer(), w.host(), w.moderator()
	w.meet()
	a.send("GETUSERINFO")
	a.wantNext("SERVERMSG Registration date: *-*-* *:*:*", "SERVERMSG Email address: "+strings.ToLower(a.name)+"@example.com", "SERVERMSG Ingame time: 0")
	a.send("LISTCOMPFLAGS")
	a.want("COMPFLAGS …sp…")
	host.send("GETIP %s", a.name)
	host.want("%s is currently bound to 127.0.0.1", a.name)
	host.send("GETUSERID %s", a.name)
	host.want("The ID for %s is * deadbeef %d", a.name, host.id(a.name))
	host.send("GETIP Nobody99")
	host.want("NO cmd=GETIP")
	host.send("GETUSERID Nobody99")
	host.sync()
	mark := len(a.Lines(0))
	a.send("GETIP %s", host.name)
	a.send("GETUSERID %s", host.name)
	a.send("CREATEBOTACCOUNT %s %s", env.Name(), a.name)
	a.want("SERVERMSG You do not have permission to execute that command")
	a.never(mark, "…bound to…")
	a.never(mark, "The ID for …")
	bot := env.Name()
	mod.send("CREATEBOTACCOUNT %s %s", bot, mod.name)
	mod.want("SERVERMSG A new bot account %s has been created, with the same password as %s", bot, mod.name)
	made := w.online(w.nextNode(), springclient.Host, bot)
	made.open(springclient.Battle{Title: fmt.Sprintf("Of %s", "a new bot")})
	a.send("RESETPASSWORDREQUEST x@example.com")
	a.want("OK cmd=…password_reset")
	a.send("CHANGEEMAIL %s@example.org 123456", a.name)
	a.want("CHANGEEMAILDENIED bad code")
	a.send("CHANGEEMAILREQUEST %s@example.org", strings.ToLower(a.name))
	a.want("CHANGEEMAILREQUESTACCEPTED")
	a.send("CHANGEEMAIL %s@example.org 1", strings.ToLower(a.name))
	a.want("CHANGEEMAILDENIED bad code")
}

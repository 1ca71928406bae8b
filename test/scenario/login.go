package scenario

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// stream is the order of the command words of a login.
var stream = regexp.MustCompile(`^ACCEPTED SERVERMSG( MOTD)+( ADDUSER)+` +
	`( BATTLEOPENED UPDATEBATTLEINFO(( CLIENTSTATUS)? JOINEDBATTLE)*)*( CLIENTSTATUS)+ LOGININFOEND$`)

// checkStream checks the login stream that a client has read.
func (a *actor) checkStream() {
	a.w.Helper()
	var words []string
	known := map[string]int{}
	for _, line := range a.Lines(0) {
		word, rest, _ := strings.Cut(line, " ")
		if word != "ACCEPTED" && len(words) == 0 {
			continue
		}
		words = append(words, word)
		if word == "ADDUSER" {
			known[strings.Fields(rest)[0]]++
		}
		if word == "LOGININFOEND" {
			break
		}
	}
	if got := strings.Join(words, " "); !stream.MatchString(got) {
		a.w.Errorf("%s got the stream %s", a.name, got)
	}
	for name, n := range known {
		if n != 1 {
			a.w.Errorf("%s was told of %s %d times", a.name, name, n)
		}
	}
	if known[a.name] != 1 {
		a.w.Errorf("%s was not told of itself", a.name)
	}
	a.Rewind(0)
	a.wantNext("TASSERVER 0.38-33-ga5f3b28 * 8201 0")
	a.want("ACCEPTED %s", a.name)
	a.wantNext(`SERVERMSG @PROTOCOL_EXTENSIONS@ {"ring:originator":1}`, "MOTD …")
	a.want("LOGININFOEND")
}

func loginEmpty(t *testing.T, env Env) {
	w := enter(t, env)
	for node := range env.Nodes {
		a := w.online(node, springclient.Player, env.Account(t, Plain))
		a.checkStream()
		if a.Flavor() == springclient.Player {
			a.Rewind(0)
			a.want("ADDUSER %s ?? * LuaLobby Chobby", a.name)
			a.want("CLIENTSTATUS %s 0", a.name)
		}
	}
	host := w.host()
	host.checkStream()
	host.Rewind(0)
	host.want("ADDUSER %s ?? * SPADS v", host.name)
	host.want("CLIENTSTATUS %s 64", host.name)
	host.want("LOGININFOEND")
	host.never(0, "CLIENTSTATUS %s 0", w.all()[0].name)
}

func loginBusy(t *testing.T, env Env) {
	w := enter(t, env)
	host, other, a, b := w.host(), w.host(), w.player(), w.player()
	w.meet()
	first := host.open(springclient.Battle{Title: "Busy one"})
	second := other.open(springclient.Battle{Title: "Busy two", Password: "secret"})
	host.admit(a, first, "empty")
	host.admit(b, first, "*")
	a.send("MYSTATUS 1")
	b.await("the status of "+a.name, func(m *springclient.Model) bool { return m.Users[a.name].Status == 1 })
	w.converge()
	for node := range env.Nodes {
		late := w.online(node, springclient.Player, env.Account(t, Plain))
		late.checkStream()
		late.Rewind(0)
		late.want("LOGININFOEND")
		late.Rewind(0)
		late.want("BATTLEOPENED %d 0 0 %s 127.0.0.1 8452 16 * 0 1565299817 spring\t105.1.1-2590\tQuicksilver Remake 1.24\tBusy *\tBeyond…", first, host.name)
		late.wantAll(fmt.Sprintf("UPDATEBATTLEINFO %d 0 0 1565299817 Quicksilver Remake 1.24", first),
			fmt.Sprintf("JOINEDBATTLE %d %s", first, b.name), fmt.Sprintf("JOINEDBATTLE %d %s", first, a.name),
			fmt.Sprintf("CLIENTSTATUS %s 1", a.name))
		if battle := late.Snapshot().World.Battles[second]; !battle.Passworded {
			t.Errorf("battle %d does not show its password: %+v", second, battle)
		}
		bot := w.online(node, springclient.Host, env.Account(t, Bot))
		bot.checkStream()
		bot.never(0, "JOINEDBATTLE …")
		bot.never(0, "CLIENTSTATUS %s *", a.name)
	}
}

func loginRefused(t *testing.T, env Env) {
	w := enter(t, env)
	name := env.Fresh(t, Plain)
	for node := range env.Nodes {
		a := w.connectTo(node, springclient.Player)
		for _, try := range []struct{ send, want string }{
			{a.LoginLine(name, "wrong"), "DENIED Invalid password"},
			{a.LoginLine("Nobody99", "password"), "DENIED No user found for 'Nobody99'"},
			{a.LoginLine(strings.ToUpper(name), "password"), "DENIED Username is case sensitive, try '" + name + "'"},
			{"LOGIN " + name + " " + springclient.Hash("password") + " 0 * Lobby\t\tsp", "DENIED LobbyHash/UserID missing in login"},
			{"LOGIN " + name + " " + springclient.Hash("password") + " 0 * Lobby\t0\tsp", "DENIED LobbyHash/UserID missing in login"},
			{"LOGIN " + name, "DENIED Invalid details format"},
			{"LOGIN", "DENIED Invalid details format"},
			{"#7 LOGIN " + name + " x 0 * Lobby\t1 2\tsp", "#7 DENIED Invalid password"},
			{"JOIN main", "DENIED Unauthenticated"},
			{"FOO bar", "DENIED Unauthenticated"},
			{"CONFIRMAGREEMENT 1", "SERVERMSG You need to login before you can confirm the agreement."},
		} {
			a.send("%s", try.send)
			a.want("%s", try.want)
		}
		a.login(name)
		a.sync()
	}
}

func everybodySees(t *testing.T, env Env) {
	w := enter(t, env)
	for range 2 * len(env.Nodes) {
		w.player()
		w.host()
	}
	w.moderator()
	w.meet()
	mod := w.all()[len(w.all())-1]
	for _, a := range w.all() {
		a.await("the moderator bit", func(m *springclient.Model) bool { return m.Users[mod.name].Status == 32 })
	}
}

func secondLoginSame(t *testing.T, env Env)  { secondLogin(t, env, 0, 0) }
func secondLoginOther(t *testing.T, env Env) { secondLogin(t, env, 0, len(env.Nodes)-1) }

// secondLogin logs an account in on one node and then on another: the newer wins.
func secondLogin(t *testing.T, env Env, first, second int) {
	w := enter(t, env)
	name := env.Fresh(t, Plain)
	old := w.online(first, springclient.Player, name)
	var watchers []*actor
	for node := range env.Nodes {
		watchers = append(watchers, w.online(node, springclient.Player, env.Account(t, Plain)))
	}
	host := w.host()
	w.meet()
	id := host.open(springclient.Battle{})
	host.admit(old, id, "empty")
	ctx, cancel := limit()
	defer cancel()
	if err := old.Join(ctx, "secondlogin"); err != nil {
		t.Fatal(err)
	}
	if err := watchers[0].Join(ctx, "secondlogin"); err != nil {
		t.Fatal(err)
	}
	w.skip()
	current := w.online(second, springclient.Player, name)
	old.want("s.system.disconnect Logged out")
	old.gone()
	for _, a := range watchers {
		a.wantAll(fmt.Sprintf("LEFTBATTLE %d %s", id, name), "REMOVEUSER "+name, "ADDUSER "+name+" …", "CLIENTSTATUS "+name+" 0")
	}
	host.wantAll(fmt.Sprintf("LEFTBATTLE %d %s", id, name), "REMOVEUSER "+name, "ADDUSER "+name+" …")
	watchers[0].send("SAYPRIVATE %s still you", name)
	current.want("SAIDPRIVATE %s still you", watchers[0].name)
	host.admit(current, id, "empty")
	old.name = "" // its account is somebody else's now
}

func secondLoginHost(t *testing.T, env Env) {
	w := enter(t, env)
	name := env.Fresh(t, Bot)
	old := w.online(0, springclient.Host, name)
	a := w.player()
	w.meet()
	id := old.open(springclient.Battle{})
	old.admit(a, id, "empty")
	w.skip()
	current := w.online(len(env.Nodes)-1, springclient.Host, name)
	old.want("s.system.disconnect Logged out")
	old.gone()
	a.wantAll(fmt.Sprintf("BATTLECLOSED %d", id), "REMOVEUSER "+name, "ADDUSER "+name+" …", "CLIENTSTATUS "+name+" 64")
	old.name = ""
	if again := current.open(springclient.Battle{}); again <= id {
		t.Errorf("the new battle has id %d, the old one had %d", again, id)
	}
}

func secondLoginInside(t *testing.T, env Env) {
	w := enter(t, env)
	a, other := w.newcomer(), env.Fresh(t, Plain)
	mark := len(a.Lines(0))
	a.send("%s", a.LoginLine(other, springclient.Password))
	a.want("DENIED …")
	a.sync()
	a.never(mark, "ACCEPTED *")
	a.send("SAYPRIVATE %s it is me", a.name)
	a.want("SAIDPRIVATE %s it is me", a.name)
}

func rename(t *testing.T, env Env) {
	w := enter(t, env)
	a, b := w.newcomer(), w.newcomer()
	w.meet()
	for _, try := range []struct{ name, want string }{
		{b.name, "SERVERMSG Username already taken"},
		{strings.ToLower(b.name), "SERVERMSG Username already taken"},
		{"bad-name!", "SERVERMSG Invalid characters in name (only a-z, A-Z, 0-9, [, ] and _ allowed)"},
		{strings.Repeat("x", 21), "SERVERMSG Max length 20 characters"},
	} {
		a.send("RENAMEACCOUNT %s", try.name)
		a.want("%s", try.want)
	}
	w.skip()
	former, next, id := a.name, env.Name(), b.id(a.name)
	a.send("RENAMEACCOUNT %s", next)
	b.want("REMOVEUSER %s", former)
	a.want("s.system.disconnect Logged out")
	a.gone()
	old := w.connect(springclient.Player)
	old.send("%s", old.LoginLine(former, springclient.Password))
	old.want("DENIED …")
	again := w.online(w.nextNode(), springclient.Player, next)
	b.want("ADDUSER %s ?? %d …", next, id)
	b.send("SAYPRIVATE %s hello", next)
	again.want("SAIDPRIVATE %s hello", b.name)
}

func newPassword(t *testing.T, env Env) {
	w := enter(t, env)
	a := w.newcomer()
	old, next := springclient.Hash(springclient.Password), springclient.Hash("another")
	a.send("CHANGEPASSWORD %s %s", springclient.Hash("wrong"), next)
	a.want("SERVERMSG …")
	a.send("CHANGEPASSWORD %s %s", old, next)
	line := a.want("SERVERMSG …")
	changed := line == "SERVERMSG Password changed, you will need to use it next time you login"
	if !changed && !strings.HasPrefix(line, "SERVERMSG No incomming match for CHANGEPASSWORD with data ") {
		t.Fatalf("got %q", line)
	}
	a.send("EXIT")
	a.gone()
	name := a.name
	right, wrong := springclient.Password, "another"
	if changed {
		right, wrong = wrong, right
	}
	for node := range env.Nodes {
		b := w.connectTo(node, springclient.Player)
		b.send("%s", b.LoginLine(name, wrong))
		b.want("DENIED Invalid password")
		ctx, cancel := limit()
		err := b.LoginAs(ctx, name, right)
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		b.name = name
		b.send("EXIT")
		b.gone()
	}
}

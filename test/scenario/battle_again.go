package scenario

import (
	"testing"

	"teiserver/test/springclient"
)

// afterRefusal: who was turned away, or thrown out, by one battle enters or opens
// another one as if nothing had been.
func afterRefusal(t *testing.T, env Env) {
	w := enter(t, env)
	first, second, a, bot := w.host(), w.host(), w.player(), w.host()
	w.meet()
	one, two := first.open(springclient.Battle{}), second.open(springclient.Battle{})
	w.skip()
	mark := len(a.Lines(0))

	a.send("JOINBATTLE %d empty 12", one)
	first.want("JOINBATTLEREQUEST %s *", a.name)
	first.send("JOINBATTLEDENY %s not you", a.name)
	a.want("JOINBATTLEFAILED not you")
	second.admit(a, two, "empty")
	if n := a.Count(mark, "JOINBATTLEFAILED …"); n != 1 {
		t.Errorf("%d times JOINBATTLEFAILED, want 1\n%s", n, a.Tail(20))
	}

	second.send("KICKFROMBATTLE %s", a.name)
	a.wantAll("FORCEQUITBATTLE", "LEFTBATTLE * "+a.name)
	mark = len(a.Lines(0))
	first.admit(a, one, "empty")
	a.never(mark, "JOINBATTLEFAILED …")

	bot.send("JOINBATTLE %d empty 12", two)
	second.want("JOINBATTLEREQUEST %s *", bot.name)
	second.send("JOINBATTLEDENY %s", bot.name)
	bot.want("JOINBATTLEFAILED …")
	bot.open(springclient.Battle{})
	bot.never(0, "OPENBATTLEFAILED …")
}

// twoRequests: a request that is refused at once leaves the one before it standing.
func twoRequests(t *testing.T, env Env) {
	w := enter(t, env)
	first, second, a := w.host(), w.host(), w.player()
	w.meet()
	one, two := first.open(springclient.Battle{}), second.open(springclient.Battle{Password: "secret"})
	w.skip()
	a.send("JOINBATTLE %d empty 12", one)
	first.want("JOINBATTLEREQUEST %s *", a.name)
	a.send("JOINBATTLE %d wrong 12", two)
	a.want("JOINBATTLEFAILED Invalid password")
	first.send("JOINBATTLEDENY %s try later", a.name)
	a.want("JOINBATTLEFAILED try later")
	// The other way round: the second request replaces the first.
	a.send("JOINBATTLE %d empty 12", one)
	first.want("JOINBATTLEREQUEST %s *", a.name)
	a.send("JOINBATTLE %d secret 12", two)
	second.want("JOINBATTLEREQUEST %s *", a.name)
	a.sync()
	mark := len(a.Lines(0))
	first.send("JOINBATTLEACCEPT %s", a.name)
	first.sync()
	a.sync()
	a.never(mark, "JOINBATTLE …")
	second.send("JOINBATTLEACCEPT %s", a.name)
	a.want("JOINEDBATTLE %d %s 12", two, a.name)
}

// withdrawn: LEAVEBATTLE takes a request back, and the battle behind it, however
// fast the commands come.
func withdrawn(t *testing.T, env Env) {
	w := enter(t, env)
	first, second, a := w.host(), w.host(), w.player()
	w.meet()
	one, two := first.open(springclient.Battle{}), second.open(springclient.Battle{})
	w.skip()
	for range 10 {
		first.admit(a, one, "empty")
		mark := len(a.Lines(0))
		a.send("JOINBATTLE %d empty 12\nLEAVEBATTLE", two)
		second.want("JOINBATTLEREQUEST %s *", a.name)
		a.want("LEFTBATTLE %d %s", one, a.name)
		a.sync()
		second.send("JOINBATTLEACCEPT %s", a.name)
		second.sync()
		a.sync()
		a.never(mark, "JOINBATTLE …")
	}
}

// secureTooLate: STLS belongs before the login. Inside, the server's own lines would
// fall into the handshake.
func secureTooLate(t *testing.T, env Env) {
	w := enter(t, env)
	a, b := w.player(), w.player()
	w.meet()
	a.send("#4 STLS")
	a.want(`#4 SERVERMSG No incomming match for STLS with data '""'. Userid *`)
	a.send("SAYPRIVATE %s still here", b.name)
	b.want("SAIDPRIVATE %s still here", a.name)
}

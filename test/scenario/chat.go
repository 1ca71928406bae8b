package scenario

import (
	"fmt"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

func privateMessages(t *testing.T, env Env) {
	w := enter(t, env)
	var people []*actor
	for range len(env.Nodes) + 1 {
		people = append(people, w.player())
	}
	offline := env.Account(t, Plain)
	w.meet()
	for i, a := range people {
		for j, b := range people {
			a.send("SAYPRIVATE %s from %d to %d", b.name, i, j)
			a.want("SAYPRIVATE %s from %d to %d", b.name, i, j)
			b.want("SAIDPRIVATE %s from %d to %d", a.name, i, j)
		}
	}
	a, b := people[0], people[1]
	a.send("SAYPRIVATE %s tab\there  and two blanks é 😀", b.name)
	a.want("SAYPRIVATE %s tab\there  and two blanks é 😀", b.name)
	b.want("SAIDPRIVATE %s tab\there  and two blanks é 😀", a.name)
	a.send("SAYPRIVATE %s are you there", offline)
	a.want("SAYPRIVATE %s are you there", offline)
	a.send("SAYPRIVATE Nobody99 hi")
	a.want("SAYPRIVATE … hi")
	long := strings.Repeat("y", 4000)
	a.send("SAYPRIVATE %s %s", b.name, long)
	b.want("SAIDPRIVATE %s %s", a.name, long)
	for i := range 100 {
		a.send("SAYPRIVATE %s number %d", b.name, i)
	}
	for i := range 100 {
		b.want("SAIDPRIVATE %s number *", a.name)
		if got := b.Lines(b.Mark() - 1)[0]; !strings.HasSuffix(got, fmt.Sprintf(" %d", i)) {
			t.Fatalf("message %d is %q", i, got)
		}
	}
	a.send("SAYPRIVATE %s", b.name)
	a.want(`SERVERMSG No incomming match for SAYPRIVATE with data '"%s"'. Userid *`, b.name)
}

func channels(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, c, outsider := w.player(), w.player(), w.player(), w.player()
	w.meet()
	room := strings.ToLower(env.Name()) + "_1"
	a.send("JOIN %s", room)
	a.wantNext("JOIN "+room, "JOINED "+room+" "+a.name, "CHANNELTOPIC "+room+" "+a.name, "CLIENTS "+room+" "+a.name)
	b.send("JOIN %s\tkey", room)
	b.wantNext("JOIN "+room, "JOINED "+room+" "+b.name, "CHANNELTOPIC "+room+" "+a.name, "CLIENTS "+room+" "+b.name+" "+a.name)
	a.want("JOINED %s %s", room, b.name)
	c.send("JOIN #%s", room)
	c.want("CLIENTS %s %s …", room, c.name)
	for _, x := range []*actor{a, b} {
		x.want("JOINED %s %s", room, c.name)
	}
	for _, speaker := range []*actor{a, b, c} {
		speaker.send("SAY %s hello  from\t%s", room, speaker.name)
		speaker.send("SAYEX %s waves é😀", room)
		for _, x := range []*actor{a, b, c} {
			x.want("SAID %s %s hello  from\t%s", room, speaker.name, speaker.name)
			x.want("SAIDEX %s %s waves é😀", room, speaker.name)
		}
	}
	outsider.send("SAY %s from outside", room)
	outsider.send("LEAVE %s", room)
	outsider.want("LEFT %s %s", room, outsider.name)
	outsider.send("CHANNELS")
	outsider.wantAll("CHANNELS", "CHANNEL "+room+" 3", "ENDOFCHANNELS")
	a.send("JOIN %s", room) // is in it: must not be told JOIN again
	a.send("SAY %s again", room)
	a.want("SAID %s %s again", room, a.name)
	b.send("LEAVE %s", room)
	b.want("LEFT %s %s", room, b.name)
	for _, x := range []*actor{a, c} {
		x.want("LEFT %s %s", room, b.name)
	}
	b.send("SAY %s after leaving", room)
	b.sync()
	c.send("SAY %s last", room)
	a.want("SAID %s %s last", room, c.name)
	a.never(0, "SAID %s * after leaving", room)
	a.never(0, "SAID %s * from outside", room)
	b.never(0, "SAID %s * last", room)
	b.send("JOIN %s", room)
	b.want("CLIENTS %s %s …", room, b.name)
	a.want("JOINED %s %s", room, b.name)
	b.send("EXIT")
	for _, x := range []*actor{a, c, outsider} {
		if x != outsider {
			x.want("LEFT %s %s", room, b.name)
		}
		x.want("REMOVEUSER %s", b.name)
	}
	a.send("JOIN my-room")
	a.want("CLIENTS my %s…", a.name)
	a.send("JOIN")
	a.want(`SERVERMSG No incomming match for JOIN with data '""'. Userid *`)
	a.send("GETCHANNELMESSAGES %s 0", room)
	a.send("SAYEX %s", room)
	a.want(`SERVERMSG No incomming match for SAY with data '"%s"'. Userid *`, room)
}

func channelVanish(t *testing.T, env Env) {
	w := enter(t, env)
	room := strings.ToLower(env.Name())
	stay := w.player()
	var go1 []*actor
	for range 2 * len(env.Nodes) {
		go1 = append(go1, w.player())
	}
	w.meet()
	for _, a := range append(go1, stay) {
		a.send("JOIN %s", room)
		a.want("CLIENTS %s %s…", room, a.name)
	}
	stay.await("everybody in the channel", func(m *springclient.Model) bool { return len(m.Channels[room]) == len(go1)+1 })
	for i, a := range go1 {
		if i%2 == 0 {
			a.Cut()
		} else {
			a.Close()
		}
	}
	stay.await("nobody else in the channel", func(m *springclient.Model) bool { return len(m.Channels[room]) == 1 })
	late := w.player()
	late.send("JOIN %s", room)
	late.want("CLIENTS %s %s %s", room, late.name, stay.name)
}

func longLines(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, host := w.player(), w.player(), w.host()
	w.meet()
	room := strings.ToLower(env.Name())
	for _, x := range []*actor{a, b} {
		x.send("JOIN %s", room)
		x.want("CLIENTS %s %s…", room, x.name)
	}
	a.want("JOINED %s %s", room, b.name)
	a.send("SAY %s %s", room, strings.Repeat("é", 300))
	b.want("SAID %s %s %s", room, a.name, strings.Repeat("é", 257))
	id := host.open(springclient.Battle{})
	host.admit(a, id, "empty")
	host.admit(b, id, "empty")
	a.send("SAYBATTLE %s", strings.Repeat("x", 300))
	b.want("SAIDBATTLE %s %s", a.name, strings.Repeat("x", 257))
	a.send("SAYBATTLE !bset tweakdefs %s", strings.Repeat("x", 10000))
	host.want("SAIDBATTLE %s !bset tweakdefs %s", a.name, strings.Repeat("x", 10000))
	host.send("SAYBATTLE %s", strings.Repeat("z", 3000))
	b.want("SAIDBATTLE %s %s", host.name, strings.Repeat("z", 3000))
	a.send("SAYBATTLE   trimmed  inside   ")
	b.want("SAIDBATTLE %s trimmed  inside", a.name)
}

func ring(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, host := w.player(), w.player(), w.host()
	w.meet()
	host.send("RING %s", a.name)
	a.want("RING %s", host.name)
	a.send("RING %s", host.name)
	host.want("RING %s", a.name)
	host.send("RING %s %s", b.name, a.name)
	b.want("RING %s", a.name)
	a.send("RING %s %s", b.name, host.name)
	a.send("RING Nobody99")
	a.sync()
	a.send("RING %s", b.name)
	b.want("RING *")
	if got := b.Lines(b.Mark() - 1)[0]; got != "RING "+a.name {
		t.Errorf("a player rang in the name of another: %q", got)
	}
}

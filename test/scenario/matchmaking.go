package scenario

import (
	"strconv"
	"strings"
	"testing"

	"teiserver/test/springclient"
)

// Queues is the setting matchmaking.queues of a server for Matched. The other settings that it
// wants are in MatchedSettings: nobody is in a hurry.
const Queues = "1 | Duel | 1v1 | Red Comet\n2 | Team | 2v2\n3 | Other Duel | 1v1"

// MatchedSettings are those of a server for Matched.
var MatchedSettings = map[string]string{
	"matchmaking.queues": Queues, "matchmaking.ready_seconds": "120", "matchmaking.room_seconds": "120",
}

// Matched is what wants a server with MatchedSettings.
var Matched = []Scenario{
	{"a match that was found", matchFound},
	{"places in queues", queuePlaces},
	{"parties in queues", queueParties},
	{"two queues want one player", queueClaims},
	{"add-ons are switched off and on", addonsSwitched},
}

// RunMatched runs them.
func RunMatched(t *testing.T, env Env) {
	for _, s := range Matched {
		t.Run(s.Name, func(t *testing.T) { s.Run(t, env) })
	}
}

func (a *actor) queue(id int) {
	a.w.Helper()
	a.send("c.matchmaking.join_queue %d", id)
	a.want("OK cmd=c.matchmaking.join_queue\t%d", id)
}

// queues asks in which queues the user waits.
func (a *actor) queues(want string) {
	a.w.Helper()
	a.send("c.matchmaking.list_my_queues")
	if got := strings.TrimSpace(strings.TrimPrefix(a.want("s.matchmaking.your_queue_list …"), "s.matchmaking.your_queue_list")); got != want {
		a.w.Fatalf("%s waits in %q, want %q", a.name, got, want)
	}
}

// plays has players who were asked say that they are ready, and be seated in the battle.
func (w *world) plays(host *actor, id int64, queue int, players ...*actor) {
	w.Helper()
	for _, p := range players {
		p.want("s.matchmaking.ready_check %d", queue)
	}
	for _, p := range players {
		p.send("c.matchmaking.ready")
	}
	host.wantAll("SAIDPRIVATE Coordinator !preset …", "SAIDPRIVATE Coordinator !bset startpostype 2", "SAIDPRIVATE Coordinator !autobalance off")
	if queue == 1 {
		host.want("SAIDPRIVATE Coordinator !map Red Comet")
	}
	for _, p := range players {
		p.want("JOINBATTLE %d …", id)
		p.want("REQUESTBATTLESTATUS")
		p.send("MYBATTLESTATUS 4194304 255")
	}
	host.want("SAIDPRIVATE Coordinator !forcestart")
	for _, p := range players {
		p.want("s.matchmaking.your_queue_list ")
	}
	allies := map[int]bool{}
	for _, p := range players {
		status := host.seated(p)
		allies[status>>6&15] = true
	}
	if len(players) == 2 && len(allies) != 2 {
		w.Fatalf("both are in one team")
	}
}

// seated waits until a player is shown as one, and returns its status.
func (a *actor) seated(player *actor) (status int) {
	a.w.Helper()
	a.await(player.name+" as a player", func(m *springclient.Model) bool {
		if m.Room == nil {
			return false
		}
		word, _, _ := strings.Cut(m.Room.Statuses[player.name], " ")
		var err error
		status, err = strconv.Atoi(word)
		return err == nil && status&(1<<10) != 0 && status>>22&3 == 1
	})
	return status
}

// matchFound: two players of different nodes and an autohost. One declines; the other is back
// in the queue; the next time both are ready, and are seated.
func matchFound(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, late := w.host(), w.player(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	w.skip()
	a.queue(1)
	b.queue(1)
	a.want("s.matchmaking.ready_check 1")
	b.want("s.matchmaking.ready_check 1")
	a.send("c.matchmaking.ready")
	b.send("c.matchmaking.decline")
	a.want("s.matchmaking.match_cancelled 1") //nolint:misspell // as clients know it
	a.queues("1:Duel")
	b.queues("")
	late.queue(3) // who waits elsewhere is not asked

	b.queue(1)
	w.plays(host, id, 1, a, b)
	a.queues("")
	b.queues("")
	late.queues("3:Other Duel")
	if n := host.Count(0, "SETSCRIPTTAGS …server/match/queue_id=1…"); n != 1 {
		t.Errorf("the host was told the queue %d times", n)
	}
}

// queuePlaces: a place outlives a lost connection, on whichever node its user comes back,
// and the question whether it is ready comes again.
func queuePlaces(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b := w.host(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	w.skip()
	a.queue(1)
	a.Close()
	again := w.online((a.node+1)%len(env.Nodes), springclient.Player, a.name)
	again.want("s.matchmaking.your_queue_list 1:Duel")
	again.queues("1:Duel")
	w.meet()

	b.queue(1)
	again.want("s.matchmaking.ready_check 1")
	third := w.online((a.node+2)%len(env.Nodes), springclient.Player, a.name) // a newer session
	again.gone()
	w.plays(host, id, 1, third, b)
}

// queueParties: a party waits as one, leaves as one, and leaves when it is another one.
func queueParties(t *testing.T, env Env) {
	w := enter(t, env)
	a, b, c := w.player(), w.player(), w.player()
	w.meet()
	id := makeParty(a, b)
	a.send("c.matchmaking.join_queue 1")
	a.want("NO cmd=c.matchmaking.join_queue\t1")
	b.queue(2)
	a.want("s.matchmaking.your_queue_list 2:Team")
	a.send("c.matchmaking.get_queue_info 2")
	a.want("s.matchmaking.queue_info 2\tTeam\t*\t2")
	a.send("c.matchmaking.leave_queue 2")
	b.want("s.matchmaking.your_queue_list ")
	a.queues("")

	a.queue(2)
	b.want("s.matchmaking.your_queue_list 2:Team")
	a.send("c.party.invite_to_party %s", c.name)
	c.want("#* s.party.invited_to_party %s %s", id, c.name)
	a.queues("2:Team")
	b.send("c.party.leave_current_party")
	b.want("OK cmd=c.party.leave_current_party")
	a.want("s.matchmaking.your_queue_list ")
	b.want("s.matchmaking.your_queue_list ")
	a.send("c.party.leave_current_party")
	a.want("OK cmd=c.party.leave_current_party")
}

// queueClaims: who waits in two queues plays in one of them, and is out of the other then.
func queueClaims(t *testing.T, env Env) {
	w := enter(t, env)
	host, a, b, c := w.host(), w.player(), w.player(), w.player()
	w.meet()
	id := host.open(springclient.Battle{})
	w.skip()
	a.queue(1)
	a.queue(3)
	b.queue(3)
	mark := b.Mark()
	b.want("s.matchmaking.ready_check 3")
	b.Rewind(mark)
	mark = c.Mark()
	c.queue(1)
	w.plays(host, id, 3, a, b)
	a.queues("")
	c.sync()
	c.never(mark, "s.matchmaking.ready_check …")
	c.queues("1:Duel")
	c.send("c.matchmaking.leave_all_queues")
	c.queues("")
}

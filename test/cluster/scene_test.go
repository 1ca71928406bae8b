package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// scene is a small world of which a part lives on the node that will be lost: the
// Coordinator, a host with a battle, a party, members of them and of channels.
type scene struct {
	*rig
	lost int // number of the node that will be lost
	// planned says that it was stopped in order: the battle of its host was told.
	planned bool
	alive   [2]int

	hostLost, hostKept     *person
	battleLost, battleKept int64
	inLost, inKept         [3]*person // players in the battles, the first on the node that will be lost
	watchers               []*person  // a player and a host on survivors, in nothing
	channels               []string   // one or more owned by each node; all of inLost and inKept[0] are in
	party                  string     // owned by the node that will be lost; all of inLost are in
}

// farewell is what the Coordinator says in battles whose host's node stops in order.
const farewell = "Teiserver update taking place, game rooms will reappear after the update has taken place."

// newScene plays the scene on three nodes until all agree.
func newScene(t *testing.T, database string) *scene {
	s := &scene{rig: newRig(t, database)}
	s.lost = s.nodeOf(s.living()["coordinator/main"].Node)
	s.alive = [2]int{(s.lost + 1) % 3, (s.lost + 2) % 3}

	s.hostLost, s.hostKept = s.host(s.lost), s.host(s.alive[0])
	for i, node := range []int{s.lost, s.alive[0], s.alive[1]} {
		s.inLost[i], s.inKept[i] = s.player(node), s.player(node)
	}
	s.watchers = []*person{s.player(s.alive[0]), s.player(s.alive[1]), s.host(s.alive[1])}
	s.meet()
	s.battleLost = s.hostLost.open("Lost")
	s.battleKept = s.hostKept.open("Kept")
	for i := range 3 {
		s.hostLost.admit(s.inLost[i], s.battleLost)
		s.hostKept.admit(s.inKept[i], s.battleKept)
		s.inKept[i].send("MYBATTLESTATUS 4195328 255")
	}
	// The server gives each player a number and the battle a record, in its own time.
	s.hostKept.await("the record and the numbers", func(m *springclient.Model) bool {
		numbers := map[string]bool{}
		for _, p := range s.inKept {
			numbers[m.Room.Statuses[p.name]] = true
		}
		return m.Room.Tags["server/match/uuid"] != "" && len(numbers) == 3
	})
	s.inKept[0].send("ADDBOT Dumb 4195328 255 NullAI")
	s.hostKept.want("ADDBOT %d Dumb %s …", s.battleKept, s.inKept[0].name)
	s.openChannels()
	s.openParty()
	s.meet()
	s.mark()
	return s
}

// listeners are in every channel.
func (s *scene) listeners() []*person { return append(slices.Clone(s.inLost[:]), s.inKept[0]) }

// openChannels fills channels until each node owns one.
func (s *scene) openChannels() {
	s.Helper()
	owners := map[string]bool{}
	for n := 0; len(owners) < 3; n++ {
		if n == 40 {
			s.Fatalf("40 channels live on the nodes %v", owners)
		}
		name := fmt.Sprintf("room%d", n)
		s.inLost[0].join(name)
		owner := s.owners()["channel/"+name].Node
		if owners[owner] {
			s.inLost[0].send("LEAVE %s", name)
			continue
		}
		owners[owner] = true
		s.channels = append(s.channels, name)
		for _, p := range s.listeners()[1:] {
			p.join(name)
		}
		for _, p := range s.listeners() {
			p.await("all in "+name, func(m *springclient.Model) bool { return len(m.Channels[name]) == 4 })
		}
	}
}

// openParty makes parties until the node that will be lost owns one, and fills it.
func (s *scene) openParty() {
	s.Helper()
	const opened = "OK cmd=c.party.create_new_party\tparty_id="
	a := s.inLost[0]
	var made time.Time
	for n := 0; s.party == ""; n++ {
		if n == 40 {
			s.Fatalf("none of 40 parties lives on node %d", s.lost+1)
		}
		a.send("c.party.create_new_party")
		id := strings.TrimPrefix(a.want(opened+"*"), opened)
		if s.nodeOf(s.owners()["party/"+id].Node) == s.lost {
			s.party, made = id, time.Now()
			continue
		}
		a.send("c.party.leave_current_party")
		a.want("OK cmd=c.party.leave_current_party")
	}
	// What is younger than a second may be lost with its node; who comes in later is repeated.
	s.until("a party old enough to be in the store", func() error {
		if time.Since(made) < 2*time.Second {
			return errors.New("too young")
		}
		return nil
	})
	for _, p := range s.inLost[1:] {
		a.send("c.party.invite_to_party %s", p.name)
		p.want("#* s.party.invited_to_party %s %s", s.party, p.name)
		p.send("c.party.accept_invite_to_party %s", s.party)
		p.want("OK cmd=c.party.accept_invite_to_party")
		a.want("#* s.party.joined_party %s %s", s.party, p.name)
	}
	s.inLost[1].want("#* s.party.joined_party %s %s", s.party, s.inLost[2].name)
}

// leftParty waits until somebody has been told of the end of another one's place.
func (s *scene) leftParty(p, other *person) {
	s.Helper()
	line := fmt.Sprintf("#* s.party.left_party %s %s", s.party, other.name)
	p.want("%s", line)
	p.sync()
	if n := p.Count(p.from, line); n != 1 {
		s.Errorf("%s was told %d times that %s left the party", p.name, n, other.name)
	}
}

// gone are the people of the lost node.
func (s *scene) gone() []*person { return []*person{s.hostLost, s.inLost[0], s.inKept[0]} }

// survivors are the people of the other nodes.
func (s *scene) survivors() []*person {
	return append([]*person{s.hostKept, s.inLost[1], s.inLost[2], s.inKept[1], s.inKept[2]}, s.watchers...)
}

// seenLost waits until all survivors have seen everybody of the lost node leave.
func (s *scene) seenLost() {
	s.Helper()
	for _, p := range s.survivors() {
		for _, g := range s.gone() {
			p.await(g.name+" gone", func(m *springclient.Model) bool { return m.Users[g.name] == nil })
		}
	}
}

// checkLost checks that each survivor has been told of the loss, each thing exactly
// once, and nothing else.
func (s *scene) checkLost() {
	s.Helper()
	for _, p := range s.survivors() {
		p.sync()
		must := []string{fmt.Sprintf("BATTLECLOSED %d", s.battleLost)}
		for _, g := range s.gone() {
			must = append(must, "REMOVEUSER "+g.name)
		}
		// Whether the member or the battle goes first is nobody's promise.
		may := []string{fmt.Sprintf("LEFTBATTLE %d %s", s.battleLost, s.inLost[0].name)}
		if p == s.hostKept || p.Flavor() == springclient.Player {
			must = append(must, fmt.Sprintf("LEFTBATTLE %d %s", s.battleKept, s.inKept[0].name))
		}
		if p == s.hostKept || p == s.inKept[1] || p == s.inKept[2] {
			must = append(must, fmt.Sprintf("REMOVEBOT %d Dumb", s.battleKept))
			may = append(may, fmt.Sprintf("UPDATEBATTLEINFO %d 0 0 * …", s.battleKept))
		}
		if p == s.inLost[1] || p == s.inLost[2] {
			// Its place is kept for a while, unless it left in order.
			may = append(may, fmt.Sprintf("#* s.party.left_party %s %s", s.party, s.inLost[0].name))
			may = append(may, fmt.Sprintf("UPDATEBATTLEINFO %d 0 0 * …", s.battleLost))
			// The owner that closes the battle goes on from a state that may be a second old.
			may = append(may, "SETSCRIPTTAGS …", "REMOVESCRIPTTAGS …")
			if s.planned {
				must = append(must, "SAIDBATTLE "+coordinatorName+" "+farewell)
			}
			for _, name := range s.channels {
				must = append(must, fmt.Sprintf("LEFT %s %s", name, s.inLost[0].name), fmt.Sprintf("LEFT %s %s", name, s.inKept[0].name))
			}
		}
		p.told(must, may)
	}
}

// checkAlive checks that everything works on the survivors.
func (s *scene) checkAlive() {
	s.Helper()
	s.mark()
	a, b := s.inLost[1], s.inLost[2]
	// The battle of a survivor goes on.
	s.inKept[1].send("SAYBATTLE still here")
	for _, p := range []*person{s.hostKept, s.inKept[1], s.inKept[2]} {
		p.want("SAIDBATTLE %s still here", s.inKept[1].name)
	}
	s.askConsul(s.inKept[2], s.hostKept, s.inKept[1])
	s.hostKept.admit(a, s.battleKept)
	// Channels go on with those who are left, also those whose owner is lost.
	late := s.watchers[1]
	for _, name := range s.channels {
		a.send("SAY %s hello", name)
		for _, p := range []*person{a, b} {
			p.want("SAID %s %s hello", name, a.name)
		}
		late.send("JOIN %s", name)
		line := late.want("CLIENTS %s …", name)
		if got := strings.Fields(line)[2:]; !sameNames(got, late.name, a.name, b.name) {
			s.Errorf("channel %s has the members %q", name, got)
		}
		for _, p := range []*person{a, b} {
			p.want("JOINED %s %s", name, late.name)
		}
	}
	// The party goes on with them, though one came in just before its owner was lost.
	a.send("c.party.leave_current_party")
	a.want("OK cmd=c.party.leave_current_party")
	s.leftParty(b, a)
	s.newBattle(s.watchers[2])
	s.askCoordinator(b)
	for _, p := range []*person{a, b, late} {
		p.sync()
		for _, name := range s.channels {
			if n := p.Count(p.from, fmt.Sprintf("SAID %s * hello", name)); n != 1 && p != late {
				s.Errorf("%s heard %d times hello in %s", p.name, n, name)
			}
		}
	}
	s.checkCoordinatorStayed()
}

func sameNames(got []string, want ...string) bool {
	got = slices.Clone(got)
	slices.Sort(got)
	slices.Sort(want)
	return slices.Equal(got, want)
}

// newBattle opens a battle. Nodes take numbers in blocks, so that the order says
// nothing, but none is given twice.
func (r *rig) newBattle(host *person) int64 {
	r.Helper()
	id := host.open("New")
	host.await("its record", func(m *springclient.Model) bool { return m.Room.Tags["server/match/uuid"] != "" })
	for _, p := range r.persons {
		if n := p.Count(0, fmt.Sprintf("BATTLEOPENED %d …", id)); n > 1 {
			r.Errorf("%s was told %d times of battle %d", p.name, n, id)
		}
	}
	return id
}

// askCoordinator asks a few things, each twice, and counts the answers: one each.
func (r *rig) askCoordinator(p *person) {
	r.Helper()
	const says = "SAIDPRIVATE " + coordinatorName + " "
	from := len(p.Lines(0))
	asked := map[string]string{
		"what is this": says + "I don't currently handle messages, sorry …",
		"$whoami":      says + "You are " + p.name,
		"$coc pausing": says + "2.4 - Pausing …",
	}
	for text, answer := range asked {
		for range 2 {
			p.send("SAYPRIVATE %s %s", coordinatorName, text)
			p.want(answer)
		}
	}
	p.sync()
	for text, answer := range asked {
		if n := p.Count(from, answer); n != 2 {
			r.Errorf("%s asked the Coordinator twice %q and heard %d answers", p.name, text, n)
		}
	}
}

// askConsul orders something in the battle that somebody is in, and counts what is heard
// of it there.
func (r *rig) askConsul(p *person, others ...*person) {
	r.Helper()
	const answer = "SAIDBATTLEEX " + coordinatorName + " This lobby has no password set"
	rolled := "SAIDBATTLE " + coordinatorName + " " + p.name + " rolled for a number between 1 and 6, they got: *"
	from := map[*person]int{}
	for _, o := range append(others, p) {
		from[o] = len(o.Lines(0))
	}
	p.send("SAYBATTLE $password?")
	p.want(answer)
	p.send("SAYBATTLE $roll 6")
	for o := range from {
		o.want(rolled)
		o.sync()
		if n := o.Count(from[o], rolled); n != 1 {
			r.Errorf("%s heard %d times what %s has rolled", o.name, n, p.name)
		}
	}
	if n := p.Count(from[p], answer); n != 1 {
		r.Errorf("%s heard %d answers of the consul", p.name, n)
	}
}

// checkCoordinatorStayed: it has come once on every connection that is open and never left.
func (r *rig) checkCoordinatorStayed() {
	r.Helper()
	for _, p := range r.here() {
		came, went := p.Count(0, "ADDUSER "+coordinatorName+" …"), p.Count(0, "REMOVEUSER "+coordinatorName)
		if came != 1 || went != 0 {
			r.Errorf("%s on node %d saw the Coordinator come %d times and leave %d times", p.name, p.node+1, came, went)
		}
	}
}

// comeBack logs the people of the lost node in on survivors, where they host, join and talk.
func (s *scene) comeBack() {
	s.Helper()
	for i, g := range s.gone() {
		flavor := springclient.Player
		if g == s.hostLost {
			flavor = springclient.Host
		}
		again := s.online(s.alive[i%2], flavor, g.name)
		if flavor == springclient.Host {
			s.newBattle(again)
			continue
		}
		again.join(s.channels[0])
		s.hostKept.admit(again, s.battleKept)
	}
	s.meet()
}

// fresh logs a new account in on a node.
func (r *rig) fresh(node int) *person {
	r.Helper()
	return r.online(node, springclient.Player, r.account("New", scenario.Plain))
}

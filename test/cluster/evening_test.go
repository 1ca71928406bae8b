package cluster

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"teiserver/internal/cluster/registry"
	"teiserver/internal/store/pgtest"
	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

const (
	guests = 16
	// wantsToPlay is the status of a player who is ready.
	wantsToPlay = 1<<22 | 1<<10 | 1<<1
	plays       = 1 << 10
	lastColor   = 7
)

// evening is a room of sixteen, its autohost, and what a database is told of them. Host and
// moderator are on a node that lives; of the two others each runs a part and is killed.
type evening struct {
	*rig
	db            *pgtest.Raw
	at            int // the node of the host
	consul        int // the node that is killed first: it runs the room
	monitor       int // the node that is killed second: it runs the match monitor
	host          *person
	moderator     *person
	players       [guests]*person
	ids           [guests]int64
	battle, match int64
	in, bots      [3]int64 // logins of users and of bots on a node since it was started last
	told, again   int      // events of the match and of a scenario that were reported
}

// TestEvening plays an evening in one room, and kills the node that runs the room while
// half of the players wait in its queue, and the node that runs the match monitor as soon
// as the game has started. All that was set goes on, and everything happens once.
func TestEvening(t *testing.T) {
	t.Parallel()
	database := pgtest.URL(t)
	e := &evening{rig: newRig(t, database), db: pgtest.OpenRaw(t, database)}
	e.c.Operate(t, "config", "set", "session.grace", "300") // a slow machine must not cost places
	e.monitor = e.nodeOf(e.living()[monitorKey].Node)
	e.at, e.consul = (e.monitor+1)%3, (e.monitor+2)%3
	e.host = e.comes(e.at, springclient.Host, e.account("Host", scenario.Bot))
	e.moderator = e.comes(e.at, springclient.Player, e.account("Mod", scenario.Moderator))
	for i := range e.players {
		// Most are where nobody dies, so that somebody waits and plays on each node.
		e.players[i] = e.comes([]int{e.at, e.consul, e.at, e.monitor}[i%4], springclient.Player, e.account("Guest", scenario.Plain))
	}
	e.meet()
	seen := e.host.Snapshot().World.Users
	for i, p := range e.players {
		e.ids[i] = seen[p.name].ID
	}

	e.openAway()
	e.setUp()
	e.dies(e.consul)
	e.stillSet()
	e.everybodyPlays()
	e.balance()
	e.start()
	e.dies(e.monitor)
	e.end()
	e.checkMatch()
	e.checkAccolades()
	e.checkAchievements()
	e.mute()
	e.meet()
	e.living()
	e.checkTelemetry()
}

// comes logs in, and is counted.
func (e *evening) comes(node int, flavor springclient.Flavor, name string) *person {
	e.Helper()
	p := e.online(node, flavor, name)
	if flavor == springclient.Host {
		e.bots[node]++
	} else {
		e.in[node]++
	}
	return p
}

// openAway opens the room, and has it moved to another node by a drain that is called off.
// A drain closes clients by lot: those come back, and with the host all begins anew.
func (e *evening) openAway() {
	e.Helper()
	here, others := e.c.Processes[e.at], []string{e.c.Processes[e.consul].Name, e.c.Processes[e.monitor].Name}
	const tries = 12
	for range tries {
		for e.battle = e.host.open("Evening"); ; e.battle = e.host.open("Evening") {
			if registry.Home(registry.NewKey("lobby", e.battle), others) == e.c.Processes[e.consul].Name {
				break
			}
			e.host.send("LEAVEBATTLE")
			e.host.await("the end of the room", func(m *springclient.Model) bool { return m.Room == nil })
		}
		e.host.await("its record", func(m *springclient.Model) bool { return m.Room.Tags["server/match/uuid"] != "" })
		e.drain(here, true)
		e.until("the drain begins", func() error {
			if e.ready(here) == nil {
				return errors.New("it is ready")
			}
			return nil
		})
		e.drain(here, false)
		e.until("the drain ends", func() error { return e.ready(here) })
		e.backFromDrain()
		if e.host.Snapshot().Room == nil {
			continue
		}
		owner := ""
		e.until("somebody runs the room", func() error {
			owner = e.db.Text(fmt.Sprintf(`SELECT n.name FROM owner o JOIN node n ON n.incarnation = o.incarnation
				WHERE o.kind = 'lobby' AND o.id = '%d' AND o.state = 'owned'`, e.battle))
			if owner == "" {
				return errors.New("nobody does")
			}
			return nil
		})
		if owner == e.c.Processes[e.consul].Name {
			return
		}
		e.host.send("LEAVEBATTLE")
		e.host.await("the end of the room", func(m *springclient.Model) bool { return m.Room == nil })
	}
	e.Fatalf("%d drains did not move a room without its host", tries)
}

// drain says what the operator wants, without waiting as the command does.
func (e *evening) drain(p *Process, wanted bool) {
	e.Helper()
	e.db.Exec(fmt.Sprintf(`UPDATE node SET drain = %t WHERE name = '%s' AND state IN ('serving', 'draining')`, wanted, p.Name))
}

func (e *evening) ready(p *Process) error {
	ctx, cancel := limit()
	defer cancel()
	return ready(ctx, p.HTTP)
}

// backFromDrain logs those in again whom the drain has closed.
func (e *evening) backFromDrain() {
	e.Helper()
	everybody := []**person{&e.host, &e.moderator}
	for i := range e.players {
		everybody = append(everybody, &e.players[i])
	}
	for _, p := range everybody {
		ctx, cancel := limit()
		err := (*p).Ping(ctx)
		cancel()
		if err != nil {
			*p = e.comes((*p).node, (*p).Flavor(), (*p).name)
		}
	}
	e.meet()
}

// setUp: eight play, eight wait, somebody is boss and sets a limit.
func (e *evening) setUp() {
	e.Helper()
	e.hostSays("Global setting changed by %s (teamSize=4)", e.host.name)
	e.hostSays("Global setting changed by %s (nbTeams=2)", e.host.name)
	for i, p := range e.players {
		e.host.admit(p, e.battle)
		p.send("MYBATTLESTATUS %d 255", wantsToPlay)
		if i < guests/2 {
			e.host.want("CLIENTBATTLESTATUS %s %d 255", p.name, wantsToPlay&^2)
		} else {
			p.want("SAIDBATTLEEX Coordinator You are now in the join-queue at position %d. Use $status to check on the queue.", i+1-guests/2)
		}
	}
	e.host.admit(e.moderator, e.battle)
	boss := e.players[0]
	e.hostSays("Boss mode enabled for %s (by %s)", boss.name, boss.name)
	boss.send("SAYBATTLE $maxratinglevel 60")
	e.host.want("SAIDBATTLE %s $maxratinglevel 60", boss.name)
	e.checkSet()
	if got, want := e.waiting(), e.names(guests/2, func(*person) bool { return true }); !slices.Equal(got, want) {
		e.Errorf("in the queue are %q, want %q", got, want)
	}
	e.stored("\"max_rating\":60")
}

// stored waits until the room's snapshot says something. What a room is told is in the store
// within a second; until then it is lost with the room's node.
func (e *evening) stored(what string) {
	e.Helper()
	e.until(what+" is in the store", func() error {
		if e.db.Number(fmt.Sprintf(`SELECT count(*) FROM snapshot WHERE kind = 'lobby' AND id = '%d'
			AND position(convert_to('%s', 'UTF8') IN body) > 0`, e.battle, what)) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
}

func (e *evening) hostSays(format string, args ...any) {
	e.Helper()
	text := "* " + fmt.Sprintf(format, args...)
	e.host.send("SAYBATTLEEX %s", text)
	e.host.want("SAIDBATTLEEX %s %s", e.host.name, text)
}

// names are those of the players from one on who fit.
func (e *evening) names(from int, fits func(*person) bool) (list []string) {
	for _, p := range e.players[from:] {
		if fits(p) {
			list = append(list, p.name)
		}
	}
	return list
}

// checkSet checks that the room has its boss and its limit.
func (e *evening) checkSet() {
	e.Helper()
	e.moderator.send("SAYBATTLE $status")
	e.moderator.want("SAIDPRIVATE Coordinator Host boss is: %s", e.players[0].name)
	e.moderator.want("SAIDPRIVATE Coordinator Max rating: 60")
}

// waiting reads who is in the queue, in order.
func (e *evening) waiting() []string {
	e.Helper()
	e.moderator.send("SAYBATTLE $status")
	const prefix = "SAIDPRIVATE Coordinator Join queue: "
	line := strings.TrimPrefix(e.moderator.want(prefix+"…"), prefix)
	list, _, _ := strings.Cut(line, " (size")
	e.moderator.sync()
	e.moderator.Skip()
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// dies kills a node. Its people come back on the others, and it is started again.
func (e *evening) dies(node int) {
	e.Helper()
	var lost []int
	for i, p := range e.players {
		if p.node == node {
			p.cut = true
			lost = append(lost, i)
		}
	}
	e.c.Processes[node].Kill()
	e.in[node], e.bots[node] = 0, 0
	for _, i := range lost {
		p := e.players[i]
		p.Close()
		e.host.await(p.name+" gone", func(m *springclient.Model) bool { return m.Users[p.name] == nil })
	}
	e.living()
	for n, i := range lost {
		to := e.at
		if other := 3 - e.at - node; n%2 == 0 {
			to = other
		}
		p := e.comes(to, springclient.Player, e.players[i].name)
		e.players[i] = p
		e.host.admit(p, e.battle)
		e.asksToPlay(p, 255)
	}
	if err := e.c.Processes[node].Restart(e.Context()); err != nil {
		e.Fatal(err)
	}
	e.living()
	e.meet()
}

// asksToPlay is done when the room has taken it. A client says of itself what it was told,
// and so keeps its number and team.
func (e *evening) asksToPlay(p *person, color int) {
	e.Helper()
	p.await("its status", func(m *springclient.Model) bool {
		told := m.Room.Statuses[p.name]
		return told != "" && told != springclient.Untold
	})
	number, _, _ := strings.Cut(p.Snapshot().Room.Statuses[p.name], " ")
	status, err := strconv.Atoi(number)
	if err != nil {
		e.Fatalf("%s has the status %q: %v", p.name, number, err)
	}
	p.send("MYBATTLESTATUS %d %d", status&^(3<<22)|wantsToPlay, color)
	p.sync()
}

// stillSet: what was ordered has outlived its node, and who waited waits in the same order.
func (e *evening) stillSet() {
	e.Helper()
	e.checkSet()
	stayed := map[string]bool{}
	before := e.names(guests/2, func(p *person) bool {
		stayed[p.name] = p.Count(0, "SAIDBATTLEEX Coordinator You are now in the join-queue …") > 0
		return stayed[p.name]
	})
	now := slices.DeleteFunc(e.waiting(), func(name string) bool { return !stayed[name] })
	// Somebody may have come in for one who was away too long: the first of the queue.
	if len(now) > len(before) || !slices.Equal(now, before[len(before)-len(now):]) {
		e.Errorf("of %q there wait %q", before, now)
	}
	e.askConsul(e.players[0], e.host, e.moderator)
}

// statuses reports whether the statuses of all players fit, as the host sees them.
func (e *evening) statuses(m *springclient.Model, fits func(i, status int) bool) bool {
	for i, p := range e.players {
		number, _, _ := strings.Cut(m.Room.Statuses[p.name], " ")
		status, err := strconv.Atoi(number)
		if err != nil || !fits(i, status) {
			return false
		}
	}
	return true
}

// everybodyPlays: the room grows and the queue comes in.
func (e *evening) everybodyPlays() {
	e.Helper()
	e.hostSays("Global setting changed by %s (teamSize=8)", e.host.name)
	e.host.await("sixteen players", func(m *springclient.Model) bool {
		return e.statuses(m, func(_, status int) bool { return status&plays != 0 })
	})
	for _, p := range e.players {
		e.asksToPlay(p, lastColor)
	}
	// The color tells the room's last word on each from those before.
	e.host.await("all are ready", func(m *springclient.Model) bool {
		return e.statuses(m, func(i, status int) bool {
			return status&wantsToPlay == wantsToPlay && strings.HasSuffix(m.Room.Statuses[e.players[i].name], fmt.Sprint(" ", lastColor))
		})
	})
	if got := e.waiting(); len(got) != 0 {
		e.Errorf("%q still wait", got)
	}
}

// balance has the server make teams, which the host puts into force.
func (e *evening) balance() {
	e.Helper()
	players := map[string]any{}
	for _, p := range e.players {
		players[p.name] = map[string]any{}
	}
	raw, err := json.Marshal(players)
	if err != nil {
		e.Fatal(err)
	}
	form := url.Values{"players": {string(raw)}, "bots": {"{}"}, "nbTeams": {"2"}, "balanceMode": {"clan;skill"}}
	var teams struct {
		Players map[string]struct{ Team, ID int } `json:"player_assign_hash"`
	}
	e.ask("spads/balance_battle?"+form.Encode(), &teams)
	size := [2]int{}
	for _, p := range teams.Players {
		size[p.Team]++
	}
	if len(teams.Players) != guests || size != [2]int{guests / 2, guests / 2} {
		e.Fatalf("teams %+v", teams)
	}
	for name, p := range teams.Players {
		e.host.send("FORCETEAMNO %s %d", name, p.ID)
		e.host.send("FORCEALLYNO %s %d", name, p.Team)
	}
	e.host.await("the teams", func(m *springclient.Model) bool {
		return e.statuses(m, func(i, status int) bool {
			want := teams.Players[e.players[i].name]
			return status>>2&15 == want.ID && status>>6&15 == want.Team
		})
	})
	// The room may be on the node that is killed next.
	e.players[0].send("SAYBATTLE $maxratinglevel 61")
	e.stored("\"max_rating\":61")
}

// ask asks the host's node over HTTP, as the host.
func (e *evening) ask(path string, into any) {
	e.Helper()
	ctx, cancel := limit()
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.c.Processes[e.at].HTTP+"/teiserver/api/"+path, nil)
	if err != nil {
		e.Fatal(err)
	}
	req.SetBasicAuth(e.host.name, springclient.Password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil || resp.StatusCode != http.StatusOK {
		e.Fatalf("%s: %s %v", path, resp.Status, err)
	}
}

// start starts the game.
func (e *evening) start() {
	e.Helper()
	var err error
	if e.match, err = strconv.ParseInt(e.host.Snapshot().Room.Tags["game/server_match_id"], 10, 64); err != nil {
		e.Fatal(err)
	}
	e.host.join("autohosts")
	e.host.send("SAYEX autohosts * Launching game...")
	e.host.want("SAIDEX autohosts %s * Launching game...", e.host.name)
	e.events()
}

// events has the host report what happens in the game, and a player a scenario it has won.
func (e *evening) events() {
	e.Helper()
	for i := range 3 {
		e.told++
		e.host.send("SAYPRIVATE AutohostMonitor match-event <%s> <commands:FirstLineMove> <%d>", e.players[0].name, 60+e.told+i)
	}
	e.host.sync()
	won := base64.StdEncoding.EncodeToString([]byte(`{"scenarioid":"archsimkatshelpers017","difficulty":"Brutal","won":true}`))
	e.again++
	e.players[0].send("c.telemetry.complex_client_event game_start:singleplayer:scenario_end %s abcdef", won)
	e.players[0].sync()
}

// end ends the game and tells how it went.
func (e *evening) end() {
	e.Helper()
	e.events()
	names, allies := make([]string, guests), make([]int, guests)
	members := map[string]int{}
	for _, u := range e.rig.match(e.match).Members {
		members[u.Name] = u.Team
	}
	for i, p := range e.players {
		team, ok := members[p.name]
		if !ok {
			e.Errorf("%s is not in the match: %v", p.name, members)
		}
		names[i], allies[i] = p.name, team
	}
	for range 2 { // a host that is not sure says it again
		e.host.send("SAYEX autohosts * Server stopped (running time: 15m0s)")
		e.host.want("SAIDEX autohosts %s * Server stopped (running time: 15m0s)", e.host.name)
		e.host.send("SAYPRIVATE AutohostMonitor endGameData %s", scenario.TeamEndData(e.match, 900, e.ids[:], names, allies))
	}
	e.host.want("SAIDPRIVATE Coordinator updateSkill …")
	e.host.await("the next match", func(m *springclient.Model) bool {
		next := m.Room.Tags["game/server_match_id"]
		return next != "" && next != strconv.FormatInt(e.match, 10)
	})
}

// mute: who is muted is so on each node where it comes in, as soon as that has read of it.
func (e *evening) mute() {
	e.Helper()
	x, witness := e.players[2], e.players[1]
	e.c.Operate(e, "moderation", "action", "add", x.name, "--restrict", "All chat", "--for", "7 days", "--reason", "Bad manners", "--by", e.moderator.name)
	e.host.want("SAIDPRIVATE Coordinator !mute %s", x.name)
	heard := func() (lines int) {
		from := map[*person]int{e.host: len(e.host.Lines(0)), witness: len(witness.Lines(0))}
		x.send("SAYBATTLE nobody hears this")
		x.send("SAYBATTLE !endvote")
		for p, mark := range from {
			p.want("SAIDBATTLE %s !endvote", x.name)
			lines += p.Count(mark, "SAIDBATTLE "+x.name+" nobody …")
		}
		return lines
	}
	for node, p := range e.c.Processes {
		ctx, cancel := limit()
		err := x.Quit(ctx)
		cancel()
		if err != nil {
			e.Fatal(err)
		}
		e.host.await("it is gone", func(m *springclient.Model) bool { return m.Users[x.name] == nil })
		x = e.comes(node, springclient.Player, x.name)
		e.players[2] = x
		e.host.admit(x, e.battle)
		e.until(p.Name+" has read of it", func() error {
			if n := heard(); n != 0 {
				return fmt.Errorf("%d lines were heard", n)
			}
			return nil
		})
		if n := heard(); n != 0 {
			e.Errorf("%s: %d lines were heard of who is muted", p.Name, n)
		}
	}
}

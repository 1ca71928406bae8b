//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"teiserver/test/springclient"
)

// The pace of the load. Nothing is judged by these.
const (
	thinkLeast  = 200 * time.Millisecond
	thinkSpread = 900 * time.Millisecond
	pingEvery   = 3 * time.Second
	// deaf is how long a client waits for an answer before it looks for another node.
	deaf = 12 * time.Second
)

// channels that the load talks in.
var channels = []string{"main", "room1", "room2", "room3"}

// load is the clients of a run.
type load struct {
	r      *rig
	actors []*actor
	serial atomic.Int64 // of connections
	quiet  atomic.Bool  // nothing is done anymore, only connected
	stop   context.CancelFunc
	ctx    context.Context
	ends   sync.WaitGroup

	mu      sync.Mutex
	ill     []string // violations of strict clients
	created []string // names whose registration was acknowledged
	unclear []string // names whose registration had no answer
}

// actor is one user, who comes back whenever the connection ends.
type actor struct {
	*load
	name   string
	flavor springclient.Flavor
	rand   *rand.Rand
	first  int         // node at first
	said   int         // lines so far, over all connections
	home   atomic.Bool // goes back to its first node next

	mu   sync.Mutex
	conn *session // nil: not logged in
}

// session is one connection of an actor.
type session struct {
	*springclient.Client
	serial int
	node   *node
	read   int       // lines that the actor has dealt with
	alive  time.Time // the last answer to a PING
	joined []string
}

// newLoad makes accounts and starts their clients, half of the hosts' number on each node.
func newLoad(r *rig, seed uint64, players, hosts int) *load {
	l := &load{r: r}
	l.ctx, l.stop = context.WithCancel(context.Background())
	for i := range players + hosts {
		a := &actor{load: l, name: fmt.Sprintf("Player%d", i), flavor: springclient.Player, first: i, rand: rand.New(rand.NewPCG(seed, uint64(i)))} //nolint:gosec // a load
		if i < hosts {
			a.name, a.flavor = fmt.Sprintf("Host%d", i), springclient.Host
		}
		l.actors = append(l.actors, a)
	}
	ctx, cancel := context.WithTimeout(l.ctx, 3*readyLimit)
	defer cancel()
	for i, a := range l.actors {
		if a.flavor == springclient.Host {
			l.makeBot(a.name)
			continue
		}
		if err := l.makeAccount(ctx, a.name, r.nodes[i%3]); err != nil {
			r.t.Fatal(err)
		}
	}
	for _, a := range l.actors {
		l.ends.Go(a.run)
	}
	for i := range 2 {
		l.ends.Go(func() { l.registrar(i, rand.New(rand.NewPCG(seed, uint64(1000+i)))) }) //nolint:gosec // a load
	}
	l.ends.Go(l.operate)
	return l
}

func (l *load) makeAccount(ctx context.Context, name string, n *node) error {
	c, err := l.dial(ctx, name, n, springclient.Player)
	if err != nil {
		return err
	}
	defer c.Close()
	start := now()
	err = c.Register(ctx, name)
	l.r.history.Add(Event{Kind: Operation, Start: start, At: now(), Who: name, Conn: c.serial, Node: n.name, What: "register", Arg: name, Result: result(err, c)})
	return err
}

// makeBot makes an account that may host.
func (l *load) makeBot(name string) {
	l.r.command("user", "add", name, "--password", springclient.Password, "--email", strings.ToLower(name)+"@example.com", "--role", "bot")
}

// result names an outcome: an answer is a denial, no answer is unknown.
func result(err error, c *session) string {
	switch {
	case err == nil:
		return OK
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), c == nil, !c.Open():
		return Unknown
	}
	return Denied
}

func (l *load) dial(ctx context.Context, who string, n *node, flavor springclient.Flavor) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	raw, err := l.r.net.Host(clients).Dial(ctx, "tcp", n.spring())
	if err != nil {
		return nil, err
	}
	serial := int(l.serial.Add(1))
	s := &session{serial: serial, node: n, alive: time.Now()}
	s.Client = springclient.New(&tap{Conn: raw, seen: func(line string) { l.seen(who, serial, n.name, line) }}, flavor)
	return s, nil
}

// told are the commands that the checkers look at.
var told = map[string]bool{
	"SAID": true, "SAIDPRIVATE": true, "SAIDBATTLE": true, "OPENBATTLE": true, "BATTLEOPENED": true, "BATTLECLOSED": true,
	"ADDUSER": true, "REMOVEUSER": true, "ACCEPTED": true, "DENIED": true, "s.system.disconnect": true, "SERVERMSG": true,
	"REGISTRATIONACCEPTED": true, "REGISTRATIONDENIED": true, "OPENBATTLEFAILED": true, "JOINBATTLEFAILED": true,
}

func (l *load) seen(who string, serial int, node, line string) {
	word, _, _ := strings.Cut(line, " ")
	if told[word] || strings.Contains(line, "server/match/uuid=") {
		l.r.history.Add(Event{Kind: Seen, At: now(), Who: who, Conn: serial, Node: node, Line: line})
	}
}

func (a *actor) run() {
	at := a.first % 3
	for a.ctx.Err() == nil {
		s, err := a.enter(a.r.nodes[at])
		if err != nil {
			a.sleep(300*time.Millisecond + time.Duration(a.rand.IntN(700))*time.Millisecond)
			at = (at + 1) % len(a.r.nodes)
			continue
		}
		a.hold(s)
		err = a.live(s)
		a.hold(nil)
		a.leave(s, err)
		at = a.rand.IntN(len(a.r.nodes))
		if a.home.Swap(false) {
			at = a.first % 3
		}
	}
}

func (a *actor) hold(s *session) {
	a.mu.Lock()
	a.conn = s
	a.mu.Unlock()
}

func (a *actor) session() *session {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.conn
}

// enter logs in.
func (a *actor) enter(n *node) (*session, error) {
	start := now()
	ctx, cancel := context.WithTimeout(a.ctx, 2*deaf)
	defer cancel()
	s, err := a.dial(ctx, a.name, n, a.flavor)
	if err == nil {
		err = s.Login(ctx, a.name)
	}
	serial := 0
	if s != nil {
		serial = s.serial
	}
	e := Event{Kind: Operation, Start: start, At: now(), Who: a.name, Conn: serial, Node: n.name, What: "login", Result: result(err, s)}
	if err != nil {
		e.Line, _, _ = strings.Cut(err.Error(), "\n")
	}
	a.r.history.Add(e)
	if err != nil && s != nil {
		a.leave(s, err)
	}
	return s, err
}

// leave ends a connection and judges what it was told.
func (a *actor) leave(s *session, why error) {
	own := s.Open() // we end it
	s.Close()
	last := ""
	if lines := s.Lines(0); len(lines) > 0 {
		last = lines[len(lines)-1]
	}
	e := Event{Kind: Ended, At: now(), Who: a.name, Conn: s.serial, Node: s.node.name, Line: last}
	switch {
	case own:
		e.What = "given up"
	case a.home.Load():
		e.What = "moved"
	}
	if why != nil {
		e.Arg, _, _ = strings.Cut(why.Error(), "\n")
	}
	a.r.history.Add(e)
	for _, v := range s.Violations() {
		if v.Why == "the connection ended inside a line" {
			continue // as it does when a node is killed
		}
		a.load.mu.Lock()
		a.ill = append(a.ill, fmt.Sprintf("%s on %s, connection %d: %v", a.name, s.node.name, s.serial, v))
		a.load.mu.Unlock()
		break // the first leads to others
	}
}

func (a *actor) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-a.ctx.Done():
	}
}

// live does things until the connection ends or gets no answer.
func (a *actor) live(s *session) error {
	if err := a.settle(s); err != nil {
		return err
	}
	next, ping := time.Now(), time.Now()
	for a.ctx.Err() == nil {
		if !s.Open() {
			return s.Ended()
		}
		if a.flavor == springclient.Host {
			if err := a.admit(s); err != nil {
				return err
			}
		}
		if time.Since(ping) > pingEvery {
			ctx, cancel := context.WithTimeout(a.ctx, deaf)
			err := s.Ping(ctx)
			cancel()
			if err != nil {
				return err
			}
			ping, s.alive = time.Now(), time.Now()
		}
		if time.Now().After(next) && !a.quiet.Load() {
			if err := a.act(s); err != nil {
				return err
			}
			next = time.Now().Add(thinkLeast + time.Duration(a.rand.Int64N(int64(thinkSpread))))
		}
		a.sleep(100 * time.Millisecond)
	}
	return nil
}

// settle joins the channels that the actor talks in.
func (a *actor) settle(s *session) error {
	s.joined = []string{channels[0], channels[1+a.first%(len(channels)-1)]}
	for _, name := range s.joined {
		if err := s.Send("JOIN %s", name); err != nil {
			return err
		}
	}
	return nil
}

// admit lets everybody in who asked.
func (a *actor) admit(s *session) error {
	lines := s.Lines(s.read)
	s.read += len(lines)
	for _, line := range lines {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "JOINBATTLEREQUEST" {
			if err := s.Send("JOINBATTLEACCEPT %s", f[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// act does one thing.
func (a *actor) act(s *session) error {
	room := s.Snapshot().Room
	p := a.rand.IntN(100)
	switch {
	case p < 40:
		return a.say(s, "say", "SAY "+s.joined[a.rand.IntN(len(s.joined))])
	case p < 50:
		return a.say(s, "whisper", "SAYPRIVATE "+a.actors[a.rand.IntN(len(a.actors))].name)
	case p < 55:
		return s.Send("MYSTATUS %d", a.rand.IntN(2)*2)
	case a.flavor == springclient.Host:
		return a.host(s, room, p)
	}
	return a.play(s, room, p)
}

func (a *actor) say(s *session, what, command string) error {
	a.said++
	a.r.history.Add(Event{Kind: Operation, At: now(), Who: a.name, Conn: s.serial, Node: s.node.name, What: what, Arg: fmt.Sprintf("%s %s:%d", command, a.name, a.said)})
	return s.Send("%s %s:%d", command, a.name, a.said)
}

// host opens, changes and closes a battle.
func (a *actor) host(s *session, room *springclient.Room, p int) error {
	switch {
	case room == nil:
		return a.timed(s, "open", func(ctx context.Context) (string, error) {
			id, err := s.OpenBattle(ctx, springclient.Battle{Title: "Of " + a.name})
			if err != nil {
				return "", err
			}
			return fmt.Sprint(id), s.Send("MYBATTLESTATUS 4194306 16777215")
		})
	case p < 60:
		a.r.history.Add(Event{Kind: Operation, At: now(), Who: a.name, Conn: s.serial, Node: s.node.name, What: "close", Arg: fmt.Sprint(room.ID)})
		return s.Send("LEAVEBATTLE")
	case p < 75:
		return s.Send("UPDATEBATTLEINFO 0 %d 5 Map %d", a.rand.IntN(2), a.rand.IntN(50))
	case p < 85:
		return s.Send("SETSCRIPTTAGS game/modoptions/x=%d", a.rand.IntN(1000))
	}
	return a.say(s, "say in battle", "SAYBATTLE")
}

// play joins, acts in and leaves battles.
func (a *actor) play(s *session, room *springclient.Room, p int) error {
	switch {
	case room == nil:
		open := s.Snapshot().World.Battles
		if len(open) == 0 {
			return nil
		}
		ids := make([]int64, 0, len(open))
		for id := range open {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		id := ids[a.rand.IntN(len(ids))]
		return a.timed(s, "join", func(ctx context.Context) (string, error) {
			s.Skip()
			if err := s.AskToJoin(id, "empty", fmt.Sprint(a.rand.IntN(10000))); err != nil {
				return fmt.Sprint(id), err
			}
			return fmt.Sprint(id), s.Joined(ctx, id)
		})
	case p < 62:
		return s.Send("LEAVEBATTLE")
	case p < 82:
		return s.Send("MYBATTLESTATUS %d %d", 4194304+a.rand.IntN(2)*2+a.rand.IntN(2)*1024, a.rand.IntN(1<<24))
	}
	return a.say(s, "say in battle", "SAYBATTLE")
}

// timed notes a command that has an answer. That there is none in time ends nothing: the
// next PING finds out.
func (a *actor) timed(s *session, what string, f func(context.Context) (string, error)) error {
	ctx, cancel := context.WithTimeout(a.ctx, deaf)
	defer cancel()
	start := now()
	s.Skip()
	arg, err := f(ctx)
	e := Event{Kind: Operation, Start: start, At: now(), Who: a.name, Conn: s.serial, Node: s.node.name, What: what, Arg: arg, Result: result(err, s)}
	if err != nil {
		e.Line, _, _ = strings.Cut(err.Error(), "\n")
	}
	a.r.history.Add(e)
	return nil
}

package transcript

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"teiserver/test/scenario"
	"teiserver/test/springclient"
)

// patience is how long one step may take. Far more than a healthy server needs.
const patience = 2 * time.Minute

// Run plays all conversations against running nodes.
func Run(t *testing.T, env scenario.Env) { run(t, env, Load) }

// RunFull plays those of Full.
func RunFull(t *testing.T, env scenario.Env) { run(t, env, Full) }

// RunMailed plays those of Mailed.
func RunMailed(t *testing.T, env scenario.Env) { run(t, env, Mailed) }

// RunMatched plays those of Matched.
func RunMatched(t *testing.T, env scenario.Env) { run(t, env, Matched) }

func run(t *testing.T, env scenario.Env, load func() (map[string]*Script, error)) {
	scripts, err := load()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(scripts)) {
		t.Run(name, func(t *testing.T) { Play(t, env, scripts[name]) })
	}
}

// play is one conversation on its way.
type play struct {
	testing.TB
	env     scenario.Env
	clients map[string]*client
	order   []*client
	vars    springclient.Vars
	strict  bool
}

type client struct {
	*springclient.Client
	node    int
	account string
	mark    int // "!" looks from here
}

// Play plays one conversation.
func Play(t testing.TB, env scenario.Env, script *Script) {
	p := &play{TB: t, env: env, clients: map[string]*client{}, vars: springclient.Vars{}}
	t.Cleanup(p.end)
	for _, step := range script.Steps {
		if err := p.step(step); err != nil {
			t.Fatalf("%s\nline %d: %s%c %s: %v", script.Title, step.Line, step.Who, step.Op, step.Text, err)
		}
	}
}

func (p *play) end() {
	for _, c := range p.order {
		if c.account != "" && c.Open() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if err := c.Ping(ctx); err != nil {
				p.Errorf("%s at the end: %v", c.account, err)
			}
			_ = c.Quit(ctx)
			cancel()
		}
		c.Close()
		for _, v := range c.Violations() {
			p.Errorf("%s: %v", c.account, v)
		}
	}
}

func (p *play) step(s Step) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	switch {
	case s.Text == "strict" && s.Op == 0:
		p.strict = true
		return nil
	case s.Op == 0:
		return p.meet(ctx)
	case s.Op == ':':
		args := strings.Fields(s.Text)
		if p.clients[s.Who] == nil && !first[args[0]] {
			return fmt.Errorf("%s is not connected", s.Who)
		}
		return verbs[args[0]](ctx, p, s.Who, args[1:])
	}
	c, ok := p.clients[s.Who]
	if !ok {
		return fmt.Errorf("%s is not connected", s.Who)
	}
	switch s.Op {
	case '>':
		line, err := springclient.Expand(s.Text, p.vars)
		if err != nil {
			return err
		}
		return c.Send("%s", line)
	case '<':
		return p.expect(ctx, c, s.Text)
	default:
		return p.absent(ctx, c, s.Text)
	}
}

func (p *play) expect(ctx context.Context, c *client, text string) error {
	pattern, err := springclient.CompileVars(text, p.vars)
	if err != nil {
		return err
	}
	if !p.strict {
		_, err = c.ExpectMatch(ctx, pattern, p.vars)
		return err
	}
	for {
		line, err := c.Next(ctx)
		switch {
		case err != nil:
			return err
		case pattern.Bind(line, p.vars):
			return nil
		case !p.stranger(line) && !completed(line):
			return fmt.Errorf("got %q", line)
		}
	}
}

// completed reports the tags of a battle that was opened: the server adds them when it comes
// to it, within two seconds.
func completed(line string) bool {
	tags, set := strings.CutPrefix(line, "SETSCRIPTTAGS game/server_match_id=")
	return set && strings.Contains(tags, "\tserver/host/uuid=")
}

// stranger reports that a line is about somebody of an earlier conversation, or of a
// scenario before it, who goes: that may be heard at any time.
func (p *play) stranger(line string) bool {
	verb, rest, _ := strings.Cut(line, " ")
	words := strings.Fields(rest)
	who := map[string]int{"REMOVEUSER": 0, "CLIENTSTATUS": 0, "LEFTBATTLE": 1, "BATTLECLOSED": 0, "UPDATEBATTLEINFO": 0}
	i, told := who[verb]
	return told && i < len(words) && !p.knows(words[i])
}

// knows reports that a word is the name of a client of this conversation, or of a
// battle or another thing that it has to do with.
func (p *play) knows(word string) bool {
	for _, c := range p.order {
		room := c.Snapshot().Room
		if c.account == word || room != nil && strconv.FormatInt(room.ID, 10) == word {
			return true
		}
	}
	for _, v := range p.vars {
		if v == word {
			return true
		}
	}
	return false
}

func (p *play) absent(ctx context.Context, c *client, text string) error {
	if c.Open() {
		if err := c.Ping(ctx); err != nil {
			return err
		}
	}
	pattern, err := springclient.CompileVars(text, p.vars)
	if err != nil {
		return err
	}
	for _, line := range c.Lines(c.mark) {
		if pattern.Match(line) {
			return fmt.Errorf("got %q", line)
		}
	}
	return nil
}

// meet waits until all see each other, and binds their ids.
func (p *play) meet(ctx context.Context) error {
	for _, a := range p.order {
		for who, b := range p.clients {
			if a.account == "" || b.account == "" || !a.Open() || !b.Open() {
				continue
			}
			if err := a.Await(ctx, "the sight of "+who, func(m *springclient.Model) bool { return m.Users[b.account] != nil }); err != nil {
				return err
			}
		}
	}
	for _, c := range p.order {
		p.skip(c)
	}
	return nil
}

// skip goes on behind all that a client has been sent: what belongs to a line that it
// has seen, such as the status of a new user, comes before the answer to a PING.
func (p *play) skip(c *client) {
	ctx, cancel := context.WithTimeout(context.Background(), skipLimit)
	defer cancel()
	_ = c.Ping(ctx) // one that has ended has been sent everything
	c.Skip()
	c.mark = c.Mark()
}

// add makes a connection on the next node.
func (p *play) add(ctx context.Context, who string, flavor springclient.Flavor, secure bool) (*client, error) {
	if old, ok := p.clients[who]; ok && old.Open() {
		return nil, fmt.Errorf("%s is connected", who)
	}
	node := len(p.order) % len(p.env.Nodes)
	dial, addr := springclient.Dial, p.env.Nodes[node].Spring
	if secure {
		dial, addr = springclient.DialTLS, p.env.Nodes[node].TLS
	}
	conn, err := dial(ctx, addr, flavor)
	if err != nil {
		return nil, err
	}
	c := &client{Client: conn, node: node}
	p.clients[who] = c
	p.order = append(p.order, c)
	return c, nil
}

// skipLimit ends hopeless waiting.
const skipLimit = time.Minute

// verb is what follows a colon.
type verb func(ctx context.Context, p *play, who string, args []string) error

var verbs map[string]verb

// first lists the verbs that need no connection.
var first = map[string]bool{"login": true, "connect": true, "tls": true, "free": true}

func init() { // a registration table; in init because the verbs mention it through play.step
	verbs = map[string]verb{
		"login": login, "connect": connect, "tls": connectTLS, "stls": startTLS, "starttls": startTLSOtherwise, "open": open, "enter": enter,
		"close": closeConn, "closed": closed, "skip": skip, "sees": sees, "free": free, "report": report,
		"code": code, "restrict": restrict, "revoke": revoke, "alt": alt, "shadowban": shadowban,
	}
}

func connect(ctx context.Context, p *play, who string, args []string) error {
	flavor := springclient.Player
	if slices.Contains(args, "bot") {
		flavor = springclient.Host
	}
	_, err := p.add(ctx, who, flavor, false)
	return err
}

func connectTLS(ctx context.Context, p *play, who string, args []string) error {
	_, err := p.add(ctx, who, springclient.Player, true)
	return err
}

func startTLS(ctx context.Context, p *play, who string, args []string) error {
	return p.clients[who].StartTLS(ctx)
}

// startTLSOtherwise is startTLS by the other name of the command.
func startTLSOtherwise(ctx context.Context, p *play, who string, args []string) error {
	return p.clients[who].StartTLSBy(ctx, "STARTTLS")
}

func login(ctx context.Context, p *play, who string, args []string) error {
	flavor, account := springclient.Player, ""
	switch strings.Join(args, " ") {
	case "":
		account = p.env.Account(p, scenario.Plain)
	case "new":
		account = p.env.Fresh(p, scenario.Plain)
	case "bot":
		flavor, account = springclient.Host, p.env.Account(p, scenario.Bot)
	case "moderator":
		account = p.env.Account(p, scenario.Moderator)
	case "admin":
		account = p.env.Account(p, scenario.Admin)
	default:
		if len(args) != 2 || args[0] != "as" {
			return fmt.Errorf("login as whom?")
		}
		other, ok := p.clients[args[1]]
		if !ok {
			return fmt.Errorf("there is no %s", args[1])
		}
		flavor, account = other.Flavor(), p.vars[args[1]]
	}
	c, ok := p.clients[who]
	if !ok || !c.Open() {
		var err error
		if c, err = p.add(ctx, who, flavor, false); err != nil {
			return err
		}
	}
	if err := c.Login(ctx, account); err != nil {
		return err
	}
	c.account = account
	p.vars[who] = account
	p.vars[who+"_id"] = strconv.FormatInt(c.Snapshot().World.Users[account].ID, 10)
	p.skip(c)
	return nil
}

func open(ctx context.Context, p *play, who string, args []string) error {
	b := springclient.Battle{}
	if len(args) > 0 {
		b.Password = args[0]
	}
	id, err := p.clients[who].OpenBattle(ctx, b)
	if err != nil {
		return err
	}
	p.vars["battle"] = strconv.FormatInt(id, 10)
	for _, c := range p.order {
		if c.account == "" || !c.Open() {
			continue
		}
		if err := c.Await(ctx, "the battle", func(m *springclient.Model) bool { return m.Battles[id] != nil }); err != nil {
			return err
		}
		p.skip(c)
	}
	return nil
}

// enter goes through the handshake of joining.
func enter(ctx context.Context, p *play, who string, args []string) error {
	if len(args) != 1 || p.clients[args[0]] == nil {
		return fmt.Errorf("enter whose battle?")
	}
	c, host := p.clients[who], p.clients[args[0]]
	room := host.Snapshot().Room
	if room == nil {
		return fmt.Errorf("%s hosts no battle", args[0])
	}
	if err := c.AskToJoin(room.ID, "empty", "1"); err != nil {
		return err
	}
	if _, err := host.Expect(ctx, "JOINBATTLEREQUEST %s *", c.account); err != nil {
		return err
	}
	if err := host.Send("JOINBATTLEACCEPT %s", c.account); err != nil {
		return err
	}
	if err := c.Joined(ctx, room.ID); err != nil {
		return err
	}
	for _, other := range p.order {
		if other.account == "" || !other.Open() || other.Flavor() == springclient.Host && other != host {
			continue
		}
		inside := func(m *springclient.Model) bool { b := m.Battles[room.ID]; return b != nil && b.Members[c.account] }
		if err := other.Await(ctx, who+" in the battle", inside); err != nil {
			return err
		}
		p.skip(other)
	}
	return nil
}

func closeConn(ctx context.Context, p *play, who string, args []string) error {
	p.clients[who].Close()
	return nil
}

func closed(ctx context.Context, p *play, who string, args []string) error {
	return p.clients[who].WaitClosed(ctx)
}

// sees waits until a client has been told of a user, and goes on from there.
func sees(ctx context.Context, p *play, who string, args []string) error {
	if len(args) != 1 {
		return errors.New("sees needs one name")
	}
	name := p.vars[args[0]]
	if err := p.clients[who].Await(ctx, name, func(m *springclient.Model) bool { return m.Users[name] != nil }); err != nil {
		return err
	}
	return skip(ctx, p, who, nil)
}

func skip(ctx context.Context, p *play, who string, args []string) error {
	c := p.clients[who]
	if err := c.Ping(ctx); err != nil {
		return err
	}
	p.skip(c)
	return nil
}

func free(ctx context.Context, p *play, who string, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("free which?")
	}
	p.vars[args[0]] = p.env.Name()
	return nil
}

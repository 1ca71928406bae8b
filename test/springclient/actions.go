package springclient

import (
	"context"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Password is the plain password of all test accounts.
const Password = "password"

// Greeting waits for the first line.
func (c *Client) Greeting(ctx context.Context) error {
	_, err := c.Expect(ctx, "TASSERVER …")
	return err
}

// Register makes an account with the usual password.
func (c *Client) Register(ctx context.Context, name string) error {
	if err := c.Send("REGISTER %s %s %s@example.com", name, Hash(Password), strings.ToLower(name)); err != nil {
		return err
	}
	which, line, err := c.ExpectAny(ctx, "REGISTRATIONACCEPTED", "REGISTRATIONDENIED …", "SERVERMSG …")
	if err != nil {
		return fmt.Errorf("register %s: %w", name, err)
	}
	if which != 0 {
		return fmt.Errorf("register %s: %s", name, line)
	}
	return nil
}

// Agent is what LOGIN says for a flavor.
func (f Flavor) Agent() string {
	if f == Host {
		return HostAgent
	}
	return PlayerAgent
}

// LoginLine is the LOGIN command of this client. Each account has a machine of its own.
func (c *Client) LoginLine(name, password string) string {
	return fmt.Sprintf("LOGIN %s %s 0 * %s\t%d deadbeef\tsp b", name, Hash(password), c.flavor.Agent(), crc32.ChecksumIEEE([]byte(name)))
}

// Login logs in with the usual password and waits for the end of the stream.
func (c *Client) Login(ctx context.Context, name string) error {
	return c.LoginAs(ctx, name, Password)
}

// LoginAs logs in with a password, and waits in the queue if it is told to.
func (c *Client) LoginAs(ctx context.Context, name, password string) error {
	if err := c.Send("%s", c.LoginLine(name, password)); err != nil {
		return err
	}
	answers := []string{"ACCEPTED " + name, "DENIED …", "AGREEMENT…", "s.system.disconnect …", "QUEUED"}
	which, line, err := c.ExpectAny(ctx, answers...)
	if err == nil && line == "QUEUED" {
		which, line, err = c.ExpectAny(ctx, answers[:4]...)
	}
	if err != nil {
		return fmt.Errorf("log in as %s: %w", name, err)
	}
	if which != 0 {
		return fmt.Errorf("log in as %s: %s", name, line)
	}
	if _, err := c.Expect(ctx, "LOGININFOEND"); err != nil {
		return fmt.Errorf("log in as %s: %w", name, err)
	}
	return nil
}

// Battle is what OPENBATTLE says. The zero value opens a plain battle.
type Battle struct {
	Type, Nat     int
	Password      string
	Port          int
	MaxPlayers    int
	GameHash      string
	MapHash       string
	Engine        string
	EngineVersion string
	Map           string
	Title         string
	Game          string
}

func (b Battle) filled() Battle {
	fill := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	fill(&b.Password, "*")
	fill(&b.GameHash, "-1540855590")
	fill(&b.MapHash, "1565299817")
	fill(&b.Engine, "spring")
	fill(&b.EngineVersion, "105.1.1-2590")
	fill(&b.Map, "Quicksilver Remake 1.24")
	fill(&b.Title, "A battle")
	fill(&b.Game, "Beyond All Reason test-25000")
	if b.Port == 0 {
		b.Port = 8452
	}
	if b.MaxPlayers == 0 {
		b.MaxPlayers = 16
	}
	return b
}

// Line is the OPENBATTLE command.
func (b Battle) Line() string {
	b = b.filled()
	return fmt.Sprintf("OPENBATTLE %d %d %s %d %d %s 0 %s %s\t%s\t%s\t%s\t%s", b.Type, b.Nat, b.Password, b.Port, b.MaxPlayers,
		b.GameHash, b.MapHash, b.Engine, b.EngineVersion, b.Map, b.Title, b.Game)
}

// OpenBattle opens a battle, waits for the whole answer, and returns its id.
func (c *Client) OpenBattle(ctx context.Context, b Battle) (int64, error) {
	if err := c.Send("%s", b.Line()); err != nil {
		return 0, err
	}
	which, line, err := c.ExpectAny(ctx, "OPENBATTLE *", "OPENBATTLEFAILED …")
	if err != nil {
		return 0, fmt.Errorf("open battle: %w", err)
	}
	if which != 0 {
		return 0, fmt.Errorf("open battle: %s", line)
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(line, "OPENBATTLE "), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("open battle: %w", err)
	}
	if _, err := c.Expect(ctx, "REQUESTBATTLESTATUS"); err != nil {
		return 0, fmt.Errorf("open battle %d: %w", id, err)
	}
	return id, nil
}

// AskToJoin sends JOINBATTLE and does not wait.
func (c *Client) AskToJoin(id int64, password, script string) error {
	return c.Send("JOINBATTLE %d %s %s", id, password, script)
}

// Joined waits until the block that a joiner gets is complete.
func (c *Client) Joined(ctx context.Context, id int64) error {
	which, line, err := c.ExpectAny(ctx, fmt.Sprintf("JOINBATTLE %d *", id), "JOINBATTLEFAILED …")
	if err != nil {
		return fmt.Errorf("join battle %d: %w", id, err)
	}
	if which != 0 {
		return fmt.Errorf("join battle %d: %s", id, line)
	}
	if _, err := c.Expect(ctx, "REQUESTBATTLESTATUS"); err != nil {
		return fmt.Errorf("join battle %d: %w", id, err)
	}
	return nil
}

// Join enters a channel and waits for its list of members.
func (c *Client) Join(ctx context.Context, channel string) error {
	if err := c.Send("JOIN %s", channel); err != nil {
		return err
	}
	_, err := c.Expect(ctx, "CLIENTS %s …", channel)
	return err
}

// Violations returns what the model has found.
func (c *Client) Violations() []Violation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Violation(nil), c.model.Violations...)
}

// Snapshot returns what the model holds now.
func (c *Client) Snapshot() Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.model.Snapshot()
}

// TakeAnyHash has the model take hashes of maps that are no integers, as some hosts send.
func (c *Client) TakeAnyHash() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.model.AnyHash = true
}

// Flavor says how the client sees memberships.
func (c *Client) Flavor() Flavor { return c.flavor }

// User returns the name under which the client is logged in.
func (c *Client) User() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.model.Me
}

package springclient

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Expect waits for the next line that fits the pattern and returns it. Lines
// before it are passed over; the next Expect looks behind it.
func (c *Client) Expect(ctx context.Context, format string, args ...any) (string, error) {
	p, err := compile(format, args)
	if err != nil {
		return "", err
	}
	return c.advance(ctx, p.Match, fmt.Sprintf("line %q", text(format, args)))
}

// ExpectAny waits for the next line that fits one of the patterns and says which.
func (c *Client) ExpectAny(ctx context.Context, patterns ...string) (which int, line string, err error) {
	compiled := make([]*Pattern, len(patterns))
	for i, text := range patterns {
		if compiled[i], err = Compile(text); err != nil {
			return 0, "", err
		}
	}
	match := func(line string) bool {
		which = slices.IndexFunc(compiled, func(p *Pattern) bool { return p.Match(line) })
		return which >= 0
	}
	line, err = c.advance(ctx, match, fmt.Sprintf("one of %q", patterns))
	return which, line, err
}

// ExpectMatch waits for the next line that fits a pattern and binds its variables.
func (c *Client) ExpectMatch(ctx context.Context, p *Pattern, vars Vars) (string, error) {
	return c.advance(ctx, func(line string) bool { return p.Bind(line, vars) }, "line "+p.re.String())
}

// ExpectInOrder waits for the patterns one after another.
func (c *Client) ExpectInOrder(ctx context.Context, patterns ...string) error {
	for _, p := range patterns {
		if _, err := c.Expect(ctx, "%s", p); err != nil {
			return err
		}
	}
	return nil
}

// Next waits for the next line, whatever it is.
func (c *Client) Next(ctx context.Context) (string, error) {
	return c.advance(ctx, func(string) bool { return true }, "a line")
}

// ExpectCount waits until n lines behind the cursor fit, and returns all that do.
// The cursor stays.
func (c *Client) ExpectCount(ctx context.Context, n int, pattern string) ([]string, error) {
	p, err := Compile(pattern)
	if err != nil {
		return nil, err
	}
	var found []string
	from := c.Mark()
	for len(found) < n {
		at, line, err := c.find(ctx, from, p.Match)
		if err != nil {
			return found, fmt.Errorf("%d of %d lines %q: %w", len(found), n, pattern, err)
		}
		found = append(found, line)
		from = at + 1
	}
	return found, nil
}

// Mark is the position behind the last line that Expect found.
func (c *Client) Mark() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cursor
}

// Skip moves the position behind all lines that have come.
func (c *Client) Skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = len(c.lines)
}

// Rewind moves the position back to a mark.
func (c *Client) Rewind(mark int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cursor = mark
}

// Lines returns a copy of all lines from a position on.
func (c *Client) Lines(from int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.lines[from:])
}

// Count returns how many lines from a position on fit a pattern.
func (c *Client) Count(from int, pattern string) int {
	p, err := Compile(pattern)
	if err != nil {
		return -1
	}
	n := 0
	for _, line := range c.Lines(from) {
		if p.Match(line) {
			n++
		}
	}
	return n
}

// Tail returns the last n lines as text, for messages.
func (c *Client) Tail(n int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tail(c.lines, n)
}

// keepAlive is how often somebody says PING who waits, as lobby clients do: a server closes
// a connection that says nothing for long.
const keepAlive = 30 * time.Second

// Await waits until the condition holds. It is looked at after every line, with
// the model at that moment, and must not keep it.
func (c *Client) Await(ctx context.Context, what string, ok func(*Model) bool) error {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		c.mu.Lock()
		holds, ended, changed := ok(c.model), c.ended, c.wait()
		c.mu.Unlock()
		if holds {
			return nil
		}
		if ended != nil {
			return fmt.Errorf("wait for %s: connection ended: %w\n%s", what, ended, c.Tail(20))
		}
		select {
		case <-changed:
		case <-alive.C:
			_ = c.Send("PING") // the reader says if the connection has ended
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w\n%s", what, ctx.Err(), c.Tail(20))
		}
	}
}

// Ping sends PING with an id of its own and waits for its answer: everything the
// server had queued for this client before is then here. The position stays.
func (c *Client) Ping(ctx context.Context) error {
	c.mu.Lock()
	c.serial++
	id, from := c.serial, len(c.lines)
	c.mu.Unlock()
	if err := c.Send("#90%d PING", id); err != nil {
		return err
	}
	want := fmt.Sprintf("#90%d PONG", id)
	if _, _, err := c.find(ctx, from, func(line string) bool { return line == want }); err != nil {
		return fmt.Errorf("wait for %q: %w\n%s", want, err, c.Tail(20))
	}
	return nil
}

// advance finds a line behind the cursor and moves the cursor behind it.
func (c *Client) advance(ctx context.Context, match func(string) bool, what string) (string, error) {
	at, line, err := c.find(ctx, c.Mark(), match)
	if err != nil {
		return "", fmt.Errorf("wait for %s: %w\n%s", what, err, c.Tail(30))
	}
	c.mu.Lock()
	c.cursor = at + 1
	c.mu.Unlock()
	return line, nil
}

func (c *Client) find(ctx context.Context, from int, match func(string) bool) (int, string, error) {
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		c.mu.Lock()
		fresh, ended, changed := c.lines[from:], c.ended, c.wait()
		c.mu.Unlock()
		for i, line := range fresh { // lines are only appended, so the slice may be read without the lock
			if match(line) {
				return from + i, line, nil
			}
		}
		from += len(fresh)
		if ended != nil {
			return 0, "", fmt.Errorf("connection ended: %w", ended)
		}
		select {
		case <-changed:
		case <-alive.C:
			_ = c.Send("PING")
		case <-ctx.Done():
			return 0, "", ctx.Err()
		}
	}
}

func compile(format string, args []any) (*Pattern, error) { return Compile(text(format, args)) }

func text(format string, args []any) string {
	if len(args) == 0 {
		return format
	}
	return fmt.Sprintf(format, args...)
}

func tail(lines []string, n int) string {
	if skip := len(lines) - n; skip > 0 {
		lines = lines[skip:]
	}
	var b strings.Builder
	for _, line := range lines {
		if len(line) > 300 {
			line = line[:300] + "…"
		}
		fmt.Fprintf(&b, "\t< %s\n", line)
	}
	return b.String()
}

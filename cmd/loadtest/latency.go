package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

type latencyCommand struct {
	target
	Rounds int    `default:"500" help:"How often each thing is measured."`
	Bot    string `placeholder:"NAME" help:"Account with role bot and password \"password\", to measure joining a battle."`
}

// Run measures.
func (l *latencyCommand) Run(ctx context.Context, r *Report) error {
	s, err := l.measure(ctx)
	if err != nil {
		return err
	}
	r.add(s)
	return nil
}

// talker is a client that reads line by line, for few clients and exact times.
type talker struct {
	conn  net.Conn
	name  string
	lines chan heard
	done  chan struct{}

	pinged []time.Time // whose answers are missing
}

type heard struct {
	line string
	at   time.Time
}

// listen connects, registers if asked to, and logs in.
func listen(ctx context.Context, addr, name string, register bool) (*talker, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	t := &talker{conn: conn, name: name, lines: make(chan heard, 10_000), done: make(chan struct{})}
	go t.read()
	if register {
		if _, err := t.ask(ctx, registerLine(name), "REGISTRATIONACCEPTED"); err != nil {
			t.close()
			return nil, err
		}
	}
	if _, err := t.ask(ctx, loginLine(name), "LOGININFOEND"); err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// read hands over the lines, but for those that nobody asks for and that come by the
// thousand: to take them apart would cost more than the server spends on them.
func (t *talker) read() {
	defer close(t.done)
	defer close(t.lines)
	in := bufio.NewReaderSize(t.conn, 64<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if !presence(line) {
			t.lines <- heard{strings.TrimSuffix(string(line), "\n"), time.Now()}
		}
	}
}

func presence(line []byte) bool {
	for _, command := range []string{"ADDUSER ", "CLIENTSTATUS ", "REMOVEUSER "} {
		if len(line) > len(command) && string(line[:len(command)]) == command {
			return true
		}
	}
	return false
}

func (t *talker) close() {
	_ = t.conn.Close()
	for range t.lines { // the reader may wait to hand a line over
	}
	<-t.done
}

// until waits for a line with this beginning.
func (t *talker) until(ctx context.Context, prefix string) (heard, error) {
	for {
		select {
		case h, ok := <-t.lines:
			switch {
			case !ok:
				return heard{}, fmt.Errorf("%s waited for %q: connection ended", t.name, prefix)
			case strings.HasPrefix(h.line, prefix):
				return h, nil
			case strings.Contains(h.line, "DENIED ") || strings.HasPrefix(h.line, "JOINBATTLEFAILED ") || strings.HasPrefix(h.line, "OPENBATTLEFAILED "):
				return heard{}, fmt.Errorf("%s waited for %q: %s", t.name, prefix, h.line)
			}
		case <-ctx.Done():
			return heard{}, fmt.Errorf("%s waited for %q: %w", t.name, prefix, ctx.Err())
		}
	}
}

// ask sends a line and waits for an answer with this beginning.
func (t *talker) ask(ctx context.Context, line, prefix string) (heard, error) {
	if _, err := fmt.Fprintf(t.conn, "%s\n", line); err != nil {
		return heard{}, fmt.Errorf("%s: %w", t.name, err)
	}
	return t.until(ctx, prefix)
}

func (l *latencyCommand) measure(ctx context.Context) (s Section, err error) {
	s = Section{Server: l.label(), Measure: "latency"}
	ctx, cancel := l.within(ctx)
	defer cancel()
	near, far := l.Target[0], l.Target[len(l.Target)-1]
	prefix := newCrowd(l.Target, 0).prefix
	var all []*talker
	defer func() {
		for _, t := range all {
			t.close()
		}
	}()
	for i, addr := range []string{near, near, far} {
		t, err := listen(ctx, addr, fmt.Sprintf("%sn%d", prefix, i), true)
		if err != nil {
			return s, err
		}
		all = append(all, t)
		if _, err := t.ask(ctx, "JOIN latency"+prefix, "CLIENTS "); err != nil {
			return s, err
		}
	}
	if err := l.lines(ctx, &s, all, "latency"+prefix); err != nil {
		return s, err
	}
	if l.Bot == "" {
		s.note("battle joins are not measured without --bot")
		return s, nil
	}
	host, err := listen(ctx, near, l.Bot, false)
	if err != nil {
		return s, err
	}
	all = append(all, host)
	return s, l.joins(ctx, &s, all, host)
}

// lines measures a channel line from the first to the others.
func (l *latencyCommand) lines(ctx context.Context, s *Section, all []*talker, room string) error {
	took := make([][]time.Duration, len(all))
	for i := range l.Rounds {
		began := time.Now()
		if _, err := fmt.Fprintf(all[0].conn, "SAY %s %d\n", room, i); err != nil {
			return fmt.Errorf("say: %w", err)
		}
		for j, t := range all {
			h, err := t.until(ctx, fmt.Sprintf("SAID %s %s %d", room, all[0].name, i))
			if err != nil {
				return err
			}
			took[j] = append(took[j], h.at.Sub(began))
		}
	}
	s.latencies("channel line, same node", took[1])
	if len(l.Target) > 1 {
		s.latencies("channel line, other node", took[2])
	}
	return nil
}

// joins measures from JOINBATTLE to the end of the joiner's block, with a host
// that answers at once, for a joiner on the host's node and one on the other.
func (l *latencyCommand) joins(ctx context.Context, s *Section, all []*talker, host *talker) (err error) {
	opened, err := host.ask(ctx, "OPENBATTLE 0 0 * 8452 16 1 0 2 spring\t105\tMap\tLatency\tGame", "OPENBATTLE ")
	if err != nil {
		return err
	}
	id := strings.TrimPrefix(opened.line, "OPENBATTLE ")
	for _, t := range all[1:3] {
		if _, err := t.until(ctx, "BATTLEOPENED "+id+" "); err != nil {
			return err
		}
	}
	asks, answered := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- admit(asks, host) }()
	defer func() {
		answered()
		err = errors.Join(err, <-ended)
	}()
	var took [2][]time.Duration
	for i := range l.Rounds {
		for j, t := range all[1:3] {
			began := time.Now()
			h, err := t.ask(ctx, fmt.Sprintf("JOINBATTLE %s empty %d", id, i), "REQUESTBATTLESTATUS")
			if err != nil {
				return err
			}
			took[j] = append(took[j], h.at.Sub(began))
			if _, err := t.ask(ctx, "LEAVEBATTLE", "LEFTBATTLE "+id+" "+t.name); err != nil {
				return err
			}
		}
	}
	s.latencies("battle join, same node", took[0])
	if len(l.Target) > 1 {
		s.latencies("battle join, other node", took[1])
	}
	return nil
}

// admit lets everybody in who asks.
func admit(ctx context.Context, host *talker) error {
	for {
		h, err := host.until(ctx, "JOINBATTLEREQUEST ")
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(host.conn, "JOINBATTLEACCEPT %s\n", strings.Fields(h.line)[1]); err != nil {
			return fmt.Errorf("accept: %w", err)
		}
	}
}

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// links carries the bus between the nodes, so that it can be cut without a firewall.
// Each node advertises a proxy, and who dials introduces itself.
type links struct {
	done  sync.WaitGroup
	doors []net.Listener

	mu     sync.Mutex
	closed bool
	cut    map[string]bool
	pipes  map[*pipe]bool
}

// pipe is one connection. from is empty until the dialing node has said its name.
type pipe struct {
	from, to    string
	front, back net.Conn
}

// nameLimit is how long a node may take to say its name.
const nameLimit = 5 * time.Second

func newLinks() *links {
	return &links{cut: map[string]bool{}, pipes: map[*pipe]bool{}}
}

// open makes the proxy of a node and returns its address. back is where the node listens.
func (l *links) open(ctx context.Context, name, back string) (string, error) {
	var lc net.ListenConfig
	door, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the links to %s: %w", name, err)
	}
	l.doors = append(l.doors, door)
	l.done.Go(func() {
		for {
			conn, err := door.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { l.carry(conn, name, back) })
		}
	})
	return door.Addr().String(), nil
}

// carry forwards one connection until an end closes it or it is cut.
func (l *links) carry(front net.Conn, to, back string) {
	p := &pipe{to: to, front: front}
	defer func() { _ = front.Close() }()
	if !l.admit(p) {
		return
	}
	defer l.forget(p)
	conn, err := net.DialTimeout("tcp", back, nameLimit)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if !l.connected(p, conn) {
		return
	}
	var both sync.WaitGroup
	defer both.Wait()
	both.Go(func() {
		_, _ = io.Copy(front, conn)
		_ = front.Close()
	})
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(front)
	_ = front.SetReadDeadline(time.Now().Add(nameLimit))
	hello, from, err := introduction(in)
	if err != nil || !l.named(p, from) {
		return
	}
	_ = front.SetReadDeadline(time.Time{})
	if _, err := io.WriteString(conn, hello); err != nil {
		return
	}
	_, _ = in.WriteTo(conn)
}

// introduction reads up to the INFO line in which the dialing server says its name, made
// of node and incarnation. CONNECT before it has only a number of the server.
func introduction(in *bufio.Reader) (hello, node string, err error) {
	const lines = 4 // it is the second
	for range lines {
		line, err := in.ReadString('\n')
		if err != nil {
			return hello, "", fmt.Errorf("read who dials: %w", err)
		}
		hello += line
		object, ok := strings.CutPrefix(line, "INFO ")
		if !ok {
			continue
		}
		var info struct {
			Name string `json:"server_name"`
		}
		if err := json.Unmarshal([]byte(object), &info); err != nil {
			return hello, "", fmt.Errorf("read who dials: %w", err)
		}
		at := strings.LastIndexByte(info.Name, '-')
		if at < 0 {
			return hello, "", fmt.Errorf("a server is named %q", info.Name)
		}
		return hello, info.Name[:at], nil
	}
	return hello, "", errors.New("who dials has no name")
}

func (l *links) admit(p *pipe) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.cut[p.to] {
		return false
	}
	l.pipes[p] = true
	return true
}

func (l *links) connected(p *pipe, back net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.back = back
	return l.pipes[p] // else it was cut meanwhile
}

func (l *links) named(p *pipe, from string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.from = from
	return l.pipes[p] && !l.cut[from]
}

func (l *links) forget(p *pipe) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.pipes, p)
}

// set cuts a node off, or heals its links.
func (l *links) set(name string, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut[name] = cut
	if !cut {
		return
	}
	for p := range l.pipes {
		if p.to == name || p.from == name {
			l.drop(p)
		}
	}
}

// drop closes a connection; l.mu is held.
func (l *links) drop(p *pipe) {
	delete(l.pipes, p)
	_ = p.front.Close()
	if p.back != nil {
		_ = p.back.Close()
	}
}

// isCut reports whether a node is cut off, and how many are.
func (l *links) isCut(name string) (cut bool, all int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.cut {
		if c {
			all++
		}
	}
	return l.cut[name], all
}

// close ends all connections and waits for their goroutines.
func (l *links) close() {
	for _, d := range l.doors {
		_ = d.Close()
	}
	l.mu.Lock()
	l.closed = true
	for p := range l.pipes {
		l.drop(p)
	}
	l.mu.Unlock()
	l.done.Wait()
}

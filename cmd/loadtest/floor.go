package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
)

type floorCommand struct {
	Listen string `default:"127.0.0.1:0" help:"Address to listen on."`
}

// Run serves until interrupted.
func (f *floorCommand) Run(ctx context.Context) error {
	l, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	if _, err := fmt.Fprintf(os.Stdout, "floor listens on %s\n", l.Addr()); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	newFloor().serve(ctx, l)
	return nil
}

// floor is the least that a server must do to look like a lobby server: it greets,
// lets everybody in, tells everybody of everybody, and gives each line said in
// main to all. It checks nothing and stores nothing. Each client has one reader
// and one writer; a line is made once and shared, and a writer sends all that has
// queued for it in one call.
type floor struct {
	mu      sync.Mutex
	members map[*floorClient]struct{}
	next    int
}

// floorLimit is how many bytes may wait for one client before it is dropped.
const floorLimit = 64 << 20

type floorClient struct {
	conn net.Conn
	name string
	add  []byte // its ADDUSER line
	stat []byte // its CLIENTSTATUS line

	mu     sync.Mutex
	queue  net.Buffers
	size   int
	closed bool
	wake   chan struct{} // holds one token when the queue is not empty or closed is set
}

func newFloor() *floor { return &floor{members: map[*floorClient]struct{}{}} }

// serve accepts clients until ctx ends, and waits for them to be gone.
func (f *floor) serve(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	var open sync.Map
	for {
		conn, err := l.Accept()
		if err != nil {
			break
		}
		open.Store(conn, nil)
		c := &floorClient{conn: conn, wake: make(chan struct{}, 1)}
		c.push([]byte("TASSERVER 0.38-33-ga5f3b28 * 8201 0\n"))
		wg.Go(c.write)
		wg.Go(func() {
			f.read(c)
			f.leave(c)
			open.Delete(conn)
		})
	}
	open.Range(func(conn, _ any) bool {
		_ = conn.(net.Conn).Close()
		return true
	})
	wg.Wait()
}

// read works through what a client sends.
func (f *floor) read(c *floorClient) {
	in := bufio.NewReaderSize(c.conn, 4<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
		f.take(c, strings.TrimRight(string(line), "\r\n"))
	}
}

func (f *floor) take(c *floorClient, line string) {
	id := ""
	if strings.HasPrefix(line, "#") {
		if at := strings.IndexByte(line, ' '); at > 0 {
			id, line = line[:at+1], line[at+1:]
		}
	}
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "PING":
		c.push([]byte(id + "PONG\n"))
	case "REGISTER":
		c.push([]byte(id + "REGISTRATIONACCEPTED\n"))
	case "LOGIN":
		name, _, _ := strings.Cut(rest, " ")
		f.enter(c, name)
	case "JOIN":
		c.push(fmt.Appendf(nil, "JOIN %[1]s\nJOINED %[1]s %[2]s\nCHANNELTOPIC %[1]s %[2]s\nCLIENTS %[1]s %[2]s\n", rest, c.name))
	case "SAY":
		room, text, _ := strings.Cut(rest, " ")
		f.broadcast([]byte("SAID " + room + " " + c.name + " " + text + "\n"))
	case "EXIT":
		c.close()
	}
}

// enter sends the login stream and tells the others.
func (f *floor) enter(c *floorClient, name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next++
	c.name = name
	c.add = fmt.Appendf(nil, "ADDUSER %s ?? %d LuaLobby Chobby\n", name, f.next)
	c.stat = fmt.Appendf(nil, "CLIENTSTATUS %s 0\n", name)
	for other := range f.members {
		other.push(c.add)
		other.push(c.stat)
	}
	f.members[c] = struct{}{}
	c.push(fmt.Appendf(nil, "ACCEPTED %s\nSERVERMSG @PROTOCOL_EXTENSIONS@ {\"ring:originator\":1}\nMOTD Message of the day\n", name))
	for other := range f.members {
		c.push(other.add)
	}
	for other := range f.members {
		c.push(other.stat)
	}
	c.push([]byte("LOGININFOEND\n"))
}

func (f *floor) leave(c *floorClient) {
	c.close()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.members[c]; !ok {
		return
	}
	delete(f.members, c)
	line := []byte("REMOVEUSER " + c.name + "\n")
	for other := range f.members {
		other.push(line)
	}
}

// broadcast gives one line to all, in the same order to each.
func (f *floor) broadcast(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.members {
		c.push(line)
	}
}

// push queues a line that nobody changes any more.
func (c *floorClient) push(line []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	if c.size += len(line); c.size > floorLimit {
		c.closed = true
		_ = c.conn.Close()
	} else {
		c.queue = append(c.queue, line)
	}
	if len(c.queue) == 1 || c.closed {
		c.signal()
	}
}

// signal wakes the writer; c.mu is held.
func (c *floorClient) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *floorClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	_ = c.conn.Close()
	c.signal()
}

// gatherLimit is up to which size queued lines are copied together: one copy is
// cheaper than a long vector for the kernel, for short lines.
const gatherLimit = 64 << 10

// write sends what is queued until the client is closed.
func (c *floorClient) write() {
	var spare net.Buffers
	var gathered []byte
	for range c.wake {
		c.mu.Lock()
		lines, size, closed := c.queue, c.size, c.closed
		c.queue, c.size = spare[:0], 0
		c.mu.Unlock()
		if closed {
			return
		}
		var err error
		if size <= gatherLimit {
			gathered = gathered[:0]
			for _, line := range lines {
				gathered = append(gathered, line...)
			}
			_, err = c.conn.Write(gathered)
		} else {
			vector := lines // WriteTo consumes it
			_, err = io.Copy(c.conn, &vector)
		}
		if err != nil {
			c.close()
			return
		}
		clear(lines)
		spare = lines
	}
}

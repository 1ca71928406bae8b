package springclient

import (
	"bufio"
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"
)

// patience is far more than anything here takes.
const patience = 20 * time.Second

// pair connects a client with a scripted server: answer gets each line the
// client sends and writes what it returns.
func pair(t *testing.T, answer func(line string) string) (*Client, net.Conn, context.Context) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	near, far := net.Pipe()
	c := New(near, Player)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in := bufio.NewScanner(far)
		for in.Scan() {
			if out := answer(in.Text()); out != "" {
				if _, err := far.Write([]byte(out)); err != nil {
					return
				}
			}
		}
	}()
	t.Cleanup(func() {
		c.Close()
		_ = far.Close()
		<-ended
		cancel()
	})
	return c, far, ctx
}

func TestExpectKeepsOrder(t *testing.T) {
	c, _, ctx := pair(t, func(line string) string {
		id, _ := splitID(line)
		switch line {
		case "go":
			return "TASSERVER 0.38 * 8201 0\nPONG\nDENIED one\nDENIED two\nPO"
		case "on":
			return "NG\n"
		}
		return id + "PONG\n"
	})
	if err := c.Send("go"); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Expect(ctx, "DENIED *"); err != nil || got != "DENIED one" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := c.Next(ctx); err != nil || got != "DENIED two" {
		t.Fatalf("got %q, %v", got, err)
	}
	if err := c.Send("on"); err != nil {
		t.Fatal(err)
	}
	if err := c.Ping(ctx); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Next(ctx); err != nil || got != "PONG" {
		t.Fatalf("a line in two pieces: got %q, %v", got, err)
	}
	if n := c.Count(0, "PONG"); n != 2 {
		t.Errorf("%d PONG, want 2", n)
	}
	if v := c.Violations(); len(v) != 0 {
		t.Errorf("violations: %v", v)
	}
}

func TestExpectGivesUp(t *testing.T) {
	c, far, ctx := pair(t, func(string) string { return "TASSERVER 0.38 * 8201 0\n" })
	if err := c.Send("x"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := c.Expect(short, "PONG"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the deadline", err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Expect(ctx, "PONG"); err == nil || !strings.Contains(err.Error(), "connection ended") {
		t.Errorf("got %v, want the end of the connection", err)
	}
	if c.Open() || !c.Dropped() {
		t.Error("the client does not know that it was dropped")
	}
}

func TestLoginAndRefusal(t *testing.T) {
	c, _, ctx := pair(t, func(line string) string {
		switch {
		case strings.HasPrefix(line, "LOGIN Alice "+Hash(Password)+" 0 * LuaLobby Chobby:test\t"):
			return "TASSERVER 0 * 1 0\nACCEPTED Alice\nMOTD \nADDUSER Alice ?? 3 x\nCLIENTSTATUS Alice 0\nLOGININFOEND\n"
		case strings.HasPrefix(line, "OPENBATTLE 0 0 * 8452 16 "):
			return "OPENBATTLEFAILED Not a bot\n"
		}
		return ""
	})
	if err := c.Login(ctx, "Alice"); err != nil {
		t.Fatal(err)
	}
	if c.User() != "Alice" {
		t.Errorf("logged in as %q", c.User())
	}
	if _, err := c.OpenBattle(ctx, Battle{}); err == nil || !strings.Contains(err.Error(), "Not a bot") {
		t.Errorf("got %v, want the refusal", err)
	}
	if err := c.Await(ctx, "Alice", func(m *Model) bool { return m.Users["Alice"] != nil }); err != nil {
		t.Error(err)
	}
}

func TestHash(t *testing.T) {
	if got := Hash("password"); got != "X03MO1qnZdYdgyfeuILPmQ==" {
		t.Errorf("got %s", got)
	}
}

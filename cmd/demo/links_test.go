package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// patience is far more than anything here takes.
const patience = 20 * time.Second

// echoNode listens as a node would and sends back what it gets.
func echoNode(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	return l.Addr().String()
}

// route dials as a node and returns the connection if what it says comes back.
func route(t *testing.T, from, to string) (net.Conn, error) {
	t.Helper()
	conn, err := net.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	hello := fmt.Sprintf("CONNECT {\"name\":\"NDXYZ\"}\r\nINFO {\"server_name\":%q}\r\nPING\r\n", from)
	if _, err := io.WriteString(conn, hello); err != nil {
		return nil, err
	}
	back := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, back); err != nil {
		return nil, err
	}
	if string(back) != hello {
		t.Errorf("%q came back as %q", hello, back)
	}
	return conn, nil
}

// TestCut: a node that is cut off is reached by nobody and reaches nobody, the others
// reach each other, and what was open is closed.
func TestCut(t *testing.T) {
	t.Parallel()
	l := newLinks()
	t.Cleanup(l.close)
	fronts := map[string]string{}
	for _, name := range []string{"n1", "n2", "n3"} {
		front, err := l.open(t.Context(), name, echoNode(t))
		if err != nil {
			t.Fatal(err)
		}
		fronts[name] = front
	}
	ways := [][2]string{{"n1", "n2"}, {"n2", "n1"}, {"n1", "n3"}, {"n3", "n1"}, {"n2", "n3"}, {"n3", "n2"}}
	open := map[[2]string]net.Conn{}
	for _, w := range ways {
		conn, err := route(t, w[0]+"-7", fronts[w[1]])
		if err != nil {
			t.Fatalf("%v: %v", w, err)
		}
		open[w] = conn
	}
	l.set("n2", true)
	if cut, all := l.isCut("n2"); !cut || all != 1 {
		t.Errorf("isCut: %t, %d", cut, all)
	}
	for _, w := range ways {
		touches := w[0] == "n2" || w[1] == "n2"
		if touches {
			if _, err := open[w].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%v: an open connection is not closed: %v", w, err)
			}
		} else if _, err := io.WriteString(open[w], "x"); err != nil {
			t.Errorf("%v: %v", w, err)
		} else if _, err := io.ReadFull(open[w], make([]byte, 1)); err != nil {
			t.Errorf("%v: a connection of others is closed: %v", w, err)
		}
		if _, err := route(t, w[0]+"-8", fronts[w[1]]); (err == nil) == touches {
			t.Errorf("%v while n2 is cut off: %v", w, err)
		}
	}
	l.set("n2", false)
	for _, w := range ways {
		if _, err := route(t, w[0]+"-9", fronts[w[1]]); err != nil {
			t.Errorf("%v after healing: %v", w, err)
		}
	}
}

func TestIntroduction(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"CONNECT {}\r\nINFO {\"server_name\":\"n1-4\"}\r\nrest\n": "n1",
		"INFO {\"server_name\":\"a-b-12\"}\n":                     "a-b",
		"INFO {\"server_name\":\"a\"}\n":                          "",
		"INFO {\n":                                                "",
		"CONNECT {}\n":                                            "",
		"a\nb\nc\nd\nINFO {\"server_name\":\"n1-4\"}\n":           "",
	} {
		hello, got, err := introduction(bufio.NewReader(strings.NewReader(text)))
		if got != want || (err == nil) != (want != "") || !strings.HasPrefix(text, hello) {
			t.Errorf("%q: %q, %q, %v", text, hello, got, err)
		}
	}
}

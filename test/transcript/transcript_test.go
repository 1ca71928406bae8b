package transcript

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/spring/wire"
	"teiserver/test/scenario"
)

// notHere are commands that the server does not have and that conversations show
// nevertheless, as programs know them.
const notHere = `RESETPASSWORD RESENDVERIFICATION CHANNELTOPIC MUTE UNMUTE MUTELIST FORCELEAVECHANNEL SETCHANNELKEY SAYFROM SAYPRIVATEEX
	c.user.get_token_by_email c.user.get_token_by_name c.user.login c.system.version SAYBATTLEPRIVATE GETINGAMETIME JSON SCRIPT PORTTEST
	KICK BAN UNBAN LISTBANS SETBOTMODE SETACCESS JOINFROM LEAVEFROM BRIDGECLIENTFROM BATTLEHOSTMSG PROMOTE TESTLOGIN SCRIPTSTART SCRIPTEND
	c.lobby_policy.list TACHYON`

// spoken are the commands that steps other than ">" send.
var spoken = map[string]string{"stls": "STLS", "starttls": "STARTTLS"}

// TestEveryCommandIsCovered: each command that the codec has is in a conversation, and so are
// those that the server has not.
func TestEveryCommandIsCovered(t *testing.T) {
	sent, conversations := map[string]bool{}, 0
	for _, load := range []func() (map[string]*Script, error){Load, Full, Mailed, Matched} {
		scripts, err := load()
		if err != nil {
			t.Fatal(err)
		}
		conversations += len(scripts)
		for name, script := range scripts {
			if !strings.HasSuffix(script.Title, ".") || strings.Contains(script.Title, "\n") {
				t.Errorf("%s: the title %q is not one sentence", name, script.Title)
			}
			for _, step := range script.Steps {
				fields := strings.Fields(step.Text)
				switch {
				case step.Op == '>' && len(fields) > 1 && strings.HasPrefix(fields[0], "#"):
					sent[fields[1]] = true
				case step.Op == '>' && len(fields) > 0:
					sent[fields[0]] = true
				case step.Op == ':':
					sent[spoken[fields[0]]] = true
				}
			}
		}
	}
	if conversations < 40 {
		t.Errorf("only %d conversations", conversations)
	}
	for _, command := range wire.Names() {
		if !sent[command] {
			t.Errorf("no conversation sends %s", command)
		}
	}
	for _, command := range strings.Fields(notHere) {
		if _, here := wire.Commands[command]; here || !sent[command] {
			t.Errorf("%s: the server has it: %v; a conversation sends it: %v", command, here, sent[command])
		}
	}
}

func TestSpecialParse(t *testing.T) {
	for _, load := range []func() (map[string]*Script, error){Full, Mailed, Matched} {
		if scripts, err := load(); err != nil || len(scripts) == 0 {
			t.Errorf("%d conversations, %v", len(scripts), err)
		}
	}
}

func TestParse(t *testing.T) {
	got, err := Parse([]byte("A title.\n\n-- script --\n# remark\nalice: login bot\nmeet\nstrict\n\nalice> A⇥b␠\nalice<  x  y\nbob! *\nbob>\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Script{Title: "A title.", Steps: []Step{
		{Line: 2, Who: "alice", Op: ':', Text: "login bot"},
		{Line: 3, Text: "meet"},
		{Line: 4, Text: "strict"},
		{Line: 6, Who: "alice", Op: '>', Text: "A\tb "},
		{Line: 7, Who: "alice", Op: '<', Text: "x  y"},
		{Line: 8, Who: "bob", Op: '!', Text: "*"},
		{Line: 9, Who: "bob", Op: '>'},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
	for name, bad := range map[string]string{
		"no title": "-- script --\nmeet\n", "no file": "T.\n", "two files": "T.\n-- script --\nmeet\n-- x --\n",
		"no step": "T.\n-- script --\n# x\n", "no name": "T.\n-- script --\nhello\n", "no verb": "T.\n-- script --\nalice: dance\n",
		"empty verb": "T.\n-- script --\nalice:\n",
	} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// echo is a server that knows just enough for the player to be tested: it lets
// everybody register and log in, and sends what follows ECHO.
func echo(t *testing.T) scenario.Node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { converse(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		conns.Wait()
	})
	return scenario.Node{Name: "echo", Spring: l.Addr().String()}
}

func converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	fmt.Fprint(conn, "TASSERVER 0.38 * 8201 0\n")
	in := bufio.NewScanner(conn)
	for in.Scan() {
		f := strings.Fields(in.Text())
		switch {
		case len(f) == 0:
		case f[0] == "REGISTER":
			fmt.Fprint(conn, "REGISTRATIONACCEPTED\n")
		case f[0] == "LOGIN":
			fmt.Fprintf(conn, "ACCEPTED %[1]s\nADDUSER %[1]s ?? 7 x\nCLIENTSTATUS %[1]s 0\nLOGININFOEND\n", f[1])
		case f[0] == "EXIT":
			return
		case f[0] == "ECHO":
			fmt.Fprint(conn, strings.ReplaceAll(strings.TrimPrefix(in.Text(), "ECHO "), "/", "\n")+"\n")
		case strings.HasPrefix(f[0], "#"):
			fmt.Fprint(conn, f[0]+" PONG\n")
		}
	}
}

// verdict is a test that notes that it has failed instead of failing.
type verdict struct {
	testing.TB
	failed   bool
	messages []string
	cleanups []func()
}

type stop struct{}

func (v *verdict) Helper()          {}
func (v *verdict) Failed() bool     { return v.failed }
func (v *verdict) Cleanup(f func()) { v.cleanups = append(v.cleanups, f) }
func (v *verdict) Errorf(f string, args ...any) {
	v.failed = true
	v.messages = append(v.messages, fmt.Sprintf(f, args...))
}
func (v *verdict) Fatalf(f string, args ...any) { v.Errorf(f, args...); panic(stop{}) }
func (v *verdict) Fatal(args ...any)            { v.Fatalf("%s", fmt.Sprint(args...)) }

// judge plays a script and returns why it failed.
func judge(t *testing.T, env scenario.Env, script string) string {
	t.Helper()
	s, err := Parse([]byte("T.\n-- script --\n" + script))
	if err != nil {
		t.Fatal(err)
	}
	v := &verdict{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(stop); !ok {
					panic(r)
				}
			}
		}()
		Play(v, env, s)
	}()
	for i := len(v.cleanups) - 1; i >= 0; i-- {
		v.cleanups[i]()
	}
	return strings.Join(v.messages, "\n")
}

func TestPlay(t *testing.T) {
	env := scenario.NewEnv([]scenario.Node{echo(t)}, nil)
	for name, tc := range map[string]struct{ script, fails string }{
		"in order":         {"alice: login\nalice> ECHO DENIED a/DENIED b\nalice< DENIED a\nalice< DENIED b\n", ""},
		"between":          {"alice: login\nalice> ECHO DENIED a/DENIED b\nalice< DENIED b\n", ""},
		"variables":        {"alice: login\nalice> ECHO DENIED $alice 5\nalice< DENIED $alice $n\nalice> ECHO DENIED $n\nalice< DENIED 5\n", ""},
		"own id":           {"alice: login\nalice> ECHO DENIED $alice_id\nalice< DENIED 7\n", ""},
		"strict":           {"alice: login\nstrict\nalice> ECHO DENIED a/DENIED b\nalice< DENIED a\nalice< DENIED b\n", ""},
		"strict, between":  {"alice: login\nstrict\nalice> ECHO DENIED a/DENIED b\nalice< DENIED b\n", `got "DENIED a"`},
		"absent":           {"alice: login\nalice> ECHO DENIED a\nalice! DENIED b\n", ""},
		"not absent":       {"alice: login\nalice> ECHO DENIED a\nalice! DENIED *\n", `got "DENIED a"`},
		"absent since":     {"alice: login\nalice> ECHO DENIED a\nalice: skip\nalice! DENIED *\n", ""},
		"unbound variable": {"alice: login\nalice> SAY $nobody\n", "not bound"},
		"nobody":           {"alice> PING\n", "not connected"},
		"closed":           {"alice: login\nalice> EXIT\nalice: closed\n", ""},
		"violation":        {"alice: login\nalice> ECHO REMOVEUSER Bob\n", "unknown user"},
		"after the end":    {"alice: login\nalice> EXIT\nalice: closed\nalice< PONG\n", "connection ended"},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, env, tc.script)
			if (tc.fails == "") != (got == "") || !strings.Contains(got, tc.fails) {
				t.Errorf("failure %q, want %q", got, tc.fails)
			}
		})
	}
}

package consul

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var rewrite = flag.Bool("update", false, "rewrite the golden files")

// The files in testdata are conversations. A line that begins a block with "==" begins a
// room; one that begins with a name is said by it, or done by it; one that begins with "@" is done to the room. What
// comes of it follows, two blanks in front.
func TestConversations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.golden")
	if err != nil || len(files) == 0 {
		t.Fatalf("files %v, %v", files, err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := converse(t, string(want))
			if *rewrite {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

func converse(t *testing.T, script string) string {
	var b strings.Builder
	var x *table
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "  ") {
			continue
		}
		b.WriteString(line + "\n")
		switch {
		case strings.HasPrefix(line, "=="):
			x = newTable(t)
		case line == "" || strings.HasPrefix(line, "#"):
		default:
			for _, told := range told(x.step(line)) {
				b.WriteString("  " + told + "\n")
			}
		}
	}
	return b.String()
}

// step does one line of a conversation.
func (x *table) step(line string) []any {
	x.t.Helper()
	who, what, _ := strings.Cut(line, " ")
	if who == "@" {
		return x.happen(what)
	}
	user := int64(0)
	for id, f := range people {
		if strings.EqualFold(f.Name, who) {
			user = id
		}
	}
	seat := Seat{User: user}
	if s := x.room.seat(user); s != nil {
		seat = *s
	}
	switch {
	case user == 0:
		x.t.Fatalf("who is in %q?", line)
	case what == "plays":
		seat.Player, seat.Ready = true, true
		got, acts := x.want(user, seat)
		return append([]any{Put{Seat: got}}, acts...)
	case what == "watches":
		seat.Player = false
		got, acts := x.want(user, seat)
		return append([]any{Put{Seat: got}}, acts...)
	case what == "leaves":
		return x.leave(user)
	case what == "enters":
		return x.enter(user, people[user])
	case what == "helloes":
		return x.do(func(t *Turn) { t.Hello(user) })
	case strings.HasPrefix(what, "$"):
		return x.order(user, what)
	case user == host:
		return x.do(func(t *Turn) { t.HostSaid(what) })
	}
	return x.do(func(t *Turn) { t.Heard(user, what) })
}

func (x *table) happen(what string) []any {
	x.t.Helper()
	word, rest, _ := strings.Cut(what, " ")
	switch word {
	case "wait":
		d, err := time.ParseDuration(rest)
		if err != nil {
			x.t.Fatal(err)
		}
		x.at = x.at.Add(d)
		return nil
	case "game":
		x.room.InGame = rest == "on"
		return nil
	case "password":
		x.room.Password = rest
		return nil
	case "tick":
		return x.do(func(t *Turn) { t.Tick() })
	case "fill":
		return x.do(func(t *Turn) { t.Fill() })
	case "split":
		return x.do(func(t *Turn) { t.EndSplit(t.State.Splits) })
	case "found":
		return x.do(func(t *Turn) { t.SplitFound(t.State.Splits, 99) })
	case "nothing":
		return x.do(func(t *Turn) { t.SplitFound(t.State.Splits, 0) })
	case "ended":
		return x.do(func(t *Turn) { t.MatchEnded() })
	case "unranked":
		return x.do(func(t *Turn) { t.SetRanked(false) })
	case "strict":
		x.rules.UnrankedBounds = false
		return nil
	case "restrict":
		name, restriction, _ := strings.Cut(rest, " ")
		return x.do(func(t *Turn) {
			user, _ := t.called(name)
			f := *t.facts(user)
			f.Restrictions = []string{restriction}
			t.Know(user, f)
		})
	case "befriend":
		a, b, _ := strings.Cut(rest, " ")
		return x.do(func(t *Turn) {
			u, _ := t.called(a)
			v, _ := t.called(b)
			f := *t.facts(u)
			f.Friends = append(f.Friends, v)
			t.Know(u, f)
		})
	case "title":
		return []any{Say{Text: x.state.Title()}}
	case "queue":
		return []any{Say{Text: (&Turn{State: x.state}).names(x.state.Waiting())}}
	}
	x.t.Fatalf("what is %q?", what)
	return nil
}

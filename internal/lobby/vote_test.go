package lobby

import "testing"

func TestTameVote(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"!joinas Bob":              "!joinas spec",
		"!JoinAs Bob":              "!joinas spec",
		"!joinas":                  "!joinas spec",
		"!cv joinas Bob":           "!cv joinas spec",
		"!callvote joinas Bob":     "!callvote joinas spec",
		"!joinasBob":               "!joinasBob",
		"joinas Bob":               "joinas Bob",
		"!cv map x":                "!cv map x",
		"!#JSONRPC {\"joinas\":1}": "!#JSONRPC {\"joinas\":1}",
	} {
		if got := TameVote(text, false); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if got := TameVote(text, true); got != text {
			t.Errorf("with computers %q becomes %q", text, got)
		}
	}
}

func TestAutohostWords(t *testing.T) {
	t.Parallel()
	s := opened(t, "")
	say := func(text string) Say { return Say{Who: who(founder), Text: text} }
	for text, want := range map[string]any{"!joinq": Command{Text: "$joinq"}, "!specafk now": nil} {
		out := must(t, s, say(text))
		if len(out.Events) != 0 || out.Reply != want {
			t.Errorf("%q: %+v; want the reply %v and silence", text, out, want)
		}
	}
	wantEvents(t, must(t, s, say("!joinas Bob")), Said{User: founder, Session: 10 * founder, Text: "!joinas spec"})
}

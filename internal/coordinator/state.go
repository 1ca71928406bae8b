package coordinator

import (
	"context"
	"fmt"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/cluster/process"
	"teiserver/internal/refusal"
)

// State is the machine of the Coordinator. It implements process.Machine and
// process.Summarizer: its summary is what makes the account online, once in the
// cluster, on whichever node the process runs.
type State struct{ account account.Resident }

var (
	_ process.Machine    = State{}
	_ process.Summarizer = State{}
)

// NewKind describes the Coordinator to the cluster. id is that of its account.
func NewKind(id int64) process.Kind {
	s := State{account.Resident{ID: id, Name: Name, Country: Country, Client: Client}}
	return process.Kind{
		Name:    Kind,
		Scope:   process.PerCluster,
		Start:   process.Ensured,
		Doubt:   process.Continue,
		Indexed: true,
		Purpose: "The account through which the server speaks; answers private messages and $ commands.",
		Open: func(context.Context, string, []byte) (process.Machine, error) {
			return s, nil
		},
	}
}

// Apply implements process.Machine.
func (State) Apply(c process.Command) (process.Outcome, error) {
	d, ok := c.Body.(Direct)
	if !ok {
		return process.Outcome{}, refusal.New(refusal.Invalid, "the coordinator does not know %T", c.Body)
	}
	return process.Outcome{Reply: Says{Lines: answer(d)}}, nil
}

// Summary implements process.Summarizer.
func (s State) Summary() any { return s.account }

// SummaryChanged implements process.Summarizer: it never does.
func (State) SummaryChanged([]any) bool { return false }

// View implements process.Machine.
func (State) View() any { return View{Online: true} }

// Snapshot implements process.Machine. There is nothing to keep.
func (State) Snapshot() ([]byte, error) { return []byte("{}"), nil }

// Resume implements process.Machine.
func (State) Resume() []process.Timer { return nil }

// present is what a player says who was asked whether he is there. It is taken
// without a word when nobody asked.
const present = "hello"

// answer never has bots read the sentence for people: two bots that apologize to
// each other would not end.
func answer(d Direct) []string {
	text := strings.TrimSpace(d.Text)
	if name, ok := command(text); ok {
		// No command is known yet: they come with the processes that they act on.
		return []string{fmt.Sprintf("No command of name '%s'", name)}
	}
	if d.FromBot || text == "" || text == present {
		return []string{}
	}
	return []string{"I don't currently handle messages, sorry " + d.FromName}
}

// command returns the name in a text like "$name arguments" or "$%name arguments"
// (the silent form), in lower case. "$ text" and a lone "$" are no commands.
func command(text string) (name string, ok bool) {
	rest, dollar := strings.CutPrefix(text, "$")
	if !dollar {
		return "", false
	}
	rest, _, _ = strings.Cut(strings.TrimPrefix(rest, "%"), " ")
	return strings.ToLower(rest), rest != ""
}

package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"teiserver/internal/spring/wire"
	"teiserver/test/springclient"
)

// unknown are commands that the server does not have: of other servers, of older
// versions, and what nobody has ever had.
var unknown = strings.Fields(`RESETPASSWORD RESENDVERIFICATION CHANNELTOPIC MUTE UNMUTE MUTELIST FORCELEAVECHANNEL SETCHANNELKEY
	SAYPRIVATEEX SAYBATTLEPRIVATE GETINGAMETIME JSON SCRIPT PORTTEST KICK BAN LISTBANS SETBOTMODE SAYFROM BATTLEHOSTMSG PROMOTE TESTLOGIN
	TACHYON FOO c.user.get_token_by_email c.user.get_token_by_name c.user.login c.user.nosuch c.auth.nosuch c.system.version c.nosuch.x
	c.party.nosuch c.matchmaking.nosuch`)

// unanswered are those of them that are dropped after the login.
var unanswered = []string{"c.party.nosuch", "c.matchmaking.nosuch"}

// movers change in which battle somebody is: they come last.
var movers = []string{"JOINBATTLE", "LEAVEBATTLE"}

// arguments are shapes of argument that no command takes as something that
// would end the session: no name in them is free and legal.
func arguments() []string {
	return []string{
		"", " ", " !", " ! !", " ! ! !", " ! ! ! ! ! ! ! ! ! ! ! !", "\t", " \t\t\t\t", " !\t!\t!\t!\t!\t!", "!", "#1",
		" 1", " -1", " 0 0", " 1 2 3", " 1 2 3 4 5 6 7 8 9", " 999999999999999999999999999", " -999999999999999999999999999 5 5",
		" No-body 1", " No-body -1", " No-body 9999999999", " No-body x", " userName=", " userName=!", " userName=No-body x=y", " ==",
		" \xff\xfe\x80", " 1 \xc3\x28", "\x00", " \x00\x01\x07\x1b", " a\rb", " é😀 é😀", " \u202e\u0000", " " + strings.Repeat("!", 5000), " " + strings.Repeat("! ", 5000),
		" " + strings.Repeat("9", 20000), " 0 0 * x y 1 0 1 spring\t1\tm\tt\tg", " 0 9 * 1 16 1 0 1 spring\t1\tm\tt\tg",
		" 0 0 * 99999999 99999999999 1 0 hash spring\t1\tm\tt\tg", " 0 0 * 1 1 1 0 1 \t\t\t\t", " {\"teamSize\":\"x\",\"nbTeams\":[]}", " {",
	}
}

// pestered are the commands to send with odd arguments, in this order.
func pestered(loggedIn bool) []string {
	names := slices.DeleteFunc(slices.Concat(wire.Names(), unknown), func(name string) bool {
		return unasked[name] != "" || !loggedIn && unaskedBefore[name] != "" || slices.Contains(movers, name)
	})
	return append(names, movers...)
}

// firstID is above all ids that lines have which the server numbers itself: those of parties
// are below, and those of PING begin with a nine.
const firstID = 10_000_000

// pester sends every command with every shape of argument, each line with an id of its own,
// and looks at what was answered to each.
func (a *actor) pester(role string) {
	a.w.Helper()
	inside, mark := a.Snapshot().Room != nil, len(a.Lines(0))
	var sent []string
	for _, command := range pestered(a.name != "") {
		var b strings.Builder
		for _, args := range arguments() {
			line := "#" + strconv.Itoa(firstID+len(sent)) + " " + command + args
			sent = append(sent, line)
			b.WriteString(line + "\n")
		}
		if err := a.SendRaw([]byte(b.String())); err != nil {
			a.w.Fatalf("%s after %s: %v\n%s", a.label(), command, err, a.Tail(20))
		}
		ctx, cancel := limit()
		err := a.Ping(ctx)
		cancel()
		if err != nil {
			a.w.Fatalf("%s does not answer after %s with odd arguments: %v", a.label(), command, err)
		}
	}
	got := make([][]string, len(sent))
	for _, line := range a.Lines(mark) {
		id, answer, _ := strings.Cut(strings.TrimPrefix(line, "#"), " ")
		if n, err := strconv.Atoi(id); err == nil && n >= firstID && n < firstID+len(sent) {
			got[n-firstID] = append(got[n-firstID], answer)
		}
	}
	user := ""
	if a.name != "" {
		user = strconv.FormatInt(a.id(a.name), 10)
	}
	wrong := 0
	for i, line := range sent {
		if wrong >= 10 {
			a.w.Fatalf("%s: and more", role)
		}
		if err := fits(line, strings.Join(got[i], "\n"), role, user, inside); err != nil {
			wrong++
			a.w.Errorf("%s, %s: %.120q: %v", a.label(), role, line, err)
		}
	}
	a.Skip()
}

// fits tells why an answer is none that the line may have.
func fits(sent, answer, role, user string, inside bool) error {
	want, err := expected(sent, role, user, inside)
	if err != nil {
		return err
	}
	for _, way := range want {
		if way == silence && answer == "" || way == answer {
			return nil
		}
		p, err := springclient.Compile(way)
		if err != nil {
			return err
		}
		if answer != "" && p.Match(answer) {
			return nil
		}
	}
	return fmt.Errorf("answered by %.300q, want one of %.300q", answer, want)
}

// expected is what may be answered to a line: all ways, each the lines of one answer.
func expected(sent, role, user string, inside bool) ([]string, error) {
	line, ok := wire.ParseLine([]byte(sent))
	if !ok {
		return []string{silence}, nil // it is no UTF-8
	}
	spec, known := wire.Commands[line.Command]
	if role == "stranger" && !spec.BeforeLogin {
		return []string{"DENIED Unauthenticated"}, nil
	}
	if slices.Contains(unanswered, line.Command) {
		return []string{silence}, nil
	}
	unfit := strings.TrimSuffix(string(wire.AppendNoMatch(nil, line.Command, line.Args, user)), "\n")
	if user == "" {
		unfit = strings.TrimSuffix(unfit, " ") // of an answer with an id the end is trimmed
	}
	if !known {
		return []string{unfit}, nil
	}
	_, err := spec.Decode(line.Args)
	switch {
	case errors.Is(err, wire.ErrIgnored) || spec.InBattle && !inside:
		return []string{silence}, nil
	case errors.Is(err, wire.ErrArguments):
		return []string{unfit}, nil
	}
	list := ways(line.Command, role)
	if len(list) == 0 {
		return nil, fmt.Errorf("nothing is known of its answer")
	}
	for i, way := range list {
		if way == noMatch {
			list[i] = unfit
		}
	}
	return list, nil
}

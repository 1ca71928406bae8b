package consul

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What autohosts tell their rooms, anywhere in a line.
var (
	hostTeamSize  = regexp.MustCompile(`teamSize=(\d+)`)
	hostTeamCount = regexp.MustCompile(`nbTeams=(\d+)`)
	hostBan       = regexp.MustCompile(`Battle ban added for user "[^"]*" \(duration: .*\bby ([^\s)]+)\)`)
	hostBoss      = regexp.MustCompile(`Boss mode enabled for (\S+)`)
	hostNoBosses  = regexp.MustCompile(`Boss mode disabled(?: by \S+|$)`)
	hostNoBoss    = regexp.MustCompile(`Boss mode disabled for (\S+)`)
)

// highestTeams bounds what a host says of sizes and counts: no game has more.
const highestTeams = 255

// HostSaid takes from a line of the host what there is in it. Lines of the game's chat,
// which hosts repeat as "<name> line", are words of players and tell nothing.
func (t *Turn) HostSaid(text string) {
	if strings.HasPrefix(text, "<") {
		return
	}
	if m := hostTeamSize.FindStringSubmatch(text); m != nil {
		t.HostTeams(count(m[1]), 0)
	}
	if m := hostTeamCount.FindStringSubmatch(text); m != nil {
		t.HostTeams(0, count(m[1]))
	}
	switch {
	case hostBan.MatchString(text):
		if by, ok := t.called(hostBan.FindStringSubmatch(text)[1]); ok {
			t.act(Observe{Name: "Kicked user from lobby", User: by})
		}
	case hostBoss.MatchString(text):
		t.enthrone(hostBoss.FindStringSubmatch(text)[1])
	case hostNoBosses.MatchString(text):
		t.State.Bosses = nil
	case hostNoBoss.MatchString(text):
		if user, ok := t.called(hostNoBoss.FindStringSubmatch(text)[1]); ok {
			t.State.Bosses = without(t.State.Bosses, user)
		}
	}
}

func count(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n > highestTeams {
		return 0
	}
	return n
}

// HostTeams is told the size and the count of teams; 0 tells nothing.
func (t *Turn) HostTeams(size, teams int) {
	if size > 0 && size <= highestTeams {
		t.State.TeamSize = size
	}
	if teams > 0 && teams <= highestTeams {
		t.State.TeamCount = teams
	}
	t.fillSoon()
}

// HostPreset is told the preset.
func (t *Turn) HostPreset(preset string) {
	if preset != "" {
		t.State.Preset = preset
	}
}

// HostBosses is told all bosses.
func (t *Turn) HostBosses(names []string) {
	t.State.Bosses = nil
	for _, name := range names {
		t.enthrone(name)
	}
}

func (t *Turn) enthrone(name string) {
	user, ok := t.called(name)
	if !ok || t.State.boss(user) || user == t.Room.Founder.User {
		return
	}
	if t.facts(user).Restricted(RestrictBoss) {
		t.say("%s is not allowed to be a boss", t.name(user))
		t.act(Speak{User: user, Text: "!unboss " + t.name(user)})
		return
	}
	t.State.Bosses = append(t.State.Bosses, user)
}

// remarkAfter is how long a vote has to begin before its caller ends it.
const remarkAfter = 300 * time.Millisecond

// Heard is told what a member says to the room.
func (t *Turn) Heard(user int64, text string) {
	t.seen(user)
	line := strings.ToLower(text)
	boss := t.State.boss(user)
	takeBack := func() { t.act(Later{After: remarkAfter, Body: Remark{User: user, Text: "!ev"}}) }
	switch {
	case strings.HasPrefix(line, "!ring "):
		t.rings(user)
	case strings.HasPrefix(line, "!boss") || strings.HasPrefix(line, "!cv boss") || strings.HasPrefix(line, "!callvote boss"):
		if t.State.locked(lockBoss) && !boss && !t.facts(user).Moderator {
			takeBack()
		}
	case strings.HasPrefix(line, "!bset tweakdefs") && !boss:
		t.tell(user, "Setting tweakdefs requires boss privileges")
		takeBack()
	case strings.HasPrefix(line, "!bset tweakunits") && !boss:
		t.tell(user, "Setting tweakunits requires boss privileges")
		takeBack()
	}
}

// Remark says a line for somebody who is still here.
func (t *Turn) Remark(r Remark) {
	if t.Room.seat(r.User) != nil {
		t.act(Speak{User: r.User, Text: r.Text})
	}
}

// rings counts somebody's rings, warns before there are too many, and then ends its
// connection.
func (t *Turn) rings(user int64) {
	if t.facts(user).Moderator {
		return
	}
	s := t.State
	window := time.Duration(t.Rules.RingSeconds) * time.Second
	fresh := Rings{User: user}
	for _, r := range s.Rings {
		if r.User != user {
			continue
		}
		for _, at := range r.At {
			if t.At.Sub(at) < window {
				fresh.At = append(fresh.At, at)
			}
		}
	}
	fresh.At = append(fresh.At, t.At)
	s.Rings = slices.DeleteFunc(s.Rings, func(r Rings) bool {
		return r.User == user || len(r.At) == 0 || t.At.Sub(r.At[len(r.At)-1]) >= window
	})
	s.Rings = append(s.Rings, fresh)
	switch n := len(fresh.At); {
	case n >= t.Rules.RingCount:
		s.Rings = s.Rings[:len(s.Rings)-1]
		t.act(Expel{User: user, Reason: "Ring flood"})
	case n == t.Rules.RingCount-1:
		t.act(Ring{User: user})
		t.hint(user, "Attention %s, you are ringing a lot of people very fast, please pause for a bit", t.name(user))
	}
}

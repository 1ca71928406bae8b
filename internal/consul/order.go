package consul

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Order is a "$" command.
type Order struct {
	User    int64
	Name    string // in lower case
	Rest    string
	Silent  bool
	Targets []Target
	Seed    uint64
}

// order is an Order that is carried out.
type order struct {
	Order
	facts *Facts
	rest  string // trimmed
}

// Order carries out a command of somebody in the room, if it is permitted.
func (t *Turn) Order(o Order) {
	if t.Room.seat(o.User) == nil {
		return
	}
	t.seen(o.User)
	x := &order{Order: o, facts: t.facts(o.User), rest: strings.TrimSpace(o.Rest)}
	c := find(o.Name)
	if why, ok := t.permitted(c, o.User, x.facts, o.Name); !ok {
		t.hint(o.User, "%s", why)
		return
	}
	c.run(t, x)
}

// echo shows the order as its sender's line.
func (t *Turn) echo(o *order) { t.echoError(o, "") }

// echoError shows it with what went wrong.
func (t *Turn) echoError(o *order, wrong string) {
	line := "$" + o.Name
	if o.rest != "" {
		line += " " + o.rest
	}
	if wrong != "" {
		line += " Error: " + wrong
	}
	if o.Silent {
		t.act(Note{User: o.User, Text: line})
		return
	}
	t.act(Speak{User: o.User, Text: line, Echo: true})
}

// random is the order's own source: the same order gives the same outcome wherever it is
// carried out.
func (o *order) random() *rand.Rand {
	return rand.New(rand.NewPCG(o.Seed, uint64(o.User))) //nolint:gosec // dice
}

// somebody is whom an order is about.
type somebody struct {
	User      int64
	Name      string
	Moderator bool
}

// target finds whom a word of an order means: as its sender's node has found it, or else
// the first in the room whose name has it in it.
func (t *Turn) target(o *order, word string) (somebody, bool) {
	for _, x := range o.Targets {
		if x.User != 0 && strings.EqualFold(x.Word, word) {
			return somebody{x.User, x.Name, x.Moderator}, true
		}
	}
	if n, err := strconv.ParseInt(strings.TrimPrefix(word, "#"), 10, 64); err == nil && t.Room.seat(n) != nil {
		return t.somebody(n), true
	}
	if user, ok := t.called(word); ok {
		return t.somebody(user), true
	}
	part := strings.ToLower(word)
	for i := range t.Room.Seats {
		user := t.Room.Seats[i].User
		if part != "" && strings.Contains(strings.ToLower(t.facts(user).Name), part) {
			return t.somebody(user), true
		}
	}
	return somebody{}, false
}

func (t *Turn) somebody(user int64) somebody {
	f := t.facts(user)
	return somebody{user, f.Name, f.Moderator}
}

// noUser is the error of an echo that names nobody.
const noUser = "no user found"

// about finds whom the whole rest of an order names, or echoes that nobody is meant.
func (t *Turn) about(o *order) (somebody, bool) {
	who, ok := t.target(o, o.rest)
	if !ok {
		t.echoError(o, noUser)
	}
	return who, ok
}

// aboutWith takes a reason behind the name apart.
func (t *Turn) aboutWith(o *order, otherwise string) (who somebody, reason string, ok bool) {
	word, reason, _ := strings.Cut(o.rest, " ")
	who, ok = t.target(o, word)
	if !ok {
		t.echoError(o, noUser)
		return who, "", false
	}
	if reason = strings.TrimSpace(reason); reason == "" {
		reason = otherwise
	}
	return who, reason, true
}

func (t *Turn) orderPassword(o *order) {
	if t.Room.Password == "" {
		t.hint(o.User, "This lobby has no password set")
		return
	}
	t.hint(o.User, "The lobby password is currently: %s", t.Room.Password)
}

// most is the highest number of dice and of their sides.
const most = 100

func (t *Turn) orderRoll(o *order) {
	r, who := o.random(), t.name(o.User)
	words := strings.Fields(o.rest)
	switch {
	case len(words) == 1:
		if count, sides, ok := dice(words[0]); ok {
			sum := 0
			for range count {
				sum += 1 + r.IntN(sides)
			}
			t.say("%s rolled %dD%d and got a result of: %d", who, count, sides, sum)
			return
		}
		if n, err := strconv.Atoi(words[0]); err == nil && n > 0 {
			t.say("%s rolled for a number between 1 and %d, they got: %d", who, n, 1+r.IntN(n))
			return
		}
	case len(words) == 2:
		low, err := strconv.Atoi(words[0])
		high, err2 := strconv.Atoi(words[1])
		if err == nil && err2 == nil && low > 0 && high > low {
			t.say("%s rolled for a number between %d and %d, they got: %d", who, low, high, low+r.IntN(high-low+1))
			return
		}
	}
	t.hint(o.User, "Format not recognised, please consult the help for this command for more information.") //nolint:misspell // as clients know it
}

func dice(word string) (count, sides int, ok bool) {
	n, s, ok := strings.Cut(strings.ToLower(word), "d")
	if !ok || !digits(n) || !digits(s) {
		return 0, 0, false
	}
	return clampDigits(n), clampDigits(s), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

func clampDigits(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return most
	}
	return min(max(n, 1), most)
}

func (t *Turn) orderGatekeeper(o *order) {
	switch o.rest {
	case gateFriends:
		t.say("Gatekeeper mode set to friends, only friends of a player can join the lobby")
	case gateFriendsPlay:
		t.say("Gatekeeper mode set to friendsplay, only friends of a player can play in the lobby (anybody can join)")
	case gateDefault:
		t.say("Gatekeeper reset")
	default:
		t.hint(o.User, "No gatekeeper of that type (accepted types are: friends, friendsplay)")
		t.echo(o)
		return
	}
	t.State.Gatekeeper, t.State.Passed = o.rest, nil
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderWelcome(o *order) {
	t.State.Welcome = o.rest
	if o.rest == "" {
		return
	}
	t.echo(o)
	t.emote("New welcome message set to: %s", o.rest)
}

func (t *Turn) orderApproval(o *order) {
	t.act(Approve{})
	t.echo(o)
}

// The locks.
const (
	lockTeam      = "team"
	lockAlly      = "allyid"
	lockPlayer    = "player"
	lockSpectator = "spectator"
	lockBoss      = "boss"
)

var locks = []string{lockTeam, lockAlly, lockPlayer, lockSpectator, lockBoss}

func (t *Turn) orderLock(o *order) {
	if !slices.Contains(locks, o.rest) {
		t.hint(o.User, "No lock of that type")
		return
	}
	if !t.State.locked(o.rest) {
		t.State.Locks = append(t.State.Locks, o.rest)
	}
	t.echo(o)
}

func (t *Turn) orderUnlock(o *order) {
	if !slices.Contains(locks, o.rest) {
		t.hint(o.User, "No lock of that type")
		return
	}
	t.State.Locks = without(t.State.Locks, o.rest)
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderSpecUnready(o *order) {
	t.Room.eachPlayer(func(s *Seat) {
		if s.Ready {
			return
		}
		t.act(Ring{User: s.User})
		t.spectate(s)
	})
	t.echo(o)
	t.fillSoon()
}

func (t *Turn) orderMakeReady(o *order) {
	ready := func(s *Seat) {
		t.act(Ring{User: s.User})
		t.put(s, func(s *Seat) { s.Ready = true })
	}
	if o.rest != "" {
		who, ok := t.about(o)
		if !ok {
			return
		}
		if s := t.Room.member(who.User); s != nil {
			ready(s)
		}
		t.echo(o)
		return
	}
	t.Room.eachPlayer(func(s *Seat) {
		if !s.Ready {
			ready(s)
		}
	})
	t.echo(o)
}

func (t *Turn) orderSetTag(o *order) {
	key, value, ok := strings.Cut(o.rest, " ")
	if value = strings.TrimSpace(value); !ok || value == "" {
		t.echoError(o, "no regex match")
		return
	}
	t.act(Tag{Key: strings.ToLower(key), Value: value})
	t.echo(o)
}

func (t *Turn) orderReset(*order) {
	t.State.reset()
}

func (t *Turn) orderSuccess(o *order) {
	if t.State.Split == nil {
		t.Room.eachPlayer(func(s *Seat) {
			if s.User != t.Room.Founder.User {
				t.act(Speak{User: s.User, Text: "!y"})
			}
		})
	}
	t.echo(o)
}

func (t *Turn) orderPull(o *order) {
	missing := ""
	for _, word := range strings.Fields(o.rest) {
		who, ok := t.target(o, word)
		switch {
		case !ok:
			missing = "user " + word + " not found"
		case t.Room.seat(who.User) == nil:
			t.act(Summon{User: who.User, Lobby: t.Room.ID})
		}
	}
	if o.rest == "" {
		missing = noUser
	}
	t.echoError(o, missing)
}

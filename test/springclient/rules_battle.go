package springclient

import (
	"fmt"
	"strings"
)

func battleOpened(m *Model, args []string) string {
	id, founder := number64(args[0]), args[3]
	if _, ok := m.Battles[id]; ok {
		return "BATTLEOPENED of a known battle"
	}
	if why := m.known(founder); why != "" {
		return why
	}
	why := ""
	if at := m.battleOf(founder); at != 0 {
		why = "BATTLEOPENED by somebody who is in a battle"
	}
	if hash := m.badHash(args[9]); hash != "" {
		why = hash
	}
	tabs := strings.Split(args[10], "\t")
	m.Battles[id] = &Opened{
		Founder: founder, Replay: int(number64(args[1])), Nat: int(number64(args[2])), Passworded: args[7] == "1", MapHash: args[9],
		Engine: tabs[0] + " " + tabs[1], Map: tabs[2], Title: tabs[3], Game: tabs[4], Members: map[string]bool{},
	}
	return why
}

// battleOf returns where the model believes somebody to be, as member or founder.
func (m *Model) battleOf(name string) int64 {
	for id, b := range m.Battles {
		if b.Founder == name || b.Members[name] {
			return id
		}
	}
	return 0
}

func battleClosed(m *Model, args []string) string {
	id := number64(args[0])
	if _, ok := m.Battles[id]; !ok {
		return "BATTLECLOSED of an unknown battle"
	}
	delete(m.Battles, id)
	if m.Room != nil && m.Room.ID == id {
		m.Room = nil
	}
	return ""
}

func newRoom(id int64) *Room {
	return &Room{
		ID: id, Statuses: map[string]string{}, Computers: map[string]Computer{}, Rects: map[string]string{}, Tags: map[string]string{},
	}
}

func openBattle(m *Model, args []string) string {
	id := number64(args[0])
	b, ok := m.Battles[id]
	switch {
	case !ok:
		return "OPENBATTLE of an unknown battle"
	case b.Founder != m.Me:
		return "OPENBATTLE of somebody else's battle"
	case m.Room != nil:
		return "OPENBATTLE while in a battle"
	}
	m.Room = newRoom(id)
	m.Room.Hosting = true
	return ""
}

func joinBattle(m *Model, args []string) string {
	id := number64(args[0])
	_, ok := m.Battles[id]
	switch {
	case !ok:
		return "JOINBATTLE of an unknown battle"
	case m.Room != nil && m.Room.Hosting && m.Room.ID == id:
		m.Room.GameHash = args[1]
		return ""
	case m.Room != nil:
		return "JOINBATTLE while in a battle"
	}
	m.Room = newRoom(id)
	m.Room.GameHash = args[1]
	return ""
}

func joinRequest(m *Model, args []string) string {
	if m.Room == nil || !m.Room.Hosting {
		return "JOINBATTLEREQUEST to who does not host"
	}
	return m.known(args[0])
}

func joinedBattle(m *Model, args []string) string {
	id, name, password := number64(args[0]), args[1], args[2]
	b, ok := m.Battles[id]
	if !ok {
		return "JOINEDBATTLE of an unknown battle"
	}
	if why := m.known(name); why != "" {
		return why
	}
	if b.Founder == name {
		return "JOINEDBATTLE of the founder"
	}
	if m.battleOf(name) != 0 {
		return "JOINEDBATTLE of somebody who is in a battle"
	}
	b.Members[name] = true
	own := m.Room != nil && m.Room.ID == id
	switch {
	case name == m.Me && !own:
		return "JOINEDBATTLE of oneself before JOINBATTLE"
	case name == m.Me && password == "":
		return "JOINEDBATTLE of oneself without the script password"
	case name == m.Me:
		return ""
	case own && m.Room.Hosting && password == "":
		return "JOINEDBATTLE to the host without the script password"
	case password != "" && (!own || !m.Room.Hosting):
		return "JOINEDBATTLE shows the script password of somebody else"
	case m.Flavor == Host && !own:
		return "JOINEDBATTLE of another battle to a host"
	}
	return ""
}

func leftBattle(m *Model, args []string) string {
	id, name := number64(args[0]), args[1]
	b, ok := m.Battles[id]
	if !ok {
		return "LEFTBATTLE of an unknown battle"
	}
	if why := m.known(name); why != "" {
		return why
	}
	if !b.Members[name] {
		return "LEFTBATTLE of somebody who is not in that battle"
	}
	delete(b.Members, name)
	own := m.Room != nil && m.Room.ID == id
	if own && name == m.Me {
		m.kicked, m.Room = false, nil
		if m.Flavor == Host {
			clear(b.Members) // it is told no more of them
		}
		return ""
	}
	if !own {
		return ""
	}
	delete(m.Room.Statuses, name)
	for bot, c := range m.Room.Computers {
		if c.Owner == name {
			delete(m.Room.Computers, bot)
			return "LEFTBATTLE of the owner of " + bot
		}
	}
	return ""
}

func forceQuit(m *Model, args []string) string {
	if m.Room == nil || m.Room.Hosting {
		return "FORCEQUITBATTLE to who is not a member"
	}
	m.kicked = true
	return ""
}

func inRoom(m *Model, args []string) string {
	if m.Room == nil {
		return "while in no battle"
	}
	return ""
}

func battleStatus(m *Model, args []string) string {
	if m.Room == nil {
		return "CLIENTBATTLESTATUS while in no battle"
	}
	b, name := m.Battles[m.Room.ID], args[0]
	if b.Founder != name && !b.Members[name] {
		return "CLIENTBATTLESTATUS of somebody who is not in the own battle"
	}
	m.Room.Statuses[name] = args[1] + " " + args[2]
	return ""
}

func battleInfo(m *Model, args []string) string {
	b, ok := m.Battles[number64(args[0])]
	if !ok {
		return "UPDATEBATTLEINFO of an unknown battle"
	}
	b.Specs, b.Locked, b.MapHash, b.Map = int(number64(args[1])), args[2] == "1", args[3], args[4]
	return m.badHash(args[3])
}

// badHash tells why an autohost would not take the hash of a map: SPADS breaks off at a line
// with one that is no integer.
func (m *Model) badHash(hash string) string {
	if m.AnyHash || integerForm.MatchString(hash) {
		return ""
	}
	return fmt.Sprintf("the hash %q of a map is no integer", hash)
}

func retitle(m *Model, args []string) string {
	b, ok := m.Battles[number64(args[0])]
	if !ok {
		return "a new title of an unknown battle"
	}
	b.Title = strings.TrimPrefix(args[1], "\t")
	return ""
}

// ofOwnBattle is for lines that begin with the id of the own battle.
func ofOwnBattle(m *Model, args []string) string {
	switch {
	case m.Room == nil:
		return "while in no battle"
	case m.Room.ID != number64(args[0]):
		return "with the id of another battle"
	}
	return ""
}

func addBot(m *Model, args []string) string {
	if why := ofOwnBattle(m, args); why != "" {
		return "ADDBOT " + why
	}
	b, name, owner := m.Battles[m.Room.ID], args[1], args[2]
	if b.Founder != owner && !b.Members[owner] {
		return "ADDBOT of an owner who is not in the battle"
	}
	_, dup := m.Room.Computers[name]
	m.Room.Computers[name] = Computer{Owner: owner, Status: args[3], Color: args[4], AI: args[5]}
	if dup {
		return "ADDBOT of a known name"
	}
	return ""
}

func updateBot(m *Model, args []string) string {
	if why := ofOwnBattle(m, args); why != "" {
		return "UPDATEBOT " + why
	}
	c, ok := m.Room.Computers[args[1]]
	if !ok {
		return "UPDATEBOT of an unknown name"
	}
	c.Status, c.Color = args[2], args[3]
	m.Room.Computers[args[1]] = c
	return ""
}

func removeBot(m *Model, args []string) string {
	if why := ofOwnBattle(m, args); why != "" {
		return "REMOVEBOT " + why
	}
	if _, ok := m.Room.Computers[args[1]]; !ok {
		return "REMOVEBOT of an unknown name"
	}
	delete(m.Room.Computers, args[1])
	return ""
}

func addRect(m *Model, args []string) string {
	if m.Room == nil {
		return "ADDSTARTRECT while in no battle"
	}
	m.Room.Rects[args[0]] = strings.Join(args[1:], " ")
	return ""
}

func removeRect(m *Model, args []string) string {
	if m.Room == nil {
		return "REMOVESTARTRECT while in no battle"
	}
	delete(m.Room.Rects, args[0])
	return ""
}

func setTags(m *Model, args []string) string {
	if m.Room == nil {
		return "SETSCRIPTTAGS while in no battle"
	}
	if args[0] == "" {
		return ""
	}
	for _, pair := range strings.Split(args[0], "\t") {
		key, value, _ := strings.Cut(pair, "=")
		m.Room.Tags[key] = value
	}
	return ""
}

func removeTags(m *Model, args []string) string {
	if m.Room == nil {
		return "REMOVESCRIPTTAGS while in no battle"
	}
	for _, key := range strings.Fields(args[0]) {
		delete(m.Room.Tags, key)
	}
	return ""
}

func enableAll(m *Model, args []string) string {
	if m.Room == nil {
		return "ENABLEALLUNITS while in no battle"
	}
	m.Room.Disabled = ""
	return ""
}

func disableUnits(m *Model, args []string) string {
	if m.Room == nil {
		return "DISABLEUNITS while in no battle"
	}
	m.Room.Disabled = args[0]
	return ""
}

func saidBattle(m *Model, args []string) string {
	if m.Room == nil {
		return "battle chat while in no battle"
	}
	name := args[0]
	if why := m.known(name); why != "" {
		return why
	}
	b := m.Battles[m.Room.ID]
	if b.Founder != name && !b.Members[name] && m.Users[name].Status&(32|64) == 0 {
		return "battle chat from somebody who is not in the battle"
	}
	return ""
}

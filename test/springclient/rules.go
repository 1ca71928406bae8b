package springclient

import (
	"strconv"
	"strings"
)

// rule applies a parsed line to the model and returns why it is illegal, if it is.
type rule func(m *Model, args []string) string

// rules has a rule for every line that changes what a client knows or that names
// something it must know.
var rules map[string]rule

func init() { // a registration table; in init because the rules mention the model's methods
	rules = map[string]rule{
		"TASSERVER": greeting, "REDIRECT": redirect, "OK": okay, "ACCEPTED": accepted, "LOGININFOEND": loginEnd, "s.system.disconnect": disconnect,
		"ADDUSER": addUser, "REMOVEUSER": removeUser, "CLIENTSTATUS": clientStatus, "SAIDPRIVATE": namesUser, "RING": namesUser,
		"JOIN": join, "JOINED": joined, "LEFT": left, "CHANNELTOPIC": topic, "CLIENTS": clients, "SAID": said, "SAIDEX": said,
		"BATTLEOPENED": battleOpened, "BATTLECLOSED": battleClosed, "OPENBATTLE": openBattle, "JOINBATTLE": joinBattle,
		"JOINBATTLEREQUEST": joinRequest, "JOINEDBATTLE": joinedBattle, "LEFTBATTLE": leftBattle, "FORCEQUITBATTLE": forceQuit,
		"REQUESTBATTLESTATUS": inRoom, "CLIENTBATTLESTATUS": battleStatus, "UPDATEBATTLEINFO": battleInfo, "s.battle.update_lobby_title": retitle,
		"ADDBOT": addBot, "UPDATEBOT": updateBot, "REMOVEBOT": removeBot, "ADDSTARTRECT": addRect, "REMOVESTARTRECT": removeRect,
		"SETSCRIPTTAGS": setTags, "REMOVESCRIPTTAGS": removeTags, "ENABLEALLUNITS": enableAll, "DISABLEUNITS": disableUnits,
		"SAIDBATTLE": saidBattle, "SAIDBATTLEEX": saidBattle,
		"s.battle.queue_status": ofOwnBattle, "s.battle.extra_data": ofOwnBattle,
	}
}

func greeting(m *Model, args []string) string {
	if m.phase != fresh && !m.upgraded {
		return "a second greeting"
	}
	m.upgraded = false
	if m.phase == fresh {
		m.phase = greeted
	}
	return ""
}

func redirect(m *Model, args []string) string {
	m.phase = finished
	return ""
}

func okay(m *Model, args []string) string {
	if args[0] == "cmd=STLS" {
		m.upgraded = true
	}
	return ""
}

func accepted(m *Model, args []string) string {
	if m.phase != greeted {
		return "ACCEPTED twice"
	}
	m.Me, m.phase = args[0], loading
	return ""
}

func loginEnd(m *Model, args []string) string {
	if m.phase != loading {
		return "" // order has said it
	}
	m.phase = online
	me, ok := m.Users[m.Me]
	if !ok {
		return "the login stream does not have the user itself"
	}
	if !me.told && m.Flavor == Player {
		return "the login stream does not have the user's own status"
	}
	for name, u := range m.Users {
		if !u.told && m.Flavor == Player {
			return "the login stream does not have the status of " + name
		}
	}
	return ""
}

func disconnect(m *Model, args []string) string {
	m.phase = finished
	return ""
}

func addUser(m *Model, args []string) string {
	name, country := args[0], args[1]
	if _, ok := m.Users[name]; ok {
		return "ADDUSER of " + name + ", who is known"
	}
	if len(country) < 2 || len(country) > 6 {
		return "country " + country + " is not 2 to 6 characters"
	}
	id := number64(args[2])
	for other, u := range m.Users {
		if u.ID == id {
			return "ADDUSER of " + name + " with the id of " + other
		}
	}
	m.Users[name] = &User{ID: id, Country: country, Client: args[3]}
	if m.phase == online {
		m.owed = name
	}
	return ""
}

func removeUser(m *Model, args []string) string {
	name := args[0]
	if _, ok := m.Users[name]; !ok {
		return "REMOVEUSER of an unknown user"
	}
	delete(m.Users, name)
	for id, b := range m.Battles {
		if b.Founder == name {
			return "REMOVEUSER of the founder of battle " + strconv.FormatInt(id, 10)
		}
		if b.Members[name] {
			delete(b.Members, name)
			return "REMOVEUSER of a member of battle " + strconv.FormatInt(id, 10)
		}
	}
	for channel, members := range m.Channels {
		if members[name] {
			delete(members, name)
			return "REMOVEUSER of a member of channel " + channel
		}
	}
	return ""
}

func clientStatus(m *Model, args []string) string {
	u, ok := m.Users[args[0]]
	if !ok {
		return "CLIENTSTATUS of an unknown user"
	}
	if m.owed == args[0] {
		m.owed = ""
	}
	u.Status, u.told = int(number64(args[1])), true
	return ""
}

func namesUser(m *Model, args []string) string { return m.known(args[0]) }

// known says why a name may not appear.
func (m *Model) known(name string) string {
	if _, ok := m.Users[name]; !ok {
		return "names the unknown user " + name
	}
	return ""
}

func join(m *Model, args []string) string {
	if _, ok := m.Channels[args[0]]; ok {
		return "JOIN of a channel that one is in"
	}
	m.Channels[args[0]] = map[string]bool{}
	return ""
}

func joined(m *Model, args []string) string {
	members, ok := m.Channels[args[0]]
	if !ok {
		return "JOINED of a channel that one is not in"
	}
	if why := m.known(args[1]); why != "" {
		return why
	}
	if members[args[1]] {
		return "JOINED of a member"
	}
	members[args[1]] = true
	return ""
}

func left(m *Model, args []string) string {
	room, name, ok := strings.Cut(args[0], " ")
	if !ok || !isWord(name) {
		return "LEFT without two words"
	}
	asked := name == m.Me && m.leaving > 0
	if asked {
		m.leaving--
	}
	members, ok := m.Channels[room]
	switch {
	case (!ok || !members[name]) && asked:
		return "" // the answer to LEAVE comes also to who is not in
	case !ok:
		return "LEFT of a channel that one is not in"
	case !members[name]:
		return "LEFT of somebody who is not in the channel"
	case name == m.Me:
		delete(m.Channels, room)
	default:
		delete(members, name)
		return m.known(name)
	}
	return ""
}

func topic(m *Model, args []string) string {
	if _, ok := m.Channels[args[0]]; !ok {
		return "CHANNELTOPIC of a channel that one is not in"
	}
	return ""
}

func clients(m *Model, args []string) string {
	members, ok := m.Channels[args[0]]
	if !ok {
		return "CLIENTS of a channel that one is not in"
	}
	seen := map[string]bool{}
	for i, name := range strings.Split(args[1], " ") {
		if why := m.known(name); why != "" {
			return why
		}
		if seen[name] {
			return "CLIENTS names " + name + " twice"
		}
		if i == 0 && name != m.Me {
			return "CLIENTS does not name oneself first"
		}
		if name != m.Me && members[name] {
			return "CLIENTS names the member " + name
		}
		seen[name], members[name] = true, true
	}
	return ""
}

func said(m *Model, args []string) string {
	members, ok := m.Channels[args[0]]
	if !ok {
		return "chat of a channel that one is not in"
	}
	if why := m.known(args[1]); why != "" {
		return why
	}
	if !members[args[1]] && m.Users[args[1]].Status&64 == 0 {
		return "chat from somebody who is not in the channel"
	}
	return ""
}

// number64 converts what the shape has checked.
func number64(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

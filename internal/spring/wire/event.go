package wire

import (
	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

// EncodeEvent encodes an event for everybody who is shown it. The result is
// shared and must not be changed.
func EncodeEvent(e roster.Event) []byte {
	b := make([]byte, 0, size(e))
	switch e := e.(type) {
	case roster.UserCame:
		b = AppendAddUser(b, e.User)
		b = AppendClientStatus(b, e.User)
	case roster.UserChanged:
		b = AppendClientStatus(b, e.User)
	case roster.UserWent:
		b = AppendRemoveUser(b, e.User.Name)
	case roster.Several:
		for _, u := range e.Updates {
			b = append(b, u.Encoded(roster.SpringLine, EncodeEvent)...)
		}
	case roster.LobbyOpened:
		b = appendOpened(b, e.Lobby)
	case roster.LobbyChanged:
		b = AppendUpdateBattleInfo(b, &e.Lobby.Info)
	case roster.LobbyRetitled:
		b = AppendLobbyTitle(b, e.Lobby.Info.ID, e.Lobby.Info.Title)
	case roster.LobbyClosed:
		b = AppendBattleClosed(b, e.ID)
	case roster.MemberCame:
		b = appendMember(b, e.Lobby.Info.ID, e.User, e.ScriptPassword)
		if e.Room {
			b = AppendUpdateBattleInfo(b, &e.Lobby.Info)
		}
	case roster.MemberWent:
		b = AppendLeftBattle(b, e.Lobby.Info.ID, e.User.Name)
		if e.Room && !e.Kicked {
			b = AppendUpdateBattleInfo(b, &e.Lobby.Info)
		}
	default:
		b = appendRoomEvent(b, e)
	}
	return b
}

func appendRoomEvent(b []byte, e roster.Event) []byte {
	switch e := e.(type) {
	case roster.Hosting:
		return appendHosting(b, &e)
	case roster.Entered:
		return appendEntered(b, &e)
	case roster.Ejected:
		return AppendForceQuitBattle(b)
	case roster.JoinRequested:
		return AppendJoinBattleRequest(b, e.User.Name, e.IP)
	case roster.JoinDenied:
		return AppendJoinBattleFailed(b, e.Reason)
	case roster.StatusSet:
		return AppendClientBattleStatus(b, e.User.Name, e.Status)
	case roster.RoomSaid:
		return AppendSaidBattle(b, e.User.Name, e.Text, e.Emote)
	case roster.ComputerAdded:
		return AppendAddBot(b, e.Lobby, e.Owner.Name, e.Computer)
	case roster.ComputerUpdated:
		return AppendUpdateBot(b, e.Lobby, e.Computer)
	case roster.ComputerRemoved:
		return AppendRemoveBot(b, e.Lobby, e.Name)
	case roster.RectAdded:
		return AppendAddStartRect(b, e.Rect)
	case roster.RectRemoved:
		return AppendRemoveStartRect(b, e.Ally)
	case roster.TagsSet:
		return AppendSetScriptTags(b, e.Tags)
	case roster.TagsRemoved:
		return AppendRemoveScriptTags(b, e.Keys)
	case roster.UnitsSet:
		return AppendDisableUnits(AppendEnableAllUnits(b), e.Disabled)
	default:
		return appendChatEvent(b, e)
	}
}

func appendChatEvent(b []byte, e roster.Event) []byte {
	switch e := e.(type) {
	case roster.ChannelEntered:
		b = AppendJoin(b, e.Name)
		b = AppendJoined(b, e.Name, e.Me.Name)
		b = AppendChannelTopic(b, e.Name, e.AuthorName)
		b = AppendClients(b, e.Name, e.Me.Name, e.Members)
	case roster.ChannelCame:
		b = AppendJoined(b, e.Name, e.User.Name)
	case roster.ChannelWent:
		b = AppendLeft(b, e.Name, e.User.Name)
	case roster.ChannelSaid:
		b = AppendSaid(b, e.Name, e.User.Name, e.Text, e.Emote)
	case roster.PrivateSaid:
		b = AppendSaidPrivate(b, e.From.Name, e.Text)
	case roster.Rang:
		b = AppendRing(b, e.By.Name)
	case roster.FriendEvent:
		b = AppendFriendEvent(b, e.What, e.Other)
	case roster.PartyEvent:
		b = AppendPartyEvent(b, e)
	case roster.ReadyCheck:
		b = appendQueueEvent(b, "s.matchmaking.ready_check ", e.Queue)
	case roster.MatchCanceled:
		b = appendQueueEvent(b, "s.matchmaking.match_cancelled ", e.Queue) //nolint:misspell // as clients know it
	case roster.QueuesSet:
		b = AppendMyQueues(b, e.Queues)
	}
	return b
}

// appendOpened introduces a lobby. BATTLEOPENED implies no spectators and no
// lock; a lobby that this node hears of late may have either already.
func appendOpened(b []byte, l *roster.Lobby) []byte {
	b = AppendBattleOpened(b, l)
	if l.Info.Spectators != 0 || l.Info.Locked {
		b = AppendUpdateBattleInfo(b, &l.Info)
	}
	return b
}

func appendMember(b []byte, id int64, u *roster.User, scriptPassword string) []byte {
	return AppendJoinedBattle(AppendClientStatus(b, u), id, u.Name, scriptPassword)
}

// appendHosting is the answer to OPENBATTLE. BATTLEOPENED comes first, as clients
// look the id up among the battles they know.
func appendHosting(b []byte, e *roster.Hosting) []byte {
	info := &e.Lobby.Info
	b = appendOpened(b, e.Lobby)
	b = AppendOpenBattle(b, info.ID)
	b = AppendJoinBattle(b, info.ID, info.GameHash)
	b = AppendSetScriptTags(b, e.View.Tags)
	b = appendRects(b, e.View.Rects)
	return AppendRequestBattleStatus(b)
}

// appendEntered is what a joiner is told about the room, in the order that SPADS
// and Chobby need: whoever is in it, then oneself, then everything about them.
func appendEntered(b []byte, e *roster.Entered) []byte {
	return AppendClientStatus(appendRoom(b, e), e.Me)
}

func appendRoom(b []byte, e *roster.Entered) []byte {
	info := &e.Lobby.Info
	for _, u := range e.Unknown {
		b = appendMember(b, info.ID, u, "")
	}
	b = AppendJoinBattle(b, info.ID, info.GameHash)
	b = AppendJoinedBattle(b, info.ID, e.Me.Name, e.ScriptPassword)
	b = AppendSetScriptTags(b, e.View.Tags)
	b = AppendDisableUnits(b, e.View.Disabled)
	for _, s := range e.Statuses {
		b = AppendClientBattleStatus(b, s.User.Name, s.Status)
	}
	for _, c := range e.Computers {
		b = AppendAddBot(b, c.Lobby, c.Owner.Name, c.Computer)
	}
	b = appendRects(b, e.View.Rects)
	return AppendRequestBattleStatus(b)
}

func appendRects(b []byte, rects []lobby.Rect) []byte {
	for _, r := range rects {
		b = AppendAddStartRect(b, r)
	}
	return b
}

// EncodeChunk encodes the ADDUSER lines of users.
func EncodeChunk(users []*roster.User) []byte {
	n := 0
	for _, u := range users {
		n += addUserSize(u)
	}
	b := make([]byte, 0, n)
	for _, u := range users {
		b = AppendAddUser(b, u)
	}
	return b
}

// EncodeStatuses encodes the CLIENTSTATUS lines of users.
func EncodeStatuses(users []*roster.User) []byte {
	n := 0
	for _, u := range users {
		n += statusSize(u)
	}
	b := make([]byte, 0, n)
	for _, u := range users {
		b = AppendClientStatus(b, u)
	}
	return b
}

// EncodeNotables is EncodeStatuses for the bots and moderators among the users.
func EncodeNotables(users []*roster.User) []byte {
	var b []byte
	for _, u := range users {
		if u.Bot || u.Moderator {
			b = AppendClientStatus(b, u)
		}
	}
	return b
}

// EncodeLobby encodes a lobby of the world for a viewer that is not told of members.
func EncodeLobby(l *roster.Lobby) []byte {
	return appendLobby(make([]byte, 0, lobbySize(l)), l)
}

// EncodeLobbyMembers is EncodeLobby with the members, most recent first. The
// founder is not among them.
func EncodeLobbyMembers(l *roster.Lobby) []byte {
	n := lobbySize(l)
	for _, u := range l.Members {
		n += 2*statusSize(u) + numberSize
	}
	b := appendLobby(make([]byte, 0, n), l)
	for _, u := range l.Members {
		b = appendMember(b, l.Info.ID, u, "")
	}
	return b
}

func appendLobby(b []byte, l *roster.Lobby) []byte {
	return AppendUpdateBattleInfo(AppendBattleOpened(b, l), &l.Info)
}

// Sizes are estimates that are seldom too small: an encoding is made once, kept
// and shared, so it should be one piece without much air.
const numberSize = 20

func addUserSize(u *roster.User) int {
	return len("ADDUSER ") + len(u.Name) + len(u.Country) + len(u.Client) + numberSize
}

func statusSize(u *roster.User) int { return len("CLIENTSTATUS ") + len(u.Name) + 8 }

func lobbySize(l *roster.Lobby) int {
	i := &l.Info
	return 160 + len(l.Founder.Name) + len(i.EngineName) + len(i.EngineVersion) + 2*len(i.Map) + len(i.Title) + len(i.Game)
}

func size(e roster.Event) int {
	switch e := e.(type) {
	case roster.UserCame:
		return addUserSize(e.User) + statusSize(e.User)
	case roster.Several:
		n := 0
		for _, u := range e.Updates {
			n += len(u.Encoded(roster.SpringLine, EncodeEvent))
		}
		return n
	case roster.RoomSaid:
		return 16 + len(e.User.Name) + len(e.Text)
	case roster.ChannelSaid:
		return 16 + len(e.Name) + len(e.User.Name) + len(e.Text)
	case roster.PrivateSaid:
		return 16 + len(e.From.Name) + len(e.Text)
	case roster.LobbyOpened:
		return lobbySize(e.Lobby)
	case roster.ChannelEntered:
		return 96 + 4*len(e.Name) + 16*len(e.Members)
	case roster.Hosting, roster.Entered:
		return 1024
	case roster.MemberCame, roster.MemberWent:
		return 128
	default:
		return 64
	}
}

package wire

import (
	"maps"
	"slices"
	"strconv"

	"teiserver/internal/lobby"
	"teiserver/internal/roster"
)

// shownPlayers is what BATTLEOPENED says about the number of players, always.
const shownPlayers = "16"

// AppendBattleOpened introduces a battle; that its founder is in it is implied.
func AppendBattleOpened(b []byte, l *roster.Lobby) []byte {
	i := &l.Info
	b = append(b, "BATTLEOPENED "...)
	b = strconv.AppendInt(b, i.ID, 10)
	b = append(b, ' ')
	b = appendBit(b, i.Replay)
	b = append(b, ' ')
	b = appendInt(b, i.Nat)
	b = append(b, ' ')
	b = appendWord(b, l.Founder.Name)
	b = append(b, ' ')
	b = appendWordOr(b, i.IP, "*")
	b = append(b, ' ')
	b = appendInt(b, i.Port)
	b = append(b, " "+shownPlayers+" "...)
	b = appendBit(b, i.Passworded)
	b = append(b, " 0 "...) // a rank that nobody uses
	b = appendWordOr(b, i.MapHash, "0")
	b = append(b, ' ')
	b = appendField(b, i.EngineName)
	b = append(b, '\t')
	b = appendField(b, i.EngineVersion)
	b = append(b, '\t')
	b = appendField(b, i.Map)
	b = append(b, '\t')
	b = appendField(b, i.Title)
	b = append(b, '\t')
	b = appendField(b, i.Game)
	return append(b, '\n')
}

// AppendBattleClosed is the last line about a battle; it implies that all are out.
func AppendBattleClosed(b []byte, id int64) []byte { return lineID(b, "BATTLECLOSED", id) }

// AppendOpenBattle answers OPENBATTLE, behind the BATTLEOPENED of the same battle.
func AppendOpenBattle(b []byte, id int64) []byte { return lineID(b, "OPENBATTLE", id) }

// AppendOpenBattleFailed answers OPENBATTLE.
func AppendOpenBattleFailed(b []byte, reason string) []byte {
	return lineReason(b, "OPENBATTLEFAILED", reason)
}

// AppendJoinBattle begins the block that a joiner and a founder get.
func AppendJoinBattle(b []byte, id int64, gameHash string) []byte {
	b = append(b, "JOINBATTLE "...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, ' ')
	b = appendWordOr(b, gameHash, "0")
	return append(b, '\n')
}

// AppendJoinBattleFailed answers JOINBATTLE.
func AppendJoinBattleFailed(b []byte, reason string) []byte {
	return lineReason(b, "JOINBATTLEFAILED", reason)
}

// AppendJoinBattleRequest asks a host.
func AppendJoinBattleRequest(b []byte, user, ip string) []byte {
	b = append(b, "JOINBATTLEREQUEST "...)
	b = appendWord(b, user)
	b = append(b, ' ')
	b = appendWordOr(b, ip, "*")
	return append(b, '\n')
}

// AppendJoinedBattle tells that a user is in a battle. Only the founder and the
// joiner itself get the script password.
func AppendJoinedBattle(b []byte, id int64, user, scriptPassword string) []byte {
	b = append(b, "JOINEDBATTLE "...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, ' ')
	b = appendWord(b, user)
	if scriptPassword != "" {
		b = append(b, ' ')
		b = appendWord(b, scriptPassword)
	}
	return append(b, '\n')
}

// AppendLeftBattle tells that a user is out of a battle.
func AppendLeftBattle(b []byte, id int64, user string) []byte {
	b = append(b, "LEFTBATTLE "...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, ' ')
	b = appendWord(b, user)
	return append(b, '\n')
}

// AppendForceQuitBattle tells a user that it was kicked.
func AppendForceQuitBattle(b []byte) []byte { return append(b, "FORCEQUITBATTLE\n"...) }

// AppendRequestBattleStatus asks for MYBATTLESTATUS.
func AppendRequestBattleStatus(b []byte) []byte { return append(b, "REQUESTBATTLESTATUS\n"...) }

// AppendClientBattleStatus appends the battle status of a user.
func AppendClientBattleStatus(b []byte, user string, s lobby.Status) []byte {
	b = append(b, "CLIENTBATTLESTATUS "...)
	b = appendWord(b, user)
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(PackStatus(s)), 10)
	b = append(b, ' ')
	b = appendWordOr(b, s.Color, "0")
	return append(b, '\n')
}

// AppendUpdateBattleInfo appends what can change about a battle.
func AppendUpdateBattleInfo(b []byte, i *lobby.Info) []byte {
	b = append(b, "UPDATEBATTLEINFO "...)
	b = strconv.AppendInt(b, i.ID, 10)
	b = append(b, ' ')
	b = appendInt(b, i.Spectators)
	b = append(b, ' ')
	b = appendBit(b, i.Locked)
	b = append(b, ' ')
	b = appendWordOr(b, i.MapHash, "0")
	b = append(b, ' ')
	b = appendField(b, i.Map)
	return append(b, '\n')
}

// AppendLobbyTitle tells a new title.
func AppendLobbyTitle(b []byte, id int64, title string) []byte {
	b = append(b, "s.battle.update_lobby_title "...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, '\t')
	b = appendField(b, title)
	return append(b, '\n')
}

// AppendBattleIDs answers c.battles.list_ids.
func AppendBattleIDs(b []byte, ids []int64) []byte {
	b = append(b, "s.battles.id_list "...)
	for i, id := range ids {
		if i > 0 {
			b = append(b, '\t')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return append(b, '\n')
}

// AppendSaidBattle appends SAIDBATTLE or SAIDBATTLEEX.
func AppendSaidBattle(b []byte, user, text string, emote bool) []byte {
	if emote {
		return appendSaying(append(b, "SAIDBATTLEEX "...), user, text)
	}
	return appendSaying(append(b, "SAIDBATTLE "...), user, text)
}

// AppendAddBot tells of a computer player.
func AppendAddBot(b []byte, id int64, owner string, c lobby.Computer) []byte {
	b = appendBot(b, "ADDBOT ", id, c.Name)
	b = append(b, ' ')
	b = appendWord(b, owner)
	b = appendBotStatus(b, c)
	b = append(b, ' ')
	b = appendText(b, c.AI)
	return append(b, '\n')
}

// AppendUpdateBot tells the status and color of a computer player.
func AppendUpdateBot(b []byte, id int64, c lobby.Computer) []byte {
	b = appendBotStatus(appendBot(b, "UPDATEBOT ", id, c.Name), c)
	return append(b, '\n')
}

// AppendRemoveBot tells that a computer player is gone.
func AppendRemoveBot(b []byte, id int64, name string) []byte {
	return append(appendBot(b, "REMOVEBOT ", id, name), '\n')
}

func appendBot(b []byte, command string, id int64, name string) []byte {
	b = append(b, command...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, ' ')
	return appendWord(b, name)
}

func appendBotStatus(b []byte, c lobby.Computer) []byte {
	b = append(b, ' ')
	b = strconv.AppendUint(b, uint64(c.Status), 10)
	b = append(b, ' ')
	return appendWordOr(b, c.Color, "0")
}

// AppendAddStartRect tells a start rectangle.
func AppendAddStartRect(b []byte, r lobby.Rect) []byte {
	b = append(b, "ADDSTARTRECT"...)
	for _, n := range [...]int{r.Ally, r.Left, r.Top, r.Right, r.Bottom} {
		b = append(b, ' ')
		b = appendInt(b, n)
	}
	return append(b, '\n')
}

// AppendRemoveStartRect takes a start rectangle away.
func AppendRemoveStartRect(b []byte, ally int) []byte {
	return lineID(b, "REMOVESTARTRECT", int64(ally))
}

// AppendSetScriptTags appends tags in the order of their keys. The space behind
// the command is there also without tags: a client fails without it.
func AppendSetScriptTags(b []byte, tags map[string]string) []byte {
	b = append(b, "SETSCRIPTTAGS "...)
	for i, key := range slices.Sorted(maps.Keys(tags)) {
		if i > 0 {
			b = append(b, '\t')
		}
		b = appendField(b, key)
		b = append(b, '=')
		b = appendField(b, tags[key])
	}
	return append(b, '\n')
}

// AppendRemoveScriptTags appends the keys of tags that are gone, separated by
// spaces. Here too the space behind the command is always there.
func AppendRemoveScriptTags(b []byte, keys []string) []byte {
	b = append(b, "REMOVESCRIPTTAGS "...)
	for i, key := range keys {
		if i > 0 {
			b = append(b, ' ')
		}
		b = appendWord(b, key)
	}
	return append(b, '\n')
}

// AppendEnableAllUnits tells that no unit is disabled.
func AppendEnableAllUnits(b []byte) []byte { return append(b, "ENABLEALLUNITS\n"...) }

// AppendDisableUnits appends all units that are disabled, nothing if none are.
func AppendDisableUnits(b []byte, units []string) []byte {
	if len(units) == 0 {
		return b
	}
	return append(appendWords(append(b, "DISABLEUNITS"...), units), '\n')
}

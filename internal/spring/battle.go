package spring

import (
	"context"
	"errors"

	"teiserver/internal/cluster"
	"teiserver/internal/lobby"
	"teiserver/internal/refusal"
	"teiserver/internal/roster"
	"teiserver/internal/spring/wire"
)

// maxTitle is the longest title of a battle.
const maxTitle = 70

// checkTitle returns why a title is not allowed, empty if it is.
func checkTitle(title string) string {
	if title == "" {
		return "Lobby name must not be empty"
	}
	if len([]rune(title)) > maxTitle {
		return "Lobby name is too long"
	}
	for _, r := range title {
		if !titleRune(r) {
			return "Lobby name contains invalid characters"
		}
	}
	return ""
}

func titleRune(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return true
	}
	switch r {
	case '_', '-', '[', ']', ' ', '<', '>', '+', '|', ':', '(', ')':
		return true
	}
	return false
}

func (c *conn) openBattle(ctx context.Context, id string, r wire.OpenBattle) {
	if !c.client.User().IsBot() {
		c.reply(id, wire.AppendOpenBattleFailed(nil, "Not a bot"))
		return
	}
	if why := checkTitle(r.Title); why != "" {
		c.reply(id, wire.AppendOpenBattleFailed(nil, why))
		return
	}
	c.openID.Store(&id)
	err := c.client.OpenLobby(ctx, lobby.Info{
		Replay: r.Replay, Nat: r.Nat, Port: r.Port, MaxPlayers: r.MaxPlayers,
		GameHash: r.GameHash, MapHash: r.MapHash, EngineName: r.EngineName, EngineVersion: r.EngineVersion,
		Map: r.Map, Title: r.Title, Game: r.Game,
	}, r.Password)
	if err == nil {
		return
	}
	c.openID.Store(nil)
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "OPENBATTLE", no))
		return
	}
	c.srv.Log.Warn("lobby not opened", "user", c.userID(), "err", err)
	c.reply(id, wire.AppendOpenBattleFailed(nil, "The server cannot open a battle right now, please try again"))
}

func (c *conn) joinBattle(ctx context.Context, id string, r wire.JoinBattle) {
	err := c.client.JoinLobby(ctx, r.ID, r.Password, r.ScriptPassword)
	if err == nil {
		return
	}
	if no, refused := refusal.As(err); refused {
		c.reply(id, wire.AppendRefusal(nil, "JOINBATTLE", no))
		return
	}
	if !errors.Is(err, cluster.ErrUnavailable) {
		c.srv.Log.Warn("lobby not joined", "user", c.userID(), "err", err)
	}
	c.reply(id, wire.AppendJoinBattleFailed(nil, "The battle cannot be reached right now, please try again"))
}

func (c *conn) joinBattleAccept(ctx context.Context, id string, r wire.JoinBattleAccept) {
	c.quiet(id, c.client.Answer(ctx, r.User, true, ""))
}

func (c *conn) joinBattleDeny(ctx context.Context, id string, r wire.JoinBattleDeny) {
	c.quiet(id, c.client.Answer(ctx, r.User, false, r.Reason))
}

func (c *conn) leaveBattle(ctx context.Context, id string, _ wire.LeaveBattle) {
	c.quiet(id, c.client.LeaveLobby(ctx))
}

// inBattle sends a command to the battle that the client is in.
func (c *conn) inBattle(ctx context.Context, id string, build func(lobby.Who, lobby.Rights) any) {
	c.quiet(id, c.client.Command(ctx, build))
}

func (c *conn) myBattleStatus(ctx context.Context, id string, r wire.MyBattleStatus) {
	c.inBattle(ctx, id, func(w lobby.Who, _ lobby.Rights) any {
		return lobby.SetStatus{Who: w, Status: r.Status}
	})
}

func (c *conn) sayBattle(ctx context.Context, id string, r wire.SayBattle) {
	c.quiet(id, c.client.SayLobby(ctx, r.Text, r.Emote, ""))
}

func (c *conn) sayBattlePrivate(ctx context.Context, id string, r wire.SayBattlePrivateEx) {
	c.quiet(id, c.client.SayLobby(ctx, r.Text, true, r.User))
}

func (c *conn) addBot(ctx context.Context, id string, r wire.AddBot) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.AddComputer{Who: w, Rights: rights, Computer: lobby.Computer{
			Name: r.Name, Owner: w.User, Status: r.Status, Color: r.Color, AI: r.AI,
		}}
	})
}

func (c *conn) updateBot(ctx context.Context, id string, r wire.UpdateBot) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.UpdateComputer{Who: w, Rights: rights, Name: r.Name, Status: r.Status, Color: r.Color}
	})
}

func (c *conn) removeBot(ctx context.Context, id string, r wire.RemoveBot) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.RemoveComputer{Who: w, Rights: rights, Name: r.Name}
	})
}

func (c *conn) addStartRect(ctx context.Context, id string, r wire.AddStartRect) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.AddRect{Who: w, Rights: rights, Rect: r.Rect}
	})
}

func (c *conn) removeStartRect(ctx context.Context, id string, r wire.RemoveStartRect) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.RemoveRect{Who: w, Rights: rights, Ally: r.Ally}
	})
}

func (c *conn) setScriptTags(ctx context.Context, id string, r wire.SetScriptTags) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.SetTags{Who: w, Rights: rights, Tags: r.Tags}
	})
}

func (c *conn) removeScriptTags(ctx context.Context, id string, r wire.RemoveScriptTags) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.RemoveTags{Who: w, Rights: rights, Keys: r.Keys}
	})
}

func (c *conn) disableUnits(ctx context.Context, id string, r wire.DisableUnits) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.SetUnits{Who: w, Rights: rights, Disable: r.Units}
	})
}

func (c *conn) enableUnits(ctx context.Context, id string, r wire.EnableUnits) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.SetUnits{Who: w, Rights: rights, Enable: r.Units}
	})
}

func (c *conn) enableAllUnits(ctx context.Context, id string, _ wire.EnableAllUnits) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.SetUnits{Who: w, Rights: rights, All: true}
	})
}

// force sends a forced setting to the battle of the target.
func (c *conn) force(ctx context.Context, id, name string, set func(*lobby.Force)) {
	c.quiet(id, c.client.About(ctx, name, func(target *roster.User, by lobby.Who, r lobby.Rights) any {
		f := lobby.Force{By: by, Rights: r, User: target.ID}
		set(&f)
		return f
	}))
}

func (c *conn) handicap(ctx context.Context, id string, r wire.Handicap) {
	c.force(ctx, id, r.User, func(f *lobby.Force) { f.Handicap = &r.Value })
}

func (c *conn) forceTeam(ctx context.Context, id string, r wire.ForceTeamNo) {
	c.force(ctx, id, r.User, func(f *lobby.Force) { f.Team = &r.Value })
}

func (c *conn) forceAlly(ctx context.Context, id string, r wire.ForceAllyNo) {
	c.force(ctx, id, r.User, func(f *lobby.Force) { f.Ally = &r.Value })
}

func (c *conn) forceColor(ctx context.Context, id string, r wire.ForceTeamColor) {
	c.force(ctx, id, r.User, func(f *lobby.Force) { f.Color = &r.Color })
}

func (c *conn) forceSpectator(ctx context.Context, id string, r wire.ForceSpectatorMode) {
	c.force(ctx, id, r.User, func(f *lobby.Force) { f.Spectator = true })
}

func (c *conn) kick(ctx context.Context, id string, r wire.KickFromBattle) {
	c.quiet(id, c.client.About(ctx, r.User, func(target *roster.User, by lobby.Who, rights lobby.Rights) any {
		return lobby.Kick{By: by, Rights: rights, User: target.ID, Protected: target.Moderator}
	}))
}

func (c *conn) updateBattleInfo(ctx context.Context, id string, r wire.UpdateBattleInfo) {
	c.inBattle(ctx, id, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.Update{Who: w, Rights: rights, Spectators: r.Spectators, Locked: r.Locked, MapHash: r.MapHash, Map: r.Map}
	})
}

func (c *conn) updateLobbyTitle(ctx context.Context, id string, r wire.UpdateLobbyTitle) {
	const command = "c.battle.update_lobby_title"
	if why := checkTitle(r.Title); why != "" {
		c.reply(id, wire.AppendNO(nil, command, why))
		return
	}
	if _, in := c.client.Lobby(); !in {
		return
	}
	err := c.client.Command(ctx, func(w lobby.Who, rights lobby.Rights) any {
		return lobby.Retitle{Who: w, Rights: rights, Title: r.Title}
	})
	if err != nil {
		c.quiet(id, err)
		return
	}
	c.reply(id, wire.AppendOK(nil, command, ""))
}

func (c *conn) listBattleIDs(_ context.Context, id string, _ wire.ListBattleIDs) {
	c.reply(id, wire.AppendBattleIDs(nil, c.client.LobbyIDs()))
}

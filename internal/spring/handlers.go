package spring

import (
	"context"
	"errors"

	"teiserver/internal/cluster"
	"teiserver/internal/refusal"
	"teiserver/internal/spring/wire"
)

// handler executes a decoded command. It reports false if the connection is over.
type handler func(c *conn, ctx context.Context, id string, request any) bool

// last makes a handler of a method that may end the connection, on one of a method
// that does not.
func last[R any](f func(*conn, context.Context, string, R) bool) handler {
	return func(c *conn, ctx context.Context, id string, request any) bool {
		return f(c, ctx, id, request.(R))
	}
}

func on[R any](f func(*conn, context.Context, string, R)) handler {
	return func(c *conn, ctx context.Context, id string, request any) bool {
		f(c, ctx, id, request.(R))
		return true
	}
}

// handlers has an entry for each command that package wire decodes.
var handlers map[string]handler

func init() {
	handlers = map[string]handler{
		"PING":                         on((*conn).ping),
		"STLS":                         last((*conn).startTLS),
		"STARTTLS":                     last((*conn).startTLS),
		"LISTCOMPFLAGS":                on((*conn).listCompFlags),
		"EXIT":                         last((*conn).exit),
		"REGISTER":                     on((*conn).register),
		"LOGIN":                        last((*conn).logIn),
		"CONFIRMAGREEMENT":             last((*conn).confirmAgreement),
		"RESETPASSWORDREQUEST":         on((*conn).resetPasswordRequest),
		"c.auth.login_queue_heartbeat": on((*conn).queueHeartbeat),
		"RENAMEACCOUNT":                last((*conn).rename),
		"CHANGEPASSWORD":               on((*conn).changePassword),
		"CHANGEEMAILREQUEST":           on((*conn).changeEmailRequest),
		"CHANGEEMAIL":                  on((*conn).changeEmail),
		"GETUSERINFO":                  on((*conn).getUserInfo),
		"CREATEBOTACCOUNT":             on((*conn).createBotAccount),
		"GETIP":                        on((*conn).getIP),
		"GETUSERID":                    on((*conn).getUserID),
		"MYSTATUS":                     on((*conn).myStatus),

		"JOIN":                 on((*conn).join),
		"LEAVE":                on((*conn).leave),
		"CHANNELS":             on((*conn).channels),
		"SAY":                  on((*conn).say),
		"SAYEX":                on((*conn).say),
		"GETCHANNELMESSAGES":   on((*conn).getChannelMessages),
		"SAYPRIVATE":           on((*conn).sayPrivate),
		"RING":                 on((*conn).ring),
		"FRIENDLIST":           on((*conn).friendList),
		"FRIENDREQUESTLIST":    on((*conn).friendRequestList),
		"IGNORELIST":           on((*conn).ignoreList),
		"FRIENDREQUEST":        on((*conn).friendRequest),
		"ACCEPTFRIENDREQUEST":  on((*conn).acceptFriendRequest),
		"DECLINEFRIENDREQUEST": on((*conn).declineFriendRequest),
		"UNFRIEND":             on((*conn).unfriend),
		"IGNORE":               on((*conn).ignore),
		"UNIGNORE":             on((*conn).unignore),

		"OPENBATTLE":                  on((*conn).openBattle),
		"JOINBATTLE":                  on((*conn).joinBattle),
		"JOINBATTLEACCEPT":            on((*conn).joinBattleAccept),
		"JOINBATTLEDENY":              on((*conn).joinBattleDeny),
		"LEAVEBATTLE":                 on((*conn).leaveBattle),
		"MYBATTLESTATUS":              on((*conn).myBattleStatus),
		"SAYBATTLE":                   on((*conn).sayBattle),
		"SAYBATTLEEX":                 on((*conn).sayBattle),
		"SAYBATTLEPRIVATEEX":          on((*conn).sayBattlePrivate),
		"ADDBOT":                      on((*conn).addBot),
		"UPDATEBOT":                   on((*conn).updateBot),
		"REMOVEBOT":                   on((*conn).removeBot),
		"ADDSTARTRECT":                on((*conn).addStartRect),
		"REMOVESTARTRECT":             on((*conn).removeStartRect),
		"SETSCRIPTTAGS":               on((*conn).setScriptTags),
		"REMOVESCRIPTTAGS":            on((*conn).removeScriptTags),
		"DISABLEUNITS":                on((*conn).disableUnits),
		"ENABLEUNITS":                 on((*conn).enableUnits),
		"ENABLEALLUNITS":              on((*conn).enableAllUnits),
		"HANDICAP":                    on((*conn).handicap),
		"FORCETEAMNO":                 on((*conn).forceTeam),
		"FORCEALLYNO":                 on((*conn).forceAlly),
		"FORCETEAMCOLOR":              on((*conn).forceColor),
		"FORCESPECTATORMODE":          on((*conn).forceSpectator),
		"KICKFROMBATTLE":              on((*conn).kick),
		"UPDATEBATTLEINFO":            on((*conn).updateBattleInfo),
		"c.battle.update_lobby_title": on((*conn).updateLobbyTitle),
		"c.battles.list_ids":          on((*conn).listBattleIDs),

		"c.party.create_new_party":          on((*conn).createParty),
		"c.party.invite_to_party":           on((*conn).inviteToParty),
		"c.party.cancel_invite_to_party":    on((*conn).cancelInviteToParty),
		"c.party.cancel_invite_to_my_party": on((*conn).cancelInviteToParty),
		"c.party.accept_invite_to_party":    on((*conn).acceptParty),
		"c.party.decline_invite_to_party":   on((*conn).declineParty),
		"c.party.leave_current_party":       on((*conn).leaveParty),

		"c.matchmaking.list_all_queues":  on((*conn).listQueues),
		"c.matchmaking.list_my_queues":   on((*conn).listMyQueues),
		"c.matchmaking.get_queue_info":   on((*conn).queueInfo),
		"c.matchmaking.join_queue":       on((*conn).joinQueue),
		"c.matchmaking.leave_queue":      on((*conn).quitQueue),
		"c.matchmaking.leave_all_queues": on((*conn).quitQueues),
		"c.matchmaking.ready":            on((*conn).matchReady),
		"c.matchmaking.decline":          on((*conn).matchDecline),

		"c.user.add_friend":             on((*conn).addFriend),
		"c.user.remove_friend":          on((*conn).removeFriend),
		"c.user.rescind_friend_request": on((*conn).rescindFriend),
		"c.user.accept_friend_request":  on((*conn).acceptFriend),
		"c.user.decline_friend_request": on((*conn).declineFriend),
		"c.user.whois":                  on((*conn).whois),
		"c.user.whoisName":              on((*conn).whoisName),
		"c.user.list_relationships":     on((*conn).listRelationships),
		"c.user.follow":                 on((*conn).relateTo),
		"c.user.follow_by_id":           on((*conn).relateTo),
		"c.user.ignore":                 on((*conn).relateTo),
		"c.user.ignore_by_id":           on((*conn).relateTo),
		"c.user.avoid":                  on((*conn).relateTo),
		"c.user.avoid_by_id":            on((*conn).relateTo),
		"c.user.block":                  on((*conn).relateTo),
		"c.user.block_by_id":            on((*conn).relateTo),
		"c.user.reset_relationship":     on((*conn).resetRelationship),
		"c.user.relationship":           on((*conn).relationship),
		"c.user.closeness":              on((*conn).closeness),

		"c.moderation.report_user": on((*conn).reportUser),

		"c.battle.update_host":               on((*conn).updateHost),
		"c.battle.queue_status":              on((*conn).queueStatus),
		"c.battle.extra_data":                on((*conn).extraData),
		"c.telemetry.update_client_property": metered(on((*conn).updateClientProperty)),

		"c.telemetry.simple_client_event":         metered(on((*conn).clientEvent)),
		"c.telemetry.complex_client_event":        metered(on((*conn).clientEvent)),
		"c.telemetry.log_client_event":            metered(on((*conn).clientEvent)),
		"c.telemetry.live_client_event":           on((*conn).liveClientEvent),
		"c.telemetry.update_client_property_test": on((*conn).telemetryTest),
		"c.telemetry.log_client_event_test":       on((*conn).telemetryTest),
		"c.telemetry.upload_infolog":              metered(on((*conn).uploadInfolog)),
	}
}

func (c *conn) ping(_ context.Context, id string, _ wire.Ping) { c.reply(id, wire.Pong) }

func (c *conn) listCompFlags(ctx context.Context, id string, _ wire.ListCompFlags) {
	c.reply(id, wire.AppendCompFlags(nil, len(c.srv.Clients.Queues(ctx)) > 0))
}

func (c *conn) exit(_ context.Context, _ string, _ wire.Exit) bool {
	if c.client == nil {
		c.End(endTerminate)
	} else {
		c.client.Close() // others see it before the socket closes
		c.End("Logged out")
	}
	return false
}

// quiet drops what most battle commands answer to a refusal: nothing. What cannot
// be decided now is told, as silence would mean no.
func (c *conn) quiet(id string, err error) {
	if err == nil {
		return
	}
	if _, refused := refusal.As(err); refused && !refusal.Is(err, refusal.Unavailable) {
		return
	}
	c.trouble(id, err)
}

// trouble tells the client that a command could not be executed, and the operator why.
func (c *conn) trouble(id string, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	if !errors.Is(err, cluster.ErrUnavailable) && !refusal.Is(err, refusal.Unavailable) {
		c.srv.Log.Warn("command not executed", "conn", c.ip, "user", c.userID(), "err", err)
	}
	c.message(id, "The server cannot do that right now, please try again")
}

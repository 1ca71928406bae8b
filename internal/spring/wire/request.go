package wire

import "teiserver/internal/lobby"

// Requests of a session and an account.
type (
	// Ping is PING.
	Ping struct{}
	// STLS is STLS or STARTTLS.
	STLS struct{}
	// ListCompFlags is LISTCOMPFLAGS.
	ListCompFlags struct{}
	// Exit is EXIT.
	Exit struct{ Reason string }
	// Register is REGISTER. Password is what the client made of it: the base64 of its MD5.
	Register struct{ Name, Password, Email string }
	// Login is LOGIN. Client is the whole sentence (see LobbyClient), Hash is empty
	// if the client sent none.
	Login struct {
		Name     string
		Password string
		LocalIP  string
		Client   string
		Hash     string
		Flags    []string
	}
	// LoginQueueHeartbeat is c.auth.login_queue_heartbeat.
	LoginQueueHeartbeat struct{}
	// ConfirmAgreement is CONFIRMAGREEMENT. The code may be empty (and wrong).
	ConfirmAgreement struct{ Code string }
	// ResetPasswordRequest is RESETPASSWORDREQUEST. The address may be missing, or anything.
	ResetPasswordRequest struct{ Email string }
	// ChangePassword is CHANGEPASSWORD. Args are both words as they were sent.
	ChangePassword struct{ Args, Old, New string }
	// RenameAccount is RENAMEACCOUNT. The name may be anything, also empty.
	RenameAccount struct{ Name string }
	// ChangeEmailRequest is CHANGEEMAILREQUEST. The address may be anything.
	ChangeEmailRequest struct{ Email string }
	// ChangeEmail is CHANGEEMAIL.
	ChangeEmail struct{ Email, Code string }
	// GetUserInfo is GETUSERINFO.
	GetUserInfo struct{}
	// CreateBotAccount is CREATEBOTACCOUNT.
	CreateBotAccount struct{ Bot, Owner string }
	// GetIP is GETIP.
	GetIP struct{ User string }
	// GetUserID is GETUSERID.
	GetUserID struct{ User string }
	// MyStatus is MYSTATUS: the two bits that a client may set.
	MyStatus struct{ InGame, Away bool }
)

// Requests of chat and relations.
type (
	// Join is JOIN. Keys are not used by any channel.
	Join struct{ Channel, Key string }
	// Leave is LEAVE. The channel may be anything, also empty.
	Leave struct{ Channel string }
	// Channels is CHANNELS.
	Channels struct{}
	// Say is SAY or SAYEX (Emote). The text is trimmed.
	Say struct {
		Channel string
		Text    string
		Emote   bool
	}
	// GetChannelMessages is GETCHANNELMESSAGES, which is accepted and not answered.
	GetChannelMessages struct{}
	// SayPrivate is SAYPRIVATE. The text keeps blanks in front of it.
	SayPrivate struct{ User, Text string }
	// Ring is RING. Originator is only for bots.
	Ring struct{ User, Originator string }
	// FriendList is FRIENDLIST.
	FriendList struct{}
	// FriendRequestList is FRIENDREQUESTLIST.
	FriendRequestList struct{}
	// IgnoreList is IGNORELIST.
	IgnoreList struct{}
	// FriendRequest is FRIENDREQUEST.
	FriendRequest struct{ User string }
	// AcceptFriendRequest is ACCEPTFRIENDREQUEST.
	AcceptFriendRequest struct{ User string }
	// DeclineFriendRequest is DECLINEFRIENDREQUEST.
	DeclineFriendRequest struct{ User string }
	// Unfriend is UNFRIEND.
	Unfriend struct{ User string }
	// Ignore is IGNORE.
	Ignore struct{ User string }
	// Unignore is UNIGNORE.
	Unignore struct{ User string }
)

// Requests of battles.
type (
	// OpenBattle is OPENBATTLE. Password is empty if there is none; the title's form
	// has not been checked.
	OpenBattle struct {
		Replay        bool
		Nat           int // 0, 1, 2
		Password      string
		Port          int
		MaxPlayers    int
		GameHash      string
		MapHash       string
		EngineName    string
		EngineVersion string
		Map           string
		Title         string
		Game          string
	}
	// JoinBattle is JOINBATTLE. Password is empty if the client gave none: nothing
	// between two blanks, "empty", or "*".
	JoinBattle struct {
		ID             int64
		Password       string
		ScriptPassword string
	}
	// JoinBattleAccept is JOINBATTLEACCEPT.
	JoinBattleAccept struct{ User string }
	// JoinBattleDeny is JOINBATTLEDENY. The reason may be empty.
	JoinBattleDeny struct{ User, Reason string }
	// LeaveBattle is LEAVEBATTLE.
	LeaveBattle struct{}
	// MyBattleStatus is MYBATTLESTATUS. Status has the handicap as sent, which a
	// member may not set itself.
	MyBattleStatus struct{ Status lobby.Status }
	// SayBattle is SAYBATTLE or SAYBATTLEEX (Emote).
	SayBattle struct {
		Text  string
		Emote bool
	}
	// SayBattlePrivateEx is SAYBATTLEPRIVATEEX.
	SayBattlePrivateEx struct{ User, Text string }
	// AddBot is ADDBOT. Bit 0 of the status is cleared.
	AddBot struct {
		Name   string
		Status uint32
		Color  string
		AI     string
	}
	// UpdateBot is UPDATEBOT. Bit 0 of the status is cleared.
	UpdateBot struct {
		Name   string
		Status uint32
		Color  string
	}
	// RemoveBot is REMOVEBOT.
	RemoveBot struct{ Name string }
	// AddStartRect is ADDSTARTRECT.
	AddStartRect struct{ Rect lobby.Rect }
	// RemoveStartRect is REMOVESTARTRECT.
	RemoveStartRect struct{ Ally int }
	// SetScriptTags is SETSCRIPTTAGS. At least one tag; keys are in lower case.
	SetScriptTags struct{ Tags map[string]string }
	// RemoveScriptTags is REMOVESCRIPTTAGS. At least one key, in lower case.
	RemoveScriptTags struct{ Keys []string }
	// DisableUnits is DISABLEUNITS. At least one unit.
	DisableUnits struct{ Units []string }
	// EnableUnits is ENABLEUNITS. At least one unit.
	EnableUnits struct{ Units []string }
	// EnableAllUnits is ENABLEALLUNITS.
	EnableAllUnits struct{}
	// Handicap is HANDICAP, 0 to 100.
	Handicap struct {
		User  string
		Value int
	}
	// ForceTeamNo is FORCETEAMNO, 0 to 255.
	ForceTeamNo struct {
		User  string
		Value int
	}
	// ForceAllyNo is FORCEALLYNO, 0 to 255.
	ForceAllyNo struct {
		User  string
		Value int
	}
	// ForceTeamColor is FORCETEAMCOLOR.
	ForceTeamColor struct{ User, Color string }
	// ForceSpectatorMode is FORCESPECTATORMODE.
	ForceSpectatorMode struct{ User string }
	// KickFromBattle is KICKFROMBATTLE.
	KickFromBattle struct{ User string }
	// UpdateBattleInfo is UPDATEBATTLEINFO.
	UpdateBattleInfo struct {
		Spectators int
		Locked     bool
		MapHash    string
		Map        string
	}
	// UpdateLobbyTitle is c.battle.update_lobby_title. The title's form has not been checked.
	UpdateLobbyTitle struct{ Title string }
	// ListBattleIDs is c.battles.list_ids.
	ListBattleIDs struct{}
)

package scenario

import (
	"slices"
	"strings"
)

// Ways to answer beside the lines themselves.
const (
	silence = "-"
	noMatch = "nm"
)

// everyRole is who sends odd arguments: nobody yet, a player, a host, a moderator.
var everyRole = []string{"stranger", "player", "bot", "moderator"}

// unasked are the commands that are not sent with odd arguments, and why.
var unasked = map[string]string{
	"EXIT": "ends the connection, whatever its arguments",
}

// unaskedBefore are those that are not sent so before the login.
var unaskedBefore = map[string]string{
	"STLS":     "begins a handshake, whatever its arguments",
	"STARTTLS": "is STLS",
}

// replies are the ways in which commands answer when their arguments fit and name nobody and
// nothing that is there, as docs/protocol-spring.md says; arguments that do not fit have the
// answer noMatch, or silence, and need no row. A way is the lines of the answer, which bear
// the id of the command; words before a colon are the roles that may see it, else all do.
var replies = map[string][]string{
	"PING":                         {"PONG"},
	"STLS":                         {`SERVERMSG No incomming match for STLS with data '""'. Userid *`},
	"STARTTLS":                     {`SERVERMSG No incomming match for STLS with data '""'. Userid *`},
	"LISTCOMPFLAGS":                {"COMPFLAGS sp teiserver"},
	"REGISTER":                     {"REGISTRATIONDENIED …"},
	"LOGIN":                        {"DENIED …"},
	"c.auth.login_queue_heartbeat": {silence},
	"CONFIRMAGREEMENT":             {"SERVERMSG You need to login before you can confirm the agreement."},
	"RESETPASSWORDREQUEST":         {"OK cmd=http…/password_reset"},
	"CHANGEPASSWORD":               {"stranger: nm", "player bot moderator: SERVERMSG Current password entered incorrectly"},
	"RENAMEACCOUNT":                {"SERVERMSG …"},
	"CHANGEEMAILREQUEST":           {"CHANGEEMAILREQUESTDENIED invalid email"},
	"CHANGEEMAIL":                  {"CHANGEEMAILDENIED bad code"},
	"GETUSERINFO":                  {"SERVERMSG Registration date: * *\nSERVERMSG Email address: *\nSERVERMSG Ingame time: *"},
	"CREATEBOTACCOUNT":             {"player bot: SERVERMSG You do not have permission to execute that command", "moderator: SERVERMSG …"},
	"GETIP":                        {"player: -", "bot moderator: NO cmd=GETIP"},
	"GETUSERID":                    {"player: -", "bot moderator: nm", "bot moderator: The ID for * is …"},
	"MYSTATUS":                     {silence},

	"JOIN":               {silence, "JOINFAILED *\t…"}, // what it replies bears no id
	"LEAVE":              {"LEFT …"},
	"CHANNELS":           {"CHANNELS\n…ENDOFCHANNELS"},
	"SAY":                {silence},
	"SAYEX":              {silence},
	"GETCHANNELMESSAGES": {silence},
	"SAYPRIVATE":         {"SAYPRIVATE …"},
	"RING":               {silence},

	"FRIENDLIST":                    {"FRIENDLISTBEGIN\n…FRIENDLISTEND"},
	"FRIENDREQUESTLIST":             {"FRIENDREQUESTLISTBEGIN\n…FRIENDREQUESTLISTEND"},
	"IGNORELIST":                    {"IGNORELISTBEGIN\n…IGNORELISTEND"},
	"FRIENDREQUEST":                 {silence},
	"ACCEPTFRIENDREQUEST":           {silence},
	"DECLINEFRIENDREQUEST":          {silence},
	"UNFRIEND":                      {silence},
	"IGNORE":                        {silence},
	"UNIGNORE":                      {silence},
	"c.user.add_friend":             {"s.user.add_friend 1\tsuccess", "s.user.add_friend 1\tfailure\t…"},
	"c.user.remove_friend":          {"s.user.remove_friend 1\tsuccess"},
	"c.user.rescind_friend_request": {"s.user.rescind_friend_request 1\tsuccess", "s.user.rescind_friend_request 1\tfailure\tno failure catch for no_request"},
	"c.user.accept_friend_request":  {"s.user.accept_friend_request 1\tfailure\tno request"},
	"c.user.decline_friend_request": {"s.user.decline_friend_request 1\tfailure\tno request"},
	"c.user.whois":                  {"s.user.whois 1 *"},
	"c.user.whoisName":              {"s.user.whoisName * *"},
	"c.user.list_relationships":     {"s.user.list_relationships *"},
	"c.user.follow":                 named("c.user.follow"),
	"c.user.ignore":                 named("c.user.ignore"),
	"c.user.avoid":                  named("c.user.avoid"),
	"c.user.block":                  named("c.user.block"),
	"c.user.reset_relationship":     named("c.user.reset_relationship"),
	"c.user.follow_by_id":           numbered("s.user.follow_by_id"),
	"c.user.ignore_by_id":           numbered("s.user.ignore_by_id"),
	"c.user.avoid_by_id":            numbered("s.user.avoid_by_id"),
	"c.user.block_by_id":            numbered("s.user.block_by_id"),
	"c.user.relationship":           {"NO cmd=c.user.relationship\tuserName=…", "NO cmd=c.user.relationship\tno split match"},
	"c.user.closeness":              {"NO cmd=c.user.closeness\tuserName=…", "s.user.closeness userName=*\t…"},

	"OPENBATTLE":                  {"OPENBATTLEFAILED …"},
	"JOINBATTLE":                  {silence, "JOINBATTLEFAILED …"}, // a host that is asked may take its time
	"JOINBATTLEACCEPT":            {silence},
	"JOINBATTLEDENY":              {silence},
	"LEAVEBATTLE":                 {silence},
	"MYBATTLESTATUS":              {silence},
	"SAYBATTLE":                   {silence},
	"SAYBATTLEEX":                 {silence},
	"SAYBATTLEPRIVATEEX":          {silence},
	"UPDATEBATTLEINFO":            {silence},
	"ADDBOT":                      {silence},
	"UPDATEBOT":                   {silence},
	"REMOVEBOT":                   {silence},
	"ADDSTARTRECT":                {silence},
	"REMOVESTARTRECT":             {silence},
	"SETSCRIPTTAGS":               {silence},
	"REMOVESCRIPTTAGS":            {silence},
	"DISABLEUNITS":                {silence},
	"ENABLEUNITS":                 {silence},
	"ENABLEALLUNITS":              {silence},
	"HANDICAP":                    {silence},
	"FORCETEAMNO":                 {silence},
	"FORCEALLYNO":                 {silence},
	"FORCETEAMCOLOR":              {silence},
	"FORCESPECTATORMODE":          {silence},
	"KICKFROMBATTLE":              {silence},
	"c.battle.update_lobby_title": {"player: -", "NO cmd=c.battle.update_lobby_title\tLobby name …", "bot moderator: OK cmd=c.battle.update_lobby_title"},
	"c.battles.list_ids":          {"s.battles.id_list *…"},
	"c.battle.update_host":        {silence},
	"c.battle.queue_status":       {silence}, // the program has not told of itself
	"c.battle.extra_data":         {silence},

	"c.party.create_new_party":          {"OK cmd=c.party.create_new_party\tparty_id=*", "NO cmd=c.party.create_new_party\tmsg=Already in a party"},
	"c.party.invite_to_party":           inParty("invite_to_party"),
	"c.party.cancel_invite_to_party":    inParty("cancel_invite_to_party"),
	"c.party.cancel_invite_to_my_party": inParty("cancel_invite_to_party"),
	"c.party.accept_invite_to_party":    inParty("accept_invite_to_party"),
	"c.party.decline_invite_to_party":   inParty("decline_invite_to_party"),
	"c.party.leave_current_party":       {"OK cmd=c.party.leave_current_party", "NO cmd=c.party.leave_current_party\tmsg=not currently in a party"},

	"c.matchmaking.list_all_queues":  {"s.matchmaking.full_queue_list"},
	"c.matchmaking.list_my_queues":   {"s.matchmaking.your_queue_list"},
	"c.matchmaking.get_queue_info":   {"NO cmd=c.matchmaking.get_queue_info", "NO cmd=c.matchmaking.get_queue_info\t…"},
	"c.matchmaking.join_queue":       {"NO cmd=c.matchmaking.join_queue", "NO cmd=c.matchmaking.join_queue\t…"},
	"c.matchmaking.leave_queue":      {silence},
	"c.matchmaking.leave_all_queues": {silence},
	"c.matchmaking.ready":            {silence},
	"c.matchmaking.decline":          {silence},

	"c.moderation.report_user": {"NO cmd=c.moderation.report_user\t…"},

	"c.telemetry.update_client_property":      {silence},
	"c.telemetry.simple_client_event":         {silence},
	"c.telemetry.complex_client_event":        {silence},
	"c.telemetry.log_client_event":            {silence},
	"c.telemetry.live_client_event":           {silence},
	"c.telemetry.update_client_property_test": {"OK cmd=no match", "OK cmd=bad base64 value"},
	"c.telemetry.log_client_event_test":       {"OK cmd=no match", "OK cmd=Base64 decode error"},
	"c.telemetry.upload_infolog":              {"NO cmd=upload_infolog - no match"},
}

// named are the replies of the commands about somebody by name.
func named(command string) []string {
	return []string{"NO cmd=" + command + "\tuserName=…", "OK cmd=" + command + "\tuserName=*"}
}

// numbered are the replies of the commands about somebody by id.
func numbered(line string) []string {
	return []string{line + " 1\tsuccess", line + " 1\terror\t*…"}
}

// inParty are the refusals of the commands about parties.
func inParty(command string) []string { return []string{"NO cmd=c.party." + command + "\tmsg=*…"} }

// ways are the answers of a command that a role may see.
func ways(command, role string) []string {
	var out []string
	for _, way := range replies[command] {
		roles, line, found := strings.Cut(way, ": ")
		switch who := strings.Fields(roles); {
		case !found || !slices.Contains(everyRole, who[0]):
			out = append(out, way)
		case slices.Contains(who, role):
			out = append(out, line)
		}
	}
	return out
}

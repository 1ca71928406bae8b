package wire

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// page is the description of the protocol.
const page = "../../../docs/protocol-spring.md"

// rows returns the cells of the table rows of a section, by the command in the first cell.
func rows(t *testing.T, section string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, text2, ok := strings.Cut(string(text), "\n## "+section+"\n")
	if !ok {
		t.Fatalf("no section %q", section)
	}
	text2, _, _ = strings.Cut(text2, "\n## ")
	found := map[string][]string{}
	for line := range strings.Lines(text2) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		name := strings.Trim(cells[0], "`")
		if found[name] != nil {
			t.Errorf("%s: two rows", name)
		}
		found[name] = cells
	}
	return found
}

// TestPageNamesTheCommands: the page and the table name the same commands, with
// the same arguments, and say the same about login.
func TestPageNamesTheCommands(t *testing.T) {
	t.Parallel()
	found := rows(t, "Commands")
	for name, spec := range Commands {
		cells := found[name]
		if len(cells) != 5 {
			t.Errorf("%s: row %q", name, cells)
			continue
		}
		if cells[1] != spec.Form {
			t.Errorf("%s: the page says %q, the code %q", name, cells[1], spec.Form)
		}
		if want := map[bool]string{true: "yes", false: "no"}[spec.BeforeLogin]; cells[2] != want {
			t.Errorf("%s: the page says %q about before login, the code %q", name, cells[2], want)
		}
		if cells[3] == "" {
			t.Errorf("%s: no answer", name)
		}
	}
	for name := range found {
		if _, ok := Commands[name]; !ok {
			t.Errorf("%s: on the page only", name)
		}
	}
}

// TestPageNamesWhatIsLeftOut: nothing on that list is implemented, and it says
// rightly what is dropped.
func TestPageNamesWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	found := rows(t, "Left out")
	for name, cells := range found {
		if len(cells) != 3 || cells[2] == "" {
			t.Errorf("%s: row %q", name, cells)
			continue
		}
		if _, ok := Commands[name]; ok {
			t.Errorf("%s: implemented and left out", name)
		}
		if want := map[bool]string{true: "nothing", false: "nm"}[Silent(name, true)]; cells[1] != want {
			t.Errorf("%s: the page says %q, the code %q", name, cells[1], want)
		}
	}
	for _, group := range silentGroups {
		if found[group] == nil {
			t.Errorf("%s: not on the page", group)
		}
	}
}

// conversation returns the steps of a golden conversation, one a line.
func conversation(t *testing.T, name string) []string {
	t.Helper()
	text, err := os.ReadFile("../../../test/transcript/testdata/" + name + ".txtar")
	if err != nil {
		t.Fatal(err)
	}
	_, script, ok := strings.Cut(string(text), "-- script --\n")
	if !ok {
		t.Fatalf("%s has no script", name)
	}
	return strings.Split(script, "\n")
}

// TestPageExamples: each command has an example, and the conversation that it names has
// the line, with what comes then behind it.
func TestPageExamples(t *testing.T) {
	t.Parallel()
	found := rows(t, "Examples")
	for name := range Commands {
		if found[name] == nil {
			t.Errorf("%s: no example", name)
		}
	}
	for name, cells := range found {
		if len(cells) != 4 {
			t.Errorf("%s: row %q", name, cells)
			continue
		}
		sent := strings.Trim(cells[1], "`")
		steps := []string{sent}
		for then := range strings.SplitSeq(cells[2], "<br>") {
			if then != "" {
				steps = append(steps, strings.Trim(then, "`"))
			}
		}
		_, line, says := strings.Cut(sent, "> ")
		if id, rest, _ := strings.Cut(line, " "); strings.HasPrefix(id, "#") {
			line = rest
		}
		if command, _, _ := strings.Cut(line, " "); says && command != name || !says && !strings.HasSuffix(sent, ": "+strings.ToLower(name)) {
			t.Errorf("%s: the example sends %q", name, sent)
		}
		script := conversation(t, cells[3])
		if !slices.ContainsFunc(indexes(script), func(i int) bool { return startsWith(script[i:], steps) }) {
			t.Errorf("%s: conversation %s does not have\n%s", name, cells[3], strings.Join(steps, "\n"))
		}
	}
}

func indexes(list []string) []int {
	n := make([]int, len(list))
	for i := range n {
		n[i] = i
	}
	return n
}

func startsWith(list, head []string) bool {
	return len(list) >= len(head) && slices.Equal(list[:len(head)], head)
}

// known is every command that clients send, or have once sent, to servers of this protocol.
const known = `PING STLS STARTTLS LISTCOMPFLAGS EXIT REGISTER LOGIN CONFIRMAGREEMENT RESETPASSWORDREQUEST CHANGEPASSWORD
	RESETPASSWORD RESENDVERIFICATION RENAMEACCOUNT CHANGEEMAILREQUEST CHANGEEMAIL GETUSERINFO CREATEBOTACCOUNT GETIP GETUSERID
	MYSTATUS JOIN LEAVE CHANNELS SAY SAYEX GETCHANNELMESSAGES SAYPRIVATE RING FRIENDLIST FRIENDREQUESTLIST IGNORELIST
	FRIENDREQUEST ACCEPTFRIENDREQUEST DECLINEFRIENDREQUEST UNFRIEND IGNORE UNIGNORE OPENBATTLE JOINBATTLE JOINBATTLEACCEPT
	JOINBATTLEDENY LEAVEBATTLE MYBATTLESTATUS SAYBATTLE SAYBATTLEEX SAYBATTLEPRIVATEEX ADDBOT UPDATEBOT REMOVEBOT ADDSTARTRECT
	REMOVESTARTRECT SETSCRIPTTAGS REMOVESCRIPTTAGS DISABLEUNITS ENABLEUNITS ENABLEALLUNITS HANDICAP FORCETEAMNO FORCEALLYNO
	FORCETEAMCOLOR FORCESPECTATORMODE KICKFROMBATTLE UPDATEBATTLEINFO c.battle.update_lobby_title c.battle.update_host
	c.battle.queue_status c.battle.extra_data c.battles.list_ids c.user.add_friend c.user.remove_friend
	c.user.rescind_friend_request c.user.accept_friend_request c.user.decline_friend_request c.user.whois c.user.whoisName
	c.user.list_relationships c.user.follow c.user.ignore c.user.avoid c.user.block c.user.reset_relationship c.user.follow_by_id
	c.user.ignore_by_id c.user.avoid_by_id c.user.block_by_id c.user.relationship c.user.closeness c.user.get_token_by_email
	c.user.get_token_by_name c.user.login c.party.create_new_party c.party.invite_to_party c.party.accept_invite_to_party
	c.party.decline_invite_to_party c.party.cancel_invite_to_party c.party.cancel_invite_to_my_party c.party.leave_current_party
	c.matchmaking.list_all_queues c.matchmaking.list_my_queues c.matchmaking.get_queue_info c.matchmaking.join_queue
	c.matchmaking.leave_queue c.matchmaking.leave_all_queues c.matchmaking.ready c.matchmaking.decline c.telemetry.upload_infolog
	c.telemetry.update_client_property c.telemetry.log_client_event c.telemetry.simple_client_event
	c.telemetry.complex_client_event c.telemetry.live_client_event c.telemetry.update_client_property_test
	c.telemetry.log_client_event_test c.telemetry.log_client_game_event c.moderation.report_user c.auth.login_queue_heartbeat
	c.system. c.lobby_policy.list CHANNELTOPIC MUTE UNMUTE MUTELIST FORCELEAVECHANNEL SETCHANNELKEY SAYPRIVATEEX SAYBATTLEPRIVATE
	GETINGAMETIME JSON SCRIPT SCRIPTSTART SCRIPTEND PORTTEST KICK BAN UNBAN LISTBANS SETBOTMODE SETACCESS SAYFROM JOINFROM
	LEAVEFROM BRIDGECLIENTFROM BATTLEHOSTMSG PROMOTE TESTLOGIN TACHYON`

// TestPageKnowsEveryCommand: each is implemented, or the page says why not.
func TestPageKnowsEveryCommand(t *testing.T) {
	t.Parallel()
	left := rows(t, "Left out")
	for _, name := range strings.Fields(known) {
		if _, here := Commands[name]; !here && left[name] == nil {
			t.Errorf("%s: neither implemented nor left out", name)
		}
	}
}

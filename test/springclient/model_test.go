package springclient

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// opening is a player's stream up to LOGININFOEND: Coordinator, a host with
// battle 1, Bob in it, and Alice herself.
const opening = `TASSERVER 0.38-33-ga5f3b28 * 8201 0
ACCEPTED Alice
SERVERMSG @PROTOCOL_EXTENSIONS@ {"ring:originator":1}
MOTD Message of the day
MOTD ~
ADDUSER Coordinator GB 2 Teiserver Internal Client
ADDUSER Host[EU1] DE 10 SPADS v
ADDUSER Bob ?? 22 LuaLobby Chobby
ADDUSER Alice FR 21 LuaLobby Chobby
BATTLEOPENED 1 0 0 Host[EU1] 10.1.1.1 8452 16 0 0 1565299817 spring|105|Quicksilver|EU - 01|BAR test
UPDATEBATTLEINFO 1 1 0 1565299817 Quicksilver
CLIENTSTATUS Bob 0
JOINEDBATTLE 1 Bob
CLIENTSTATUS Coordinator 64
CLIENTSTATUS Host[EU1] 64
CLIENTSTATUS Bob 0
CLIENTSTATUS Alice 0
LOGININFOEND
`

// entering is how Alice gets into battle 1.
const entering = `JOINBATTLE 1 -1540855590
JOINEDBATTLE 1 Alice 2048
SETSCRIPTTAGS game/hosttype=SPADS|game/startpostype=2
DISABLEUNITS armcom corcom
CLIENTBATTLESTATUS Host[EU1] 4194306 16777215
CLIENTBATTLESTATUS Bob 4195330 255
ADDBOT 1 AI Bob 4195394 255 BARb 1.0
ADDSTARTRECT 0 0 0 200 40
REQUESTBATTLESTATUS
CLIENTSTATUS Alice 0
`

// hosting is a bot's stream with battle 7 opened by it.
const hosting = `TASSERVER 0.38-33-ga5f3b28 * 8201 0
ACCEPTED Bot
ADDUSER Bot ?? 5 SPADS v
ADDUSER Alice ?? 21 LuaLobby Chobby
CLIENTSTATUS Bot 64
LOGININFOEND
BATTLEOPENED 7 0 0 Bot 127.0.0.1 8452 16 0 0 5 spring|105|Map|Title|Game
OPENBATTLE 7
JOINBATTLE 7 6
SETSCRIPTTAGS game/server_match_id=1
REQUESTBATTLESTATUS
`

// feed gives lines to a model; "|" stands for a tab and "~" for nothing.
func feed(m *Model, text string) {
	for line := range strings.Lines(text) {
		line = strings.NewReplacer("|", "\t", "~", "").Replace(strings.TrimSuffix(line, "\n"))
		if sent, ok := strings.CutPrefix(line, "> "); ok {
			m.Sent(sent)
			continue
		}
		m.Line(line)
	}
}

func TestLegal(t *testing.T) {
	for name, tc := range map[string]struct {
		flavor Flavor
		text   string
	}{
		"login":        {Player, opening},
		"enter":        {Player, opening + entering},
		"leave":        {Player, opening + entering + "LEFTBATTLE 1 Alice\nUPDATEBATTLEINFO 1 1 0 5 Map\n"},
		"kicked":       {Player, opening + entering + "FORCEQUITBATTLE\nLEFTBATTLE 1 Alice\n"},
		"closed":       {Player, opening + entering + "BATTLECLOSED 1\nREMOVEUSER Host[EU1]\nREMOVEUSER Bob\n"},
		"owner leaves": {Player, opening + entering + "REMOVEBOT 1 AI\nLEFTBATTLE 1 Bob\nREMOVEUSER Bob\n"},
		"arrival":      {Player, opening + "ADDUSER Carol ?? 30 \nCLIENTSTATUS Carol 0\nSAIDPRIVATE Carol hi\n"},
		"channel": {Player, opening + "JOIN main\nJOINED main Alice\nCHANNELTOPIC main Coordinator\nCLIENTS main Alice Bob\n" +
			"SAID main Bob hi\nSAIDEX main Alice waves\nLEFT main Bob\nLEFT main Alice\nJOIN main\n"},
		"leave a channel twice": {Player, opening + "> LEAVE nowhere\nLEFT nowhere Alice\n> LEAVE\nLEFT  Alice\n"},
		"answers": {Player, opening + "#1 PONG\nOK cmd=c.user.follow|userName=Bob\nSAYPRIVATE Bob hi\nSAYPRIVATE  hi\n" +
			"Bob is currently bound to 127.0.0.1\nThe ID for Bob is 1234 beef 22\nThe ID for 1 is  23\nCHANNELS\nCHANNEL main 3\nENDOFCHANNELS\n" +
			"s.battles.id_list 1|2\n#5 s.party.joined_party 01M8 Alice\n"},
		"room extras": {Player, opening + entering + "s.battle.queue_status 1\ns.battle.queue_status 1|Bob|Alice\ns.battle.extra_data 1|e30\n"},
		"host": {Host, hosting + "JOINBATTLEREQUEST Alice 127.0.0.1\nCLIENTSTATUS Alice 0\nJOINEDBATTLE 7 Alice 99\n" +
			"CLIENTBATTLESTATUS Alice 8388608 0\nLEFTBATTLE 7 Alice\nREMOVEUSER Alice\nBATTLECLOSED 7\ns.system.disconnect Logged out\n"},
		"STLS":   {Player, "TASSERVER 0.38 * 8201 0\nOK cmd=STLS\nTASSERVER 0.38 * 8201 0\nDENIED Invalid password\n"},
		"denied": {Player, "TASSERVER 0.38 * 8201 0\nDENIED Unauthenticated\nAGREEMENT a b\nAGREEMENT ~\nAGREEMENTEND\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewModel(tc.flavor)
			feed(m, tc.text)
			for _, v := range m.Violations {
				t.Error(v)
			}
		})
	}
}

// TestAnyHash: hashes of maps that are no integers are taken by who says so.
func TestAnyHash(t *testing.T) {
	m := NewModel(Player)
	m.AnyHash = true
	feed(m, opening+"ADDUSER B ?? 8 x\nCLIENTSTATUS B 64\nBATTLEOPENED 8 0 0 B h 1 16 0 0 beef s|1|m|t|g\nUPDATEBATTLEINFO 8 0 0 maphash Map\n")
	for _, v := range m.Violations {
		t.Error(v)
	}
	if got := m.Battles[8].MapHash; got != "maphash" {
		t.Errorf("hash %q", got)
	}
}

func TestIllegal(t *testing.T) {
	for name, tc := range map[string]struct {
		flavor Flavor
		before string
		line   string
		why    string
	}{
		"second ADDUSER":          {Player, opening, "ADDUSER Bob ?? 22 x", "who is known"},
		"ADDUSER of a taken id":   {Player, opening, "ADDUSER Rob ?? 22 x", "with the id of Bob"},
		"REMOVEUSER unknown":      {Player, opening, "REMOVEUSER Carol", "unknown user"},
		"REMOVEUSER in battle":    {Player, opening, "REMOVEUSER Bob", "member of battle"},
		"REMOVEUSER hosting":      {Player, opening, "REMOVEUSER Host[EU1]", "founder of battle"},
		"REMOVEUSER in channel":   {Player, opening + "JOIN main\nJOINED main Alice\nCLIENTS main Alice Coordinator\n", "REMOVEUSER Coordinator", "member of channel"},
		"CLIENTSTATUS unknown":    {Player, opening, "CLIENTSTATUS Carol 0", "unknown user"},
		"CLIENTSTATUS too high":   {Player, opening, "CLIENTSTATUS Bob 128", "client status"},
		"battle twice":            {Player, opening, "BATTLEOPENED 1 0 0 Bob h 1 16 0 0 5 s|1|m|t|g", "known battle"},
		"battle, unknown founder": {Player, opening, "BATTLEOPENED 2 0 0 Carol h 1 16 0 0 5 s|1|m|t|g", "unknown user Carol"},
		"battle, busy founder":    {Player, opening, "BATTLEOPENED 2 0 0 Bob h 1 16 0 0 5 s|1|m|t|g", "who is in a battle"},
		"battle, four sentences":  {Player, opening, "BATTLEOPENED 2 0 0 Alice h 1 16 0 0 5 s|1|m|t", "five sentences"},
		"battle, empty sentence":  {Player, opening, "BATTLEOPENED 2 0 0 Alice h 1 16 0 0 5 s|1|m||g", "five sentences"},
		"battle, no blank":        {Player, opening, "BATTLEOPENED 2 0 0 Alice h 1 16 0 0 5|s|1|m|t|g", "parameter 11"},
		"close unknown":           {Player, opening, "BATTLECLOSED 2", "unknown battle"},
		"close twice":             {Player, opening + "BATTLECLOSED 1\n", "BATTLECLOSED 1", "unknown battle"},
		"battle, odd hash":        {Player, opening, "BATTLEOPENED 2 0 0 Alice h 1 16 0 0 beef s|1|m|t|g", "no integer"},
		"info, odd hash":          {Player, opening, "UPDATEBATTLEINFO 1 0 0 maphash Map", "no integer"},
		"info unknown":            {Player, opening, "UPDATEBATTLEINFO 2 0 0 5 Map", "unknown battle"},
		"joined twice":            {Player, opening, "JOINEDBATTLE 1 Bob", "who is in a battle"},
		"joined, unknown battle":  {Player, opening, "JOINEDBATTLE 2 Bob", "unknown battle"},
		"joined, unknown user":    {Player, opening, "JOINEDBATTLE 1 Carol", "unknown user"},
		"joined, founder":         {Player, opening, "JOINEDBATTLE 1 Host[EU1]", "of the founder"},
		"joined, leaked password": {Player, opening + "ADDUSER C ?? 9 x\nCLIENTSTATUS C 0\n", "JOINEDBATTLE 1 C 77", "script password"},
		"joined, me too early":    {Player, opening, "JOINEDBATTLE 1 Alice 77", "before JOINBATTLE"},
		"joined, me, no password": {Player, opening + "JOINBATTLE 1 5\n", "JOINEDBATTLE 1 Alice", "without the script password"},
		"joined, host, no pw":     {Host, hosting, "JOINEDBATTLE 7 Alice", "without the script password"},
		"joined elsewhere, host": {Host, hosting + "ADDUSER B ?? 8 x\nCLIENTSTATUS B 64\nBATTLEOPENED 8 0 0 B h 1 16 0 0 5 s|1|m|t|g\n",
			"JOINEDBATTLE 8 Alice", "to a host"},
		"left, not inside":         {Player, opening, "LEFTBATTLE 1 Alice", "not in that battle"},
		"left, unknown battle":     {Player, opening, "LEFTBATTLE 3 Bob", "unknown battle"},
		"left, owner of a bot":     {Player, opening + entering, "LEFTBATTLE 1 Bob", "owner of AI"},
		"JOINBATTLE twice":         {Player, opening + entering, "JOINBATTLE 1 5", "while in a battle"},
		"JOINBATTLE unknown":       {Player, opening, "JOINBATTLE 4 5", "unknown battle"},
		"OPENBATTLE first":         {Host, strings.Split(hosting, "BATTLEOPENED")[0], "OPENBATTLE 7", "unknown battle"},
		"status outside":           {Player, opening, "CLIENTBATTLESTATUS Bob 0 0", "in no battle"},
		"status of a stranger":     {Player, opening + entering, "CLIENTBATTLESTATUS Coordinator 0 0", "not in the own battle"},
		"status too high":          {Player, opening + entering, "CLIENTBATTLESTATUS Bob 4294967296 0", "battle status"},
		"status, negative":         {Player, opening + entering, "CLIENTBATTLESTATUS Bob -5 0", "battle status"},
		"status, word as color":    {Player, opening + entering, "CLIENTBATTLESTATUS Bob 5 red", "not an integer"},
		"ADDBOT twice":             {Player, opening + entering, "ADDBOT 1 AI Bob 0 0 x", "known name"},
		"ADDBOT of a stranger":     {Player, opening + entering, "ADDBOT 1 AI2 Coordinator 0 0 x", "not in the battle"},
		"ADDBOT elsewhere":         {Player, opening + entering, "ADDBOT 2 AI2 Bob 0 0 x", "another battle"},
		"UPDATEBOT unknown":        {Player, opening + entering, "UPDATEBOT 1 AI2 0 0", "unknown name"},
		"REMOVEBOT unknown":        {Player, opening + entering, "REMOVEBOT 1 AI2", "unknown name"},
		"tags outside":             {Player, opening, "SETSCRIPTTAGS a=b", "in no battle"},
		"tags, not a pair":         {Player, opening + entering, "SETSCRIPTTAGS a=b|c", "pairs"},
		"tags, bare":               {Player, opening + entering, "SETSCRIPTTAGS", "missing"},
		"units outside":            {Player, opening, "DISABLEUNITS a b", "in no battle"},
		"units, two blanks":        {Player, opening + entering, "DISABLEUNITS a  b", "words"},
		"rect outside":             {Player, opening, "ADDSTARTRECT 0 0 0 1 1", "in no battle"},
		"rect, four numbers":       {Player, opening + entering, "ADDSTARTRECT 0 0 0 1", "missing"},
		"battle chat outside":      {Player, opening, "SAIDBATTLE Bob hi", "in no battle"},
		"battle chat, unknown":     {Player, opening + entering, "SAIDBATTLE Carol hi", "unknown user"},
		"battle chat, after close": {Player, opening + entering + "BATTLECLOSED 1\n", "SAIDBATTLE Bob hi", "in no battle"},
		"kicked, no LEFTBATTLE":    {Player, opening + entering + "FORCEQUITBATTLE\n", "SAIDBATTLE Bob hi", "not followed"},
		"kicked outside":           {Player, opening, "FORCEQUITBATTLE", "not a member"},
		"JOIN twice":               {Player, opening + "JOIN main\n", "JOIN main", "that one is in"},
		"JOINED twice":             {Player, opening + "JOIN main\nJOINED main Bob\n", "JOINED main Bob", "of a member"},
		"JOINED, not in":           {Player, opening, "JOINED main Bob", "not in"},
		"LEFT, not in":             {Player, opening, "LEFT main Bob", "not in"},
		"LEFT, not inside":         {Player, opening + "JOIN main\nJOINED main Alice\n", "LEFT main Bob", "not in the channel"},
		"CLIENTS, twice":           {Player, opening + "JOIN main\n", "CLIENTS main Alice Bob Bob", "twice"},
		"CLIENTS, unknown":         {Player, opening + "JOIN main\n", "CLIENTS main Alice Carol", "unknown user"},
		"channel chat, unknown":    {Player, opening + "JOIN main\n", "SAID main Carol hi", "unknown user"},
		"channel chat, outsider":   {Player, opening + "JOIN main\n", "SAID main Bob hi", "not in the channel"},
		"chat, not in":             {Player, opening, "SAID main Bob hi", "not in"},
		"private, unknown":         {Player, opening, "SAIDPRIVATE Carol hi", "unknown user"},
		"ring, unknown":            {Player, opening, "RING Carol", "unknown user"},
		"request, no host":         {Player, opening, "JOINBATTLEREQUEST Bob 1.2.3.4", "does not host"},
		"request, unknown":         {Host, hosting, "JOINBATTLEREQUEST Carol 1.2.3.4", "unknown user"},
		"unknown word":             {Player, opening, "HELLO you", "unknown command"},
		"lower case":               {Player, opening, "removeuser Bob", "unknown command"},
		"too many":                 {Player, opening, "REMOVEUSER Bob now", "too many"},
		"two blanks":               {Player, opening, "CLIENTSTATUS  Bob 0", "not a word"},
		"bare OK":                  {Player, opening, "OK", "missing"},
		"bare MOTD":                {Player, "TASSERVER 0 * 1 0\nACCEPTED A\n", "MOTD", "missing"},
		"carriage return":          {Player, opening, "PONG\r", "carriage"},
		"not UTF-8":                {Player, opening, "SAIDPRIVATE Bob \xff", "UTF-8"},
		"tab in SERVERMSG":         {Player, opening, "SERVERMSG a|b", "sentence"},
		"no greeting":              {Player, "", "PONG", "before the greeting"},
		"second greeting":          {Player, opening, "TASSERVER 0 * 1 0", "second greeting"},
		"ACCEPTED twice":           {Player, opening, "ACCEPTED Alice", "twice"},
		"early":                    {Player, "TASSERVER 0 * 1 0\n", "ADDUSER A ?? 1 x", "before the login"},
		"chat in the stream":       {Player, "TASSERVER 0 * 1 0\nACCEPTED A\nADDUSER A ?? 1 x\n", "SAIDPRIVATE A x", "inside the login stream"},
		"MOTD late":                {Player, opening, "MOTD x", "outside the login stream"},
		"stream without oneself":   {Player, "TASSERVER 0 * 1 0\nACCEPTED A\n", "LOGININFOEND", "user itself"},
		"stream without a status":  {Player, "TASSERVER 0 * 1 0\nACCEPTED A\nADDUSER A ?? 1 x\n", "LOGININFOEND", "own status"},
		"no status after ADDUSER":  {Player, opening + "ADDUSER C ?? 9 x\n", "PONG", "not followed by its CLIENTSTATUS"},
		"after the end":            {Player, opening + "s.system.disconnect Logged out\n", "PONG", "after s.system.disconnect"},
		"queue of another battle":  {Player, opening + entering, "s.battle.queue_status 2", "another battle"},
		"title, unknown battle":    {Player, opening, "s.battle.update_lobby_title 2|x", "unknown battle"},
	} {
		t.Run(name, func(t *testing.T) {
			m := NewModel(tc.flavor)
			feed(m, tc.before)
			for _, v := range m.Violations {
				t.Fatalf("the lines before: %v", v)
			}
			feed(m, tc.line+"\n")
			if len(m.Violations) != 1 || !strings.Contains(m.Violations[0].Why, tc.why) {
				t.Fatalf("violations %v, want one with %q", m.Violations, tc.why)
			}
			if got := m.Violations[0].Tail; len(got) == 0 || len(got) > keep || got[len(got)-1] != m.Violations[0].Line {
				t.Errorf("the violation carries %q", got)
			}
		})
	}
}

func TestSnapshot(t *testing.T) {
	m := NewModel(Player)
	feed(m, opening+entering+"s.battle.update_lobby_title 1|New title\nADDUSER C ?? 9 x\nCLIENTSTATUS C 0\nJOINEDBATTLE 1 C\n")
	want := Snapshot{
		Me: "Alice",
		World: World{
			Users: map[string]User{
				"Coordinator": {ID: 2, Country: "GB", Client: "Teiserver Internal Client", Status: 64},
				"Host[EU1]":   {ID: 10, Country: "DE", Client: "SPADS v", Status: 64},
				"Bob":         {ID: 22, Country: "??", Client: "LuaLobby Chobby"},
				"Alice":       {ID: 21, Country: "FR", Client: "LuaLobby Chobby"},
				"C":           {ID: 9, Country: "??", Client: "x"},
			},
			Battles: map[int64]BattleView{1: {
				Opened: Opened{
					Founder: "Host[EU1]", Specs: 1, MapHash: "1565299817", Map: "Quicksilver", Title: "New title", Game: "BAR test", Engine: "spring 105",
				},
				Members: []string{"Alice", "Bob", "C"},
			}},
		},
		Room: &Room{
			ID: 1, GameHash: "-1540855590",
			Statuses: map[string]string{
				"Host[EU1]": "4194306 16777215", "Bob": "4195330 255", "Alice": Untold, "C": Untold,
			},
			Computers: map[string]Computer{"AI": {Owner: "Bob", Status: "4195394", Color: "255", AI: "BARb 1.0"}},
			Rects:     map[string]string{"0": "0 0 200 40"},
			Tags:      map[string]string{"game/hosttype": "SPADS", "game/startpostype": "2"},
			Disabled:  "armcom corcom",
		},
		Channels: map[string][]string{},
	}
	if diff := cmp.Diff(want, m.Snapshot(), cmpopts.IgnoreUnexported(User{})); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	host := NewModel(Host)
	feed(host, hosting+"JOINEDBATTLE 7 Alice 9\n")
	if got := host.Snapshot().World.Battles[7].Members; got != nil {
		t.Errorf("the host's world has members %v", got)
	}
	if diff := cmp.Diff(map[string]string{"Bot": Untold, "Alice": Untold}, host.Snapshot().Room.Statuses); diff != "" {
		t.Errorf("the host's room (-want +got):\n%s", diff)
	}
}

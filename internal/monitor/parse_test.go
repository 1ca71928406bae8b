package monitor

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/resident"
)

func packed(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.URLEncoding.EncodeToString(b.Bytes())
}

func TestHeardLines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text  string
		lobby int64
		want  Deed // without a What: nothing
	}{
		"start":                   {"* Launching game...", 3, Deed{What: Start, Lobby: 3}},
		"start, blanks":           {"  * Launching game... ", 3, Deed{What: Start, Lobby: 3}},
		"start of no host":        {"* Launching game...", 0, Deed{}},
		"start and more":          {"* Launching game... now", 3, Deed{}},
		"stop":                    {"* Server stopped (running time: 23m14s)", 3, Deed{What: Stop, Lobby: 3}},
		"stop without a lobby":    {"* Server stopped (running time: 23m14s)", 0, Deed{What: Stop}},
		"stop, other words":       {"* Server stopped", 3, Deed{}},
		"crash":                   {"* Spring crashed ! (running time: 3s)", 3, Deed{What: Crash, Lobby: 3}},
		"by hand":                 {"* Stopping server (by Alice)", 3, Deed{What: Manual, Name: "Alice", Lobby: 3}},
		"by hand, no host":        {"* Stopping server (by Alice)", 0, Deed{}},
		"by hand, cut off":        {"* Stopping server (by Alice", 3, Deed{}},
		"by hand, of nobody":      {"* Stopping server (by )", 3, Deed{}},
		"something else":          {"hello", 3, Deed{}},
		"what somebody else said": {"Launching game...", 3, Deed{}},
	} {
		got, ok := heard(Heard{From: 9, Lobby: tc.lobby, Text: tc.text})
		if ok != (tc.want.What != "") {
			t.Errorf("%s: %+v, %v", name, got, ok)
			continue
		}
		tc.want.Host = 9
		if ok && !cmp.Equal(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
		if ok && !Hears(tc.text) {
			t.Errorf("%s: edges do not tell", name)
		}
	}
}

func TestToldLines(t *testing.T) {
	t.Parallel()
	bot, moderator, player := resident.Rights{Bot: true}, resident.Rights{Moderator: true}, resident.Rights{}
	value := base64.StdEncoding.EncodeToString([]byte(`{"a":1}`))
	info := packed(t, `{"username": "Alice", "CPU": "Ryzen", "RAM": 16, "OS": ""}`)
	stats := map[string]string{
		"hardware:cpuinfo": "Ryzen", "hardware:gpuinfo": "Null GPU", "hardware:osinfo": "Null OS", "hardware:raminfo": "16",
		"hardware:displaymax": "Null displaymax", "hardware:validation": "Null validation",
	}
	for name, tc := range map[string]struct {
		rights resident.Rights
		text   string
		want   []Deed
		odd    int
	}{
		"broken connection":              {bot, "broken_connection Alice", []Deed{{What: Broken, Name: "Alice"}}, 0},
		"broken, by a moderator":         {moderator, "broken_connection Alice", []Deed{{What: Broken, Name: "Alice"}}, 0},
		"broken, by a player":            {player, "broken_connection Alice", nil, 0},
		"broken, of nobody":              {bot, "broken_connection ", nil, 1},
		"event":                          {bot, "match-event <Beherith> <commands:FirstLineMove> <67>", []Deed{{What: Event, Name: "Beherith", Type: "commands:FirstLineMove", Seconds: 67}}, 0},
		"event of a clan":                {bot, "match-event <[ABC]Al_ice> <a b> <0>", []Deed{{What: Event, Name: "[ABC]Al_ice", Type: "a b"}}, 0},
		"event without brackets":         {bot, "match-event Beherith commands:FirstLineMove 67", nil, 1},
		"event and more":                 {bot, "match-event <B> <c> <67> x", nil, 1},
		"event without a time":           {bot, "match-event <B> <c> <soon>", nil, 1},
		"event of a player":              {player, "match-event <B> <c> <67>", nil, 0},
		"event of a moderator":           {moderator, "match-event <B> <c> <67>", nil, 0},
		"complex event":                  {bot, "complex-match-event <B> <c> <5> <" + value + ">", []Deed{{What: Event, Name: "B", Type: "c", Seconds: 5, Data: `{"a":1}`}}, 0},
		"complex event, bare":            {bot, "complex-match-event <B> <c> <5> " + value, []Deed{{What: Event, Name: "B", Type: "c", Seconds: 5, Data: `{"a":1}`}}, 0},
		"complex event without a value":  {bot, "complex-match-event <B> <c> <5>", nil, 1},
		"complex event with no object":   {bot, "complex-match-event <B> <c> <5> <" + base64.StdEncoding.EncodeToString([]byte("7")) + ">", nil, 1},
		"complex event with no base64":   {bot, "complex-match-event <B> <c> <5> <===>", nil, 1},
		"complex event, not UTF-8":       {bot, "complex-match-event <B> <c> <5> <" + base64.StdEncoding.EncodeToString([]byte("{\"\xff\":1}")) + ">", nil, 1},
		"chat to all":                    {bot, "match-chat <B> d: hello", nil, 0},
		"chat to allies":                 {bot, "match-chat <B> dallies: hello: you", []Deed{{What: Chat, Name: "B", Text: "a: hello: you"}}, 0},
		"chat to spectators":             {bot, "match-chat <B> dspectators: hello", []Deed{{What: Chat, Name: "B", Text: "s: hello"}}, 0},
		"chat to nobody":                 {bot, "match-chat <B> dfriends: hello", nil, 1},
		"chat of a player":               {player, "match-chat <B> dallies: hello", nil, 0},
		"chat with a number":             {bot, "match-chat-name <B>:<12> dallies: hello", []Deed{{What: Chat, Name: "B", Text: "a: hello"}}, 0},
		"chat with a number, twice":      {bot, "match-chat-name <B>:<<12>> dallies: hello", []Deed{{What: Chat, Name: "B", Text: "a: hello"}}, 0},
		"chat with a number, bare":       {bot, "match-chat-name B:12 dallies: hello", nil, 1},
		"chat without a name":            {bot, "match-chat-noname <x> dallies: hello", nil, 0},
		"hardware":                       {bot, "user_info " + info, []Deed{{What: Hardware, Name: "Alice", Stats: stats}}, 0},
		"hardware in brackets":           {bot, "user_info <" + info + ">", []Deed{{What: Hardware, Name: "Alice", Stats: stats}}, 0},
		"hardware of nobody":             {bot, "user_info " + packed(t, `{"CPU": "x"}`), nil, 1},
		"hardware, no object":            {bot, "user_info " + packed(t, `[]`), nil, 1},
		"hardware, broken":               {bot, "user_info !!", nil, 1},
		"hardware by a player":           {player, "user_info " + info, nil, 0},
		"end data":                       {bot, "endGameData abc", []Deed{{What: EndOfMatch, Data: "abc"}}, 0},
		"end data, none":                 {bot, "endGameData ", nil, 1},
		"end data of a player":           {player, "endGameData abc", nil, 0},
		"something else":                 {bot, "hello", nil, 1},
		"something else of a player":     {player, "hello", nil, 0},
		"several lines, one of them odd": {bot, "match-chat <B> dallies: x\nwhat\r\n\nbroken_connection C", []Deed{{What: Chat, Name: "B", Text: "a: x"}, {What: Broken, Name: "C"}}, 1},
	} {
		got, odd := told(resident.Direct{From: 9, Rights: tc.rights, Text: tc.text})
		for i := range tc.want {
			tc.want[i].Host = 9
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || len(odd) != tc.odd {
			t.Errorf("%s: %d odd lines, deeds (-want +got):\n%s", name, len(odd), diff)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"abc": "abc", "abcdef": "abcd", "abcü": "abc", "ab\xffx": "ab", "äöü": "äö"} {
		if got := cut(in, 4); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzTold(f *testing.F) {
	f.Add("match-event <B> <c> <67>")
	f.Add("user_info " + strings.Repeat("A", 40))
	f.Fuzz(func(t *testing.T, text string) {
		deeds, _ := told(resident.Direct{From: 1, Rights: resident.Rights{Bot: true}, Text: text})
		for _, d := range deeds {
			if d.What == "" || d.Host != 1 || len(d.Text) > mostText+3 || len(d.Type) > mostType+3 {
				t.Errorf("%+v", d)
			}
		}
	})
}

package match

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// packed is what a host sends.
func packed(t testing.TB, report string) string {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write([]byte(report)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

const hostsReport = `{
	"ahName": "Host", "ahPassword": "hunter2", "ahPassHash": "abc", "gameId": "f00d", "gameDuration": "1200",
	"players": [
		{"accountId": "11", "name": "Alice", "ip": "10.0.0.1", "win": 1, "loseTime": ""},
		{"accountId": 12, "name": "Bob", "ip": "10.0.0.2", "win": "0", "loseTime": 600.5}
	],
	"bots": [{"name": "BARb"}],
	"teamStats": {"Alice": {"damageDealt": 12345678901234567890}, "Bob": {}},
	"battleContext": {"scriptTags": {"game/server_match_id": "5001", "server/match/uuid": "U"}, "ahPassword": "hunter2"}
}`

func TestReadEnd(t *testing.T) {
	t.Parallel()
	e, err := ReadEnd(3, packed(t, hostsReport))
	if err != nil {
		t.Fatal(err)
	}
	if e.Match != 5001 || e.UUID != "U" || e.By != 3 {
		t.Errorf("of match %d %q by %d", e.Match, e.UUID, e.By)
	}
	for _, secret := range []string{"hunter2", "abc", "10.0.0.", "battleContext", "BARb"} {
		if strings.Contains(string(e.Data), secret) {
			t.Errorf("%q is kept: %s", secret, e.Data)
		}
	}
	if !strings.Contains(string(e.Data), "12345678901234567890") {
		t.Errorf("a number was changed: %s", e.Data)
	}
	r, err := ReadReport(e.Data)
	if err != nil {
		t.Fatal(err)
	}
	if r.GameID != "f00d" || r.Duration.N != 1200 || len(r.Teams) != 2 {
		t.Errorf("report %+v", r)
	}
	want := []ReportedPlayer{
		{Account: number{11, true}, Name: "Alice", Win: number{1, true}},
		{Account: number{12, true}, Name: "Bob", Win: number{0, true}, Lost: number{600, true}},
	}
	if diff := cmp.Diff(want, r.Players); diff != "" {
		t.Error(diff)
	}
}

func TestReadEndNames(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		tags string
		id   int64
		uuid string
	}{
		"now":         {`{"game/server_match_id": "7", "server/match/id": "8"}`, 7, ""},
		"a number":    {`{"game/server_match_id": 7}`, 7, ""},
		"earlier":     {`{"server/match/id": "8"}`, 8, ""},
		"first of it": {`{"server/match/uuid": "abc"}`, 0, "abc"},
		"nonsense":    {`{"game/server_match_id": "seven", "server/match/id": -3}`, 0, ""},
		"none":        {`{}`, 0, ""},
	} {
		e, err := ReadEnd(1, packed(t, `{"battleContext": {"scriptTags": `+tc.tags+`}}`))
		if err != nil || e.Match != tc.id || e.UUID != tc.uuid {
			t.Errorf("%s: match %d %q, %v", name, e.Match, e.UUID, err)
		}
	}
}

func TestReadEndRefuses(t *testing.T) {
	t.Parallel()
	bomb := packed(t, `{"x": "`+strings.Repeat("a", mostEnd)+`"}`)
	for name, text := range map[string]string{
		"nothing": "", "no base64": "%%%", "no zlib": base64.StdEncoding.EncodeToString([]byte("hello")),
		"no JSON": packed(t, "{"), "no object": packed(t, "[]"), "null": packed(t, "null"), "too much": bomb,
		"cut off": packed(t, hostsReport)[:60],
	} {
		if _, err := ReadEnd(1, text); !errors.Is(err, ErrEnd) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Hosts write base64 in both alphabets, with padding and without.
func TestUnpackAlphabets(t *testing.T) {
	t.Parallel()
	text := packed(t, hostsReport)
	for _, form := range []string{text, strings.TrimRight(text, "="), strings.NewReplacer("+", "-", "/", "_").Replace(text), " " + text + "\n"} {
		if raw, err := Unpack(form); err != nil || string(raw) != hostsReport {
			t.Errorf("%.20s…: %v", form, err)
		}
	}
}

func FuzzReadEnd(f *testing.F) {
	f.Add(packed(f, hostsReport), []byte(hostsReport))
	f.Add("x", []byte(`{"players":[{"accountId":{},"win":[],"loseTime":1e999}],"teamStats":null}`))
	f.Fuzz(func(t *testing.T, text string, raw []byte) {
		_, _ = ReadEnd(1, text)
		data, err := Clean(raw)
		if err != nil {
			return
		}
		if !json.Valid(data) || strings.ContainsRune(string(data), 0) {
			t.Errorf("kept %q", data)
		}
		if r, err := ReadReport(data); err == nil {
			NewPlan(Match{}, []Membership{{User: 1, Name: "a"}}, r)
		}
	})
}

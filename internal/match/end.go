package match

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// mostEnd bounds what a host's report unpacks to. A game of a hundred players with all
// their figures is some hundred kilobytes.
const mostEnd = 4 << 20

// ErrEnd says that a report cannot be read. Its text is the one that hosts know.
var ErrEnd = errors.New("JSON decode")

// End is what a host reported of a game.
type End struct {
	Match int64  // by number, or
	UUID  string // by the older name if there is no number
	By    int64  // the account that reported: it must have founded the match
	Data  json.RawMessage
}

// ReadEnd reads a host's report: base64 of zlib of JSON. What is not for keeping has
// been taken out.
func ReadEnd(by int64, packed string) (End, error) {
	raw, err := Unpack(packed)
	if err != nil {
		return End{}, fmt.Errorf("%w: %w", ErrEnd, err)
	}
	var report struct {
		Context struct {
			Tags map[string]any `json:"scriptTags"`
		} `json:"battleContext"`
	}
	if err := json.Unmarshal(raw, &report); err != nil {
		return End{}, fmt.Errorf("%w: %w", ErrEnd, err)
	}
	e := End{By: by}
	tags := report.Context.Tags
	for _, tag := range []string{"game/server_match_id", "server/match/id"} {
		if e.Match = whole(tags[tag]); e.Match != 0 {
			break
		}
	}
	e.UUID, _ = tags["server/match/uuid"].(string)
	if e.Data, err = Clean(raw); err != nil {
		return End{}, fmt.Errorf("%w: %w", ErrEnd, err)
	}
	return e, nil
}

// Decode reads base64, in either alphabet and with or without its padding.
func Decode(text string) ([]byte, error) {
	plain := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	return base64.RawStdEncoding.DecodeString(plain)
}

// Unpack reads base64 of zlib.
func Unpack(packed string) ([]byte, error) {
	compressed, err := Decode(packed)
	if err != nil {
		return nil, err
	}
	r, err := zlib.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(r, mostEnd+1))
	if err != nil {
		return nil, err
	}
	if len(raw) > mostEnd {
		return nil, fmt.Errorf("more than %d bytes", mostEnd)
	}
	return raw, nil
}

// dropped is what of a report is not kept: the host's password is nobody's business, and
// the rest is known or of no use. Addresses of players are taken out as well.
var dropped = []string{"battleContext", "bots", "ahPassword", "ahPassHash"}

// Clean takes out of a report what is not kept.
func Clean(raw []byte) (json.RawMessage, error) {
	var report map[string]json.RawMessage
	if err := json.Unmarshal(bytes.ToValidUTF8(raw, []byte("\uFFFD")), &report); err != nil {
		return nil, err
	}
	if report == nil {
		return nil, errors.New("not an object")
	}
	for _, key := range dropped {
		delete(report, key)
	}
	for key, value := range report {
		kept, changed, err := withoutSecrets(value)
		if err != nil {
			return nil, err
		}
		if changed {
			report[key] = kept
		}
	}
	return json.Marshal(report)
}

// secret are fields that nothing inside of a report keeps either.
var secret = []string{"ip", "ahPassword", "ahPassHash"}

// withoutSecrets leaves a value as it is, to the byte, if there is nothing to take out.
func withoutSecrets(raw json.RawMessage) (kept json.RawMessage, changed bool, err error) {
	found := false
	for _, key := range secret {
		found = found || bytes.Contains(raw, []byte(`"`+key+`"`))
	}
	if !found {
		return raw, false, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, false, err
	}
	kept, err = json.Marshal(strip(value))
	return kept, true, err
}

func strip(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range secret {
			delete(v, key)
		}
		for key, inner := range v {
			v[key] = strip(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = strip(inner)
		}
	}
	return value
}

// Report is what the processing reads of a host's data. Hosts write numbers as texts
// and the other way round.
type Report struct {
	GameID   text                       `json:"gameId"`
	Duration number                     `json:"gameDuration"` // seconds from the start of play; 0: it never began
	Cheating number                     `json:"cheating"`
	Players  []ReportedPlayer           `json:"players"`
	Teams    map[string]json.RawMessage `json:"teamStats"` // by name of a player; nil: not reported
}

// ReportedPlayer is one entry of the players.
type ReportedPlayer struct {
	Account number `json:"accountId"`
	Name    text   `json:"name"`
	Win     number `json:"win"`      // 0 lost, 1 won, 2 undecided
	Lost    number `json:"loseTime"` // seconds; not given: never
}

// ReadReport reads the data that Clean left.
func ReadReport(data json.RawMessage) (Report, error) {
	var r Report
	if err := json.Unmarshal(data, &r); err != nil {
		return Report{}, fmt.Errorf("read the host's data: %w", err)
	}
	return r, nil
}

// Cheated reports whether cheats were on in the game that a host's data is about.
func Cheated(data json.RawMessage) bool {
	r, err := ReadReport(data)
	return err == nil && r.Cheating.N != 0
}

// number is a whole number, written in whatever way. Given is false for "", null and
// what is none.
type number struct {
	N     int64
	Given bool
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(raw []byte) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	*n = number{}
	switch v := v.(type) {
	case bool:
		n.Given = true
		if v {
			n.N = 1
		}
	case json.Number:
		n.N, n.Given = parse(v.String())
	case string:
		n.N, n.Given = parse(strings.TrimSpace(v))
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (n number) MarshalJSON() ([]byte, error) {
	if !n.Given {
		return []byte(`""`), nil
	}
	return strconv.AppendInt(nil, n.N, 10), nil
}

// mostNumber keeps what is computed with numbers of a report from overflowing.
const mostNumber = 1 << 40

func parse(s string) (n int64, ok bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > mostNumber {
		return 0, false
	}
	return int64(f), true
}

// whole is a number above zero in a script tag, else 0.
func whole(v any) int64 {
	switch v := v.(type) {
	case float64:
		if v >= 1 && v <= mostNumber {
			return int64(v)
		}
	case string:
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// text is a text; anything else is none.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(raw []byte) error {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	s, _ := v.(string)
	*t = text(s)
	return nil
}

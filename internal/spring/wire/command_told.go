package wire

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Requests in which programs tell of themselves, and ask for what only newer ones know.
type (
	// UpdateHost is c.battle.update_host; what a host does not tell is 0 or empty.
	UpdateHost struct {
		Preset    string
		TeamSize  int
		TeamCount int
		Bosses    []string
	}
	// QueueStatus is c.battle.queue_status.
	QueueStatus struct{}
	// ExtraData is c.battle.extra_data.
	ExtraData struct{}
	// UpdateClientProperty is c.telemetry.update_client_property. Before login the hash
	// says who it is.
	UpdateClientProperty struct{ Name, Value, Hash string }
)

// toldCommands are those of Commands.
var toldCommands = []Spec{
	{Name: "c.battle.update_host", InBattle: true, Form: "{json}", Example: `{"teamSize":"8","nbTeams":"2"}`, Decode: decodeUpdateHost},
	{Name: "c.battle.queue_status", InBattle: true, Decode: plain(QueueStatus{})},
	{Name: "c.battle.extra_data", InBattle: true, Decode: plain(ExtraData{})},
	{
		Name: "c.telemetry.update_client_property", BeforeLogin: true, Form: "name value64 hash",
		Example: "hardware:cpuinfo QU1E abc", Decode: decodeUpdateClientProperty,
	},
}

// propertyLength is how long the value of a property may be.
const propertyLength = 1024

// decodeUpdateHost takes numbers and texts of digits alike; what makes no sense is not told.
func decodeUpdateHost(args string) (any, error) {
	var told struct {
		Preset    any `json:"preset"`
		TeamSize  any `json:"teamSize"`
		TeamCount any `json:"nbTeams"`
		Bosses    any `json:"bosses"`
	}
	if json.Unmarshal([]byte(args), &told) != nil {
		return nil, ErrIgnored
	}
	r := UpdateHost{TeamSize: toldNumber(told.TeamSize), TeamCount: toldNumber(told.TeamCount)}
	r.Preset, _ = told.Preset.(string)
	list, _ := told.Bosses.([]any)
	for _, b := range list {
		if name, ok := b.(string); ok && isWord(name) {
			r.Bosses = append(r.Bosses, name)
		}
	}
	return r, nil
}

func toldNumber(v any) int {
	switch v := v.(type) {
	case float64:
		if v >= 1 && v <= 255 {
			return int(v)
		}
	case string:
		if n, err := strconv.Atoi(v); err == nil && n >= 1 && n <= 255 {
			return n
		}
	}
	return 0
}

func decodeUpdateClientProperty(args string) (any, error) {
	words := strings.Split(args, " ")
	if len(words) != 3 || words[0] == "" {
		return nil, ErrIgnored
	}
	value, ok := decode64(words[1])
	if !ok || len(words[1]) >= propertyLength || !utf8.ValidString(value) {
		return nil, ErrIgnored
	}
	return UpdateClientProperty{Name: words[0], Value: value, Hash: words[2]}, nil
}

// decode64 reads base64 of either alphabet, with or without padding: programs differ.
func decode64(text string) (string, bool) {
	text = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(text), "=")
	b, err := base64.RawURLEncoding.DecodeString(text)
	return string(b), err == nil
}

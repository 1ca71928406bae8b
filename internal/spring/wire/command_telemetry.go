package wire

import (
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Requests of telemetry. Before login the hash says who it is.
type (
	// ClientEvent is c.telemetry.simple_client_event, without a value, or
	// c.telemetry.complex_client_event or log_client_event, with one, which is JSON.
	ClientEvent struct{ Name, Value, Hash string }
	// LiveClientEvent is c.telemetry.live_client_event, to which nothing happens.
	LiveClientEvent struct{}
	// TelemetryTest is c.telemetry.update_client_property_test or log_client_event_test:
	// what would become of it.
	TelemetryTest struct{ Result string }
	// UploadInfolog is c.telemetry.upload_infolog. Wrong says what is wrong with it;
	// empty: nothing is. Metadata is JSON.
	UploadInfolog struct{ Type, Hash, Metadata, Contents, Wrong string }
)

// telemetryCommands are those of Commands.
var telemetryCommands = []Spec{
	{Name: "c.telemetry.simple_client_event", BeforeLogin: true, Form: "name hash", Example: "lobby.started abc", Decode: decodeSimpleEvent},
	{Name: "c.telemetry.complex_client_event", BeforeLogin: true, Form: "name value64 hash", Example: "lobby.started eyJhIjoxfQ abc", Decode: decodeComplexEvent},
	{Name: "c.telemetry.log_client_event", BeforeLogin: true, Form: "name value64 hash", Example: "lobby.started eyJhIjoxfQ abc", Decode: decodeComplexEvent},
	{Name: "c.telemetry.live_client_event", Form: "name value64", Example: "lobby.x eyJhIjoxfQ", Decode: plain(LiveClientEvent{})},
	{Name: "c.telemetry.update_client_property_test", Form: "name value64 hash", Example: "hardware:cpuinfo QU1E abc", Decode: all(testProperty)},
	{Name: "c.telemetry.log_client_event_test", Form: "name value64 hash", Example: "lobby.x eyJhIjoxfQ abc", Decode: all(testEvent)},
	{Name: "c.telemetry.upload_infolog", BeforeLogin: true, Form: "logType userHash metadata64 contents64", Example: "infolog abc e30 eJzLTy7JL9JRyMxTyE0FADTGBdg", Decode: all(uploadInfolog)},
}

// The lengths of values as they are sent.
const (
	simpleLength  = 1024
	complexLength = 4096
)

// infologMost bounds what an infolog unpacks to.
const infologMost = 2 << 20

// Results of the tests.
const (
	testSuccess    = "success"
	testNoMatch    = "no match"
	testBadBase64  = "bad base64 value" // of a property
	testBase64     = "Base64 decode error"
	testLength     = "exceeds max_length"
	testCharacters = "contain invalid characters"
)

func decodeSimpleEvent(args string) (any, error) {
	words := strings.Split(args, " ")
	if len(words) != 2 || words[0] == "" || len(words[0]) >= simpleLength {
		return nil, ErrIgnored
	}
	return ClientEvent{Name: words[0], Hash: words[1]}, nil
}

func decodeComplexEvent(args string) (any, error) {
	e, wrong := complexEvent(args)
	if wrong != "" {
		return nil, ErrIgnored
	}
	return e, nil
}

// complexEvent reads an event with a value, or says what is wrong with it.
func complexEvent(args string) (e ClientEvent, wrong string) {
	words := strings.Split(args, " ")
	if len(words) != 3 || words[0] == "" {
		return e, testNoMatch
	}
	if len(words[1]) >= complexLength {
		return e, testLength
	}
	value, ok := decode64(words[1])
	if !ok {
		return e, testBase64
	}
	if wrong := jsonError(value); wrong != "" {
		return e, wrong
	}
	if !plainText(value) {
		return e, testCharacters
	}
	return ClientEvent{Name: words[0], Value: value, Hash: words[2]}, ""
}

func testEvent(args string) TelemetryTest {
	if _, wrong := complexEvent(args); wrong != "" {
		return TelemetryTest{wrong}
	}
	return TelemetryTest{testSuccess}
}

func testProperty(args string) TelemetryTest {
	words := strings.Split(args, " ")
	if len(words) != 3 || words[0] == "" {
		return TelemetryTest{testNoMatch}
	}
	value, ok := decode64(words[1])
	switch {
	case len(words[1]) >= propertyLength:
		return TelemetryTest{testLength}
	case !ok:
		return TelemetryTest{testBadBase64}
	case !plainText(value):
		return TelemetryTest{testCharacters}
	}
	return TelemetryTest{testSuccess}
}

func uploadInfolog(args string) UploadInfolog {
	words := strings.Split(args, " ")
	if len(words) != 4 || words[0] == "" {
		return UploadInfolog{Wrong: "no match"}
	}
	metadata, ok := decode64(words[2])
	if !ok {
		return UploadInfolog{Wrong: "metadata decode - " + testBase64}
	}
	if wrong := jsonError(metadata); wrong != "" {
		return UploadInfolog{Wrong: "metadata decode - " + wrong}
	}
	packed, ok := decode64(words[3])
	if !ok {
		return UploadInfolog{Wrong: "infolog contents url_decode64 error"}
	}
	contents, err := unpack(packed)
	switch {
	case err != nil:
		return UploadInfolog{Wrong: "infolog gzip error"}
	case !plainText(contents) || !plainText(metadata):
		return UploadInfolog{Wrong: "contents contain invalid characters"}
	}
	return UploadInfolog{Type: words[0], Hash: words[1], Metadata: metadata, Contents: contents}
}

// unpack reads a stream of zlib.
func unpack(packed string) (string, error) {
	r, err := zlib.NewReader(strings.NewReader(packed))
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(io.LimitReader(r, infologMost+1))
	if err == nil && len(raw) > infologMost {
		err = errors.New("too long")
	}
	return string(raw), err
}

// jsonError says where a text stops to be JSON; empty: it is.
func jsonError(text string) string {
	var v json.RawMessage
	err := json.Unmarshal([]byte(text), &v)
	if err == nil {
		return ""
	}
	at := len(text)
	if e := (*json.SyntaxError)(nil); errors.As(err, &e) && !strings.Contains(e.Error(), "unexpected end") {
		at = int(e.Offset) - 1
	}
	return fmt.Sprintf("Json decode error at position %d", at)
}

// plainText reports text that can be kept.
func plainText(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

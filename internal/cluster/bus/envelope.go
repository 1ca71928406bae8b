package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"teiserver/internal/cluster/message"
	"teiserver/internal/refusal"
)

// envelope is what travels: who sent it, when by the sender's own clock, and a
// value in the form of package message. Fields may be added, never renamed.
type envelope struct {
	Node        string          `json:"n"`
	Incarnation int64           `json:"i"`
	Sent        int64           `json:"s"`           // uptime of the sender in milliseconds
	Left        int64           `json:"l,omitempty"` // request: milliseconds until the asker gives up
	Code        string          `json:"c,omitempty"` // answer: code of a refusal
	Error       string          `json:"x,omitempty"` // answer: text of a refusal or error
	Type        string          `json:"t,omitempty"`
	Body        json.RawMessage `json:"b,omitempty"`
}

var errNoOrigin = errors.New("no origin")

func (e *envelope) origin() Origin { return Origin{Node: e.Node, Incarnation: e.Incarnation} }

// append writes the envelope behind buf. It is written by hand because the body
// is JSON already and would be parsed once more by package json.
func (e *envelope) append(buf []byte) []byte {
	buf = append(buf, `{"n":`...)
	buf = appendString(buf, e.Node)
	buf = append(buf, `,"i":`...)
	buf = strconv.AppendInt(buf, e.Incarnation, 10)
	buf = append(buf, `,"s":`...)
	buf = strconv.AppendInt(buf, e.Sent, 10)
	if e.Left != 0 {
		buf = append(buf, `,"l":`...)
		buf = strconv.AppendInt(buf, e.Left, 10)
	}
	if e.Code != "" {
		buf = append(buf, `,"c":`...)
		buf = appendString(buf, e.Code)
	}
	if e.Error != "" {
		buf = append(buf, `,"x":`...)
		buf = appendString(buf, e.Error)
	}
	if e.Type != "" {
		buf = append(buf, `,"t":`...)
		buf = appendString(buf, e.Type)
	}
	if len(e.Body) > 0 {
		buf = append(buf, `,"b":`...)
		buf = append(buf, e.Body...)
	}
	return append(buf, '}')
}

func appendString(buf []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always has a JSON form
	return append(buf, quoted...)
}

// set puts a value in.
func (e *envelope) set(body any) error {
	raw, err := message.Encode(body)
	if err != nil {
		return err
	}
	e.Type, e.Body = raw.Type, raw.Body
	return nil
}

// body takes the value out.
func (e *envelope) body() (any, error) {
	return message.Decode(message.Raw{Type: e.Type, Body: e.Body})
}

// openEnvelope reads an envelope, but not yet its body.
func openEnvelope(data []byte) (*envelope, error) {
	e := &envelope{}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("bus: open envelope: %w", err)
	}
	if e.Node == "" || e.Incarnation < 0 {
		return nil, fmt.Errorf("bus: open envelope: %w", errNoOrigin)
	}
	return e, nil
}

// setError puts the error of a server in: a refusal with its code, all else as text.
func (e *envelope) setError(err error) {
	if no, ok := refusal.As(err); ok {
		e.Code, e.Error = string(no.Code), no.Message
		return
	}
	if e.Error = err.Error(); e.Error == "" {
		e.Error = "unknown error"
	}
}

// err takes the error of a server out.
func (e *envelope) err() error {
	if e.Code != "" {
		return &refusal.Error{Code: refusal.Code(e.Code), Message: e.Error}
	}
	if e.Error != "" {
		return errors.New(e.Error)
	}
	return nil
}

package process

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"teiserver/internal/cluster/message"
)

// snapshotFormat is the newest form of a stored snapshot that is understood.
const snapshotFormat = 1

// envelope is a stored snapshot: the machine's state together with the commands it has
// applied, so that the two always agree.
type envelope struct {
	Format int             `json:"format"`
	State  json.RawMessage `json:"state,omitempty"` // if the machine's snapshot is JSON
	Bytes  []byte          `json:"bytes,omitempty"` // if it is not
	IDs    []storedID      `json:"ids,omitempty"`
}

type storedID struct {
	ID
	Reply message.Raw `json:"r,omitzero"`
	Doubt bool        `json:"d,omitempty"`
}

// encodeSnapshot makes the stored form.
func encodeSnapshot(state []byte, ids []done) ([]byte, error) {
	e := envelope{Format: snapshotFormat}
	if len(state) > 0 && (state[0] == '{' || state[0] == '[') && json.Valid(state) {
		e.State = state
	} else {
		e.Bytes = state
	}
	for _, d := range ids {
		s := storedID{ID: d.id, Doubt: d.doubt}
		if raw, err := message.Encode(d.reply); err == nil {
			s.Reply = raw
		} else {
			s.Doubt = true // without the reply it can only be said not to apply it again
		}
		e.IDs = append(e.IDs, s)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b.Bytes(), nil
}

// decodeSnapshot is the reverse; nil gives nil.
func decodeSnapshot(body []byte) (state []byte, ids []done, err error) {
	if len(body) == 0 {
		return nil, nil, nil
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, nil, fmt.Errorf("decode snapshot: %w", err)
	}
	if e.Format < 1 || e.Format > snapshotFormat {
		return nil, nil, fmt.Errorf("decode snapshot: format %d is not known", e.Format)
	}
	if len(e.State) > 0 && len(e.Bytes) > 0 {
		return nil, nil, errors.New("decode snapshot: two states")
	}
	if len(e.IDs) > rememberedIDs {
		e.IDs = e.IDs[len(e.IDs)-rememberedIDs:]
	}
	for _, s := range e.IDs {
		d := done{id: s.ID, doubt: s.Doubt}
		if reply, err := message.Decode(s.Reply); err == nil {
			d.reply = reply
		} else {
			d.doubt = true // a neighbor release's reply
		}
		ids = append(ids, d)
	}
	if len(e.State) > 0 {
		return e.State, ids, nil
	}
	return e.Bytes, ids, nil
}

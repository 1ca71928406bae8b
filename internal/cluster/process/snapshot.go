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
	Kept   []storedID      `json:"kept,omitempty"`
	Writes int64           `json:"writes,omitempty"`
	Closed bool            `json:"closed,omitempty"`
	Epoch  int64           `json:"epoch,omitempty"`
}

type storedID struct {
	ID
	Reply message.Raw `json:"r,omitzero"`
	Doubt bool        `json:"d,omitempty"`
}

// content is what a stored snapshot says.
type content struct {
	state []byte
	ids   []done
	kept  []done // of durable commands and those in doubt
	// Of one that was written with a record: the count of writes that it made, which
	// also tells it from any other of its process, and whether the command has closed
	// the process, whose next owner has only to close the key.
	writes int64
	closed bool
	// Of one that was written with the release: the epoch that ended with it. For the
	// next epoch nothing is missing in it, for any later one it is old.
	epoch int64
}

// encodeSnapshot makes the stored form.
func encodeSnapshot(c content) ([]byte, error) {
	e := envelope{Format: snapshotFormat, IDs: storeIDs(c.ids), Kept: storeIDs(c.kept), Writes: c.writes, Closed: c.closed, Epoch: c.epoch}
	if len(c.state) > 0 && (c.state[0] == '{' || c.state[0] == '[') && json.Valid(c.state) {
		e.State = c.state
	} else {
		e.Bytes = c.state
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode snapshot: %w", err)
	}
	return b.Bytes(), nil
}

func storeIDs(list []done) (ids []storedID) {
	for _, d := range list {
		s := storedID{ID: d.id, Doubt: d.doubt}
		if raw, err := message.Encode(d.reply); err == nil {
			s.Reply = raw
		} else {
			s.Doubt = true // without the reply it can only be said not to apply it again
		}
		ids = append(ids, s)
	}
	return ids
}

// decodeSnapshot is the reverse; nothing gives nothing.
func decodeSnapshot(body []byte) (c content, err error) {
	if len(body) == 0 {
		return c, nil
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return c, fmt.Errorf("decode snapshot: %w", err)
	}
	if e.Format < 1 || e.Format > snapshotFormat {
		return c, fmt.Errorf("decode snapshot: format %d is not known", e.Format)
	}
	if len(e.State) > 0 && len(e.Bytes) > 0 {
		return c, errors.New("decode snapshot: two states")
	}
	c = content{state: e.Bytes, ids: loadIDs(e.IDs), kept: loadIDs(e.Kept), writes: e.Writes, closed: e.Closed, epoch: e.Epoch}
	if len(e.State) > 0 {
		c.state = e.State
	}
	return c, nil
}

func loadIDs(list []storedID) (ids []done) {
	if len(list) > rememberedIDs {
		list = list[len(list)-rememberedIDs:]
	}
	for _, s := range list {
		d := done{id: s.ID, doubt: s.Doubt}
		if reply, err := message.Decode(s.Reply); err == nil {
			d.reply = reply
		} else {
			d.doubt = true // a neighbor release's reply
		}
		ids = append(ids, d)
	}
	return ids
}

package process

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"teiserver/internal/cluster/feed"
	"teiserver/internal/cluster/message"
)

var (
	_ = message.Register[Indexed]("process.indexed")
	_ = message.Register[IndexView]("process.index_view")
)

// wireIndexed carries the summary under its registered name.
type wireIndexed struct {
	ID      string      `json:"id"`
	Epoch   int64       `json:"epoch"`
	Run     int64       `json:"run"`
	Seq     int64       `json:"seq"`
	Summary message.Raw `json:"summary,omitzero"`
	Closed  bool        `json:"closed,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (x Indexed) MarshalJSON() ([]byte, error) {
	raw, err := message.Encode(x.Summary)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireIndexed{x.ID, x.Epoch, x.Run, x.Seq, raw, x.Closed})
}

// UnmarshalJSON implements json.Unmarshaler.
func (x *Indexed) UnmarshalJSON(b []byte) error {
	var w wireIndexed
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	summary, err := message.Decode(w.Summary)
	if err != nil {
		return err
	}
	*x = Indexed{w.ID, w.Epoch, w.Run, w.Seq, summary, w.Closed}
	return nil
}

// Version is the version of the process's own feed that the entry is of.
func (x Indexed) Version() feed.Version {
	return feed.Version{Epoch: x.Epoch, Run: x.Run, Seq: x.Seq}
}

// index is the feed in which a node lists its processes of one kind. An entry follows
// the event it sums up: the process publishes on its own feed first.
type index struct {
	mu      sync.Mutex
	entries map[string]Indexed
	pub     Publisher
}

func (x *index) view(then func(v feed.Version, view any)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	view := IndexView{Entries: make([]Indexed, 0, len(x.entries))}
	for _, e := range x.entries {
		view.Entries = append(view.Entries, e)
	}
	slices.SortFunc(view.Entries, func(a, b Indexed) int { return strings.Compare(a.ID, b.ID) })
	then(x.pub.Version(), view)
}

func (x *index) put(e Indexed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.Closed {
		delete(x.entries, e.ID)
	} else {
		x.entries[e.ID] = e
	}
	x.pub.Publish(e)
}

// forget drops an entry without a word: the process lives on elsewhere.
func (x *index) forget(id string, epoch int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e, ok := x.entries[id]; ok && e.Epoch <= epoch {
		delete(x.entries, id)
	}
}

package feed

import (
	"encoding/json"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
)

// HeartbeatTopic carries the versions of all open feeds of a node.
var HeartbeatTopic = bus.RegisterTopic("feed.heartbeat",
	"each node, every second: the versions of its feeds, so that a lost last event is noticed; a lost one is followed by the next")

// viewService answers with the view of a feed.
const viewService = "feed.view"

// Numbered is an event of a feed on the feed's topic.
type Numbered struct {
	Version
	Event any
}

// Mark is said on a feed's topic when its version changed without an event, or to
// repeat it: opened, begun again, closed, a view was served.
type Mark struct {
	Version
	Closed bool `json:"closed,omitempty"`
}

// Heartbeat is the body of HeartbeatTopic.
type Heartbeat struct {
	Versions map[string]Version `json:"versions"`
	// Doubt: the node is not trusted now and names only feeds that go on in doubt.
	// That another one is missing does not mean that it has ended.
	Doubt bool `json:"doubt,omitempty"`
}

// Ask asks for the view of a feed, or for what has been said since.
type Ask struct {
	Topic string  `json:"topic"`
	Known Version `json:"known,omitzero"` // what the asker is at; zero: it has nothing
}

// Answer is the view of a feed at a version with the events after it, or none: the node
// does not publish it. Onward: there is no view, the version is what the asker is at.
type Answer struct {
	Version
	None        bool
	Onward      bool
	Node        string
	Incarnation int64
	View        any
	Tail        []Numbered
}

var (
	_ = message.Register[Numbered]("feed.event")
	_ = message.Register[Mark]("feed.mark")
	_ = message.Register[Heartbeat]("feed.heartbeat")
	_ = message.Register[Ask]("feed.ask")
	_ = message.Register[Answer]("feed.answer")
)

type numberedForm struct {
	Version
	Event message.Raw `json:"event"`
}

// MarshalJSON writes the event with its registered name.
func (n Numbered) MarshalJSON() ([]byte, error) {
	raw, err := message.Encode(n.Event)
	if err != nil {
		return nil, err
	}
	return json.Marshal(numberedForm{n.Version, raw})
}

// UnmarshalJSON reads it back. An event that this release does not know is set
// aside: its version counts, and the replica fetches the view.
func (n *Numbered) UnmarshalJSON(data []byte) error {
	var form numberedForm
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	n.Version = form.Version
	event, err := message.Decode(form.Event)
	if err != nil {
		event = unknown{}
	}
	n.Event = event
	return nil
}

// unknown stands for an event that could not be decoded.
type unknown struct{}

// strange reports whether the event could not be decoded.
func (n Numbered) strange() bool { return n.Event == any(unknown{}) }

type answerForm struct {
	Version
	None        bool        `json:"none,omitempty"`
	Onward      bool        `json:"onward,omitempty"`
	Node        string      `json:"node"`
	Incarnation int64       `json:"inc"`
	View        message.Raw `json:"view"`
	Tail        []Numbered  `json:"tail,omitempty"`
}

// MarshalJSON writes the view with its registered name.
func (a Answer) MarshalJSON() ([]byte, error) {
	raw, err := message.Encode(a.View)
	if err != nil {
		return nil, err
	}
	return json.Marshal(answerForm{a.Version, a.None, a.Onward, a.Node, a.Incarnation, raw, a.Tail})
}

// UnmarshalJSON reads it back.
func (a *Answer) UnmarshalJSON(data []byte) error {
	var form answerForm
	if err := json.Unmarshal(data, &form); err != nil {
		return err
	}
	view, err := message.Decode(form.View)
	if err != nil {
		return err
	}
	*a = Answer{
		Version: form.Version, None: form.None, Onward: form.Onward,
		Node: form.Node, Incarnation: form.Incarnation, View: view, Tail: form.Tail,
	}
	return nil
}

package cluster

import (
	"encoding/json"

	"teiserver/internal/cluster/bus"
	"teiserver/internal/cluster/message"
	"teiserver/internal/cluster/process"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/refusal"
)

// Services of the cluster itself.
const (
	serviceCall  = "cluster.call"  // a command for a process of the asked node
	serviceStart = "cluster.start" // start an on-demand process at its home
)

// Topics of the cluster itself. Both carry hints only: the store is right.
var (
	topicOwner = bus.RegisterTopic("cluster.owner", "each node, at a claim, release or close: who owns a key now, and whether edges must repeat what they hold; feeds the directories, a lost one costs a redirect or a read")
	topicNode  = bus.RegisterTopic("cluster.node", "each node, when it has come, drains or has left: the others read the leases at once; a lost one is made up for by the next look")
)

var (
	_ = message.Register[call]("cluster.call")
	_ = message.Register[answer]("cluster.answer")
	_ = message.Register[start]("cluster.start")
	_ = message.Register[ownerNews]("cluster.owner")
	_ = message.Register[nodeNews]("cluster.node")
)

// call is a command on its way to another node.
type call struct {
	Key     Key
	Epoch   int64
	ID      process.ID
	Command any
}

type wireCall struct {
	Key     Key         `json:"key"`
	Epoch   int64       `json:"epoch"`
	ID      process.ID  `json:"id"`
	Command message.Raw `json:"command"`
}

func (c call) MarshalJSON() ([]byte, error) {
	raw, err := message.Encode(c.Command)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireCall{c.Key, c.Epoch, c.ID, raw})
}

func (c *call) UnmarshalJSON(b []byte) error {
	var w wireCall
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	command, err := message.Decode(w.Command)
	if err != nil {
		return err
	}
	*c = call{w.Key, w.Epoch, w.ID, command}
	return nil
}

// outcome is what became of a call.
type outcome string

const (
	replied     outcome = "replied"
	refused     outcome = "refused"
	wrong       outcome = "error"       // an error of the machine, as text
	moved       outcome = "moved"       // see Owner
	none        outcome = "none"        // the store says that there is none
	unavailable outcome = "unavailable" // not executed, may be sent again
	inDoubt     outcome = "in_doubt"    // must not be sent again
)

// answer is what comes back, of a call or a start.
type answer struct {
	Outcome outcome
	Reply   any
	Refusal *refusal.Error
	Text    string
	Owner   registry.Owner
}

type wireAnswer struct {
	Outcome outcome         `json:"outcome"`
	Reply   message.Raw     `json:"reply,omitzero"`
	Refusal *refusal.Error  `json:"refusal,omitempty"`
	Text    string          `json:"text,omitempty"`
	Owner   *registry.Owner `json:"owner,omitempty"`
}

func (a answer) MarshalJSON() ([]byte, error) {
	raw, err := message.Encode(a.Reply)
	if err != nil {
		return nil, err
	}
	w := wireAnswer{Outcome: a.Outcome, Reply: raw, Refusal: a.Refusal, Text: a.Text}
	if a.Owner != (registry.Owner{}) {
		w.Owner = &a.Owner
	}
	return json.Marshal(w)
}

func (a *answer) UnmarshalJSON(b []byte) error {
	var w wireAnswer
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	reply, err := message.Decode(w.Reply)
	if err != nil {
		return err
	}
	*a = answer{Outcome: w.Outcome, Reply: reply, Refusal: w.Refusal, Text: w.Text}
	if w.Owner != nil {
		a.Owner = *w.Owner
	}
	return nil
}

// start asks the home of an on-demand key to run it.
type start struct {
	Key Key `json:"key"`
}

// ownerNews says who owns a key since when, and whether edges must repeat.
type ownerNews struct {
	Owner registry.Owner `json:"owner"`
	Taken bool           `json:"taken,omitempty"`
}

// nodeNews is a hint to look at the leases; the sender is in the envelope.
type nodeNews struct {
	Serving bool `json:"serving,omitempty"`
	Left    bool `json:"left,omitempty"`
	// Gone are incarnations that the sender has seen given up. One that runs all the same,
	// because only the store does not hear it, learns it from this.
	Gone []int64 `json:"gone,omitempty"`
}

// Package achievement counts what users achieve, from the events that clients and hosts
// report.
//
// A client tells its node, a host tells the match monitor; both end as rows of events
// (package telemetry), each once, whichever node took them. One process in the cluster
// reads these rows and counts. What it promises:
//
//   - an event is counted once: it is marked in the transaction that counts it, behind
//     the fence of the process, together with how far the process has come. A node that
//     dies in the middle has counted all of it or nothing; a former owner counts nothing;
//   - an event is not missed, also one that was written late: the process reads again
//     what is younger than a while, and the marks tell what it knows;
//   - who has achieved something has achieved it once: there is one row for each user and
//     type, and its progress ends at the goal.
//
// Earned and State are pure; Counter does the reading.
package achievement

import (
	"context"
	"encoding/json"
	"time"

	"teiserver/internal/cluster/registry"
)

// Type is something that can be achieved: by a number of events, or by a scenario that
// was won at a difficulty.
type Type struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Category    string `json:"category"`
	Icon        string `json:"icon"`
	Color       string `json:"color"`
	Description string `json:"description"`
	Rarity      int    `json:"rarity"`
	Event       string `json:"event"`
	Scenario    string `json:"scenario,omitempty"`
	Difficulty  string `json:"difficulty,omitempty"` // Normal or Brutal
	Goal        int    `json:"goal"`
	Retired     bool   `json:"retired,omitempty"`
}

// Event is one that was reported of a user.
type Event struct {
	ID    int64
	Name  string
	User  int64
	Value string // JSON, or empty
}

// Award is that an event counts for types.
type Award struct {
	Event int64
	User  int64
	Types []int64
}

// Progress is how far a user is with a type.
type Progress struct {
	Type     string    `json:"type"`
	Progress int       `json:"progress"`
	Goal     int       `json:"goal"`
	Achieved time.Time `json:"achieved,omitzero"`
}

// Page is what is to be counted next: events of clients and hosts, in order.
type Page struct {
	Events []Event
	Last   int64 // of all events that there were, wanted or not
	More   bool  // there are more behind the last of Events
}

// Counted is the record of a page that was counted.
type Counted struct {
	Events  []int64 // all that were looked at
	Awards  []Award
	Settled int64 // marks up to here are of no use anymore
}

// Store keeps what users have achieved.
type Store interface {
	// Types lists the types by name, retired ones too.
	Types(ctx context.Context) ([]Type, error)
	// EventsAfter reads events of users whose name is that of a type, above an id, leaving
	// out those that are marked.
	EventsAfter(ctx context.Context, after int64, most int) (Page, error)
	// CountEvents marks events and counts their awards, fenced. An event with a mark
	// counts nothing. It drops the marks up to c.Settled.
	CountEvents(ctx context.Context, f registry.Fence, c Counted) error
	// AchievementsOf lists what a user has begun or achieved, by name.
	AchievementsOf(ctx context.Context, user int64) ([]Progress, error)
}

// The difficulties of scenarios.
const (
	Normal = "Normal"
	Hard   = "Hard"
	Brutal = "Brutal"
)

// ended is what clients tell of a scenario that has ended.
type ended struct {
	Scenario   string `json:"scenarioid"`
	Difficulty string `json:"difficulty"`
	Won        bool   `json:"won"`
}

// Earned says for which types an event counts. Who wins at the hardest level has won at
// the others.
func Earned(types []Type, e Event) (ids []int64) {
	var end ended
	read := json.Unmarshal([]byte(e.Value), &end) == nil
	for _, t := range types {
		if t.Retired || t.Event != e.Name {
			continue
		}
		if t.Scenario == "" && t.Difficulty == "" || read && end.earns(t) {
			ids = append(ids, t.ID)
		}
	}
	return ids
}

func (e ended) earns(t Type) bool {
	if !e.Won || e.Scenario != t.Scenario {
		return false
	}
	switch e.Difficulty {
	case Normal, Hard:
		return t.Difficulty == Normal
	case Brutal:
		return t.Difficulty == Normal || t.Difficulty == Brutal
	}
	return false
}

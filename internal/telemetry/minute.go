package telemetry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"teiserver/internal/job"
	"teiserver/internal/setting"
)

// ErrStale says that somebody else has counted meanwhile.
var ErrStale = errors.New("telemetry: counted meanwhile")

// Census is who is online in the cluster, as one node sees it: each user once.
type Census struct {
	People     []Person
	Lobbies    int
	InProgress int
}

// Person is a user who is online.
type Person struct {
	ID      int64
	Bot     bool
	InLobby bool
	InGame  bool
}

// Minute is the row of a minute.
type Minute struct {
	Client     Clients          `json:"client"`
	Bots       []int64          `json:"bots"`
	Lobbies    int              `json:"lobbies"`
	InProgress int              `json:"in_progress"`
	Counters   map[string]int64 `json:"counters"` // since the row before, of all nodes
	Nodes      int              `json:"nodes"`
	Silent     int              `json:"silent,omitempty"` // nodes that did not tell; a later row counts them
}

// Clients are the users who are no bots, by what they do. Nobody is in two lists.
type Clients struct {
	Player    []int64 `json:"player"`
	Spectator []int64 `json:"spectator"`
	Lobby     []int64 `json:"lobby"`
	Menu      []int64 `json:"menu"`
}

func (c Clients) total() int { return len(c.Player) + len(c.Spectator) + len(c.Lobby) + len(c.Menu) }

// classify sorts who is online. Who is in no lobby is in the menu; who is in one and not
// in the game is in the lobby; who is in the game plays or watches.
func classify(c Census, playing map[int64]bool) (clients Clients, bots []int64) {
	people := slices.Clone(c.People)
	slices.SortStableFunc(people, func(a, b Person) int { return cmp.Compare(a.ID, b.ID) })
	people = slices.CompactFunc(people, func(a, b Person) bool { return a.ID == b.ID })
	clients = Clients{Player: []int64{}, Spectator: []int64{}, Lobby: []int64{}, Menu: []int64{}}
	bots = []int64{}
	for _, p := range people {
		list := &clients.Menu
		switch {
		case p.Bot:
			list = &bots
		case p.InLobby && p.InGame && playing[p.ID]:
			list = &clients.Player
		case p.InLobby && p.InGame:
			list = &clients.Spectator
		case p.InLobby:
			list = &clients.Lobby
		}
		*list = append(*list, p.ID)
	}
	return clients, bots
}

// forgotten is after how long without a word a run of counters is over.
const forgotten = 24 * time.Hour

// staleTries is how often a minute is counted again when a node has left meanwhile.
const staleTries = 3

// Minute is the job server-minute.
func (s *Service) Minute(ctx context.Context, r job.Run) error {
	if !setting.Telemetry.Get(ctx, s.o.Settings) {
		return nil
	}
	for try := 1; ; try++ {
		err := s.countMinute(ctx, r)
		if !errors.Is(err, ErrStale) || try == staleTries {
			return err
		}
	}
}

// countMinute reads what was counted before it asks, so that whoever counts meanwhile is
// noticed.
func (s *Service) countMinute(ctx context.Context, r job.Run) error {
	before, err := s.o.Store.Counted(ctx)
	if err != nil {
		return fmt.Errorf("what was counted: %w", err)
	}
	members := len(s.o.Runtime.Members())
	reports := s.gather(ctx)
	row := Minute{Counters: map[string]int64{}, Nodes: members, Silent: members - len(reports)}
	playing := map[int64]bool{}
	for _, rep := range reports {
		for _, user := range rep.Players {
			playing[user] = true
		}
	}
	var now, gone []Counted
	for _, c := range before {
		rep, told := reports[c.Life]
		delete(reports, c.Life)
		switch {
		case c.Final != nil: // it tells no more
			growth(row.Counters, c.Final, c.Counters)
			gone = append(gone, c)
		case told:
			growth(row.Counters, rep.Counters, c.Counters)
			c.Counters = highest(rep.Counters, c.Counters)
			now = append(now, c)
		case r.Now.Sub(c.At) > forgotten:
			gone = append(gone, c)
		}
	}
	for life, rep := range reports { // of whom nothing was counted yet
		growth(row.Counters, rep.Counters, nil)
		now = append(now, Counted{Life: life, Counters: rep.Counters})
	}
	census := s.o.Census()
	row.Client, row.Bots = classify(census, playing)
	row.Lobbies, row.InProgress = census.Lobbies, census.InProgress
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("write the row: %w", err)
	}
	return s.o.Store.PutMinute(ctx, r.Mark, data, now, gone)
}

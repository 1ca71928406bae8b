package setting

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How players are matched.
var (
	Matchmaking = Define("addon.matchmaking", true, Bool,
		"Whether there are matchmaking queues. Off: who waits is out, and nobody can join one.")
	Queues = Define("matchmaking.queues", nil, queueList,
		`The queues, one a line: "NUMBER | NAME | 2v2", and behind another | the maps to play on, with commas between them. Without maps the one of the room is played.`)
	ReadySeconds = Define("matchmaking.ready_seconds", 15, Int(5, 300),
		"Seconds in which all players of a match that was found must say that they are ready.")
	RoomSeconds = Define("matchmaking.room_seconds", 45, Int(5, 600),
		"Seconds in which a room must be found for players who are ready, and all must be in it and have the map.")
	RoomTitles = Define("matchmaking.rooms", nil, Lines,
		"With what the titles of lobbies begin in which matches are set up, one a line. Empty: in any that is empty.")
	Spread = Define("matchmaking.spread", 3.0, Float(0, 1000),
		"By how much the ratings of those may differ who are matched at once.")
	SpreadGrowth = Define("matchmaking.spread_growth", 3.0, Float(0, 1000),
		"By how much more they may differ for each 30 seconds of waiting.")
	SpreadMost = Define("matchmaking.spread_most", 15.0, Float(0, 1000),
		"By how much they may differ at most, however long somebody waits.")
)

// Queue is a matchmaking queue as the site has it.
type Queue struct {
	ID        int      `json:"id"`
	Name      string   `json:"name"`
	TeamSize  int      `json:"team_size"`
	TeamCount int      `json:"team_count"`
	Maps      []string `json:"maps,omitempty"`
}

// Players is how many a match takes.
func (q Queue) Players() int { return q.TeamSize * q.TeamCount }

// The bounds of queues.
const (
	mostQueues  = 64
	mostQueueID = 9999
	mostPlayers = 64 // of a match
	longestName = 40 // of a queue
)

// queueList is a list of queues.
var queueList = Form[[]Queue]{
	Name: `lines such as "1 | Duel | 1v1 | Comet Catcher, Supreme Isthmus"; \n begins a new line`,
	Parse: func(text string) ([]Queue, error) {
		lines, err := Lines.Parse(text)
		if err != nil {
			return nil, err
		}
		var list []Queue
		for _, line := range lines {
			if strings.TrimSpace(line) == "" {
				continue
			}
			q, err := parseQueue(line)
			if err != nil {
				return nil, fmt.Errorf("queue %q: %w", line, err)
			}
			if slices.ContainsFunc(list, func(x Queue) bool { return x.ID == q.ID }) {
				return nil, fmt.Errorf("two queues have the number %d", q.ID)
			}
			list = append(list, q)
		}
		if len(list) > mostQueues {
			return nil, fmt.Errorf("there are %d queues; %d are allowed", len(list), mostQueues)
		}
		return list, nil
	},
	Print: func(list []Queue) string {
		lines := make([]string, len(list))
		for i, q := range list {
			sides := slices.Repeat([]string{strconv.Itoa(q.TeamSize)}, q.TeamCount)
			lines[i] = fmt.Sprintf("%d | %s | %s", q.ID, q.Name, strings.Join(sides, "v"))
			if len(q.Maps) > 0 {
				lines[i] += " | " + strings.Join(q.Maps, ", ")
			}
		}
		return strings.Join(lines, "\n")
	},
}

func parseQueue(line string) (q Queue, err error) {
	cells := strings.Split(line, "|")
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	if len(cells) < 3 || len(cells) > 4 {
		return q, fmt.Errorf("expected NUMBER | NAME | 2v2, and perhaps | MAP, MAP")
	}
	if q.ID, err = strconv.Atoi(cells[0]); err != nil || q.ID < 1 || q.ID > mostQueueID {
		return q, fmt.Errorf("%q is not a number from 1 to %d", cells[0], mostQueueID)
	}
	q.Name = cells[1]
	if q.Name == "" || len(q.Name) > longestName || strings.ContainsAny(q.Name, ":\t") {
		return q, fmt.Errorf("a name has 1 to %d bytes and no colon", longestName)
	}
	sides := strings.Split(cells[2], "v")
	q.TeamCount = len(sides)
	q.TeamSize, err = strconv.Atoi(sides[0])
	if err != nil || q.TeamSize < 1 || q.TeamSize > mostPlayers || q.TeamCount < 2 || q.Players() > mostPlayers ||
		slices.ContainsFunc(sides, func(s string) bool { return s != sides[0] }) {
		return q, fmt.Errorf("%q is not like 1v1, 2v2 or 1v1v1, with %d players at most", cells[2], mostPlayers)
	}
	if len(cells) == 4 {
		for _, m := range strings.Split(cells[3], ",") {
			if m = strings.TrimSpace(m); m != "" {
				q.Maps = append(q.Maps, m)
			}
		}
	}
	return q, nil
}

// Queues are those of the site, none if matchmaking is off.
func (s *Service) Queues(ctx context.Context) []Queue {
	if !Matchmaking.Get(ctx, s) {
		return nil
	}
	return Queues.Get(ctx, s)
}

// ReadyTime is how long players have to say that they are ready, RoomTime how long they
// and the server have to be in a room.
func (s *Service) ReadyTime(ctx context.Context) time.Duration {
	return time.Duration(ReadySeconds.Get(ctx, s)) * time.Second
}

// RoomTime is the time for a room.
func (s *Service) RoomTime(ctx context.Context) time.Duration {
	return time.Duration(RoomSeconds.Get(ctx, s)) * time.Second
}

package main

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// autohost hosts one battle: it lets everybody in, and says what SPADS says of its games.
type autohost struct {
	*client
	numbers *sync.Map // account numbers of players, by name
	battle  string
	titled  []byte // how a line begins that says its new title
	heard   *heardOf

	mu      sync.Mutex
	match   string    // number of the battle's match
	members []*player // as the run has seated them
	players []string  // of the game that goes on; nil: none
}

// heardOf counts what tells hosts that the server understood what was reported and ordered.
type heardOf struct {
	rated   atomic.Int64 // matches whose ratings have moved
	titles  atomic.Int64 // changed by what bosses ordered
	refused atomic.Int64 // orders of bosses
}

// hostBuffer holds the longest lines that are looked into.
const hostBuffer = 16 << 10

// serve reads line by line; what does not concern the host costs a look at its beginning.
func (h *autohost) serve() {
	defer close(h.done)
	in := bufio.NewReaderSize(h.conn, hostBuffer)
	for {
		line, err := in.ReadSlice('\n')
		if len(line) > 0 && err == nil {
			h.lines.Add(1)
			h.total.Add(1)
			h.hear(line)
		}
		if err != nil && err != bufio.ErrBufferFull { //nolint:errorlint // as it is returned
			h.err = err
			return
		}
	}
}

func (h *autohost) hear(line []byte) {
	switch {
	case bytes.HasPrefix(line, []byte("JOINBATTLEREQUEST ")):
		name, _, _ := strings.Cut(string(line[len("JOINBATTLEREQUEST "):]), " ")
		ask := ""
		if _, known := h.numbers.Load(name); !known {
			ask = "GETUSERID " + name + "\n"
		}
		_ = h.send(ask + "JOINBATTLEACCEPT " + name) // who has gone is noticed by who waits
	case bytes.HasPrefix(line, []byte("USERID ")):
		if f := strings.Fields(string(line)); len(f) > 2 {
			h.numbers.Store(f[1], f[len(f)-1])
		}
	case bytes.HasPrefix(line, []byte("OPENBATTLE ")):
		h.battle = strings.TrimSpace(string(line[len("OPENBATTLE "):]))
		h.titled = []byte("s.battle.update_lobby_title " + h.battle + "\t")
	case bytes.HasPrefix(line, []byte("SAIDPRIVATE Coordinator updateSkill ")):
		h.heard.rated.Add(1)
	case bytes.HasPrefix(line, []byte("SAIDBATTLEEX Coordinator You are not allowed ")):
		h.heard.refused.Add(1)
	case len(h.titled) > 0 && bytes.HasPrefix(line, h.titled):
		h.heard.titles.Add(1)
	case bytes.HasPrefix(line, []byte("SETSCRIPTTAGS ")):
		if _, rest, ok := strings.Cut(string(line), "game/server_match_id="); ok {
			number, _, _ := strings.Cut(strings.TrimSpace(rest), "\t")
			h.mu.Lock()
			h.match = number
			h.mu.Unlock()
		}
	}
	if w := h.watch.Load(); w != nil {
		if bytes.Contains(line, w.text) {
			h.watch.Store(nil)
			w.seen <- time.Now()
		} else if bytes.Contains(line, denied) || bytes.Contains(line, failed) {
			h.refuse(line)
			h.watch.Store(nil)
			w.seen <- time.Time{}
		}
	}
}

// open opens the battle, with what SPADS says of a new one.
func (h *autohost) open(ctx context.Context, i int) error {
	if _, err := h.ask(ctx, "JOIN autohosts", "CLIENTS autohosts "); err != nil {
		return err
	}
	line := fmt.Sprintf("OPENBATTLE 0 0 * %d 16 -1156196137 0 -723858161 spring\t105\tSupreme Isthmus v1.8\t[%d] Eight against eight\tBeyond All Reason test-26000",
		10000+i%50000, i)
	if _, err := h.ask(ctx, line, "OPENBATTLE "); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("SETSCRIPTTAGS game/startpostype=2\tgame/hosttype=SPADS")
	for _, option := range []string{"deathmode=com", "maxunits=2000", "startmetal=1000", "startenergy=1000", "map_waterlevel=0", "transportenemy=notcoms",
		"ranked_game=1", "allowuserwidgets=1", "fixedallies=0", "disable_fogofwar=0", "norush=0", "scavdifficulty=veryeasy"} {
		b.WriteString("\tgame/modoptions/" + option)
	}
	b.WriteString("\nADDSTARTRECT 0 0 0 40 200\nADDSTARTRECT 1 160 0 200 200\nMYBATTLESTATUS 4194306 16777215")
	return h.send(b.String())
}

// launch begins a game with these players, all others watch.
func (h *autohost) launch(members []*player) {
	h.mu.Lock()
	h.players = make([]string, 0, len(members))
	for _, p := range members {
		h.players = append(h.players, p.name)
	}
	h.mu.Unlock()
	_ = h.send("SAYBATTLEEX * Launching game...\nSAYEX autohosts * Launching game...\nMYSTATUS 65")
	for _, p := range members {
		_ = p.at().send("MYSTATUS 1")
	}
}

// stop ends the game; the first half of its players has won.
func (h *autohost) stop(members []*player) {
	h.mu.Lock()
	names, match := h.players, h.match
	h.players = nil
	h.mu.Unlock()
	const over = "* Server stopped (running time: 25 minutes)"
	_ = h.send("SAYPRIVATE AutohostMonitor endGameData " + h.endData(match, names) +
		"\nSAYBATTLEEX " + over + "\nSAYEX autohosts " + over + "\nMYSTATUS 64")
	for _, p := range members {
		_ = p.at().send("MYSTATUS 0")
	}
}

func (h *autohost) going() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.players != nil
}

// endData is what SPADS reports of a game that has ended.
func (h *autohost) endData(match string, names []string) string {
	const seconds = 1500
	players, teams := []map[string]any{}, map[string]any{}
	for i, name := range names {
		number, _ := h.numbers.Load(name)
		side := i * 2 / len(names)
		p := map[string]any{"accountId": number, "name": name, "win": 1 - side, "loseTime": ""}
		if side > 0 {
			p["loseTime"] = seconds
		}
		players = append(players, p)
		teams[name] = map[string]any{"allyTeam": side}
	}
	raw, err := json.Marshal(map[string]any{
		"gameDuration": seconds, "gameId": "f00d" + match, "players": players, "teamStats": teams, "bots": []any{},
		"battleContext": map[string]any{"scriptTags": map[string]string{"game/server_match_id": match}},
	})
	if err != nil {
		return "" // it cannot be
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write(raw) // to memory
	_ = w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

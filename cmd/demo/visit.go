package main

import (
	"bufio"
	"context"
	"crypto/md5"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"teiserver/test/springclient"
)

const (
	// password is what all bots have; the nodes listen on loopback only.
	password = "password"
	// answerLimit is how long a bot waits for an answer before it tries another node.
	answerLimit = 4 * time.Second
	// silence is how long a bot hears nothing, not even PONG, before it gives up on its
	// node. Real clients wait longer; who watches does not want to.
	silence = 8 * time.Second
	pingGap = 2 * time.Second
)

// visit is one connection of a bot, from dialing to the end. The bot's goroutine owns
// it; a reader hands it the lines.
type visit struct {
	bot     *bot
	node    *node
	life    int
	touches int64 // of the node when it began, -1 if the node was not well then
	conn    net.Conn
	lines   chan string
	model   *springclient.Model
	ear     *ear

	serial   int
	pending  map[int]said // by message id, until it is heard
	asking   bool         // for a battle, and has no answer yet
	asked    time.Time    // when it asked, or was answered, last
	room     int64        // the battle it is in
	whole    bool         // it has been told all of that battle
	strange  int          // violations so far
	lastLine time.Time
	lastPing time.Time
	farewell string
	parted   bool // it left by itself; guarded by crowd.mu
	memory   memory
}

// said is a line whose answer would have a message id.
type said struct {
	place
	seq int
}

// connect dials a node and starts the reader.
func connect(ctx context.Context, b *bot, n *node, life int) (*visit, error) {
	d := net.Dialer{Timeout: answerLimit}
	conn, err := d.DialContext(ctx, "tcp", n.spring)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", n.name, err)
	}
	v := &visit{
		bot: b, node: n, life: life, touches: n.wellSince(), conn: conn, lines: make(chan string, 256),
		model: springclient.NewModel(b.flavor), pending: map[int]said{}, lastLine: time.Now(),
	}
	v.ear = newEar(b.name, n.index, v.clean)
	go func() {
		defer close(v.lines)
		in := bufio.NewReader(conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			v.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return v, nil
}

// clean reports whether nobody has touched the node during this visit.
func (v *visit) clean() bool { return v.touches >= 0 && v.node.touches.Load() == v.touches }

// close ends the connection and its reader.
func (v *visit) close() {
	_ = v.conn.Close()
	for range v.lines { //nolint:revive // the reader may stand before a full channel
	}
	v.bot.crowd.ledger.end(v.bot.name, v.life)
}

func (v *visit) send(format string, args ...any) error {
	_ = v.conn.SetWriteDeadline(time.Now().Add(answerLimit))
	if _, err := fmt.Fprintf(v.conn, format+"\n", args...); err != nil {
		return fmt.Errorf("send to %s: %w", v.node.name, err)
	}
	return nil
}

// until takes lines until one is what is waited for.
func (v *visit) until(ctx context.Context, what string, found func(line string) bool) error {
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	for {
		select {
		case line, open := <-v.lines:
			if !open {
				return v.gone()
			}
			v.take(line)
			if found(line) {
				return nil
			}
		case <-limit.C:
			return fmt.Errorf("no %s from %s within %s", what, v.node.name, seconds(answerLimit))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (v *visit) gone() error {
	if v.farewell != "" {
		return errors.New(v.farewell)
	}
	return errors.New("the connection ended")
}

// login comes in: account, login stream, channels.
func (v *visit) login(ctx context.Context) error {
	if err := v.until(ctx, "greeting", begins("TASSERVER ")); err != nil {
		return err
	}
	if !v.bot.known {
		if err := v.send("REGISTER %s %s %s@example.com", v.bot.name, hash(password), v.bot.name); err != nil {
			return err
		}
		if err := v.until(ctx, "account", begins("REGISTRATION")); err != nil {
			return err
		}
		v.bot.known = true // or it was denied because it is there, which LOGIN will tell
	}
	agent := springclient.PlayerAgent
	if v.bot.flavor == springclient.Host {
		agent = springclient.HostAgent
	}
	if err := v.send("LOGIN %s %s 0 * %s\t1234567890 deadbeef\tsp b", v.bot.name, hash(password), agent); err != nil {
		return err
	}
	denied := ""
	err := v.until(ctx, "login", func(line string) bool {
		if strings.HasPrefix(line, "DENIED ") {
			denied = line
		}
		return denied != "" || line == "LOGININFOEND"
	})
	if err != nil {
		return err
	}
	if denied != "" {
		return errors.New(denied)
	}
	for _, channel := range v.bot.channels {
		if err := v.enter(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

// enter joins a channel. While its owner is being replaced it is asked again.
func (v *visit) enter(ctx context.Context, channel string) error {
	for {
		if err := v.send("JOIN %s", channel); err != nil {
			return err
		}
		failed := false
		err := v.until(ctx, "answer to JOIN", func(line string) bool {
			failed = strings.HasPrefix(line, "JOINFAILED "+channel+" ")
			return failed || strings.HasPrefix(line, "CLIENTS "+channel+" ")
		})
		if err != nil {
			return err
		}
		if !failed {
			v.bot.crowd.ledger.enter(v.ear, channel, time.Now())
			return nil
		}
	}
}

func begins(prefix string) func(string) bool {
	return func(line string) bool { return strings.HasPrefix(line, prefix) }
}

// take looks at one line.
func (v *visit) take(line string) {
	now := time.Now()
	v.lastLine = now
	v.memory.keep(now, line)
	v.model.Line(line)
	v.battle(now)
	if n := len(v.model.Violations); n > v.strange {
		v.strange = n
		v.bot.crowd.strange(v, v.model.Violations[n-1])
	}
	id := 0
	if rest, ok := strings.CutPrefix(line, "#"); ok {
		number, rest, _ := strings.Cut(rest, " ")
		id, _ = strconv.Atoi(number)
		line = rest
	}
	command, rest, _ := strings.Cut(line, " ")
	switch command {
	case "SAID":
		channel, rest, _ := strings.Cut(rest, " ")
		speaker, text, _ := strings.Cut(rest, " ")
		v.hear(place{channel, speaker}, text, now)
	case "SAIDBATTLE":
		speaker, text, _ := strings.Cut(rest, " ")
		v.hear(place{battleRoom(v.room), speaker}, text, now)
	case "SERVERMSG":
		if s, ok := v.pending[id]; ok {
			v.bot.crowd.ledger.refuse(v.ear, s.place, v.life, s.seq)
			delete(v.pending, id)
		}
	case "JOINBATTLEFAILED", "OPENBATTLEFAILED":
		v.asking, v.asked = false, now
	case "s.system.disconnect":
		v.farewell = rest
	case "JOINBATTLEREQUEST":
		user, _, _ := strings.Cut(rest, " ")
		_ = v.send("JOINBATTLEACCEPT %s", user) // if it cannot be sent the reader ends as well
	case "REQUESTBATTLESTATUS":
		v.whole = true
		_ = v.send("MYBATTLESTATUS 0 0")
		v.bot.crowd.ledger.enter(v.ear, battleRoom(v.room), now)
		v.bot.crowd.seated(v, v.room)
	}
}

// battle follows where the model says that the bot is.
func (v *visit) battle(now time.Time) {
	at := int64(0)
	if v.model.Room != nil {
		at = v.model.Room.ID
	}
	if at == v.room {
		return
	}
	if v.room != 0 {
		v.bot.crowd.ledger.leave(v.ear, battleRoom(v.room))
		_, open := v.model.Battles[v.room]
		v.bot.crowd.left(v, v.room, open)
	}
	v.room, v.whole, v.asking, v.asked = at, false, false, now
}

// hear tells the ledger of a numbered line.
func (v *visit) hear(p place, text string, now time.Time) {
	n, sent, ok := parseLine(text)
	if !ok {
		return
	}
	l := v.bot.crowd.ledger
	mine := p.speaker == v.bot.name
	l.hear(v.ear, p, n, mine, now)
	v.bot.crowd.heard(v.bot, now)
	if took := now.Sub(sent); v.clean() {
		l.note(v.node.index, func(t *tally) { t.slowest = max(t.slowest, took) })
	}
	if mine && n.life == v.life {
		for id, s := range v.pending {
			if s.place == p && s.seq <= n.seq {
				delete(v.pending, id)
			}
		}
	}
}

// say says the next line in a room.
func (v *visit) say(room, command string) error {
	now := time.Now()
	p := place{room, v.bot.name}
	seq := v.bot.crowd.ledger.say(v.ear, p, v.life, now)
	v.serial++
	v.pending[v.serial] = said{p, seq}
	return v.send("#%d %s %s", v.serial, command, lineText(number{v.life, seq}, now))
}

// lineText is what bots say: whose number it is and when it was said.
func lineText(n number, at time.Time) string {
	return fmt.Sprintf("line %d.%d at %d", n.life, n.seq, at.UnixMicro())
}

func parseLine(text string) (n number, at time.Time, ok bool) {
	words := strings.Fields(text)
	if len(words) != 4 || words[0] != "line" {
		return n, at, false
	}
	n, ok = parseNumber(words[1])
	micros, err := strconv.ParseInt(words[3], 10, 64)
	return n, time.UnixMicro(micros), ok && err == nil
}

func parseNumber(text string) (n number, ok bool) {
	life, seq, _ := strings.Cut(text, ".")
	var err1, err2 error
	n.life, err1 = strconv.Atoi(life)
	n.seq, err2 = strconv.Atoi(seq)
	return n, err1 == nil && err2 == nil
}

func battleRoom(id int64) string { return "battle " + strconv.FormatInt(id, 10) }

// hash is a password as clients send it.
func hash(text string) string {
	sum := md5.Sum([]byte(text)) //nolint:gosec // the protocol asks for it
	return base64.StdEncoding.EncodeToString(sum[:])
}

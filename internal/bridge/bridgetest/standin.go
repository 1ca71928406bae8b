// Package bridgetest is a stand-in for Discord: as much of its API and gateway as the
// bridge uses, on a port of this machine.
package bridgetest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gorilla/websocket"
)

// Token is the one that it takes.
const Token = "a-token-for-tests"

// Me is the id of the bot that the token is of.
const Me = "1"

// Post is what was said.
type Post struct {
	Channel, Text, Nonce string
	Again                int // how often it came again
	Mentions             string
}

// Discord is the stand-in. Its methods may be called at any time.
type Discord struct {
	URL string

	mu      sync.Mutex
	posts   []*Post
	names   map[string]string
	ears    map[*websocket.Conn]bool
	opened  int
	next    int64
	refuse  func(r *http.Request) (code int, header map[string]string, body string)
	changed chan struct{}
}

// Start starts a stand-in and stops it when the test ends.
func Start(t testing.TB) *Discord {
	d := &Discord{names: map[string]string{}, ears: map[*websocket.Conn]bool{}, next: 1_000_000_000_000_000_000, changed: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /gateway/ws/", d.gateway)
	mux.HandleFunc("GET /api/v9/gateway", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]string{"url": "ws://" + r.Host + "/gateway/ws"})
	})
	mux.HandleFunc("POST /api/v9/channels/{id}/messages", d.asked(d.post))
	mux.HandleFunc("PATCH /api/v9/channels/{id}", d.asked(d.rename))
	mux.HandleFunc("POST /api/v9/users/@me/channels", d.asked(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Recipient string `json:"recipient_id"`
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		answer(w, map[string]string{"id": "9" + body.Recipient})
	}))
	server := httptest.NewServer(mux)
	d.URL = server.URL
	t.Cleanup(func() {
		d.Hang()
		server.Close()
	})
	return d
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// asked looks at the token, and refuses what the test wants refused.
func (d *Discord) asked(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bot "+Token {
			http.Error(w, `{"message":"401: Unauthorized","code":0}`, http.StatusUnauthorized)
			return
		}
		d.mu.Lock()
		refuse := d.refuse
		d.mu.Unlock()
		if refuse != nil {
			if code, header, body := refuse(r); code != 0 {
				for k, v := range header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(code)
				_, _ = w.Write([]byte(body))
				return
			}
		}
		next(w, r)
	}
}

// Refuse has requests answered by f where that gives a code; nil: none.
func (d *Discord) Refuse(f func(r *http.Request) (code int, header map[string]string, body string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refuse = f
}

func (d *Discord) post(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Content  string          `json:"content"`
		Nonce    string          `json:"nonce"`
		Enforce  bool            `json:"enforce_nonce"`
		Mentions json.RawMessage `json:"allowed_mentions"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.signal()
	for _, p := range d.posts {
		if body.Enforce && p.Nonce == body.Nonce {
			p.Again++
			answer(w, map[string]string{"id": "1"})
			return
		}
	}
	d.posts = append(d.posts, &Post{Channel: r.PathValue("id"), Text: body.Content, Nonce: body.Nonce, Mentions: string(body.Mentions)})
	answer(w, map[string]string{"id": fmt.Sprint(len(d.posts))})
}

func (d *Discord) rename(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name string `json:"name"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.signal()
	d.names[r.PathValue("id")] = body.Name
	answer(w, map[string]string{"id": r.PathValue("id")})
}

// signal says that something has changed. The lock is held.
func (d *Discord) signal() {
	close(d.changed)
	d.changed = make(chan struct{})
}

// Changed is closed when something happens after the call.
func (d *Discord) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

// Posts are those in a channel, each once; of all channels if it is empty.
func (d *Discord) Posts(channel string) (list []Post) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.posts {
		if channel == "" || p.Channel == channel {
			list = append(list, *p)
		}
	}
	return list
}

// Name is what a channel was named.
func (d *Discord) Name(channel string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.names[channel]
}

// Ears counts who listens.
func (d *Discord) Ears() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ears)
}

// Opened counts who has begun to listen.
func (d *Discord) Opened() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.opened
}

// gateway speaks as the gateway: hello, who are you, ready.
func (d *Discord) gateway(w http.ResponseWriter, r *http.Request) {
	up := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	var who struct {
		Op int `json:"op"`
		D  struct {
			Token string `json:"token"`
		} `json:"d"`
	}
	if conn.WriteJSON(map[string]any{"op": 10, "d": map[string]any{"heartbeat_interval": 41250}}) != nil || conn.ReadJSON(&who) != nil {
		return
	}
	if strings.TrimPrefix(who.D.Token, "Bot ") != Token {
		_ = conn.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4004, "Authentication failed."))
		return
	}
	ready := map[string]any{"op": 0, "t": "READY", "s": 1, "d": map[string]any{
		"v": 9, "session_id": "s", "user": map[string]any{"id": Me, "username": "bridge", "bot": true}, "guilds": []any{},
	}}
	if conn.WriteJSON(ready) != nil {
		return
	}
	d.mu.Lock()
	d.ears[conn] = true
	d.opened++
	d.signal()
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.ears, conn)
		d.signal()
		d.mu.Unlock()
	}()
	for {
		var beat struct {
			Op int `json:"op"`
		}
		if conn.ReadJSON(&beat) != nil {
			return
		}
		if beat.Op != 1 {
			continue
		}
		d.mu.Lock()
		err := conn.WriteJSON(map[string]any{"op": 11})
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Said is a message of somebody there. Guild is empty for a private one.
type Said struct {
	Channel, Guild, Author, Name, Text string
	Bot                                bool
	Files                              int
}

// Say has all who listen hear a message, and returns its id.
func (d *Discord) Say(m Said) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	id := fmt.Sprint(d.next)
	d.tell(id, m)
	return id
}

// SayAgain has them hear it under the id that it had.
func (d *Discord) SayAgain(id string, m Said) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tell(id, m)
}

func (d *Discord) tell(id string, m Said) {
	files := make([]any, m.Files)
	for i := range files {
		files[i] = map[string]any{"id": "1", "filename": "x.png"}
	}
	event := map[string]any{"op": 0, "t": "MESSAGE_CREATE", "s": d.next % 1_000_000, "d": map[string]any{
		"id": id, "channel_id": m.Channel, "guild_id": m.Guild, "content": m.Text, "type": 0, "attachments": files,
		"author": map[string]any{"id": m.Author, "username": m.Name, "bot": m.Bot}, "mentions": []any{},
	}}
	for conn := range d.ears {
		_ = conn.WriteJSON(event)
	}
}

// Hang ends the connections of all who listen.
func (d *Discord) Hang() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for conn := range d.ears {
		_ = conn.Close()
	}
}

// Package discord is Discord as package bridge sees it, through the library discordgo.
//
// The library's own ways to wait are not used: it sleeps where it cannot be woken. A
// request that would have to wait for a rate limit is refused as bridge.Busy before it is
// made, and a connection that is lost is not opened again here. What the library logs is
// not shown, and the token is in no error.
package discord

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/bwmarrin/discordgo"
	"github.com/gorilla/websocket"

	"teiserver/internal/bridge"
)

// Options of a Client.
type Options struct {
	Token string
	// API is the address of another server than Discord's own: a proxy, or a stand-in.
	API string
}

// Client talks with Discord as one bot. Requests are made one after the other.
type Client struct {
	token string
	api   *url.URL

	mu   sync.Mutex
	rest *discordgo.Session
	dms  map[string]string // channels of private messages, by person
}

var _ bridge.Discord = (*Client)(nil)

const (
	requestLimit = 20 * time.Second
	openLimit    = 20 * time.Second
	mostDMs      = 1000 // channels remembered
)

// New makes a client. It connects to nothing yet.
func New(o Options) (*Client, error) {
	c := &Client{token: o.Token, dms: map[string]string{}}
	if o.API != "" {
		u, err := url.Parse(o.API)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("%q is not an address that begins with https:// or http://", o.API)
		}
		c.api = u
	}
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	c.rest = s
	return c, nil
}

// session makes one of the library's.
func (c *Client) session() (*discordgo.Session, error) {
	s, err := discordgo.New("Bot " + c.token)
	if err != nil {
		return nil, fmt.Errorf("make a session with Discord: %w", err)
	}
	s.LogLevel = discordgo.LogError - 1 // nothing
	s.Client = &http.Client{Timeout: requestLimit, Transport: redirect{c.api, http.DefaultTransport}}
	s.ShouldReconnectOnError, s.ShouldRetryOnRateLimit, s.MaxRestRetries = false, false, 0
	s.StateEnabled = false
	s.SyncEvents = true // in order
	s.Identify.Intents = discordgo.IntentsGuildMessages | discordgo.IntentsDirectMessages | discordgo.IntentMessageContent
	return s, nil
}

// redirect sends requests for Discord elsewhere.
type redirect struct {
	to   *url.URL
	next http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	if r.to != nil {
		req = req.Clone(req.Context())
		req.URL.Scheme, req.URL.Host, req.Host = r.to.Scheme, r.to.Host, r.to.Host
	}
	return r.next.RoundTrip(req)
}

// message is what a post consists of. The library's type has no nonce.
type message struct {
	Content  string                           `json:"content"`
	Nonce    string                           `json:"nonce,omitempty"`
	Enforce  bool                             `json:"enforce_nonce,omitempty"`
	Mentions discordgo.MessageAllowedMentions `json:"allowed_mentions"`
	Flags    discordgo.MessageFlags           `json:"flags,omitempty"`
}

// Post implements bridge.Discord.
func (c *Client) Post(ctx context.Context, channel, text, nonce string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.post(ctx, channel, text, nonce)
}

func (c *Client) post(ctx context.Context, channel, text, nonce string) error {
	to := discordgo.EndpointChannelMessages(channel)
	_, err := c.request(ctx, http.MethodPost, to, to, message{
		Content: text, Nonce: nonce, Enforce: nonce != "", Flags: discordgo.MessageFlagsSuppressEmbeds,
		Mentions: discordgo.MessageAllowedMentions{Parse: []discordgo.AllowedMentionType{}},
	})
	return err
}

// Direct implements bridge.Discord.
func (c *Client) Direct(ctx context.Context, person, text, nonce string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	channel := c.dms[person]
	if channel == "" {
		to := discordgo.EndpointUserChannels("@me")
		answer, err := c.request(ctx, http.MethodPost, to, to, map[string]string{"recipient_id": person})
		if err != nil {
			return err
		}
		var made discordgo.Channel
		if err := discordgo.Unmarshal(answer, &made); err != nil || made.ID == "" {
			return fmt.Errorf("read the answer of Discord: %w", err)
		}
		if len(c.dms) >= mostDMs {
			clear(c.dms)
		}
		channel = made.ID
		c.dms[person] = channel
	}
	return c.post(ctx, channel, text, nonce)
}

// Rename implements bridge.Discord.
func (c *Client) Rename(ctx context.Context, channel, name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	to := discordgo.EndpointChannel(channel)
	_, err := c.request(ctx, http.MethodPatch, to, to, map[string]string{"name": name})
	return err
}

// request asks Discord once, unless its limits say to wait.
func (c *Client) request(ctx context.Context, method, to, bucket string, body any) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limits := c.rest.Ratelimiter
	if wait := limits.GetWaitTime(limits.GetBucket(bucket), 1); wait > 0 {
		return nil, &bridge.Busy{After: wait}
	}
	answer, err := c.rest.RequestWithBucketID(method, to, body, bucket, discordgo.WithContext(ctx))
	if err == nil {
		return answer, nil
	}
	if limited := (*discordgo.RateLimitError)(nil); errors.As(err, &limited) {
		return nil, &bridge.Busy{After: max(limited.RetryAfter, time.Second)}
	}
	if no := (*discordgo.RESTError)(nil); errors.As(err, &no) && no.Response != nil {
		code := no.Response.StatusCode
		// 401: the token is another by now; who changes it restarts the server, so it waits.
		if code >= 400 && code < 500 && code != http.StatusUnauthorized && code != http.StatusRequestTimeout {
			return nil, fmt.Errorf("%w: %s %s", bridge.ErrRejected, no.Response.Status, short(no.ResponseBody))
		}
		return nil, fmt.Errorf("ask Discord: %s", no.Response.Status)
	}
	return nil, fmt.Errorf("ask Discord: %w", err)
}

func short(body []byte) string { return strings.ToValidUTF8(string(body[:min(len(body), 200)]), "") }

// Listen implements bridge.Discord.
func (c *Client) Listen(ctx context.Context, heard func(bridge.Came)) error {
	s, err := c.session()
	if err != nil {
		return err
	}
	lost := make(chan struct{}, 1)
	s.AddHandler(func(*discordgo.Session, *discordgo.Disconnect) {
		select {
		case lost <- struct{}{}:
		default:
		}
	})
	me := ""
	s.AddHandler(func(_ *discordgo.Session, r *discordgo.Ready) {
		if r.User != nil {
			me = r.User.ID
		}
	})
	s.AddHandler(func(_ *discordgo.Session, m *discordgo.MessageCreate) {
		if came, ok := read(m.Message, me); ok {
			heard(came)
		}
	})

	// The library's Open and Close cannot be interrupted, the connections below can.
	var wires wires
	s.Dialer = &websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: openLimit,
		NetDialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{Timeout: openLimit}).DialContext(ctx, network, address)
			if err == nil {
				wires.add(conn)
			}
			return conn, err
		},
	}
	stop := context.AfterFunc(ctx, wires.cut)
	defer stop()
	slow := time.AfterFunc(openLimit, wires.cut)
	err = s.Open()
	slow.Stop()
	if err != nil {
		wires.cut()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("connect to Discord: %w", err)
	}
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-lost:
		err = errors.New("the connection to Discord was lost")
	}
	wires.cut()
	_ = s.Close()
	return err
}

// wires are the connections of one session.
type wires struct {
	mu   sync.Mutex
	open []net.Conn
	over bool
}

func (w *wires) add(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		_ = c.Close()
		return
	}
	w.open = append(w.open, c)
}

func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// read makes of a message what the bridge wants to know; false for our own, and for what
// is no message of a person.
func read(m *discordgo.Message, me string) (bridge.Came, bool) {
	if m == nil || m.Author == nil || m.Author.ID == me || m.WebhookID != "" ||
		m.Type != discordgo.MessageTypeDefault && m.Type != discordgo.MessageTypeReply {
		return bridge.Came{}, false
	}
	name := m.Author.GlobalName
	if m.Member != nil && m.Member.Nick != "" {
		name = m.Member.Nick
	}
	if name == "" {
		name = m.Author.Username
	}
	return bridge.Came{
		ID: m.ID, Channel: m.ChannelID, Author: m.Author.ID, Name: name, Text: m.ContentWithMentionsReplaced(),
		Direct: m.GuildID == "", Bot: m.Author.Bot, Files: len(m.Attachments) > 0,
	}, true
}

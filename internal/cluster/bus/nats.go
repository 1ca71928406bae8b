package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options says how a node takes part.
type Options struct {
	Self      Origin
	ClusterID string      // nodes of another cluster are turned away
	Listen    string      // host:port for the other nodes; empty: alone, no port at all
	Advertise string      // host:port at which they reach Listen; empty: Listen itself
	Join      []string    // host:port of other nodes; they may come up later
	Secret    string      // shared by all nodes of the cluster
	TLS       *tls.Config // between nodes, for both sides; nil: none
	Log       *slog.Logger
	// OnPeerError gets a *PeerError, one clear line about a peer that does not fit: another
	// secret, another cluster, no TLS. The same error again within a minute is left out.
	OnPeerError func(error)
	// OnTried is called once, when none of the peers to join could be connected to at the
	// first try. It is not called when one of them could: that one is heard soon, or does
	// not fit.
	OnTried func()

	beat, silence time.Duration // for tests; 0 means as usual
}

// NATS is the bus over embedded NATS servers, one in each node, that are connected
// with each other. Nothing is kept anywhere.
type NATS struct {
	*core
	link *link // nil: alone
}

// OpenNATS joins the cluster. It returns as soon as this node listens; other
// nodes are found then, see Peers. A port in use is an error.
func OpenNATS(ctx context.Context, o Options) (Bus, error) {
	if o.Self.Node == "" {
		return nil, errors.New("open bus: a node needs a name")
	}
	b := &NATS{core: newCore(o.Self, o.Log, bootUptime)}
	if o.beat > 0 {
		b.beat, b.silence = o.beat, o.silence
	}
	if o.Listen == "" {
		if len(o.Join) > 0 {
			return nil, errors.New("open bus: a node that joins others must listen for them")
		}
		return b, b.start(nil)
	}
	l, err := openLink(ctx, o, b.core)
	if err != nil {
		return nil, fmt.Errorf("open bus: %w", err)
	}
	b.link = l
	if err := b.start(l); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Address is where the other nodes find this one, empty if it is alone.
func (b *NATS) Address() string {
	if b.link == nil {
		return ""
	}
	return b.link.server.ClusterAddr().String()
}

// Subjects: t.<topic>, q.<node>.<service>, r.<node>.<incarnation>.<id>.
const (
	topicPrefix   = "t."
	requestPrefix = "q."
	answerPrefix  = "r."
)

// maxPayload bounds one message. Views of rosters are the largest; a view beyond
// it is a bug that must show at the sender.
const maxPayload = 32 << 20

// link is the connection to the embedded server.
type link struct {
	core   *core
	server *server.Server
	conn   *nats.Conn
	inbox  string

	raw    chan *nats.Msg // from NATS, see inflow
	inflow *inflow
	done   chan struct{}
	wg     sync.WaitGroup

	mu   sync.Mutex
	subs map[string]*nats.Subscription // by subject
}

func openLink(ctx context.Context, o Options, c *core) (*link, error) {
	srv, way, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	l := &link{
		core:   c,
		server: srv,
		inbox:  answerPrefix + token(o.Self.Node) + "." + strconv.FormatInt(o.Self.Incarnation, 10) + ".",
		raw:    make(chan *nats.Msg, rawQueue),
		inflow: newInflow(),
		done:   make(chan struct{}),
		subs:   map[string]*nats.Subscription{},
	}
	l.conn, err = nats.Connect("", way,
		nats.InProcessServer(srv),
		nats.Name(o.Self.Node),
		nats.NoEcho(),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(50*time.Millisecond),
		nats.ReconnectBufSize(maxPayload),
		nats.ErrorHandler(l.asyncError),
	)
	if err != nil {
		srv.Shutdown()
		return nil, fmt.Errorf("connect to own server: %w", err)
	}
	l.wg.Go(l.pump)
	l.wg.Go(l.dispatch)
	if err := l.subscribe(l.inbox + "*"); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *link) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if errors.Is(err, nats.ErrSlowConsumer) {
		l.core.overflow.Add(1)
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	l.core.log.Warn("bus connection complained", "topic", subject, "err", err)
}

// pump empties the channel of NATS, which drops what does not fit, into a queue
// that grows.
func (l *link) pump() {
	for {
		select {
		case <-l.done:
			l.inflow.close()
			return
		case m := <-l.raw:
			if !l.inflow.put(m) {
				l.core.overflow.Add(1)
				l.core.log.Warn("message dropped, too many wait", "topic", m.Subject)
			}
		}
	}
}

// dispatch is the one goroutine on which remote messages are handled.
func (l *link) dispatch() {
	for {
		m, ok := l.inflow.take()
		if !ok {
			return
		}
		if f, ok := l.frame(m); ok {
			l.core.receive(f)
			continue
		}
		l.core.malformed.Add(1)
	}
}

// frame reads what a message is from its subject.
func (l *link) frame(m *nats.Msg) (frame, bool) {
	switch {
	case strings.HasPrefix(m.Subject, topicPrefix):
		name, ok := untoken(m.Subject[len(topicPrefix):])
		return frame{kind: published, name: name, data: m.Data}, ok
	case strings.HasPrefix(m.Subject, requestPrefix):
		name, ok := untoken(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
		id, err := strconv.ParseUint(m.Reply[strings.LastIndexByte(m.Reply, '.')+1:], 10, 64)
		return frame{kind: asked, name: name, id: id, data: m.Data}, ok && err == nil
	case strings.HasPrefix(m.Subject, l.inbox):
		id, err := strconv.ParseUint(m.Subject[len(l.inbox):], 10, 64)
		f := frame{kind: answered, id: id, data: m.Data}
		if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
			f.kind = nobody
		}
		return f, err == nil
	}
	return frame{}, false
}

func (l *link) subscribe(subject string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs[subject] != nil {
		return nil
	}
	if len(subject) > maxSubject {
		return fmt.Errorf("subscribe %.40s…: %w", subject, ErrLongName)
	}
	sub, err := l.conn.ChanSubscribe(subject, l.raw)
	if err != nil {
		return fmt.Errorf("subscribe %s: %w", subject, closedOr(err))
	}
	l.subs[subject] = sub
	return nil
}

func (l *link) publish(topic string, data []byte) error {
	return l.send(topicPrefix+token(topic), "", data)
}

func (l *link) listen(topic string) error { return l.subscribe(topicPrefix + token(topic)) }

func (l *link) unlisten(topic string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	subject := topicPrefix + token(topic)
	if sub := l.subs[subject]; sub != nil {
		delete(l.subs, subject)
		if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
			l.core.log.Warn("topic not unsubscribed", "topic", topic, "err", err)
		}
	}
}

func (l *link) serve(service string) error {
	return l.subscribe(requestPrefix + token(l.core.self.Node) + "." + token(service))
}

func (l *link) ask(node, service string, id uint64, data []byte) error {
	return l.send(requestPrefix+token(node)+"."+token(service), l.inbox+strconv.FormatUint(id, 10), data)
}

func (l *link) answer(to Origin, id uint64, data []byte) error {
	subject := answerPrefix + token(to.Node) + "." + strconv.FormatInt(to.Incarnation, 10) + "." + strconv.FormatUint(id, 10)
	return l.send(subject, "", data)
}

// maxSubject is well below what a server takes in one line of its protocol: a longer
// one would make it close the connection, and with it the whole bus.
const maxSubject = 2048

func (l *link) send(subject, reply string, data []byte) error {
	if len(subject) > maxSubject {
		return fmt.Errorf("publish %.40s…: %w", subject, ErrLongName)
	}
	err := l.conn.PublishMsg(&nats.Msg{Subject: subject, Reply: reply, Data: data})
	if err != nil {
		return fmt.Errorf("publish %s (%d bytes): %w", subject, len(data), closedOr(err))
	}
	return nil
}

func (l *link) close() error {
	// What was published before Close should go out: a leaving node says so.
	_ = l.conn.FlushTimeout(time.Second)
	l.conn.Close()
	close(l.done)
	l.wg.Wait()
	l.server.Shutdown()
	l.server.WaitForShutdown()
	return nil
}

func closedOr(err error) error {
	if errors.Is(err, nats.ErrConnectionClosed) {
		return ErrClosed
	}
	return err
}

// token writes any text as one token of a subject: letters, digits, - and _ as
// they are, all else as = and two hex digits.
func token(s string) string {
	const hex = "0123456789abcdef"
	plain := true
	for i := range len(s) {
		plain = plain && plainByte(s[i])
	}
	if plain && s != "" {
		return s
	}
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if plainByte(s[i]) {
			out = append(out, s[i])
			continue
		}
		out = append(out, '=', hex[s[i]>>4], hex[s[i]&15])
	}
	if len(out) == 0 {
		return "=" // the empty text
	}
	return string(out)
}

func plainByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b == '-' || b == '_'
}

// untoken is the reverse of token.
func untoken(s string) (string, bool) {
	if s == "=" {
		return "", true
	}
	if !strings.Contains(s, "=") {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '=' {
			out = append(out, s[i])
			continue
		}
		if i+3 > len(s) {
			return "", false
		}
		b, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		out = append(out, byte(b))
		i += 2
	}
	return string(out), true
}

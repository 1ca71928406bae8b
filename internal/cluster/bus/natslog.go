package bus

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"
)

// peerErrorEvery: a peer that does not fit tries again every second; one line a
// minute is enough.
const peerErrorEvery = time.Minute

// lookupTimeout bounds the look-up of the peers' names.
const lookupTimeout = 2 * time.Second

// PeerError is a peer that does not fit.
type PeerError struct {
	Peer string // its host
	Why  string
	// Joined says that this node was told to join a peer there, and it was not
	// somebody who only knocked: anybody who reaches the port can do that.
	Joined bool
}

func (e *PeerError) Error() string { return "peer " + e.Peer + " does not fit: " + e.Why }

// serverLog is the logger of the embedded server. It recognizes what an operator
// must know, a peer that does not fit, and leaves the rest for debugging.
type serverLog struct {
	log   *slog.Logger
	tell  func(error)
	fatal chan string
	join  map[string]bool // hosts that this node was told to join

	mu   sync.Mutex
	told map[PeerError]time.Time
	down map[string]bool // peers that could not be connected to, until all of them were tried
	left int             // of the peers to join, how many are not down
	all  func()          // none is left
}

func newServerLog(o Options) *serverLog {
	l := &serverLog{log: o.Log, tell: o.OnPeerError, fatal: make(chan string, 1), told: map[PeerError]time.Time{}, join: joinHosts(o.Join), down: map[string]bool{}, all: o.OnTried}
	for _, peer := range o.Join {
		if peer != o.Listen && peer != o.Advertise { // the list may be the same on all nodes
			l.left++
		}
	}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.tell == nil {
		l.tell = func(err error) { l.log.Error("peer turned away", "err", err) }
	}
	return l
}

// joinHosts are the hosts of the peers to join, by name and by address.
func joinHosts(peers []string) map[string]bool {
	hosts := map[string]bool{}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	for _, peer := range peers {
		host, _, err := net.SplitHostPort(peer)
		if err != nil {
			continue
		}
		hosts[host] = true
		addresses, _ := net.DefaultResolver.LookupHost(ctx, host) // else it is known by its name only
		for _, a := range addresses {
			hosts[a] = true
		}
	}
	return hosts
}

// peerErrors are the texts of the server by which we know that a peer does not
// fit, and what they mean. The test of each runs two servers that do not fit.
var peerErrors = []struct {
	text, meaning string
	knocked       bool // it came to us, and we have turned it away
}{
	{"authentication error - User", otherSecret, true},
	{"authentication error", noLogin, true},
	{"Authorization Violation", otherSecret, false},       // heard where it came from
	{"cluster name ", otherCluster, false},                // both
	{"Cluster Name Conflict", otherCluster, false},        // both
	{"TLS route handshake error", tlsDoesNotMatch, false}, // both
}

const (
	otherSecret     = "it has another secret"
	noLogin         = "it did not log in: it is no node, or only one of both uses TLS"
	otherCluster    = "it belongs to another cluster"
	tlsDoesNotMatch = "no TLS connection: check the certificates, and that both nodes use TLS"
)

// inspect looks for a peer error in a line of the server.
func (l *serverLog) inspect(line string) bool {
	for _, p := range peerErrors {
		if !strings.Contains(line, p.text) {
			continue
		}
		peer, _, route := strings.Cut(line, " - rid:")
		if !route {
			return false // somebody on this host at the port for clients
		}
		host, _, err := net.SplitHostPort(strings.TrimSpace(peer))
		if err != nil {
			host = strings.TrimSpace(peer)
		}
		e := PeerError{Peer: host, Why: p.meaning, Joined: l.join[host] && !p.knocked}
		if l.fresh(e) {
			l.tell(&e)
		}
		return true
	}
	return false
}

// again reports whether this is one more try to reach a peer that is down: the server
// tries every second, for as long as it is down.
func (l *serverLog) again(line string) bool {
	rest, down := strings.CutPrefix(line, "Error trying to connect to route")
	if !down {
		return false
	}
	_, why, _ := strings.Cut(rest, "): ") // behind the number of the try; it names the peer
	l.failed(why)
	return !l.fresh(PeerError{Why: why})
}

// failed notes a peer that cannot be connected to.
func (l *serverLog) failed(why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left == 0 || l.down[why] {
		return
	}
	l.down[why] = true
	if l.left--; l.left == 0 && l.all != nil {
		l.all()
	}
}

// fresh reports whether this was not told within the last minute.
func (l *serverLog) fresh(e PeerError) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, ok := l.told[e]; ok && now.Sub(at) < peerErrorEvery {
		return false
	}
	l.told[e] = now
	return true
}

func (l *serverLog) line(level slog.Level, format string, v []any) {
	line := fmt.Sprintf(format, v...)
	if l.inspect(line) || l.again(line) {
		level = slog.LevelDebug
	}
	l.log.Log(context.Background(), level, "bus server", "text", strings.TrimSpace(line))
}

func (l *serverLog) Noticef(format string, v ...any) { l.line(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.line(slog.LevelDebug, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.line(slog.LevelWarn, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.line(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(string, ...any)           {}

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
	l.line(slog.LevelError, format, v)
}

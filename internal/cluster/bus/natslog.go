package bus

import (
	"context"
	"errors"
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

// serverLog is the logger of the embedded server. It recognizes what an operator
// must know, a peer that does not fit, and leaves the rest for debugging.
type serverLog struct {
	log   *slog.Logger
	tell  func(error)
	fatal chan string

	mu   sync.Mutex
	told map[string]time.Time
}

func newServerLog(o Options) *serverLog {
	l := &serverLog{log: o.Log, tell: o.OnPeerError, fatal: make(chan string, 1), told: map[string]time.Time{}}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.tell == nil {
		l.tell = func(err error) { l.log.Error("peer turned away", "err", err) }
	}
	return l
}

// peerErrors are the texts of the server by which we know that a peer does not
// fit, and what they mean. The test of each runs two servers that do not fit.
var peerErrors = []struct{ text, meaning string }{
	{"authentication error - User", otherSecret}, // said where it knocks
	{"authentication error", noLogin},
	{"Authorization Violation", otherSecret},       // heard where it came from
	{"cluster name ", otherCluster},                // both
	{"Cluster Name Conflict", otherCluster},        // both
	{"TLS route handshake error", tlsDoesNotMatch}, // both
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
		if text := "peer " + host + " does not fit: " + p.meaning; l.fresh(text) {
			l.tell(errors.New(text))
		}
		return true
	}
	return false
}

// fresh reports whether this was not told within the last minute.
func (l *serverLog) fresh(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, ok := l.told[text]; ok && now.Sub(at) < peerErrorEvery {
		return false
	}
	l.told[text] = now
	return true
}

func (l *serverLog) line(level slog.Level, format string, v []any) {
	line := fmt.Sprintf(format, v...)
	if l.inspect(line) {
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

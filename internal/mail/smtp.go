package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"regexp"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// SMTP is a Sender that hands letters to a mail server. Its password is in no error and in
// no log.
type SMTP struct {
	Host     string
	Port     int
	Security Security
	User     string // empty: without a login
	Password func() string
	From     netmail.Address
	TLS      *tls.Config // nil: the certificates of the system
}

// Security is how the way to a mail server is kept secret.
type Security int

// The ways. A server that does not offer STARTTLS gets no letter.
const (
	StartTLS Security = iota // TLS after the greeting
	Implicit                 // TLS from the first byte
	Plain                    // none, for a server on the same machine
)

// talkLimit bounds the greeting, and again the handing over: twice it is below sendLimit.
const talkLimit = 20 * time.Second

// Send implements Sender.
func (s SMTP) Send(ctx context.Context, l Letter) error {
	msg, err := compose(s.From, l)
	if err != nil {
		return err
	}
	line := &line{config: s.config(), implicit: s.Security == Implicit}
	defer line.close() // the library leaves it open when the greeting goes wrong
	defer context.AfterFunc(ctx, line.close)()
	c, err := gomail.NewClient(s.Host, s.options(line)...)
	if err != nil {
		return fmt.Errorf("mail server %s: %w", s.Host, err)
	}
	session, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("mail server %s: %w", s.Host, err)
	}
	defer func() { _ = c.CloseWithSMTPClient(session) }()
	if err := ctx.Err(); err != nil {
		return err
	}
	err = c.SendWithSMTPClient(session, msg)
	if err == nil || msg.IsDelivered() {
		return nil // what the server says after it has taken it is nothing to us
	}
	if final(err) {
		return fmt.Errorf("%w by %s: %w", ErrRefused, s.Host, err)
	}
	return fmt.Errorf("mail server %s: %w", s.Host, err)
}

// final reports that a mail server refuses a letter for good, and not us: that it does not
// know us, does not relay for us or does not like our address is mended by the operator, and
// the letters leave then.
func final(err error) bool {
	var failed *gomail.SendError
	if !errors.As(err, &failed) || failed.ErrorCode() < 500 || failed.ErrorCode() == notAuthenticated || policy.MatchString(failed.Error()) {
		return false
	}
	switch failed.Reason {
	case gomail.ErrSMTPRcptTo:
		return failed.ErrorCode() != noTransaction
	case gomail.ErrSMTPDataClose:
		return true
	}
	return false
}

// What mail servers answer who do not want to work for us; and, to DATA, to what we say.
const (
	notAuthenticated = 530
	noTransaction    = 554
)

var policy = regexp.MustCompile(`\b5\.7\.\d`)

// line is the connection of one letter.
type line struct {
	config   *tls.Config
	implicit bool

	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

func (l *line) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	l.conn = conn
	closed := l.closed
	l.mu.Unlock()
	if closed { // before there was anything to close
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	if !l.implicit {
		return conn, nil
	}
	secure := tls.Client(conn, l.config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return secure, nil
}

func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil && !l.closed {
		_ = l.conn.Close()
	}
	l.closed = true
}

func (s SMTP) config() *tls.Config {
	config := s.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = s.Host
	}
	return config
}

func (s SMTP) options(l *line) []gomail.Option {
	o := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(talkLimit), gomail.WithTLSConfig(l.config), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(l.dial),
	}
	switch s.Security {
	case Implicit: // TLS is there, and STARTTLS not offered anymore
		o = append(o, gomail.WithTLSPolicy(gomail.TLSOpportunistic))
	case Plain:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.User != "" {
		o = append(o, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(s.Password()))
	}
	return o
}

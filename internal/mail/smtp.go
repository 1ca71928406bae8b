package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
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
	defer context.AfterFunc(ctx, line.close)()
	err = c.SendWithSMTPClient(session, msg)
	if err == nil || msg.IsDelivered() {
		return nil // what the server says after it has taken it is nothing to us
	}
	var failed *gomail.SendError
	if errors.As(err, &failed) && !failed.IsTemp() && failed.ErrorCode() >= 500 {
		return fmt.Errorf("%w by %s: %w", ErrRefused, s.Host, err)
	}
	return fmt.Errorf("mail server %s: %w", s.Host, err)
}

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
	l.mu.Unlock()
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
		l.closed = true
		_ = l.conn.Close()
	}
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

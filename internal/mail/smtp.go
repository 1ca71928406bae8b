package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	netmail "net/mail"
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
	c, err := gomail.NewClient(s.Host, s.options()...)
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
	var failed *gomail.SendError
	if errors.As(err, &failed) && !failed.IsTemp() && failed.ErrorCode() >= 500 {
		return fmt.Errorf("%w by %s: %w", ErrRefused, s.Host, err)
	}
	return fmt.Errorf("mail server %s: %w", s.Host, err)
}

func (s SMTP) options() []gomail.Option {
	config := s.TLS.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if config.ServerName == "" {
		config.ServerName = s.Host
	}
	o := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(talkLimit), gomail.WithTLSConfig(config), gomail.WithoutNoop()}
	switch s.Security {
	case Implicit:
		o = append(o, gomail.WithSSL())
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

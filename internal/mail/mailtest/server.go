// Package mailtest is a mail server for tests: it speaks SMTP, and keeps what it is given.
package mailtest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Who may log in.
const (
	User     = "robot"
	Password = "swordfish 42"
)

// Login is one that was tried.
type Login struct {
	Said   string // all of it
	Secure bool   // over TLS
}

// Server is a small mail server that keeps what it takes. Its fields are set before Start.
type Server struct {
	ln       net.Listener
	tls      *tls.Config
	Roots    *x509.CertPool // that it is known by, after Start
	Implicit bool           // TLS from the first byte
	Plain    bool           // offers no STARTTLS
	NoAuth   bool           // offers no AUTH
	Greeting string         // of its own, such as 421
	From     string         // the answer to MAIL, empty: 250
	Rcpt     string         // the answer to RCPT, empty: 250
	Data     string         // the answer to the message, empty: 250
	Cut      bool           // ends the connection after the message, without an answer
	Mute     bool           // says nothing after the greeting
	Spoke    chan struct{}  // closed when a client has spoken to a mute server; nil: nobody looks

	mu       sync.Mutex
	messages []string
	logins   []Login
	came     chan struct{} // closed with each message, and made anew
	done     sync.WaitGroup
}

// Start serves until the test ends.
func (s *Server) Start(t testing.TB) *Server {
	t.Helper()
	cert, roots := certificate(t)
	s.tls, s.Roots = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, roots
	s.came = make(chan struct{})
	var err error
	if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.done.Go(func() {
		for {
			conn, err := s.ln.Accept()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = s.ln.Close(); s.done.Wait() })
	return s
}

func certificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (s *Server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	secured := s.Implicit
	if s.Implicit {
		conn = tls.Server(conn, s.tls)
	}
	in := bufio.NewReader(conn)
	say := func(lines ...string) { _, _ = io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n") }
	if s.Greeting != "" {
		say(s.Greeting)
		return
	}
	say("220 mail.test ESMTP")
	if s.Mute {
		if _, err := in.ReadString('\n'); err == nil && s.Spoke != nil {
			close(s.Spoke)
		}
		_, _ = io.Copy(io.Discard, in)
		return
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch strings.ToUpper(verb) {
		case "EHLO", "HELO":
			offers := []string{"mail.test", "8BITMIME", "ENHANCEDSTATUSCODES"}
			if !s.NoAuth && (secured || s.Plain) {
				offers = append(offers, "AUTH PLAIN")
			}
			if !secured && !s.Plain {
				offers = append(offers, "STARTTLS")
			}
			for i, o := range offers {
				sep := "-"
				if i == len(offers)-1 {
					sep = " "
				}
				say("250" + sep + o)
			}
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, s.tls)
			in, secured = bufio.NewReader(conn), true
		case "AUTH":
			_, word, _ := strings.Cut(rest, " ")
			raw, _ := base64.StdEncoding.DecodeString(word)
			s.mu.Lock()
			s.logins = append(s.logins, Login{strings.ReplaceAll(string(raw), "\x00", " "), secured})
			s.mu.Unlock()
			if string(raw) != "\x00"+User+"\x00"+Password {
				say("535 5.7.8 authentication failed")
				continue
			}
			say("235 2.7.0 welcome")
		case "MAIL":
			if s.From != "" {
				say(s.From)
				continue
			}
			say("250 2.1.0 ok")
		case "RSET", "NOOP":
			say("250 2.0.0 ok")
		case "RCPT":
			if s.Rcpt != "" {
				say(s.Rcpt)
				continue
			}
			say("250 2.1.5 ok")
		case "DATA":
			say("354 go ahead")
			var b bytes.Buffer
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			if s.Data != "" {
				say(s.Data)
				continue
			}
			s.mu.Lock()
			s.messages = append(s.messages, b.String())
			close(s.came)
			s.came = make(chan struct{})
			s.mu.Unlock()
			if s.Cut {
				return
			}
			say("250 2.0.0 queued")
		case "QUIT":
			say("221 2.0.0 bye")
			return
		default:
			say("502 5.5.1 what?")
		}
	}
}

// Address is where it listens.
func (s *Server) Address() *net.TCPAddr { return s.ln.Addr().(*net.TCPAddr) }

// Messages are those that it has taken, as they came.
func (s *Server) Messages() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.messages)
}

// Logins are those that were tried.
func (s *Server) Logins() []Login {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.logins)
}

// Letter is a message as its reader sees it.
type Letter struct{ ID, To, Subject, Text string }

// Parse reads a message.
func Parse(raw string) (Letter, error) {
	m, err := mail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		return Letter{}, err
	}
	body := m.Body
	if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	return Letter{
		ID: m.Header.Get("Message-ID"), To: strings.Trim(m.Header.Get("To"), "<>"), Subject: m.Header.Get("Subject"),
		Text: strings.ReplaceAll(string(text), "\r\n", "\n"),
	}, err
}

// Letters are those to an address whose subject ends so, the oldest first; it waits until
// there are as many as are wanted.
func (s *Server) Letters(ctx context.Context, to, subject string, want int) ([]Letter, error) {
	for {
		s.mu.Lock()
		messages, came := slices.Clone(s.messages), s.came
		s.mu.Unlock()
		var found []Letter
		for _, raw := range messages {
			l, err := Parse(raw)
			if err != nil {
				return nil, err
			}
			if l.To == to && strings.HasSuffix(l.Subject, subject) {
				found = append(found, l)
			}
		}
		if len(found) >= want {
			return found, nil
		}
		select {
		case <-came:
		case <-ctx.Done():
			return found, fmt.Errorf("%d of %d letters to %s: %w", len(found), want, to, ctx.Err())
		}
	}
}

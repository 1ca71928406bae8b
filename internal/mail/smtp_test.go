package mail

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teiserver/internal/mail/mailtest"
)

// sender speaks with a server.
func sender(s *mailtest.Server, how Security) SMTP {
	return SMTP{
		Host: "127.0.0.1", Port: s.Address().Port, Security: how, User: mailtest.User, Password: func() string { return mailtest.Password },
		From: netmail.Address{Name: "Our game", Address: "noreply@example.org"}, TLS: &tls.Config{RootCAs: s.Roots, MinVersion: tls.VersionTLS12},
	}
}

func letter() Letter {
	return Letter{
		ID: 3, Key: "verification-ABC", User: 7, Purpose: "verification", To: "bob@example.com", Subject: "Our gäme - New account",
		Text: "Hello Bob,\n\n.a line with a dot\n\n    123456\n\nGrüße\n", Made: time.Date(2026, 3, 4, 17, 6, 7, 0, time.UTC),
	}
}

// read checks a message as a mail program would show it.
func read(t *testing.T, raw string, l Letter) {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	decode := new(mime.WordDecoder)
	subject, _ := decode.DecodeHeader(m.Header.Get("Subject"))
	for name, got := range map[string][2]string{
		"Subject":        {subject, l.Subject},
		"Message-ID":     {m.Header.Get("Message-ID"), "<" + l.Key + "@example.org>"},
		"From":           {m.Header.Get("From"), `"Our game" <noreply@example.org>`},
		"To":             {m.Header.Get("To"), "<bob@example.com>"},
		"Auto-Submitted": {m.Header.Get("Auto-Submitted"), "auto-generated"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: %q, want %q", name, got[0], got[1])
		}
	}
	if at, err := m.Header.Date(); err != nil || !at.Equal(l.Made) {
		t.Error(at, err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || strings.TrimSpace(strings.ReplaceAll(string(body), "\r\n", "\n")) != strings.TrimSpace(l.Text) {
		t.Errorf("%v: %q\n%s", err, body, raw)
	}
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server *mailtest.Server
		how    Security
	}{
		"STARTTLS": {&mailtest.Server{}, StartTLS},
		"implicit": {&mailtest.Server{Implicit: true}, Implicit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tc.server.Start(t)
			for range 2 { // the same again is the same message
				if err := sender(s, tc.how).Send(t.Context(), letter()); err != nil {
					t.Fatal(err)
				}
			}
			messages, logins := s.Messages(), s.Logins()
			if len(messages) != 2 || len(logins) != 2 || !logins[0].Secure {
				t.Fatalf("%d messages, logins %+v", len(messages), logins)
			}
			for _, raw := range messages {
				read(t, raw, letter())
			}
		})
	}
}

// TestSMTPPlain: a server on this machine without TLS and without a login.
func TestSMTPPlain(t *testing.T) {
	t.Parallel()
	s := (&mailtest.Server{Plain: true, NoAuth: true}).Start(t)
	from := sender(s, Plain)
	from.User = ""
	if err := from.Send(t.Context(), letter()); err != nil {
		t.Fatal(err)
	}
	read(t, s.Messages()[0], letter())
}

func TestSMTPErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		server  *mailtest.Server
		change  func(s *SMTP)
		to      string
		refused bool
	}{
		"no STARTTLS":         {server: &mailtest.Server{Plain: true}},
		"unknown certificate": {server: &mailtest.Server{}, change: func(s *SMTP) { s.TLS = nil }},
		"another name":        {server: &mailtest.Server{}, change: func(s *SMTP) { s.TLS.ServerName = "mail.example.org" }},
		"wrong password":      {server: &mailtest.Server{}, change: func(s *SMTP) { s.Password = func() string { return mailtest.Password + "x" } }},
		"no AUTH":             {server: &mailtest.Server{NoAuth: true}},
		"busy":                {server: &mailtest.Server{Greeting: "421 4.3.2 too busy"}},
		"greylisted":          {server: &mailtest.Server{Rcpt: "450 4.2.0 try again later"}},
		"no such user":        {server: &mailtest.Server{Rcpt: "550 5.1.1 no such user"}, refused: true},
		"wrong --mail-from":   {server: &mailtest.Server{From: "550 5.1.8 who are you?"}},
		"no login before":     {server: &mailtest.Server{Rcpt: "530 5.5.1 authentication required"}},
		"relay denied":        {server: &mailtest.Server{Rcpt: "554 5.7.1 relay access denied"}},
		"relay denied, short": {server: &mailtest.Server{Rcpt: "554 relay access denied"}},
		"policy":              {server: &mailtest.Server{Data: "550 5.7.26 not authenticated"}},
		"content":             {server: &mailtest.Server{Data: "554 5.6.0 I do not like it"}, refused: true},
		"no address":          {server: &mailtest.Server{}, to: "bob@@example.com\r\nBcc: eve@example.com", refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tc.server.Start(t)
			from := sender(s, StartTLS)
			if tc.change != nil {
				tc.change(&from)
			}
			l := letter()
			if tc.to != "" {
				l.To = tc.to
			}
			err := from.Send(t.Context(), l)
			if err == nil || errors.Is(err, ErrRefused) != tc.refused {
				t.Errorf("%v, refused %v", err, errors.Is(err, ErrRefused))
			}
			if err != nil && strings.Contains(err.Error(), "swordfish") || err != nil && strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte(mailtest.Password))) {
				t.Errorf("the password is in %v", err)
			}
			if messages := s.Messages(); len(messages) > 0 {
				t.Errorf("taken:\n%s", messages[0])
			}
			for _, login := range s.Logins() {
				if !login.Secure {
					t.Errorf("a password without TLS: %s", login.Said)
				}
			}
		})
	}
}

// TestSMTPCut: without the answer of the mail server a letter is not known to be sent.
func TestSMTPCut(t *testing.T) {
	t.Parallel()
	s := (&mailtest.Server{Cut: true}).Start(t)
	if err := sender(s, StartTLS).Send(t.Context(), letter()); err == nil || errors.Is(err, ErrRefused) {
		t.Error(err)
	}
}

// TestSMTPEnds: a mail server that says nothing does not hold a letter.
func TestSMTPEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := (&mailtest.Server{Mute: true, Spoke: make(chan struct{})}).Start(t)
	go func() {
		select {
		case <-s.Spoke: // the sender waits for an answer now
			cancel()
		case <-ctx.Done():
		}
	}()
	err := sender(s, StartTLS).Send(ctx, letter())
	if err == nil || errors.Is(err, ErrRefused) || ctx.Err() == nil {
		t.Errorf("%v, while %v", err, ctx.Err())
	}
}

func TestFileAndLog(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "mail")
	f := File{Folder: folder, From: netmail.Address{Name: "Our game", Address: "noreply@example.org"}}
	for range 2 {
		if err := f.Send(t.Context(), letter()); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 || entries[0].Name() != "verification-ABC.eml" {
		t.Fatalf("%v %v", entries, err)
	}
	raw, err := os.ReadFile(filepath.Join(folder, entries[0].Name()))
	if err != nil {
		t.Fatal(err)
	}
	read(t, string(raw), letter())

	var b bytes.Buffer
	if err := (Log{slog.New(slog.NewTextHandler(&b, nil))}).Send(t.Context(), letter()); err != nil || !strings.Contains(b.String(), "123456") || !strings.Contains(b.String(), "to=bob@example.com") {
		t.Error(err, b.String())
	}
}

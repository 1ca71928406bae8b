package config

import (
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
)

// The ways of mail, see Config.Mailer.
const (
	MailLog   = "log"
	MailNone  = "none"
	MailFile  = "file"
	MailSMTP  = "smtp"       // STARTTLS
	MailSMTPS = "smtps"      // TLS from the first byte
	MailPlain = "smtp+plain" // on this machine only
)

// Mailer says where mail goes.
type Mailer struct {
	Way    string
	Folder string // of MailFile
	Host   string
	Port   int
	User   string
	From   netmail.Address
}

// mailPorts are those of a mail server for who hands in mail.
var mailPorts = map[string]int{MailSMTP: 587, MailSMTPS: 465, MailPlain: 25}

// Mailer reads --mail and --mail-from.
func (c *Config) Mailer() (m Mailer, err error) {
	if m, err = parseMailer(c.Mail); err != nil {
		return m, err
	}
	from, err := netmail.ParseAddress(c.MailFrom)
	switch {
	case err == nil:
		m.From = *from
	case c.MailFrom != "":
		return m, fmt.Errorf("--mail-from: %q is no address like Teiserver <noreply@example.org>", c.MailFrom)
	case m.Host != "" && m.Way != MailPlain:
		return m, errors.New("--mail-from: mail needs an address that it comes from")
	default:
		m.From = netmail.Address{Name: "Teiserver", Address: "noreply@localhost"}
	}
	return m, nil
}

func parseMailer(text string) (m Mailer, err error) {
	switch text {
	case "", MailLog + ":", MailLog:
		return Mailer{Way: MailLog}, nil
	case MailNone:
		return Mailer{Way: MailNone}, nil
	}
	if folder, is := strings.CutPrefix(text, MailFile+":"); is {
		if folder == "" {
			return m, errors.New("--mail: file: needs a folder after it")
		}
		return Mailer{Way: MailFile, Folder: folder}, nil
	}
	u, err := url.Parse(text)
	if err != nil || mailPorts[u.Scheme] == 0 || u.Hostname() == "" || u.Path != "" && u.Path != "/" {
		return m, errors.New("--mail: use smtp://USER@HOST:PORT (with STARTTLS), smtps://…, smtp+plain://… on this machine, file:FOLDER, log: or none")
	}
	if _, has := u.User.Password(); has {
		return m, errors.New("--mail: the password is given by --mail-password, not in the address")
	}
	m = Mailer{Way: u.Scheme, Host: u.Hostname(), Port: mailPorts[u.Scheme], User: u.User.Username()}
	if p := u.Port(); p != "" {
		if m.Port, err = strconv.Atoi(p); err != nil || m.Port < 1 || m.Port > 65535 {
			return m, fmt.Errorf("--mail: %q is no port from 1 to 65535", p)
		}
	}
	if m.Way == MailPlain && !Loopback(net.JoinHostPort(m.Host, strconv.Itoa(m.Port))) {
		return m, errors.New("--mail: without TLS the mail server must be on this machine (127.0.0.1, ::1 or localhost); use smtp:// or smtps://")
	}
	return m, nil
}

func (c *Config) checkMail(all *problems) {
	m, err := c.Mailer()
	if err != nil {
		flag, text, _ := strings.Cut(strings.TrimPrefix(err.Error(), "--"), ": ")
		all.add(flag, "%s", text)
		return
	}
	switch {
	case m.User != "" && c.MailPassword == "":
		all.add("mail-password", "--mail names a user, who has a password")
	case m.User == "" && c.MailPassword != "":
		all.add("mail-password", "--mail names no user: smtp://USER@HOST")
	}
}

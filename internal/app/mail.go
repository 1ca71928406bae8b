package app

import (
	"context"
	"path/filepath"

	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/mail"
)

// buildMail makes what has letters leave, before accounts write them.
func (s *Server) buildMail() error {
	m, err := s.cfg.Mailer()
	if err != nil {
		return err
	}
	s.post = mail.New(mail.Options{
		Store: s.store, Sender: s.sender(m), Log: s.log,
		May: func() bool { return s.ready.get() == "" && s.node.Trusted() },
	})
	s.jobs.Bind(job.Mail, s.post.Work())
	return nil
}

func (s *Server) sender(m config.Mailer) mail.Sender {
	switch m.Way {
	case config.MailNone:
		return mail.None{}
	case config.MailLog:
		return mail.Log{Log: s.log}
	case config.MailFile:
		folder := m.Folder
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(s.cfg.DataDir, folder)
		}
		return mail.File{Folder: folder, From: m.From}
	}
	security := map[string]mail.Security{config.MailSMTP: mail.StartTLS, config.MailSMTPS: mail.Implicit, config.MailPlain: mail.Plain}
	return mail.SMTP{
		Host: m.Host, Port: m.Port, User: m.User, Password: s.cfg.MailPassword.Reveal, From: m.From, Security: security[m.Way],
	}
}

// posted has letters leave soon that this node has stored.
func (s *Server) posted() { s.post.Poke() }

// runMail sends letters while the node runs.
func (s *Server) runMail(ctx context.Context) { s.post.Run(ctx) }

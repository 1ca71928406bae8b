package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/config"
	"teiserver/internal/job"
	"teiserver/internal/mail"
	"teiserver/internal/setting"
)

// buildMail makes what has letters leave, before accounts write them.
func (s *Server) buildMail(ctx context.Context) error {
	m, err := s.cfg.Mailer()
	if err != nil {
		return err
	}
	s.post = mail.New(mail.Options{
		Store: s.store, Sender: s.sender(ctx, m), Log: s.log,
		May: func() bool { return s.ready.get() == "" && s.node.Trusted() }, Most: s.mostLetters,
	})
	s.jobs.Bind(job.Mail, s.post.Work())
	if why := s.unread(ctx, m); why != "" {
		s.log.Warn("mail reaches nobody", "reason", why, "mail", m.Way)
	}
	return nil
}

// unread says why those whom letters are for cannot do without them.
func (s *Server) unread(ctx context.Context, m config.Mailer) string {
	switch {
	case m.Way != config.MailLog && m.Way != config.MailNone:
		return ""
	case setting.VerifyEmail.Get(ctx, s.settings) && !s.cfg.Unlimited:
		return "account.verify_email is on: new accounts wait for codes"
	case s.cfg.Clustered():
		return "links for new passwords are sent by whatever node, and each has a --mail of its own"
	}
	return ""
}

// letterLog is the log for letters: it shows them at every --log-level, as nothing else does.
func (s *Server) letterLog(ctx context.Context) *slog.Logger {
	if s.log.Enabled(ctx, slog.LevelInfo) {
		return s.log
	}
	loud := s.cfg
	loud.LogLevel = "info"
	return loud.Logger(os.Stderr)
}

// mostLetters is after how many a letter is not sent. Of what happens to an account its user
// is told however many codes others have asked for.
func (s *Server) mostLetters(ctx context.Context, l mail.Letter) int {
	if s.cfg.Unlimited || l.Purpose == account.LetterNotice {
		return 0
	}
	return setting.LettersPerAddress.Get(ctx, s.settings)
}

func (s *Server) sender(ctx context.Context, m config.Mailer) mail.Sender {
	switch m.Way {
	case config.MailNone:
		return mail.None{}
	case config.MailLog:
		return mail.Log{Log: s.letterLog(ctx)}
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

// resetsAtOnce is how many links that are over are deleted in one step.
const resetsAtOnce = 200

// cleanResets finds the next step of forgetting links for new passwords that are over.
func (s *Server) cleanResets(ctx context.Context, _ job.Run) (job.Step, error) {
	some, err := s.store.HasOverResets(ctx)
	if err != nil || !some {
		return job.Step{}, err
	}
	return job.Step{Write: func(ctx context.Context, f registry.Fence) error {
		return s.store.DropOverResets(ctx, f, resetsAtOnce)
	}}, nil
}

// posted has letters leave soon that this node has stored.
func (s *Server) posted() { s.post.Poke() }

// runMail sends letters while the node runs.
func (s *Server) runMail(ctx context.Context) { s.post.Run(ctx) }

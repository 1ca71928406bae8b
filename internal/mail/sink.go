package mail

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Log is a Sender for a site without mail: the operator reads letters in the log.
type Log struct{ Log *slog.Logger }

// Send implements Sender.
func (s Log) Send(ctx context.Context, l Letter) error {
	s.Log.InfoContext(ctx, "mail", "user", l.User, "kind", l.Purpose, "to", l.To, "subject", l.Subject, "text", l.Text)
	return nil
}

// File is a Sender that leaves each letter as a file in a folder, complete or not at all.
type File struct {
	Folder string
	From   netmail.Address
}

// Send implements Sender.
func (s File) Send(_ context.Context, l Letter) error {
	msg, err := compose(s.From, l)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.Folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of mail: %w", err)
	}
	f, err := os.CreateTemp(s.Folder, ".letter")
	if err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone when it has its name
	_, err = msg.WriteTo(f)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.Folder, filepath.Base(l.Key)+".eml"))
	}
	if err != nil {
		return fmt.Errorf("write mail: %w", err)
	}
	return nil
}

var _ io.WriterTo = (*gomail.Msg)(nil)

// compose makes the message of a letter: the same one each time.
func compose(from netmail.Address, l Letter) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&from)
	if err := msg.To(l.To); err != nil {
		return nil, fmt.Errorf("%w: the address %q: %w", ErrRefused, l.To, err)
	}
	msg.Subject(l.Subject)
	_, domain, _ := strings.Cut(from.Address, "@")
	msg.SetMessageIDWithValue(l.Key + "@" + domain)
	made := l.Made
	if made.IsZero() {
		made = time.Now()
	}
	msg.SetDateWithValue(made)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, l.Text)
	return msg, nil
}

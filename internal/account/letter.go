package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"teiserver/internal/mail"
	"teiserver/internal/setting"
)

// The purposes of letters.
const (
	LetterVerify = "verification"
	LetterEmail  = "new-address"
	LetterReset  = "password-reset"
	LetterNotice = "notice"
)

// noticeLife is for how long a notice is of use.
const noticeLife = 48 * time.Hour

// Mailable reports whether somebody reads mail under an address: the server's own and
// those that are made up have none.
func Mailable(email string) bool {
	_, domain, ok := strings.Cut(strings.ToLower(email), "@")
	return ok && validEmail(email) && domain != "agents" && !strings.HasSuffix(domain, ".invalid") &&
		!strings.HasSuffix(domain, ".local") && domain != "teiserver"
}

// letter makes a letter to an address of a user, none if nobody reads it.
func (s *Service) letter(ctx context.Context, u *User, to, purpose, subject string, life time.Duration, lines ...string) []mail.Letter {
	if !Mailable(to) {
		return nil
	}
	site := setting.SiteName.Get(ctx, s.settings)
	text := fmt.Sprintf("Hello %s,\n\n%s\n\n%s\n", u.Name, strings.Join(lines, "\n"), site)
	if url := setting.SiteURL.Get(ctx, s.settings); url != setting.SiteURL.Default() {
		text += url + "\n"
	}
	return []mail.Letter{{
		Key: mail.NewKey(purpose), User: u.ID, Purpose: purpose, To: to, Subject: site + " - " + subject, Text: text, Life: life,
	}}
}

func (s *Service) codeLife(ctx context.Context) time.Duration {
	return time.Duration(setting.CodeHours.Get(ctx, s.settings)) * time.Hour
}

// verifyLetter says the code that verifies a new account.
func (s *Service) verifyLetter(ctx context.Context, u *User, to string) []mail.Letter {
	return s.letter(ctx, u, to, LetterVerify, "New account", s.codeLife(ctx),
		"welcome! Somebody, you we hope, has made the account "+u.Name+" with this address.",
		"Log in with your lobby client. It will ask you for this code:", "",
		"    "+u.Code, "",
		fmt.Sprintf("The code counts for %d hours. If it was not you, there is nothing to do: without the code", setting.CodeHours.Get(ctx, s.settings)),
		"the account will be deleted.")
}

// emailLetter says the code that confirms a new address.
func (s *Service) emailLetter(ctx context.Context, u *User) []mail.Letter {
	return s.letter(ctx, u, u.NewEmail, LetterEmail, "Change of e-mail address", s.codeLife(ctx),
		"the account "+u.Name+" is to get this address. The code that confirms it:", "",
		"    "+u.NewCode, "",
		"If it was not you, there is nothing to do.")
}

// notice tells of something that was done to an account.
func (s *Service) notice(ctx context.Context, u *User, to, subject string, lines ...string) []mail.Letter {
	lines = append(lines, "", "If it was not you, please tell the moderators at once.")
	return s.letter(ctx, u, to, LetterNotice, subject, noticeLife, lines...)
}

// emailChanged tells the old address and the new one.
func (s *Service) emailChanged(ctx context.Context, u *User, old string) []mail.Letter {
	text := "the e-mail address of the account " + u.Name + " was changed."
	letters := s.notice(ctx, u, old, "E-mail address changed", text)
	if strings.EqualFold(old, u.Email) {
		return letters
	}
	return append(letters, s.notice(ctx, u, u.Email, "E-mail address changed", text)...)
}

func (s *Service) passwordChanged(ctx context.Context, u *User) []mail.Letter {
	return s.notice(ctx, u, u.Email, "Password changed", "the password of the account "+u.Name+" was changed.")
}

// posted has the letters leave that were stored.
func (s *Service) posted(letters []mail.Letter) {
	if len(letters) > 0 && s.opts.Posted != nil {
		s.opts.Posted()
	}
}

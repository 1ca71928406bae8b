package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"teiserver/internal/mail"
	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of the reset of a password.
const (
	textLink  = "This link is not valid, or not any more"
	textShort = "The new password is too short"
)

// ResetPath is where the site takes a new password, before the text of a mail's link.
const ResetPath = "/password_reset"

// RequestReset mails a link by which the user of an address sets the password anew. Nobody
// learns whether there is such a user: what is not done is not told. Who asks too often,
// from one address or for one user, is not heard.
func (s *Service) RequestReset(ctx context.Context, email, ip string) error {
	if !s.opts.Unlimited && !s.attempts.try(windowKey{what: "reset", ip: ip}, s.now()) {
		return refusal.New(refusal.Flood, textFlood)
	}
	if !validEmail(email) || !Mailable(email) {
		return nil
	}
	u, err := s.UserByEmail(ctx, email)
	if err != nil || u == nil || u.Has(Forgotten) || u.Has(Server) {
		return err
	}
	_, err = s.mailReset(ctx, u)
	return err
}

// mailReset reports whether a link was mailed: while there is one no other one is.
func (s *Service) mailReset(ctx context.Context, u *User) (bool, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	value := base64.RawURLEncoding.EncodeToString(raw)
	life := time.Duration(setting.ResetHours.Get(ctx, s.settings)) * time.Hour
	letters := s.letter(ctx, u, u.Email, LetterReset, "Password reset", life,
		"somebody, you we hope, wants to set the password of the account "+u.Name+" anew. This link does it:", "",
		"    "+setting.SiteURL.Get(ctx, s.settings)+ResetPath+"/"+value, "",
		fmt.Sprintf("It counts once, and for %d hours. If it was not you, there is nothing to do.", setting.ResetHours.Get(ctx, s.settings)))
	if len(letters) == 0 {
		return false, nil
	}
	made, err := s.store.PutReset(ctx, u.ID, digest(value), life, letters[0])
	if err == nil && made {
		s.log.InfoContext(ctx, "link for a new password mailed", "user", u.ID)
		s.posted(letters)
	}
	return made, err
}

// digest is what the store knows of the text of a link.
func digest(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// ResetValid reports whether a link counts.
func (s *Service) ResetValid(ctx context.Context, value string) (bool, error) {
	return s.store.HasReset(ctx, digest(value))
}

// ResetPassword sets the password, as it was typed, of whom a link was mailed to. All its
// sessions end.
func (s *Service) ResetPassword(ctx context.Context, value, typed string) (*User, error) {
	valid, err := s.ResetValid(ctx, value)
	if err != nil {
		return nil, err
	}
	if !valid {
		return nil, refusal.New(refusal.NotFound, textLink)
	}
	if len(typed) < minPassword || len(typed) > maxPassword {
		return nil, refusal.New(refusal.Invalid, textShort)
	}
	hash, err := s.passwords.hash(ctx, ClientPassword(typed))
	if err != nil {
		return nil, err
	}
	id, err := s.store.TakeReset(ctx, digest(value))
	if errors.Is(err, ErrNotFound) {
		return nil, refusal.New(refusal.NotFound, textLink) // used meanwhile
	}
	if err != nil {
		return nil, err
	}
	return s.putPassword(ctx, id, hash)
}

// putPassword stores a password and ends the sessions that began with another one.
func (s *Service) putPassword(ctx context.Context, id int64, hash string) (*User, error) {
	return s.changeWith(ctx, id, func(u *User) ([]mail.Letter, error) {
		if u.Has(Forgotten) {
			return nil, refusal.New(refusal.NotFound, textNoUser)
		}
		u.Password = hash
		u.SignOuts++
		return s.passwordChanged(ctx, u), nil
	})
}

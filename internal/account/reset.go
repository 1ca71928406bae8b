package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of the reset of a password.
const (
	textLink  = "This link is not valid, or not any more"
	textShort = "The new password is too short"
	textLong  = "The new password is too long"
)

// ResetPath is where the site takes a new password, before the text of a mail's link.
const ResetPath = "/password_reset"

// The bounds of resets.
const (
	resetsWaiting = 200              // requests that a node has not looked at yet
	resetLimit    = 20 * time.Second // for one of them, and for setting a password
)

// RequestReset mails a link by which the user of an address sets the password anew. Nobody
// learns whether there is such a user: it is looked for later, by Run, and what is not done
// is not told. Who asks too often is refused, whatever the address.
func (s *Service) RequestReset(ctx context.Context, email, ip string) error {
	if !validEmail(email) || !Mailable(email) {
		return nil
	}
	if !s.mayReset(ctx, ip) {
		return refusal.New(refusal.Flood, textFlood)
	}
	select {
	case s.resets <- email:
		return nil
	default:
		return refusal.New(refusal.Flood, textFlood)
	}
}

// mayReset takes one of the links that may be asked for from an address.
func (s *Service) mayReset(ctx context.Context, ip string) bool {
	r := s.rates(ctx)
	key := r.key(ip)
	if s.opts.Unlimited || key == "" {
		return true
	}
	if !s.limits.resets.Take(key, r.resets, s.now()) {
		s.Counters.Limits.Resets.Add(1)
		return false
	}
	s.publish(tried{What: triedReset, Address: key})
	return true
}

// runResets looks for whom links were asked, until ctx ends. Who has asked just before asks
// again.
func (s *Service) runResets(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case email := <-s.resets:
			if err := s.reset(ctx, email); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "no link for a new password mailed", "err", err)
			}
		}
	}
}

// reset mails a link to the user of an address, if there is one.
func (s *Service) reset(ctx context.Context, email string) error {
	ctx, cancel := context.WithTimeout(ctx, resetLimit)
	defer cancel()
	found, err := s.UserByEmail(ctx, email)
	if err != nil || found == nil {
		return err
	}
	u, err := s.store.UserByID(ctx, found.ID) // past the cache: the address may be another's
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || !strings.EqualFold(u.Email, email) || u.Has(Forgotten) || u.Has(Server) {
		return err
	}
	_, err = s.mailReset(ctx, u, nil)
	return err
}

// mailReset reports whether a link was mailed: while there is one no other one is.
func (s *Service) mailReset(ctx context.Context, u *User, act *Act) (bool, error) {
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
	made, err := s.store.PutReset(ctx, u, digest(value), life, With{Letters: letters, Act: act})
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
	_, err := s.store.FindReset(ctx, digest(value))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ResetPassword sets the password, as it was typed, of whom a link was mailed to, with an
// act of that user. All its sessions end. The link is used up if, and only if, the password
// is set, also when ctx ends meanwhile: browsers give up.
func (s *Service) ResetPassword(ctx context.Context, value, typed string, act *Act) error {
	id, err := s.store.FindReset(ctx, digest(value))
	if errors.Is(err, ErrNotFound) {
		return refusal.New(refusal.NotFound, textLink)
	}
	if err != nil {
		return err
	}
	switch {
	case len(typed) < minPassword:
		return refusal.New(refusal.Invalid, textShort)
	case len(typed) > maxPassword:
		return refusal.New(refusal.Invalid, textLong)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resetLimit)
	defer cancel()
	hash, err := s.passwords.hash(ctx, ClientPassword(typed))
	if err != nil {
		return err
	}
	_, err = s.changeWith(ctx, id, func(u *User) (With, error) {
		if u.Has(Forgotten) {
			return With{}, ErrNotFound
		}
		u.Password = hash
		u.SignOuts++
		act := act.with("user", u.ID)
		if act != nil {
			act.User = u.ID
		}
		return With{Letters: s.passwordChanged(ctx, u), Reset: digest(value), Act: act}, nil
	})
	if errors.Is(err, ErrNotFound) {
		return refusal.New(refusal.NotFound, textLink) // used meanwhile
	}
	return err
}

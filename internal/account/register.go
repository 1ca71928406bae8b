package account

import (
	"context"
	"crypto/md5" // the form in which clients send passwords, not how we keep them
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	netmail "net/mail"
	"slices"
	"strings"

	"teiserver/internal/refusal"
	"teiserver/internal/setting"
)

// Texts of registration, as clients know them.
const (
	textClosed      = "Registrations are currently disabled"
	textEmail       = "invalid email"
	textEmailTaken  = "Email already attached to a user"
	textEmailDomain = "Due to frequent abuse, that email provider is not allowed."
	textFailed      = "User creation failed"
)

// Bounds of what a client may send for a password: base64 of an MD5 has 24
// characters; other clients may send other forms.
const (
	minPassword = 6
	maxPassword = 256
)

// emptyPassword is what clients send when nothing was typed.
const emptyPassword = "1B2M2Y8AsgTpgAmY7PhCfg==" //nolint:gosec // the hash of nothing

// maxEmail is the longest address that mail can carry.
const maxEmail = 254

// NewUser is what a registration names. Password is what clients send.
type NewUser struct {
	Name     string
	Password string
	Email    string
	IP       string
	Act      *Act // for Create: what the audit log says of it
}

// ClientPassword is what clients send for a typed password.
func ClientPassword(typed string) string {
	sum := md5.Sum([]byte(typed))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Register makes an account for somebody who asks over the network. Refusals have
// the texts of REGISTRATIONDENIED, in the order in which clients expect the checks.
func (s *Service) Register(ctx context.Context, n NewUser) error {
	if !setting.Registration.Get(ctx, s.settings) {
		return refusal.New(refusal.Forbidden, textClosed)
	}
	if err := s.opts.Verdicts.MayRegister(ctx, n.IP); err != nil {
		return err
	}
	if err := s.checkChosen(ctx, n.Name); err != nil {
		return err
	}
	if err := s.checkFree(ctx, n.Name, 0); err != nil {
		return err
	}
	anyEmail := setting.AcceptAllEmails.Get(ctx, s.settings)
	if len(n.Email) > maxEmail {
		return refusal.New(refusal.Invalid, textEmail)
	}
	if !anyEmail {
		if err := s.checkEmail(ctx, n.Email); err != nil {
			return err
		}
	}
	if !acceptablePassword(n.Password) {
		return refusal.New(refusal.Invalid, textFailed)
	}
	if err := s.mayRegister(ctx, n.IP); err != nil { // what could be refused without it counts for nothing
		return err
	}
	u := &User{Name: n.Name, Email: n.Email, LastIP: n.IP, Country: s.country(n.IP)}
	u.Suspect = s.reviewed(ctx, n.IP)
	if s.verifies(ctx) {
		s.setCode(u)
		u.CodeSent = u.CodeAt
	} else {
		u.Roles, u.Agreed = []Role{Verified}, s.agreement(ctx)
	}
	with := func() (w With) {
		if u.Code != "" {
			w.Letters = s.verifyLetter(ctx, u, n.Email)
		}
		return w
	}
	if err := s.insert(ctx, u, n.Password, anyEmail, with); err != nil {
		return taken(err)
	}
	s.log.InfoContext(ctx, "user registered", "user", u.ID, "name", u.Name)
	return nil
}

// Create makes an account on behalf of the operator: verified at once, with these
// roles, and whatever name has a legal form. Without a password nobody can log in
// as this user. A name or address in use is ErrNameTaken or ErrEmailTaken.
func (s *Service) Create(ctx context.Context, n NewUser, roles ...Role) (*User, error) {
	if no := checkForm(n.Name, setting.MaxNameLength.Get(ctx, s.settings)); no != nil {
		return nil, no
	}
	if n.Email != "" && !validEmail(n.Email) {
		return nil, refusal.New(refusal.Invalid, textEmail)
	}
	if n.Password != "" && !acceptablePassword(n.Password) {
		return nil, refusal.New(refusal.Invalid, "a password needs %d characters or more", minPassword)
	}
	u := &User{Name: n.Name, Email: n.Email, Country: s.country(""), Roles: withRole(roles, Verified)}
	if err := s.insert(ctx, u, n.Password, false, func() With { return With{Act: n.Act.with("user_id", u.ID)} }); err != nil {
		return nil, err
	}
	return u, nil
}

// CreateBot makes a bot account with the password of the moderator who asks. A
// name that exists already is left as it is, without an error, as clients expect.
func (s *Service) CreateBot(ctx context.Context, caller int64, name string) error {
	u, err := s.lookup.user(ctx, caller)
	if err != nil {
		return err
	}
	if u == nil || !u.Moderates() {
		return refusal.New(refusal.Forbidden, "You do not have permission to execute that command")
	}
	if no := checkForm(name, setting.MaxNameLength.Get(ctx, s.settings)); no != nil {
		return no
	}
	if id, err := s.lookup.idByName(ctx, name); err != nil || id != 0 {
		return err
	}
	bot := &User{Name: name, Password: u.Password, Country: s.country(""), Roles: []Role{Verified, Bot}}
	err = s.insert(ctx, bot, "", false, func() With { return With{Act: s.opts.Verdicts.MadeBot(caller, bot)} })
	if errors.Is(err, ErrNameTaken) {
		return nil // made by somebody else at the same moment
	}
	if err == nil {
		s.log.InfoContext(ctx, "bot account made", "user", bot.ID, "name", name, "by", caller)
	}
	return err
}

// insert gives the user an id and stores it, with what is then written. The password is hashed first: an id
// is not used up by a storm that the hashing refuses.
func (s *Service) insert(ctx context.Context, u *User, password string, anyEmail bool, write func() With) error {
	var err error
	if password != "" {
		if u.Password, err = s.passwords.hash(ctx, password); err != nil {
			return err
		}
	}
	if u.ID, err = s.nextID(ctx); err != nil {
		return fmt.Errorf("number for user %s: %w", u.Name, err)
	}
	u.Created = s.now().UTC()
	if u.Email == "" {
		u.Email = fmt.Sprintf("%d@users.invalid", u.ID)
	}
	with := write()
	changes, err := s.store.InsertUser(ctx, u, with)
	if anyEmail && errors.Is(err, ErrEmailTaken) {
		// Addresses are unique in the store; where all are accepted the second
		// user of one gets it with the id in front.
		u.Email = fmt.Sprintf("%d+%s", u.ID, u.Email)
		changes, err = s.store.InsertUser(ctx, u, with)
	}
	if err != nil {
		return fmt.Errorf("store user %s: %w", u.Name, err)
	}
	s.lookup.announce(changes)
	s.posted(with.Letters)
	return nil
}

// taken translates what the store found in use, between our check and its own.
func taken(err error) error {
	switch {
	case errors.Is(err, ErrNameTaken):
		return refusal.New(refusal.Taken, textTaken)
	case errors.Is(err, ErrEmailTaken):
		return refusal.New(refusal.Taken, textEmailTaken)
	}
	return err
}

func (s *Service) checkEmail(ctx context.Context, email string) error {
	if !validEmail(email) {
		return refusal.New(refusal.Invalid, textEmail)
	}
	id, err := s.lookup.idByEmail(ctx, email)
	if err != nil {
		return err
	}
	if id != 0 {
		return refusal.New(refusal.Taken, textEmailTaken)
	}
	// A banned domain bans those below it.
	domain := email[strings.LastIndexByte(email, '@')+1:]
	for domain = strings.ToLower(domain); domain != ""; {
		banned, err := s.opts.BannedDomain(ctx, domain)
		if err != nil {
			return err
		}
		if banned {
			return refusal.New(refusal.Invalid, textEmailDomain)
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return nil
}

// validEmail reports an address as mail knows it, and nothing else: with a name, a comment
// or a last dot one address would be many, and its domain none that is banned.
func validEmail(email string) bool {
	if len(email) > maxEmail || !strings.Contains(email, ".") || strings.HasSuffix(email, ".") || strings.ContainsAny(email, "[]") ||
		strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return false
	}
	a, err := netmail.ParseAddress(email)
	return err == nil && a.Name == "" && a.Address == email
}

func acceptablePassword(sent string) bool {
	return len(sent) >= minPassword && len(sent) <= maxPassword && sent != emptyPassword
}

// newCode is a verification code, 100001 to 999999.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(999_999-100_001+1))
	if err != nil {
		panic(err) // the system's randomness never fails
	}
	return fmt.Sprint(n.Int64() + 100_001)
}

func sameCode(want, got string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}

func withRole(roles []Role, r Role) []Role {
	if slices.Contains(roles, r) {
		return slices.Clone(roles)
	}
	return append(slices.Clone(roles), r)
}

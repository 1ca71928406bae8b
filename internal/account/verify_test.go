package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"teiserver/internal/mail"
	"teiserver/internal/refusal"
)

// purposes are what letters are for, and to whom.
func purposes(letters []mail.Letter) (list []string) {
	for _, l := range letters {
		list = append(list, l.Purpose+" to "+l.To)
	}
	return list
}

func (s *site) expectMail(t *testing.T, what string, want ...string) []mail.Letter {
	t.Helper()
	letters := s.store.mailed()
	if got := strings.Join(purposes(letters), ", "); got != strings.Join(want, ", ") {
		t.Errorf("%s: mail %q, want %q", what, got, want)
	}
	return letters
}

// newcomer is somebody who has registered and waits for the code.
func newcomer(t *testing.T, settings map[string]string) (*site, func() *User) {
	t.Helper()
	all := map[string]string{"account.verify_email": "true", "site.name": "Our game", "account.login_attempts": "1000"}
	for k, v := range settings {
		all[k] = v
	}
	s := newSite(t, all)
	if err := s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "bob@example.com", IP: "192.0.2.7"}); err != nil {
		t.Fatal(err)
	}
	letters := s.expectMail(t, "registered", "verification to bob@example.com")
	user := func() *User {
		u, err := s.store.UserByID(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	l := letters[0]
	if l.Subject != "Our game - New account" || l.User != 1 || !strings.Contains(l.Text, user().Code) || l.Key == "" || strings.Contains(l.Key, user().Code) {
		t.Errorf("letter %+v", l)
	}
	return s, user
}

// TestCodeMailedAgain: a later login mails the code again, and another one when it has
// expired.
func TestCodeMailedAgain(t *testing.T) {
	t.Parallel()
	s, user := newcomer(t, map[string]string{"account.code_hours": "2"})
	first := user().Code
	comes := func() {
		t.Helper()
		if err := s.login(t, "Bob", pass); !refusal.Is(err, refusal.Unverified) {
			t.Fatal(err)
		}
	}
	comes()
	s.expectMail(t, "soon")
	s.now = s.now.Add(11 * time.Minute)
	comes()
	letters := s.expectMail(t, "later", "verification to bob@example.com")
	if user().Code != first || !strings.Contains(letters[0].Text, first) {
		t.Error("another code, though the first one counts")
	}
	comes()
	s.expectMail(t, "soon again")
	s.now = s.now.Add(2 * time.Hour)
	if _, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), first); textOf(err) != "Incorrect code" {
		t.Errorf("an old code: %v", err)
	}
	comes()
	letters = s.expectMail(t, "expired", "verification to bob@example.com")
	if user().Code == first || !strings.Contains(letters[0].Text, user().Code) {
		t.Error("the old code")
	}
	if _, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), user().Code); err != nil {
		t.Error(err)
	}
	check(t, "verified", s.login(t, "Bob", pass), "")
	s.expectMail(t, "verified")
}

// TestCodeTries: whoever guesses has another code to guess after a while.
func TestCodeTries(t *testing.T) {
	t.Parallel()
	s, user := newcomer(t, map[string]string{"account.code_tries": "6"})
	first := user().Code
	for i := range 6 {
		if i == 4 {
			s.now = s.now.Add(time.Minute)
		}
		_, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), "000000")
		check(t, "wrong", err, "Incorrect code")
	}
	s.expectMail(t, "guessed", "verification to bob@example.com")
	if user().Code == first || user().CodeTries != 0 {
		t.Errorf("%+v", user())
	}
}

// TestReview: who registers from certain networks waits for a moderator.
func TestReview(t *testing.T) {
	t.Parallel()
	s, user := newcomer(t, map[string]string{"account.review_networks": "192.0.2.0/24, 2001:db8::/32", "account.review_address": "staff@example.com"})
	_, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), user().Code)
	check(t, "the right code", err, `Your account was flagged for manual validation. Please send an email to "staff@example.com" from the address you used to register.`)
	_, err = s.ConfirmAgreement(t.Context(), proved(t, s, 1), "1")
	check(t, "a wrong one", err, "Incorrect code")
	if was, err := s.Verify(t.Context(), 1, nil); err != nil || !was {
		t.Fatal(was, err)
	}
	check(t, "login", s.login(t, "Bob", pass), "")
	if was, err := s.Verify(t.Context(), 1, nil); err != nil || was {
		t.Error("verified twice", err)
	}
}

// TestNewAgreement: a newer version is to be accepted at the next login, by people.
func TestNewAgreement(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.agreement_version": "3", "account.agreement_again": `New terms.\nRead them.`})
	s.add(t, "Alice")
	s.add(t, "HostBot", Bot)
	check(t, "a bot", s.login(t, "HostBot", pass), "")
	u, err := s.Authenticate(t.Context(), LoginRequest{Name: "Alice", Password: pass, Hash: "1"})
	if !refusal.Is(err, refusal.Unverified) || u == nil {
		t.Fatalf("%v %v", u, err)
	}
	if got := s.Agreement(t.Context(), u); got != "New terms.\nRead them." {
		t.Errorf("shown %q", got)
	}
	if u, err = s.ConfirmAgreement(t.Context(), u, ""); err != nil || u.Agreed != 3 {
		t.Fatalf("%+v %v", u, err)
	}
	check(t, "agreed", s.login(t, "Alice", pass), "")
	s.expectMail(t, "nothing to mail")
}

// TestNewAgreementUnverified: the code stands for both; where none is asked for, agreeing
// is enough.
func TestNewAgreementUnverified(t *testing.T) {
	t.Parallel()
	s, user := newcomer(t, map[string]string{"account.agreement_version": "2"})
	if got := s.Agreement(t.Context(), user()); !strings.HasPrefix(got, "A verification code") {
		t.Errorf("shown %q", got)
	}
	if u, err := s.ConfirmAgreement(t.Context(), proved(t, s, 1), user().Code); err != nil || u.Agreed != 2 {
		t.Fatalf("%+v %v", u, err)
	}
	check(t, "login", s.login(t, "Bob", pass), "")

	off := newSite(t, map[string]string{"account.agreement_version": "2"})
	u := off.add(t, "Carol")
	if _, err := off.change(t.Context(), u.ID, func(u *User) error { u.Code = "123456"; return nil }); err != nil {
		t.Fatal(err)
	}
	if v, err := off.ConfirmAgreement(t.Context(), u, ""); err != nil || v.Agreed != 2 {
		t.Fatalf("%+v %v", v, err)
	}
}

// TestEmailMail: the new address gets the code, both are told of the change.
func TestEmailMail(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Alice")
	if err := s.ChangeEmailRequest(t.Context(), 1, "new@example.com"); err != nil {
		t.Fatal(err)
	}
	l := s.expectMail(t, "request", "new-address to new@example.com")[0]
	u, _ := s.UserByID(t.Context(), 1)
	if !strings.Contains(l.Text, u.NewCode) {
		t.Error(l.Text)
	}
	check(t, "again at once", s.ChangeEmailRequest(t.Context(), 1, "other@example.com"), "Flood protection")
	if err := s.ChangeEmail(t.Context(), 1, "new@example.com", u.NewCode); err != nil {
		t.Fatal(err)
	}
	s.expectMail(t, "changed", "notice to Alice@example.com", "notice to new@example.com")
	s.now = s.now.Add(time.Hour)
	if err := s.ChangeEmailRequest(t.Context(), 1, "late@example.com"); err != nil {
		t.Fatal(err)
	}
	u, _ = s.UserByID(t.Context(), 1)
	s.now = s.now.Add(72 * time.Hour)
	check(t, "too late", s.ChangeEmail(t.Context(), 1, "late@example.com", u.NewCode), "bad code")
}

func TestMailable(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]bool{
		"a@example.com": true, "7@users.invalid": false, "x@agents": false, "admin@teiserver.local": false, "nobody": false, "a.b": false, "": false,
	} {
		if Mailable(email) != want {
			t.Errorf("%s: %v", email, !want)
		}
	}
}

// resetAll does what Run does with the requests for links.
func (s *site) resetAll(t *testing.T) {
	t.Helper()
	for len(s.resets) > 0 {
		if err := s.reset(t.Context(), <-s.resets); err != nil {
			t.Error(err)
		}
	}
}

// link asks for a link and returns what its mail says.
func (s *site) link(t *testing.T, email string) string {
	t.Helper()
	check(t, email, s.RequestReset(t.Context(), email, "10.0.0.2"), "")
	s.resetAll(t)
	letters := s.store.mailed()
	if len(letters) != 1 || letters[0].Purpose != LetterReset {
		t.Fatalf("letters %v", purposes(letters))
	}
	_, value, _ := strings.Cut(letters[0].Text, ResetPath+"/")
	value, _, _ = strings.Cut(value, "\n")
	if len(value) != 43 || strings.Contains(s.log.String(), value) {
		t.Fatalf("value %q", value)
	}
	return value
}

// TestReset: a link sets the password once, and ends what began with the old one.
func TestReset(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"web.url": "https://play.example.org", "account.resets_per_address": "5"})
	s.add(t, "Alice")
	for _, email := range []string{"nobody@example.com", "nonsense"} {
		check(t, email, s.RequestReset(t.Context(), email, "10.0.0.2"), "")
		s.resetAll(t)
	}
	s.expectMail(t, "unknown")
	value := s.link(t, "ALICE@example.com")
	check(t, "again", s.RequestReset(t.Context(), "alice@example.com", "10.0.0.3"), "")
	s.resetAll(t)
	s.expectMail(t, "there is a link")
	for range 3 {
		check(t, "often", s.RequestReset(t.Context(), "nobody@example.com", "10.0.0.2"), "")
	}
	for _, email := range []string{"alice@example.com", "nobody@example.com"} {
		check(t, "too often", s.RequestReset(t.Context(), email, "10.0.0.2"), "Flood protection")
	}
	check(t, "this machine", s.RequestReset(t.Context(), "nobody@example.com", "127.0.0.1"), "")

	if valid, err := s.ResetValid(t.Context(), value+"x"); valid || err != nil {
		t.Error("another link is valid", err)
	}
	if valid, err := s.ResetValid(t.Context(), value); !valid || err != nil {
		t.Error("the link is not valid", err)
	}
	check(t, "short", s.ResetPassword(t.Context(), value, "short", nil), "The new password is too short")
	check(t, "long", s.ResetPassword(t.Context(), value, strings.Repeat("x", 257), nil), "The new password is too long")
	before := proved(t, s, 1)
	check(t, "set", s.ResetPassword(t.Context(), value, "another secret", &Act{Action: "x", Details: map[string]any{"ip": "10.0.0.2"}}), "")
	if u := proved(t, s, 1); u.SignOuts != before.SignOuts+1 {
		t.Fatalf("%+v", u)
	}
	if diff := cmp.Diff([]Act{{Action: "x", User: 1, Details: map[string]any{"ip": "10.0.0.2", "user": int64(1)}}}, s.store.acts); diff != "" {
		t.Error(diff)
	}
	s.expectMail(t, "set", "notice to Alice@example.com")
	if err := s.ResetPassword(t.Context(), value, "a third secret", nil); !refusal.Is(err, refusal.NotFound) {
		t.Errorf("twice: %v", err)
	}
	check(t, "old", s.login(t, "Alice", pass), badPass)
	check(t, "new", s.login(t, "Alice", ClientPassword("another secret")), "")
}

// TestResetGivenUp: a browser that gives up has set the password, or the link counts still.
func TestResetGivenUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	s.add(t, "Alice")
	value := s.link(t, "alice@example.com")
	ctx, cancel := context.WithCancel(t.Context())
	s.store.between = cancel // in the middle
	check(t, "given up", s.ResetPassword(ctx, value, "another secret", nil), "")
	check(t, "new", s.login(t, "Alice", ClientPassword("another secret")), "")

	s.now = s.now.Add(time.Hour)
	s.store.mailed()
	value = s.link(t, "alice@example.com")
	s.store.between = func() { s.store.breakWith(errors.New("away")) }
	if err := s.ResetPassword(t.Context(), value, "a third secret", nil); err == nil {
		t.Error("set without a store")
	}
	s.store.breakWith(nil)
	check(t, "again", s.ResetPassword(t.Context(), value, "a third secret", nil), "")
}

// TestResetQueue: Run looks for who has asked, and who asks when too many wait is refused,
// known or not.
func TestResetQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, map[string]string{"account.resets_per_address": "0"})
		s.add(t, "Alice")
		for range resetsWaiting {
			check(t, "waits", s.RequestReset(t.Context(), "nobody@example.com", "10.0.0.2"), "")
		}
		for _, email := range []string{"alice@example.com", "nobody@example.com"} {
			check(t, "full", s.RequestReset(t.Context(), email, "10.0.0.2"), "Flood protection")
		}
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { s.Run(ctx) })
		synctest.Wait()
		check(t, "known", s.RequestReset(t.Context(), "alice@example.com", "10.0.0.2"), "")
		synctest.Wait()
		s.expectMail(t, "known", "password-reset to Alice@example.com")
		cancel()
		run.Wait()
	})
}

// TestOutdatedLogin: a login that has begun with the old password does not outlive another
// one.
func TestOutdatedLogin(t *testing.T) {
	t.Parallel()
	const loggedOut = "Logged out"
	s, user := newcomer(t, nil)
	waiting, err := s.Authenticate(t.Context(), LoginRequest{Name: "Bob", Password: pass, Hash: "1"})
	if !refusal.Is(err, refusal.Unverified) {
		t.Fatal(err)
	}
	check(t, "reset", s.ResetPassword(t.Context(), s.link(t, "bob@example.com"), "another secret", nil), "")
	_, err = s.ConfirmAgreement(t.Context(), waiting, user().Code)
	check(t, "confirm", err, loggedOut)
	if user().Has(Verified) {
		t.Error("verified by who was signed out")
	}
	// The login computes a country, and so reads the user anew.
	other := newSite(t, nil, func(o *Options) { o.Country = func(string) string { return "DE" } })
	other.add(t, "Alice")
	req := LoginRequest{Name: "Alice", Password: pass, Hash: "1", IP: "10.0.0.1"}
	u, _, err := other.Recognize(t.Context(), req)
	if err == nil {
		err = other.Prove(t.Context(), u, req)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := other.SetPassword(t.Context(), u.ID, "operator's", nil); err != nil {
		t.Fatal(err)
	}
	_, err = other.Welcome(t.Context(), u, req.IP)
	check(t, "welcome", err, loggedOut)
}

// TestUnlimitedVerifies: a load test mails nothing and waits for no code.
func TestUnlimitedVerifies(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.verify_email": "true", "account.agreement_version": "0"}, func(o *Options) { o.Unlimited = true })
	check(t, "register", s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "bob@example.com"}), "")
	s.expectMail(t, "registered")
	check(t, "login", s.login(t, "Bob", pass), "")
	if _, err := s.change(t.Context(), 1, func(u *User) error { u.Code = "123456"; return nil }); err != nil {
		t.Fatal(err)
	}
	check(t, "who waits since before", s.login(t, "Bob", pass), "")
}

// TestAgreedAtOnce: who registers where no code is asked for has nothing to agree to again.
func TestAgreedAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, map[string]string{"account.agreement_version": "3"})
	check(t, "register", s.Register(t.Context(), NewUser{Name: "Bob", Password: pass, Email: "bob@example.com"}), "")
	check(t, "login", s.login(t, "Bob", pass), "")
}

package moderation

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Phrase is what nobody may have in a name, and what it leads to when it is said.
type Phrase struct {
	ID       int64     `json:"id"`
	Text     string    `json:"phrase"`
	Form     string    `json:"form"`
	Severity string    `json:"severity"`
	At       time.Time `json:"at"`
}

// The forms of phrases. Case does not matter, nor that letters are written with digits.
const (
	FormRaw   = "raw"   // contains it
	FormFuzzy = "fuzzy" // the same, * stands for anything
	FormRegex = "regex"
)

// The severities of phrases. No name has any of them.
const (
	SeverityLow    = "low"    // it may be said
	SeverityMedium = "medium" // who says it is not heard on Discord anymore
	SeverityHigh   = "high"   // it is not heard, nor is who has said it from then on
)

// maxPhrase bounds what is matched with every line.
const maxPhrase = 200

var severities = []string{SeverityLow, SeverityMedium, SeverityHigh}

// pattern is the phrase as it is matched with folded text.
func (p Phrase) pattern() (*regexp.Regexp, error) {
	text := p.Text
	switch p.Form {
	case FormRaw:
		text = regexp.QuoteMeta(fold(text))
	case FormFuzzy:
		parts := strings.Split(fold(text), "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		text = strings.Join(parts, ".*")
	case FormRegex:
	default:
		return nil, fmt.Errorf("%q is none of %s, %s, %s", p.Form, FormRaw, FormFuzzy, FormRegex)
	}
	re, err := regexp.Compile("(?is)" + text)
	if err != nil {
		return nil, fmt.Errorf("the phrase %q: %w", p.Text, err)
	}
	return re, nil
}

// check brings a phrase into its form.
func (p *Phrase) check() error {
	p.Text = strings.TrimSpace(p.Text)
	switch {
	case p.Text == "" || len(p.Text) > maxPhrase:
		return fmt.Errorf("a phrase has 1 to %d bytes", maxPhrase)
	case !slices.Contains(severities, p.Severity):
		return fmt.Errorf("%q is none of %s", p.Severity, strings.Join(severities, ", "))
	}
	re, err := p.pattern()
	if err == nil && re.MatchString("") {
		err = fmt.Errorf("the phrase %q is in every text", p.Text)
	}
	return err
}

// fold undoes what letters are written with.
func fold(text string) string { return unleet.Replace(strings.ToLower(text)) }

// Banned are the domains of mail that nobody registers with, and the phrases. Values are
// shared and immutable.
type Banned struct {
	Domains map[string]bool // lower case
	phrases []bannedPhrase
}

type bannedPhrase struct {
	re       *regexp.Regexp
	severity string
	regex    bool
}

// NewBanned makes the lists. A phrase that cannot be read, of another release, counts not.
func NewBanned(domains []string, phrases []Phrase) *Banned {
	b := &Banned{Domains: map[string]bool{}}
	for _, d := range domains {
		b.Domains[d] = true
	}
	for _, p := range phrases {
		if re, err := p.pattern(); err == nil {
			b.phrases = append(b.phrases, bannedPhrase{re, p.Severity, p.Form == FormRegex})
		}
	}
	return b
}

// Severity is the highest of the phrases in a text, empty if there is none.
func (b *Banned) Severity(text string) (worst string) {
	if b == nil || len(b.phrases) == 0 {
		return ""
	}
	plain := fold(text)
	for _, p := range b.phrases {
		if slices.Index(severities, p.severity) <= slices.Index(severities, worst) {
			continue
		}
		if p.re.MatchString(plain) || p.regex && p.re.MatchString(text) {
			worst = p.severity
		}
	}
	return worst
}

// Banned are the lists that count.
func (s *Service) Banned(ctx context.Context) (*Banned, error) {
	if s.banned == nil {
		return s.store.Banned(ctx)
	}
	b, err := s.banned.GetOrLoad(ctx, KeyBanned)
	if err != nil {
		return nil, fmt.Errorf("banned domains and phrases: %w", err)
	}
	return b, nil
}

// FlaggedName reports a name that has a banned phrase.
func (s *Service) FlaggedName(ctx context.Context, name string) (bool, error) {
	b, err := s.Banned(ctx)
	return err == nil && b.Severity(name) != "", err
}

// BannedDomain reports a domain of mail that nobody registers with.
func (s *Service) BannedDomain(ctx context.Context, domain string) (bool, error) {
	b, err := s.Banned(ctx)
	return err == nil && b.Domains[domain], err
}

// Severity is that of what somebody says. What cannot be read forbids nothing.
func (s *Service) Severity(ctx context.Context, text string) string {
	b, err := s.Banned(ctx)
	if err != nil {
		s.log.DebugContext(ctx, "banned phrases not read", "err", err)
		return ""
	}
	return b.Severity(text)
}

// Silence has a user speak to nobody from now on, for a phrase of high severity; once.
func (s *Service) Silence(ctx context.Context, user int64, by Actor) error {
	st, err := s.Standing(ctx, user)
	if err != nil || st.Shadowbanned {
		return err
	}
	return s.SetShadowban(ctx, user, true, by)
}

// AddDomains bans domains of mail, with those below them, and returns how many are new.
func (s *Service) AddDomains(ctx context.Context, domains []string, by Actor) (int, error) {
	var list []string
	for _, d := range domains {
		d = strings.Trim(strings.ToLower(strings.TrimSpace(d)), ".")
		d = strings.TrimPrefix(d, "@")
		if d == "" || strings.HasPrefix(d, "#") {
			continue
		}
		if strings.ContainsFunc(d, func(r rune) bool { return r <= ' ' || strings.ContainsRune("@/*\\", r) }) || len(d) > 253 {
			return 0, fmt.Errorf("%q is no domain", d)
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return 0, errors.New("no domain is named")
	}
	details := map[string]any{"domains": list}
	if len(list) > 20 {
		details = map[string]any{"count": len(list)}
	}
	added, changes, err := s.store.AddDomains(ctx, list, s.entry(DomainBanned, by, details))
	if err != nil {
		return 0, fmt.Errorf("ban domains: %w", err)
	}
	s.announce(changes)
	return added, nil
}

// RemoveDomain takes a domain off the list: ErrNotFound.
func (s *Service) RemoveDomain(ctx context.Context, domain string, by Actor) error {
	domain = strings.ToLower(strings.TrimSpace(domain))
	changes, err := s.store.RemoveDomain(ctx, domain, s.entry(DomainUnbanned, by, map[string]any{"domain": domain}))
	if err != nil {
		return fmt.Errorf("the domain %s: %w", domain, err)
	}
	s.announce(changes)
	return nil
}

// AddPhrase bans a phrase.
func (s *Service) AddPhrase(ctx context.Context, p Phrase, by Actor) (Phrase, error) {
	if err := p.check(); err != nil {
		return p, err
	}
	done, changes, err := s.store.AddPhrase(ctx, p, s.entry(PhraseBanned, by, map[string]any{"phrase": p.Text, "form": p.Form, "severity": p.Severity}))
	if err != nil {
		return p, fmt.Errorf("ban a phrase: %w", err)
	}
	s.announce(changes)
	return done, nil
}

// RemovePhrase takes a phrase off the list: ErrNotFound.
func (s *Service) RemovePhrase(ctx context.Context, id int64, by Actor) error {
	changes, err := s.store.RemovePhrase(ctx, id, s.entry(PhraseUnbanned, by, map[string]any{"phrase_id": id}))
	if err != nil {
		return fmt.Errorf("phrase %d: %w", id, err)
	}
	s.announce(changes)
	return nil
}

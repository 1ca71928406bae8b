package store

import (
	"context"
	"fmt"

	"teiserver/internal/cluster/cache"
	"teiserver/internal/moderation"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

type (
	domainArgs struct{ Domain string }
	phraseRow  struct {
		ID                     int64
		Phrase, Form, Severity string
		At                     int64
	}
	phraseArgs struct{ Phrase, Form, Severity string }
)

const phraseColumns = `id, phrase, form, severity, at`

var (
	bannedDomains = statement.Define[statement.None, domainArgs]("banned domains",
		`SELECT domain FROM banned_domain ORDER BY domain`)

	addDomain = statement.Define[domainArgs, domainArgs]("ban domain", `
		INSERT INTO banned_domain (domain, at) VALUES (@domain, @@wall) ON CONFLICT (domain) DO NOTHING RETURNING domain`)

	removeDomain = statement.Define[domainArgs, domainArgs]("unban domain",
		`DELETE FROM banned_domain WHERE domain = @domain RETURNING domain`)

	bannedPhrases = statement.Define[statement.None, phraseRow]("banned phrases",
		`SELECT `+phraseColumns+` FROM banned_phrase ORDER BY id`)

	addPhrase = statement.Define[phraseArgs, phraseRow]("ban phrase", `
		INSERT INTO banned_phrase (phrase, form, severity, at) VALUES (@phrase, @form, @severity, @@wall)
		ON CONFLICT (phrase, form) DO UPDATE SET severity = excluded.severity RETURNING `+phraseColumns)

	removePhrase = statement.Define[idArgs, idArgs]("unban phrase",
		`DELETE FROM banned_phrase WHERE id = @id RETURNING id`)
)

// bannedKey is the key of the lists in the change log.
var bannedKey = changeArgs{moderation.TableBanned, moderation.KeyBanned}

func (r phraseRow) phrase() moderation.Phrase {
	return moderation.Phrase{ID: r.ID, Text: r.Phrase, Form: r.Form, Severity: r.Severity, At: fromMillis(r.At)}
}

// Banned implements moderation.Store.
func (s *Store) Banned(ctx context.Context) (*moderation.Banned, error) {
	domains, phrases, err := s.BannedLists(ctx)
	if err != nil {
		return nil, err
	}
	return moderation.NewBanned(domains, phrases), nil
}

// BannedLists implements moderation.Store.
func (s *Store) BannedLists(ctx context.Context) (domains []string, phrases []moderation.Phrase, err error) {
	d, p := bannedDomains.With(statement.None{}), bannedPhrases.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, d, p); err != nil {
		return nil, nil, fmt.Errorf("banned domains and phrases: %w", err)
	}
	for _, r := range d.Rows() {
		domains = append(domains, r.Domain)
	}
	for _, r := range p.Rows() {
		phrases = append(phrases, r.phrase())
	}
	return domains, phrases, nil
}

// AddDomains implements moderation.Store.
func (s *Store) AddDomains(ctx context.Context, domains []string, e moderation.Entry) (added int, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		added = 0
		for _, d := range domains {
			add := addDomain.With(domainArgs{plainText(d)})
			if err := tx.Run(ctx, add); err != nil {
				return e, err
			}
			added += len(add.Rows())
		}
		var err error
		changed, err = log(ctx, tx, bannedKey)
		return e, err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("ban domains: %w", err)
	}
	return added, changed, nil
}

// RemoveDomain implements moderation.Store.
func (s *Store) RemoveDomain(ctx context.Context, domain string, e moderation.Entry) ([]cache.Change, error) {
	return takeOff(ctx, s, removeDomain.With(domainArgs{plainText(domain)}), e)
}

// takeOff runs a statement that removes something from a list.
func takeOff[R any](ctx context.Context, s *Store, remove *statement.Query[R], e moderation.Entry) (changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		if err := tx.Run(ctx, remove); err != nil {
			return e, err
		}
		if _, ok := remove.One(); !ok {
			return e, moderation.ErrNotFound
		}
		var err error
		changed, err = log(ctx, tx, bannedKey)
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("take off a list: %w", err)
	}
	return changed, nil
}

// AddPhrase implements moderation.Store.
func (s *Store) AddPhrase(ctx context.Context, p moderation.Phrase, e moderation.Entry) (done moderation.Phrase, changed []cache.Change, err error) {
	err = s.audited(ctx, func(ctx context.Context, tx engine.Tx) (moderation.Entry, error) {
		add := addPhrase.With(phraseArgs{plainText(p.Text), p.Form, p.Severity})
		if err := tx.Run(ctx, add); err != nil {
			return e, err
		}
		row, _ := add.One()
		done = row.phrase()
		var err error
		changed, err = log(ctx, tx, bannedKey)
		return e, err
	})
	if err != nil {
		return p, nil, fmt.Errorf("ban a phrase: %w", err)
	}
	return done, changed, nil
}

// RemovePhrase implements moderation.Store.
func (s *Store) RemovePhrase(ctx context.Context, id int64, e moderation.Entry) ([]cache.Change, error) {
	return takeOff(ctx, s, removePhrase.With(idArgs{id}), e)
}

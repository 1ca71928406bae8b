package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"teiserver/internal/account"
	"teiserver/internal/config"
	"teiserver/internal/mail"
	"teiserver/internal/moderation"
	"teiserver/internal/store"
)

// MailList says which letters to print.
type MailList struct {
	User    string // empty: of all
	Waiting bool
	Most    int
}

// ListMail prints letters, the newest first; what they say is shown by none.
func ListMail(ctx context.Context, cfg config.Config, q MailList, asJSON bool, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Look, func(m moderators) error {
		id, err := m.idOf(ctx, q.User)
		if err != nil {
			return err
		}
		letters, err := m.store.Letters(ctx, mail.Query{User: id, Waiting: q.Waiting, Most: q.Most})
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "letters", letters)
		}
		return table(w, "ID\tTO\tPURPOSE\tMADE\tTRIES\tSTATE\tERROR", letters, func(l mail.Letter) []any {
			state := l.Outcome
			if l.Done.IsZero() {
				state = "waits"
			}
			return []any{l.ID, l.To, l.Purpose, plain(l.Made), l.Tries, state, dash(short(l.Error))}
		})
	})
}

// AddDomains bans domains of mail, also those of a file with one in each line; "-" is the
// standard input.
func AddDomains(ctx context.Context, cfg config.Config, domains []string, file, by string, w io.Writer) error {
	if file != "" {
		raw, err := readFile(file)
		if err != nil {
			return err
		}
		domains = append(domains, strings.Split(raw, "\n")...)
	}
	return moderationOn(ctx, cfg, store.Setup, func(m moderators) error {
		actor, err := m.actorOf(ctx, by, account.Moderator)
		if err != nil {
			return err
		}
		n, err := m.AddDomains(ctx, domains, actor)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%d domains are banned that were not\n", n)
		return err
	})
}

func readFile(file string) (string, error) {
	if file == "-" {
		raw, err := io.ReadAll(os.Stdin)
		return string(raw), err
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the operator names it
	return string(raw), err
}

// RemoveDomain takes a domain off the list.
func RemoveDomain(ctx context.Context, cfg config.Config, domain, by string) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		actor, err := m.actorOf(ctx, by, account.Moderator)
		if err != nil {
			return err
		}
		return m.RemoveDomain(ctx, domain, actor)
	})
}

// ListDomains prints the banned domains.
func ListDomains(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		domains, _, err := st.BannedLists(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "domains", domains)
		}
		for _, d := range domains {
			if _, err := fmt.Fprintln(w, d); err != nil {
				return err
			}
		}
		return nil
	})
}

// Phrase is a phrase to ban.
type Phrase = moderation.Phrase

// AddPhrase bans a phrase.
func AddPhrase(ctx context.Context, cfg config.Config, p Phrase, by string, w io.Writer) error {
	return moderationOn(ctx, cfg, store.Setup, func(m moderators) error {
		actor, err := m.actorOf(ctx, by, account.Moderator)
		if err != nil {
			return err
		}
		done, err := m.AddPhrase(ctx, p, actor)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "phrase %d is banned\n", done.ID)
		return err
	})
}

// RemovePhrase takes a phrase off the list.
func RemovePhrase(ctx context.Context, cfg config.Config, id int64, by string) error {
	return withModeration(ctx, cfg, func(m moderators) error {
		actor, err := m.actorOf(ctx, by, account.Moderator)
		if err != nil {
			return err
		}
		return m.RemovePhrase(ctx, id, actor)
	})
}

// ListPhrases prints the banned phrases.
func ListPhrases(ctx context.Context, cfg config.Config, asJSON bool, w io.Writer) error {
	return readStore(ctx, cfg, func(st *store.Store) error {
		_, phrases, err := st.BannedLists(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return writeJSON(w, "phrases", phrases)
		}
		return table(w, "ID\tPHRASE\tFORM\tSEVERITY\tSINCE", phrases, func(p moderation.Phrase) []any {
			return []any{p.ID, p.Text, p.Form, p.Severity, plain(p.At)}
		})
	})
}

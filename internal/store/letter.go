package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"teiserver/internal/account"
	"teiserver/internal/cluster/registry"
	"teiserver/internal/mail"
	"teiserver/internal/store/engine"
	"teiserver/internal/store/statement"
)

var _ mail.Store = (*Store)(nil)

type (
	newLetterArgs struct {
		Key                               string
		User                              int64
		Purpose, Recipient, Subject, Body string
		Life                              int64
	}
	letterRow struct {
		ID                                int64
		Key                               string
		UserID                            int64
		Purpose, Recipient, Subject, Body string
		Created                           int64
		Tries                             int64
		DoneAt                            int64
		Outcome, Error                    string
		Late                              bool
	}
	takeLetterArgs struct{ Most, Hold int64 }
	endLetterArgs  struct {
		ID, Tries      int64
		Outcome, Error string
	}
	delayArgs struct {
		ID, Tries, Pause int64
		Error            string
	}
	lettersArgs struct {
		User    int64
		Waiting bool
		Most    int
	}
	resetArgs struct {
		User   int64
		Digest string
		Life   int64
	}
	digestArgs    struct{ Digest string }
	takeResetArgs struct {
		User   int64
		Digest string
	}
	unsentArgs struct {
		User    int64
		Purpose string
		ID      int64
	}
	mostArgs   struct{ Most int }
	sentToArgs struct {
		Address string
		Within  int64
	}
)

const letterColumns = `id, key, user_id, purpose, recipient, subject, body, created, tries, done_at, outcome, error, expires <= @@wall AS late`

var (
	putLetter = statement.Define[newLetterArgs, statement.None]("put letter", `
		INSERT INTO letter (key, user_id, purpose, recipient, subject, body, created, due, expires)
		VALUES (@key, @user, @purpose, @recipient, @subject, @body, @@wall, @@wall, @@wall + CAST(@life AS BIGINT))
		ON CONFLICT (key) DO NOTHING`)

	// Who is second finds the row as the first has left it: not due.
	takeLetters = statement.Define[takeLetterArgs, letterRow]("take letters", `
		UPDATE letter SET tries = tries + 1, due = @@wall + CAST(@hold AS BIGINT)
		WHERE done_at = 0 AND due <= @@wall AND id IN (
			SELECT id FROM letter WHERE done_at = 0 AND due <= @@wall ORDER BY due, id LIMIT @most)
		RETURNING `+letterColumns)

	endLetter = statement.Define[endLetterArgs, struct{ ID int64 }]("end letter", `
		UPDATE letter SET done_at = @@wall, outcome = @outcome, error = @error, body = ''
		WHERE id = @id AND tries = @tries AND done_at = 0 RETURNING id`)

	delayLetter = statement.Define[delayArgs, struct{ ID int64 }]("delay letter", `
		UPDATE letter SET due = @@wall + CAST(@pause AS BIGINT), error = @error
		WHERE id = @id AND tries = @tries AND done_at = 0 RETURNING id`)

	lettersDue = statement.Define[statement.None, someRow]("letters due",
		`SELECT EXISTS (SELECT 1 FROM letter WHERE done_at = 0 AND due <= @@wall) AS some`)

	sentTo = statement.Define[sentToArgs, struct{ Count int64 }]("letters sent to", `
		SELECT count(*) AS count FROM letter
		WHERE LOWER(recipient) = @address AND outcome = 'sent' AND done_at > @@wall - CAST(@within AS BIGINT)`)

	hasOldLetters = statement.Define[ageArgs, someRow]("has old letters",
		`SELECT EXISTS (SELECT 1 FROM letter WHERE done_at > 0 AND done_at < @@wall - CAST(@age AS BIGINT)) AS some`)

	dropOldLetters = statement.Define[oldArgs, statement.None]("drop old letters", `
		DELETE FROM letter WHERE id IN (
			SELECT id FROM letter WHERE done_at > 0 AND done_at < @@wall - CAST(@age AS BIGINT) ORDER BY done_at LIMIT @most)`)

	listLetters = statement.Define[lettersArgs, letterRow]("list letters", `
		SELECT `+letterColumns+` FROM letter
		WHERE (CAST(@user AS BIGINT) = 0 OR user_id = CAST(@user AS BIGINT)) AND (NOT CAST(@waiting AS BOOLEAN) OR done_at = 0)
		ORDER BY id DESC LIMIT @most`)

	// One that is over makes room.
	putReset = statement.Define[resetArgs, struct{ UserID int64 }]("put reset", `
		INSERT INTO password_reset (user_id, digest, expires) VALUES (@user, @digest, @@wall + CAST(@life AS BIGINT))
		ON CONFLICT (user_id) DO UPDATE SET digest = excluded.digest, expires = excluded.expires
			WHERE password_reset.expires <= @@wall
		RETURNING user_id`)

	takeReset = statement.Define[takeResetArgs, struct{ UserID int64 }]("take reset",
		`DELETE FROM password_reset WHERE user_id = @user AND digest = @digest AND expires > @@wall RETURNING user_id`)

	findReset = statement.Define[digestArgs, struct{ UserID int64 }]("find reset",
		`SELECT user_id FROM password_reset WHERE digest = @digest AND expires > @@wall`)

	dropReset = statement.Define[userArgs, statement.None]("drop reset", `DELETE FROM password_reset WHERE user_id = @user`)

	// Of a letter that nobody got; the link of a later one counts.
	dropUnsent = statement.Define[unsentArgs, statement.None]("drop the reset of a letter", `
		DELETE FROM password_reset WHERE user_id = @user AND NOT EXISTS (
			SELECT 1 FROM letter WHERE user_id = @user AND purpose = @purpose AND id > @id)`)

	hasOverResets = statement.Define[statement.None, someRow]("has resets that are over",
		`SELECT EXISTS (SELECT 1 FROM password_reset WHERE expires <= @@wall) AS some`)

	dropOverResets = statement.Define[mostArgs, statement.None]("drop resets that are over", `
		DELETE FROM password_reset WHERE user_id IN (
			SELECT user_id FROM password_reset WHERE expires <= @@wall ORDER BY user_id LIMIT @most) AND expires <= @@wall`)

	// Nobody changes the user until the transaction is over.
	holdUser = statement.Define[struct{ ID, Version int64 }, struct{ ID int64 }]("hold user",
		`UPDATE users SET version = version WHERE id = @id AND version = @version RETURNING id`)
)

// letterCalls store letters with what they are about.
func letterCalls(letters []mail.Letter) (calls []statement.Call) {
	for _, l := range letters {
		calls = append(calls, putLetter.With(newLetterArgs{
			Key: l.Key, User: l.User, Purpose: l.Purpose, Recipient: plainText(l.To), Subject: plainText(l.Subject), Body: plainText(l.Text), Life: l.Life.Milliseconds(),
		}))
	}
	return calls
}

func (r letterRow) letter() mail.Letter {
	return mail.Letter{
		ID: r.ID, Key: r.Key, User: r.UserID, Purpose: r.Purpose, To: r.Recipient, Subject: r.Subject, Text: r.Body, Made: fromMillis(r.Created),
		Tries: int(r.Tries), Late: r.Late, Done: fromMillis(r.DoneAt), Outcome: r.Outcome, Error: r.Error,
	}
}

func lettersOf(rows []letterRow) []mail.Letter {
	list := make([]mail.Letter, 0, len(rows))
	for _, r := range rows {
		list = append(list, r.letter())
	}
	return list
}

// PutLetter implements mail.Store.
func (s *Store) PutLetter(ctx context.Context, l mail.Letter) error {
	if err := s.db.Run(ctx, engine.Durable, letterCalls([]mail.Letter{l})...); err != nil {
		return fmt.Errorf("put letter %s: %w", l.Key, err)
	}
	return nil
}

// TakeLetters implements mail.Store.
func (s *Store) TakeLetters(ctx context.Context, most int, hold time.Duration) ([]mail.Letter, error) {
	take := takeLetters.With(takeLetterArgs{int64(most), hold.Milliseconds()})
	if err := s.db.Run(ctx, engine.Durable, take); err != nil {
		return nil, fmt.Errorf("take letters: %w", err)
	}
	return lettersOf(take.Rows()), nil
}

// LettersDue implements mail.Store.
func (s *Store) LettersDue(ctx context.Context) (bool, error) {
	due := lettersDue.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, due); err != nil {
		return false, fmt.Errorf("letters due: %w", err)
	}
	row, _ := due.One()
	return row.Some, nil
}

// EndLetter implements mail.Store.
func (s *Store) EndLetter(ctx context.Context, l mail.Letter, outcome, text string) (bool, error) {
	var ours bool
	err := s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		end := endLetter.With(endLetterArgs{l.ID, int64(l.Tries), outcome, shortError(text)})
		if err := tx.Run(ctx, end); err != nil {
			return err
		}
		if _, ours = end.One(); !ours || outcome == mail.Sent || l.Purpose != account.LetterReset {
			return nil
		}
		return tx.Run(ctx, dropUnsent.With(unsentArgs{l.User, l.Purpose, l.ID}))
	})
	if err != nil {
		return false, fmt.Errorf("end letter %d: %w", l.ID, err)
	}
	return ours, nil
}

// DelayLetter implements mail.Store.
func (s *Store) DelayLetter(ctx context.Context, l mail.Letter, pause time.Duration, text string) error {
	if err := s.db.Run(ctx, engine.Durable, delayLetter.With(delayArgs{l.ID, int64(l.Tries), pause.Milliseconds(), shortError(text)})); err != nil {
		return fmt.Errorf("delay letter %d: %w", l.ID, err)
	}
	return nil
}

// SentTo implements mail.Store.
func (s *Store) SentTo(ctx context.Context, address string, within time.Duration) (int, error) {
	count := sentTo.With(sentToArgs{strings.ToLower(plainText(address)), within.Milliseconds()})
	if err := s.db.Run(ctx, engine.Read, count); err != nil {
		return 0, fmt.Errorf("letters sent to one address: %w", err)
	}
	row, _ := count.One()
	return int(row.Count), nil
}

// HasOldLetters implements mail.Store.
func (s *Store) HasOldLetters(ctx context.Context, age time.Duration) (bool, error) {
	has := hasOldLetters.With(ageArgs{age.Milliseconds()})
	if err := s.db.Run(ctx, engine.Read, has); err != nil {
		return false, fmt.Errorf("old letters: %w", err)
	}
	row, _ := has.One()
	return row.Some, nil
}

// DropOldLetters implements mail.Store.
func (s *Store) DropOldLetters(ctx context.Context, f registry.Fence, age time.Duration, most int) error {
	if err := s.fenced(ctx, f, dropOldLetters.With(oldArgs{age.Milliseconds(), most})); err != nil {
		return fmt.Errorf("drop old letters: %w", err)
	}
	return nil
}

// Letters implements mail.Store.
func (s *Store) Letters(ctx context.Context, q mail.Query) ([]mail.Letter, error) {
	found := listLetters.With(lettersArgs{q.User, q.Waiting, q.Most})
	if err := s.db.Run(ctx, engine.Read, found); err != nil {
		return nil, fmt.Errorf("letters: %w", err)
	}
	return lettersOf(found.Rows()), nil
}

// PutReset implements account.Store.
func (s *Store) PutReset(ctx context.Context, u *account.User, digest string, life time.Duration, with account.With) (made bool, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		hold := holdUser.With(struct{ ID, Version int64 }{u.ID, u.Version})
		if err := tx.Run(ctx, hold); err != nil {
			return err
		}
		if _, ok := hold.One(); !ok {
			return account.ErrConflict
		}
		put := putReset.With(resetArgs{u.ID, digest, life.Milliseconds()})
		if err := tx.Run(ctx, put); err != nil {
			return err
		}
		if _, made = put.One(); !made {
			return nil
		}
		return storeWith(ctx, tx, u.ID, []account.With{with})
	})
	if err != nil {
		return false, fmt.Errorf("put the reset of user %d: %w", u.ID, err)
	}
	return made, nil
}

// FindReset implements account.Store.
func (s *Store) FindReset(ctx context.Context, digest string) (int64, error) {
	find := findReset.With(digestArgs{digest})
	if err := s.db.Run(ctx, engine.Read, find); err != nil {
		return 0, fmt.Errorf("look for a reset: %w", err)
	}
	if row, ok := find.One(); ok {
		return row.UserID, nil
	}
	return 0, account.ErrNotFound
}

// HasOverResets reports whether there are links for new passwords that count no more.
func (s *Store) HasOverResets(ctx context.Context) (bool, error) {
	has := hasOverResets.With(statement.None{})
	if err := s.db.Run(ctx, engine.Read, has); err != nil {
		return false, fmt.Errorf("resets that are over: %w", err)
	}
	row, _ := has.One()
	return row.Some, nil
}

// DropOverResets deletes some of them.
func (s *Store) DropOverResets(ctx context.Context, f registry.Fence, most int) error {
	if err := s.fenced(ctx, f, dropOverResets.With(mostArgs{most})); err != nil {
		return fmt.Errorf("drop resets that are over: %w", err)
	}
	return nil
}

func shortError(text string) string {
	text = plainText(text)
	if len(text) > errorText {
		text = strings.ToValidUTF8(text[:errorText], "")
	}
	return text
}

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
	digestArgs struct{ Digest string }
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

	takeReset = statement.Define[digestArgs, struct{ UserID int64 }]("take reset",
		`DELETE FROM password_reset WHERE digest = @digest AND expires > @@wall RETURNING user_id`)

	hasReset = statement.Define[digestArgs, someRow]("has reset",
		`SELECT EXISTS (SELECT 1 FROM password_reset WHERE digest = @digest AND expires > @@wall) AS some`)
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
	end := endLetter.With(endLetterArgs{l.ID, int64(l.Tries), outcome, shortError(text)})
	if err := s.db.Run(ctx, engine.Durable, end); err != nil {
		return false, fmt.Errorf("end letter %d: %w", l.ID, err)
	}
	_, ok := end.One()
	return ok, nil
}

// DelayLetter implements mail.Store.
func (s *Store) DelayLetter(ctx context.Context, l mail.Letter, pause time.Duration, text string) error {
	if err := s.db.Run(ctx, engine.Durable, delayLetter.With(delayArgs{l.ID, int64(l.Tries), pause.Milliseconds(), shortError(text)})); err != nil {
		return fmt.Errorf("delay letter %d: %w", l.ID, err)
	}
	return nil
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
func (s *Store) PutReset(ctx context.Context, user int64, digest string, life time.Duration, letter mail.Letter) (made bool, err error) {
	err = s.db.Transact(ctx, engine.Durable, func(ctx context.Context, tx engine.Tx) error {
		put := putReset.With(resetArgs{user, digest, life.Milliseconds()})
		if err := tx.Run(ctx, put); err != nil {
			return err
		}
		if _, made = put.One(); !made {
			return nil
		}
		return tx.Run(ctx, letterCalls([]mail.Letter{letter})...)
	})
	if err != nil {
		return false, fmt.Errorf("put the reset of user %d: %w", user, err)
	}
	return made, nil
}

// TakeReset implements account.Store.
func (s *Store) TakeReset(ctx context.Context, digest string) (int64, error) {
	take := takeReset.With(digestArgs{digest})
	if err := s.db.Run(ctx, engine.Durable, take); err != nil {
		return 0, fmt.Errorf("take a reset: %w", err)
	}
	if row, ok := take.One(); ok {
		return row.UserID, nil
	}
	return 0, account.ErrNotFound
}

// HasReset implements account.Store.
func (s *Store) HasReset(ctx context.Context, digest string) (bool, error) {
	has := hasReset.With(digestArgs{digest})
	if err := s.db.Run(ctx, engine.Read, has); err != nil {
		return false, fmt.Errorf("look for a reset: %w", err)
	}
	row, _ := has.One()
	return row.Some, nil
}

func shortError(text string) string {
	text = plainText(text)
	if len(text) > errorText {
		text = strings.ToValidUTF8(text[:errorText], "")
	}
	return text
}

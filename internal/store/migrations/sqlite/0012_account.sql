-- Accounts: mail that is to leave, codes that end, agreements, banned domains and phrases.
-- Times are unix milliseconds, 0 is never.

ALTER TABLE users ADD COLUMN code_at       INTEGER NOT NULL DEFAULT 0; -- the verification code was made
ALTER TABLE users ADD COLUMN code_sent     INTEGER NOT NULL DEFAULT 0; -- and mailed last
ALTER TABLE users ADD COLUMN code_tries    INTEGER NOT NULL DEFAULT 0; -- wrong ones
ALTER TABLE users ADD COLUMN new_code_at   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN agreed        INTEGER NOT NULL DEFAULT 0; -- version of the agreement
ALTER TABLE users ADD COLUMN suspect       BOOLEAN NOT NULL DEFAULT FALSE; -- a moderator must validate it
ALTER TABLE users ADD COLUMN sign_outs     INTEGER NOT NULL DEFAULT 0; -- how often all its sessions were ended
ALTER TABLE users ADD COLUMN fixed_country TEXT    NOT NULL DEFAULT ''; -- set by an operator
ALTER TABLE users ADD COLUMN fixed_rank    INTEGER NOT NULL DEFAULT 0; -- one more than the rank that an operator has set

CREATE TABLE letter (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	key       TEXT    NOT NULL UNIQUE, -- names it: it is there once
	user_id   INTEGER NOT NULL,
	purpose   TEXT    NOT NULL,
	recipient TEXT    NOT NULL,
	subject   TEXT    NOT NULL,
	body      TEXT    NOT NULL, -- empty when it is over
	created   INTEGER NOT NULL,
	due       INTEGER NOT NULL, -- nobody takes it before
	expires   INTEGER NOT NULL, -- it is of no use after
	tries     INTEGER NOT NULL DEFAULT 0,
	done_at   INTEGER NOT NULL DEFAULT 0,
	outcome   TEXT    NOT NULL DEFAULT '', -- sent, failed, late
	error     TEXT    NOT NULL DEFAULT '' -- of the last try
);
CREATE INDEX letter_due ON letter (due) WHERE done_at = 0;
CREATE INDEX letter_done ON letter (done_at) WHERE done_at > 0;
CREATE INDEX letter_user ON letter (user_id, id);

-- A password that may be set by who has the mail; one at a time for a user.
CREATE TABLE password_reset (
	user_id INTEGER NOT NULL PRIMARY KEY,
	digest  TEXT    NOT NULL UNIQUE, -- of what the mail says
	expires INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE banned_domain (
	domain TEXT    NOT NULL PRIMARY KEY, -- lower case; bans those below it
	at     INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE banned_phrase (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	phrase   TEXT    NOT NULL,
	form     TEXT    NOT NULL, -- raw, fuzzy, regex
	severity TEXT    NOT NULL, -- low, medium, high
	at       INTEGER NOT NULL,
	UNIQUE (phrase, form)
);

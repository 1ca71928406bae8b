-- What moderators decide about users. Times are unix milliseconds, 0 is never.

CREATE TABLE moderation_action (
	id           INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id      INTEGER NOT NULL,
	reason       TEXT    NOT NULL,
	restrictions TEXT    NOT NULL, -- JSON list of names
	notes        TEXT    NOT NULL,
	hidden       BOOLEAN NOT NULL,
	author       INTEGER NOT NULL, -- 0: the operator
	created      INTEGER NOT NULL,
	expires      INTEGER NOT NULL,
	ended        INTEGER NOT NULL DEFAULT 0,
	ended_by     INTEGER NOT NULL DEFAULT 0,
	end_reason   TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX moderation_action_user ON moderation_action (user_id, id);
CREATE INDEX moderation_action_due ON moderation_action (expires) WHERE ended = 0 AND expires > 0;
CREATE INDEX moderation_action_open ON moderation_action (id) WHERE ended = 0;

-- Marks of accounts. One without a row has none.
CREATE TABLE moderation_mark (
	user_id      INTEGER NOT NULL PRIMARY KEY,
	shadowbanned BOOLEAN NOT NULL,
	alt_of       INTEGER NOT NULL, -- the account of the same person that counts; 0: this one
	alt_ban      INTEGER NOT NULL  -- by which ban that was found out; 0: by hand
) WITHOUT ROWID;
CREATE INDEX moderation_mark_alt ON moderation_mark (alt_of) WHERE alt_of > 0;

CREATE TABLE moderation_report (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	reporter  INTEGER NOT NULL,
	target    INTEGER NOT NULL,
	place     TEXT    NOT NULL,
	place_id  TEXT    NOT NULL,
	match_id  INTEGER NOT NULL, -- 0: none
	body      TEXT    NOT NULL,
	created   INTEGER NOT NULL,
	closed    INTEGER NOT NULL DEFAULT 0,
	closed_by INTEGER NOT NULL DEFAULT 0,
	action_id INTEGER NOT NULL DEFAULT 0 -- what came of it
);
CREATE INDEX moderation_report_target ON moderation_report (target, id);
CREATE INDEX moderation_report_reporter ON moderation_report (reporter, created);
CREATE INDEX moderation_report_open ON moderation_report (id) WHERE closed = 0;

CREATE TABLE moderation_ban (
	id         INTEGER PRIMARY KEY AUTOINCREMENT,
	source     INTEGER NOT NULL, -- 0: unknown
	reason     TEXT    NOT NULL,
	author     INTEGER NOT NULL,
	created    INTEGER NOT NULL,
	removed    INTEGER NOT NULL DEFAULT 0,
	removed_by INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE moderation_ban_value (
	ban_id INTEGER NOT NULL,
	kind   TEXT    NOT NULL, -- key, address
	value  TEXT    NOT NULL,
	PRIMARY KEY (ban_id, kind, value)
) WITHOUT ROWID;
CREATE INDEX moderation_ban_value_key ON moderation_ban_value (value) WHERE kind = 'key';

-- By what the owners of accounts may be known.
CREATE TABLE user_key (
	user_id INTEGER NOT NULL,
	kind    TEXT    NOT NULL,
	value   TEXT    NOT NULL,
	at      INTEGER NOT NULL, -- seen last
	PRIMARY KEY (user_id, kind, value)
) WITHOUT ROWID;
CREATE INDEX user_key_value ON user_key (value);

-- What was done with a privilege. Kept for ever.
CREATE TABLE audit_log (
	id      INTEGER PRIMARY KEY AUTOINCREMENT,
	action  TEXT    NOT NULL,
	user_id INTEGER NOT NULL, -- who did it; 0: the operator, or the server
	actor   TEXT    NOT NULL, -- name of the operator
	details TEXT    NOT NULL, -- JSON object
	at      INTEGER NOT NULL,
	once    TEXT    UNIQUE -- names what must be done once; null: nothing
);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_user ON audit_log (user_id, id) WHERE user_id > 0;

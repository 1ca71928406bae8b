-- What moderators decide about users. Times are unix milliseconds, 0 is never.

CREATE TABLE moderation_action (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id      bigint  NOT NULL,
	reason       text    NOT NULL,
	restrictions text    NOT NULL, -- JSON list of names
	notes        text    NOT NULL,
	hidden       boolean NOT NULL,
	author       bigint  NOT NULL, -- 0: the operator
	created      bigint  NOT NULL,
	expires      bigint  NOT NULL,
	ended        bigint  NOT NULL DEFAULT 0,
	ended_by     bigint  NOT NULL DEFAULT 0,
	end_reason   text    NOT NULL DEFAULT ''
);
CREATE INDEX moderation_action_user ON moderation_action (user_id, id);
CREATE INDEX moderation_action_due ON moderation_action (expires) WHERE ended = 0 AND expires > 0;
CREATE INDEX moderation_action_open ON moderation_action (id) WHERE ended = 0;

-- Marks of accounts. One without a row has none.
CREATE TABLE moderation_mark (
	user_id      bigint  NOT NULL PRIMARY KEY,
	shadowbanned boolean NOT NULL,
	alt_of       bigint  NOT NULL, -- the account of the same person that counts; 0: this one
	alt_ban      bigint  NOT NULL  -- by which ban that was found out; 0: by hand
);
CREATE INDEX moderation_mark_alt ON moderation_mark (alt_of) WHERE alt_of > 0;

CREATE TABLE moderation_report (
	id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	reporter  bigint  NOT NULL,
	target    bigint  NOT NULL,
	place     text    NOT NULL,
	place_id  text    NOT NULL,
	match_id  bigint  NOT NULL, -- 0: none
	body      text    NOT NULL,
	created   bigint  NOT NULL,
	closed    bigint  NOT NULL DEFAULT 0,
	closed_by bigint  NOT NULL DEFAULT 0,
	action_id bigint  NOT NULL DEFAULT 0 -- what came of it
);
CREATE INDEX moderation_report_target ON moderation_report (target, id);
CREATE INDEX moderation_report_reporter ON moderation_report (reporter, created);
CREATE INDEX moderation_report_open ON moderation_report (id) WHERE closed = 0;

CREATE TABLE moderation_ban (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	source     bigint  NOT NULL, -- 0: unknown
	reason     text    NOT NULL,
	author     bigint  NOT NULL,
	created    bigint  NOT NULL,
	removed    bigint  NOT NULL DEFAULT 0,
	removed_by bigint  NOT NULL DEFAULT 0
);

CREATE TABLE moderation_ban_value (
	ban_id bigint  NOT NULL,
	kind   text    NOT NULL, -- key, address
	value  text    NOT NULL,
	PRIMARY KEY (ban_id, kind, value)
);
CREATE INDEX moderation_ban_value_key ON moderation_ban_value (value) WHERE kind = 'key';

-- By what the owners of accounts may be known.
CREATE TABLE user_key (
	user_id bigint  NOT NULL,
	kind    text    NOT NULL,
	value   text    NOT NULL,
	at      bigint  NOT NULL, -- seen last
	PRIMARY KEY (user_id, kind, value)
);
CREATE INDEX user_key_value ON user_key (value);

-- What was done with a privilege. Kept for ever.
CREATE TABLE audit_log (
	id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	action  text    NOT NULL,
	user_id bigint  NOT NULL, -- who did it; 0: the operator, or the server
	actor   text    NOT NULL, -- name of the operator
	details text    NOT NULL, -- JSON object
	at      bigint  NOT NULL,
	once    text CONSTRAINT "audit_log.once" UNIQUE -- names what must be done once; null: nothing
);
CREATE INDEX audit_log_action ON audit_log (action, id);
CREATE INDEX audit_log_user ON audit_log (user_id, id) WHERE user_id > 0;

-- Times are unix milliseconds, except expires_at of node: the lease clock.

CREATE TABLE secret (
	name TEXT NOT NULL PRIMARY KEY,
	body BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE node (
	incarnation INTEGER PRIMARY KEY AUTOINCREMENT,
	name        TEXT    NOT NULL,
	state       TEXT    NOT NULL, -- serving, draining, left, gone
	address     TEXT    NOT NULL,
	version     TEXT    NOT NULL,
	host_boot   TEXT    NOT NULL, -- boot id of the node's host
	renewal     INTEGER NOT NULL DEFAULT 0,
	ttl         INTEGER NOT NULL, -- milliseconds; 0: the lease never ends
	expires_at  INTEGER,
	clock_boot  TEXT    NOT NULL, -- the run of the clock that expires_at is of
	superseded  BOOLEAN NOT NULL DEFAULT FALSE, -- a namesake has joined: no more renewals
	hears       TEXT    NOT NULL DEFAULT '[]',
	clients     INTEGER NOT NULL DEFAULT 0,
	processes   INTEGER NOT NULL DEFAULT 0,
	touched_at  INTEGER NOT NULL
);
CREATE INDEX node_state ON node (state);

CREATE TABLE owner (
	kind        TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	incarnation INTEGER NOT NULL,
	epoch       INTEGER NOT NULL,
	writes      INTEGER NOT NULL DEFAULT 0,
	state       TEXT    NOT NULL, -- owned, released, closed
	fresh       BOOLEAN NOT NULL, -- at the last claim there was nothing before it
	since       INTEGER NOT NULL,
	PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE INDEX owner_owned ON owner (incarnation) WHERE state = 'owned';
CREATE INDEX owner_released ON owner (since) WHERE state = 'released';

CREATE TABLE snapshot (
	kind TEXT NOT NULL,
	id   TEXT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (kind, id)
);

CREATE TABLE sequence (
	name TEXT    NOT NULL PRIMARY KEY,
	next INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE change (
	version INTEGER PRIMARY KEY AUTOINCREMENT,
	tbl     TEXT    NOT NULL,
	key     TEXT    NOT NULL,
	at      INTEGER NOT NULL
);
CREATE INDEX change_at ON change (at);

CREATE TABLE users (
	id               INTEGER NOT NULL PRIMARY KEY,
	name             TEXT    NOT NULL,
	name_key         TEXT    NOT NULL UNIQUE, -- lower case
	email            TEXT    NOT NULL,
	email_key        TEXT    UNIQUE, -- lower case; null if there is none
	password         TEXT    NOT NULL,
	roles            TEXT    NOT NULL, -- JSON list
	country          TEXT    NOT NULL,
	hide_flag        BOOLEAN NOT NULL,
	rank             INTEGER NOT NULL,
	code             TEXT    NOT NULL,
	new_email        TEXT    NOT NULL,
	new_code         TEXT    NOT NULL,
	play_minutes     INTEGER NOT NULL,
	spectate_minutes INTEGER NOT NULL,
	created          INTEGER NOT NULL,
	last_login       INTEGER NOT NULL,
	last_ip          TEXT    NOT NULL,
	lobby_hash       TEXT    NOT NULL,
	client           TEXT    NOT NULL,
	renames          TEXT    NOT NULL, -- JSON list of unix seconds
	version          INTEGER NOT NULL
);

CREATE TABLE session (
	user_id            INTEGER NOT NULL PRIMARY KEY,
	epoch              INTEGER NOT NULL,
	node               TEXT    NOT NULL,
	incarnation        INTEGER NOT NULL,
	before_epoch       INTEGER NOT NULL, -- of the claim that this one replaced; 0: none
	before_node        TEXT    NOT NULL,
	before_incarnation INTEGER NOT NULL
);
CREATE INDEX session_incarnation ON session (incarnation);

-- A friendship is two rows of kind friend, one each way; a request is one of kind
-- request; ignore, follow, avoid and block are one-way.
CREATE TABLE relation (
	from_id INTEGER NOT NULL,
	kind    TEXT    NOT NULL,
	to_id   INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (from_id, kind, to_id)
) WITHOUT ROWID;
CREATE INDEX relation_to ON relation (to_id, kind);

-- One row per user who has relations: the lock for changing them, and the version.
CREATE TABLE relations (
	user_id INTEGER NOT NULL PRIMARY KEY,
	version INTEGER NOT NULL
);

CREATE TABLE setting (
	key     TEXT    NOT NULL PRIMARY KEY,
	text    TEXT    NOT NULL,
	version INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE matches (
	id          INTEGER NOT NULL PRIMARY KEY,
	uuid        TEXT    NOT NULL,
	server_uuid TEXT    NOT NULL,
	founder     INTEGER NOT NULL,
	lobby       INTEGER NOT NULL,
	map         TEXT    NOT NULL,
	created     INTEGER NOT NULL
);

CREATE TABLE channel (
	name        TEXT    NOT NULL PRIMARY KEY,
	author      INTEGER NOT NULL,
	author_name TEXT    NOT NULL,
	topic       TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;

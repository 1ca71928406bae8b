-- Jobs: what is done of each, once; and telemetry. The tables river_… are River's own.
-- Times are unix milliseconds.

-- A row is the mark that the effect of a period is in the database. Nothing trims them
-- but the job hourly-cleanup, when a period can no longer come up.
CREATE TABLE job_run (
	job         TEXT    NOT NULL,
	period      TEXT    NOT NULL,
	done_at     INTEGER NOT NULL,
	node        TEXT    NOT NULL,
	incarnation INTEGER NOT NULL,
	PRIMARY KEY (job, period)
) WITHOUT ROWID;

-- How each job stands, for operators.
CREATE TABLE job (
	name      TEXT    NOT NULL PRIMARY KEY,
	period    TEXT    NOT NULL DEFAULT '',
	done_at   INTEGER NOT NULL DEFAULT 0,
	node      TEXT    NOT NULL DEFAULT '',
	failures  INTEGER NOT NULL DEFAULT 0, -- since then
	failed_at INTEGER NOT NULL DEFAULT 0,
	error     TEXT    NOT NULL DEFAULT ''
) WITHOUT ROWID;

-- What has been counted of each node: its counters as they were in the last row.
CREATE TABLE telemetry_node (
	life        INTEGER NOT NULL PRIMARY KEY, -- of the node: its first incarnation
	counted     TEXT    NOT NULL, -- JSON object of numbers
	final       TEXT    NOT NULL DEFAULT '', -- its counters when it left
	version     INTEGER NOT NULL, -- counts the changes of this row
	at          INTEGER NOT NULL -- of the last one
);

-- Rows of minutes, days, weeks and so on: unit is minute, day, …, match day, match month.
CREATE TABLE telemetry_log (
	unit   TEXT NOT NULL,
	period TEXT NOT NULL,
	data   TEXT NOT NULL, -- JSON
	PRIMARY KEY (unit, period)
) WITHOUT ROWID;

-- Minutes of a user on a day.
CREATE TABLE activity (
	day       TEXT    NOT NULL,
	user_id   INTEGER NOT NULL,
	menu      INTEGER NOT NULL,
	lobby     INTEGER NOT NULL,
	spectator INTEGER NOT NULL,
	player    INTEGER NOT NULL,
	counted   BOOLEAN NOT NULL DEFAULT FALSE, -- the account has them
	PRIMARY KEY (day, user_id)
) WITHOUT ROWID;
CREATE INDEX activity_user ON activity (user_id, day);
CREATE INDEX activity_due ON activity (day, user_id) WHERE NOT counted;

CREATE TABLE telemetry_event (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	family    TEXT    NOT NULL, -- client, anon, server, lobby, match
	name      TEXT    NOT NULL,
	user_id   INTEGER NOT NULL, -- 0: nobody
	hash      TEXT    NOT NULL, -- of a stranger
	match_id  INTEGER NOT NULL, -- 0: none
	game_time INTEGER NOT NULL,
	value     TEXT    NOT NULL, -- JSON, empty for a simple event
	at        INTEGER NOT NULL,
	once      TEXT    UNIQUE -- names one that may be sent again; null: is sent once
);
CREATE INDEX telemetry_event_name ON telemetry_event (family, name, at);
CREATE INDEX telemetry_event_match ON telemetry_event (match_id) WHERE match_id > 0;
CREATE INDEX telemetry_event_user ON telemetry_event (user_id, at) WHERE user_id > 0;
CREATE INDEX telemetry_event_at ON telemetry_event (at) WHERE family IN ('client', 'anon', 'server');

-- The last value of each property of a user, or of a stranger by hash.
CREATE TABLE telemetry_property (
	user_id INTEGER NOT NULL, -- 0: a stranger
	hash    TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	value   TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (user_id, hash, name)
) WITHOUT ROWID;
CREATE INDEX telemetry_property_at ON telemetry_property (at) WHERE user_id = 0;

CREATE TABLE infolog (
	id        INTEGER NOT NULL PRIMARY KEY,
	user_id   INTEGER NOT NULL, -- 0: a stranger
	user_hash TEXT    NOT NULL,
	log_type  TEXT    NOT NULL,
	metadata  TEXT    NOT NULL, -- JSON
	contents  TEXT    NOT NULL,
	size      INTEGER NOT NULL,
	at        INTEGER NOT NULL
);
CREATE INDEX infolog_at ON infolog (at);
CREATE INDEX infolog_user ON infolog (user_id, at) WHERE user_id > 0;

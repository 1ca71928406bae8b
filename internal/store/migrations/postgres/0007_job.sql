-- Jobs: what is done of each, once; and telemetry. The tables river_… are River's own.
-- Times are unix milliseconds.

-- A row is the mark that the effect of a period is in the database. Nothing trims them
-- but the job hourly-cleanup, when a period can no longer come up.
CREATE TABLE job_run (
	job         text    NOT NULL,
	period      text    COLLATE "C" NOT NULL,
	done_at     bigint  NOT NULL,
	node        text    NOT NULL,
	incarnation bigint  NOT NULL,
	CONSTRAINT "job_run.job" PRIMARY KEY (job, period)
);

-- How each job stands, for operators.
CREATE TABLE job (
	name      text    NOT NULL PRIMARY KEY,
	period    text    NOT NULL DEFAULT '',
	done_at   bigint  NOT NULL DEFAULT 0,
	node      text    NOT NULL DEFAULT '',
	failures  bigint  NOT NULL DEFAULT 0, -- since then
	failed_at bigint  NOT NULL DEFAULT 0,
	error     text    NOT NULL DEFAULT ''
);

-- What has been counted of each node: its counters as they were in the last row.
CREATE TABLE telemetry_node (
	life        bigint  NOT NULL PRIMARY KEY, -- of the node: its first incarnation
	counted     text    NOT NULL, -- JSON object of numbers
	final       text    NOT NULL DEFAULT '', -- its counters when it left
	version     bigint  NOT NULL, -- counts the changes of this row
	at          bigint  NOT NULL -- of the last one
);

-- Rows of minutes, days, weeks and so on: unit is minute, day, …, match day, match month.
CREATE TABLE telemetry_log (
	unit   text NOT NULL,
	period text COLLATE "C" NOT NULL,
	data   text NOT NULL, -- JSON
	PRIMARY KEY (unit, period)
);

-- Minutes of a user on a day.
CREATE TABLE activity (
	day       text    COLLATE "C" NOT NULL,
	user_id   bigint  NOT NULL,
	menu      bigint  NOT NULL,
	lobby     bigint  NOT NULL,
	spectator bigint  NOT NULL,
	player    bigint  NOT NULL,
	counted   boolean NOT NULL DEFAULT FALSE, -- the account has them
	PRIMARY KEY (day, user_id)
);
CREATE INDEX activity_user ON activity (user_id, day);
CREATE INDEX activity_due ON activity (day, user_id) WHERE NOT counted;

CREATE TABLE telemetry_event (
	id        bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	family    text    NOT NULL, -- client, anon, server, lobby, match
	name      text    NOT NULL,
	user_id   bigint  NOT NULL, -- 0: nobody
	hash      text    NOT NULL, -- of a stranger
	match_id  bigint  NOT NULL, -- 0: none
	game_time bigint  NOT NULL,
	value     text    NOT NULL, -- JSON, empty for a simple event
	at        bigint  NOT NULL,
	once      text    CONSTRAINT "telemetry_event.once" UNIQUE -- names one that may be sent again; null: is sent once
);
CREATE INDEX telemetry_event_name ON telemetry_event (family, name, at);
CREATE INDEX telemetry_event_match ON telemetry_event (match_id) WHERE match_id > 0;
CREATE INDEX telemetry_event_user ON telemetry_event (user_id, at) WHERE user_id > 0;
CREATE INDEX telemetry_event_at ON telemetry_event (at) WHERE family IN ('client', 'anon', 'server');

-- The last value of each property of a user, or of a stranger by hash.
CREATE TABLE telemetry_property (
	user_id bigint  NOT NULL, -- 0: a stranger
	hash    text    NOT NULL,
	name    text    NOT NULL,
	value   text    NOT NULL,
	at      bigint  NOT NULL,
	PRIMARY KEY (user_id, hash, name)
);
CREATE INDEX telemetry_property_at ON telemetry_property (at) WHERE user_id = 0;

CREATE TABLE infolog (
	id        bigint  NOT NULL PRIMARY KEY,
	user_id   bigint  NOT NULL, -- 0: a stranger
	user_hash text    NOT NULL,
	log_type  text    NOT NULL,
	metadata  text    NOT NULL, -- JSON
	contents  text    NOT NULL,
	size      bigint  NOT NULL,
	at        bigint  NOT NULL
);
CREATE INDEX infolog_at ON infolog (at);
CREATE INDEX infolog_user ON infolog (user_id, at) WHERE user_id > 0;

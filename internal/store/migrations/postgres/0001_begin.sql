-- Times are unix milliseconds of the server's clock.

CREATE FUNCTION store_now() RETURNS bigint LANGUAGE sql VOLATILE AS
	$$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

CREATE TABLE secret (
	name text  NOT NULL PRIMARY KEY,
	body bytea NOT NULL
);

CREATE TABLE node (
	incarnation bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name        text    NOT NULL,
	state       text    NOT NULL, -- serving, draining, left, gone
	address     text    NOT NULL,
	version     text    NOT NULL,
	host_boot   text    NOT NULL, -- boot id of the node's host
	renewal     bigint  NOT NULL DEFAULT 0,
	ttl         bigint  NOT NULL, -- milliseconds; 0: the lease never ends
	expires_at  bigint,
	clock_boot  text    NOT NULL, -- the run of the clock that expires_at is of; here always ''
	superseded  boolean NOT NULL DEFAULT FALSE, -- a namesake has joined: no more renewals
	hears       text    NOT NULL DEFAULT '[]',
	clients     bigint  NOT NULL DEFAULT 0,
	processes   bigint  NOT NULL DEFAULT 0,
	touched_at  bigint  NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX node_state ON node (state);

CREATE TABLE owner (
	kind        text    NOT NULL,
	id          text    NOT NULL,
	incarnation bigint  NOT NULL,
	epoch       bigint  NOT NULL,
	writes      bigint  NOT NULL DEFAULT 0,
	state       text    NOT NULL, -- owned, released, closed
	fresh       boolean NOT NULL, -- at the last claim there was nothing before it
	since       bigint  NOT NULL,
	PRIMARY KEY (kind, id)
) WITH (fillfactor = 70);
CREATE INDEX owner_owned ON owner (incarnation) WHERE state = 'owned';
CREATE INDEX owner_released ON owner (since) WHERE state = 'released';

-- The first statement of every durable write. It is a function because the rest
-- of a pipelined transaction must not run when the fence fails: only an error
-- stops it.
CREATE FUNCTION fence(of_kind text, of_id text, of_incarnation bigint, of_epoch bigint, known_writes bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	counted bigint;
BEGIN
	UPDATE owner SET writes = writes + 1
	WHERE kind = of_kind AND id = of_id AND incarnation = of_incarnation
		AND epoch = of_epoch AND writes = known_writes AND state = 'owned'
	RETURNING writes INTO counted;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'fenced' USING ERRCODE = 'TS001';
	END IF;
	RETURN counted;
END $$;

CREATE TABLE snapshot (
	kind text  NOT NULL,
	id   text  NOT NULL,
	body bytea NOT NULL,
	PRIMARY KEY (kind, id)
) WITH (fillfactor = 50);

CREATE TABLE sequence (
	name text   NOT NULL PRIMARY KEY,
	next bigint NOT NULL
);

CREATE TABLE change (
	version bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	tbl     text   NOT NULL,
	key     text   NOT NULL,
	at      bigint NOT NULL
);
CREATE INDEX change_at ON change (at);

-- Unique constraints are named as SQLite names them in its errors.
CREATE TABLE users (
	id               bigint  NOT NULL CONSTRAINT "users.id" PRIMARY KEY,
	name             text    NOT NULL,
	name_key         text    NOT NULL CONSTRAINT "users.name_key" UNIQUE, -- lower case
	email            text    NOT NULL,
	email_key        text    CONSTRAINT "users.email_key" UNIQUE, -- lower case; null if there is none
	password         text    NOT NULL,
	roles            text    NOT NULL, -- JSON list
	country          text    NOT NULL,
	hide_flag        boolean NOT NULL,
	rank             bigint  NOT NULL,
	code             text    NOT NULL,
	new_email        text    NOT NULL,
	new_code         text    NOT NULL,
	play_minutes     bigint  NOT NULL,
	spectate_minutes bigint  NOT NULL,
	created          bigint  NOT NULL,
	last_login       bigint  NOT NULL,
	last_ip          text    NOT NULL,
	lobby_hash       text    NOT NULL,
	client           text    NOT NULL,
	renames          text    NOT NULL, -- JSON list of unix seconds
	version          bigint  NOT NULL
) WITH (fillfactor = 80);

CREATE TABLE session (
	user_id            bigint NOT NULL PRIMARY KEY,
	epoch              bigint NOT NULL,
	node               text   NOT NULL,
	incarnation        bigint NOT NULL,
	before_epoch       bigint NOT NULL, -- of the claim that this one replaced; 0: none
	before_node        text   NOT NULL,
	before_incarnation bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX session_incarnation ON session (incarnation);

-- A friendship is two rows of kind friend, one each way; a request is one of kind
-- request; ignore, follow, avoid and block are one-way.
CREATE TABLE relation (
	from_id bigint NOT NULL,
	kind    text   NOT NULL,
	to_id   bigint NOT NULL,
	at      bigint NOT NULL,
	PRIMARY KEY (from_id, kind, to_id)
);
CREATE INDEX relation_to ON relation (to_id, kind);

-- One row per user who has relations: the lock for changing them, and the version.
CREATE TABLE relations (
	user_id bigint NOT NULL PRIMARY KEY,
	version bigint NOT NULL
);

CREATE TABLE setting (
	key     text   NOT NULL PRIMARY KEY,
	text    text   NOT NULL,
	version bigint NOT NULL
);

CREATE TABLE matches (
	id          bigint NOT NULL PRIMARY KEY,
	uuid        text   NOT NULL,
	server_uuid text   NOT NULL,
	founder     bigint NOT NULL,
	lobby       bigint NOT NULL,
	map         text   NOT NULL,
	created     bigint NOT NULL
);

CREATE TABLE channel (
	name        text   NOT NULL PRIMARY KEY,
	author      bigint NOT NULL,
	author_name text   NOT NULL,
	topic       text   NOT NULL DEFAULT ''
);

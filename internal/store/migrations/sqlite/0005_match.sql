-- A match through its life. Times are unix milliseconds, 0 is not yet.

ALTER TABLE matches ADD COLUMN started        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN finished       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN game_type      TEXT    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN team_count     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN team_size      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN passworded     BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE matches ADD COLUMN tags           TEXT    NOT NULL DEFAULT '{}'; -- JSON object of texts
ALTER TABLE matches ADD COLUMN bots           TEXT    NOT NULL DEFAULT '[]'; -- JSON list
ALTER TABLE matches ADD COLUMN queue          INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN engine_version TEXT    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN game_version   TEXT    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN end_data       TEXT    NOT NULL DEFAULT ''; -- what the host reported, JSON
ALTER TABLE matches ADD COLUMN end_at         INTEGER NOT NULL DEFAULT 0; -- when it came
ALTER TABLE matches ADD COLUMN game_id        TEXT    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN game_duration  INTEGER NOT NULL DEFAULT 0; -- seconds
ALTER TABLE matches ADD COLUMN player_count   INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN winning_team   INTEGER; -- null: none
ALTER TABLE matches ADD COLUMN rating_type    TEXT    NOT NULL DEFAULT ''; -- empty: not rated
ALTER TABLE matches ADD COLUMN unrated        TEXT    NOT NULL DEFAULT ''; -- why not
ALTER TABLE matches ADD COLUMN processed      INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN told           INTEGER NOT NULL DEFAULT 0; -- what follows the processing is done
ALTER TABLE matches ADD COLUMN attempts       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN retry_at       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN failure        TEXT    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN stripped       BOOLEAN NOT NULL DEFAULT FALSE; -- tags and end data were emptied

CREATE INDEX matches_uuid ON matches (uuid);
CREATE INDEX matches_founder ON matches (founder, started);
CREATE INDEX matches_created ON matches (created);
CREATE INDEX matches_finished ON matches (finished);
CREATE INDEX matches_due ON matches (retry_at, id) WHERE processed = 0 AND (finished > 0 OR end_at > 0);
CREATE INDEX matches_untold ON matches (id) WHERE processed > 0 AND told = 0;

CREATE TABLE match_membership (
	match_id   INTEGER NOT NULL,
	user_id    INTEGER NOT NULL,
	team       INTEGER NOT NULL,
	party      TEXT    NOT NULL,
	win        BOOLEAN NOT NULL DEFAULT FALSE,
	left_after INTEGER, -- seconds; null: not known
	PRIMARY KEY (match_id, user_id)
) WITHOUT ROWID;
CREATE INDEX match_membership_user ON match_membership (user_id, match_id);

-- What is known of a user, one row for each fact.
CREATE TABLE user_stat (
	user_id INTEGER NOT NULL,
	key     TEXT    NOT NULL,
	value   TEXT    NOT NULL,
	PRIMARY KEY (user_id, key)
) WITHOUT ROWID;

-- What was said while a match was played, and in its lobby.
CREATE TABLE lobby_message (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	match_id INTEGER NOT NULL,
	user_id  INTEGER NOT NULL,
	text     TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	once     TEXT UNIQUE -- names one that may be sent again; null: is sent once
);
CREATE INDEX lobby_message_match ON lobby_message (match_id);
CREATE INDEX lobby_message_user ON lobby_message (user_id);
CREATE INDEX lobby_message_at ON lobby_message (at);

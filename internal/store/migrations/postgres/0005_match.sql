-- A match through its life. Times are unix milliseconds, 0 is not yet.

ALTER TABLE matches ADD COLUMN started        bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN finished       bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN game_type      text    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN team_count     bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN team_size      bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN passworded     boolean NOT NULL DEFAULT FALSE;
ALTER TABLE matches ADD COLUMN tags           text    NOT NULL DEFAULT '{}'; -- JSON object of texts
ALTER TABLE matches ADD COLUMN bots           text    NOT NULL DEFAULT '[]'; -- JSON list
ALTER TABLE matches ADD COLUMN queue          bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN engine_version text    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN game_version   text    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN end_data       text    NOT NULL DEFAULT ''; -- what the host reported, JSON
ALTER TABLE matches ADD COLUMN end_at         bigint NOT NULL DEFAULT 0; -- when it came
ALTER TABLE matches ADD COLUMN game_id        text    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN game_duration  bigint NOT NULL DEFAULT 0; -- seconds
ALTER TABLE matches ADD COLUMN player_count   bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN winning_team   bigint; -- null: none
ALTER TABLE matches ADD COLUMN rating_type    text    NOT NULL DEFAULT ''; -- empty: not rated
ALTER TABLE matches ADD COLUMN unrated        text    NOT NULL DEFAULT ''; -- why not
ALTER TABLE matches ADD COLUMN processed      bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN told           bigint NOT NULL DEFAULT 0; -- what follows the processing is done
ALTER TABLE matches ADD COLUMN attempts       bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN retry_at       bigint NOT NULL DEFAULT 0;
ALTER TABLE matches ADD COLUMN failure        text    NOT NULL DEFAULT '';
ALTER TABLE matches ADD COLUMN stripped       boolean NOT NULL DEFAULT FALSE; -- tags and end data were emptied

CREATE INDEX matches_uuid ON matches (uuid);
CREATE INDEX matches_founder ON matches (founder, started);
CREATE INDEX matches_created ON matches (created);
CREATE INDEX matches_finished ON matches (finished);
CREATE INDEX matches_due ON matches (retry_at, id) WHERE processed = 0 AND (finished > 0 OR end_at > 0);
CREATE INDEX matches_untold ON matches (id) WHERE processed > 0 AND told = 0;

CREATE TABLE match_membership (
	match_id   bigint NOT NULL,
	user_id    bigint NOT NULL,
	team       bigint NOT NULL,
	party      text    NOT NULL,
	win        boolean NOT NULL DEFAULT FALSE,
	left_after bigint, -- seconds; null: not known
	PRIMARY KEY (match_id, user_id)
);
CREATE INDEX match_membership_user ON match_membership (user_id, match_id);

-- What is known of a user, one row for each fact.
CREATE TABLE user_stat (
	user_id bigint NOT NULL,
	key     text    NOT NULL,
	value   text    NOT NULL,
	PRIMARY KEY (user_id, key)
);

-- What was said while a match was played, and in its lobby.
CREATE TABLE lobby_message (
	id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	match_id bigint NOT NULL,
	user_id  bigint NOT NULL,
	text     text    NOT NULL,
	at       bigint NOT NULL,
	once     text UNIQUE -- names one that may be sent again; null: is sent once
);
CREATE INDEX lobby_message_match ON lobby_message (match_id);
CREATE INDEX lobby_message_user ON lobby_message (user_id);
CREATE INDEX lobby_message_at ON lobby_message (at);

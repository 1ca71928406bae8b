-- What is known of how good players are, by type of game and season.

CREATE TABLE rating (
	user_id     bigint NOT NULL,
	type        text NOT NULL,
	season      bigint NOT NULL,
	skill       double precision NOT NULL,
	uncertainty double precision NOT NULL,
	value       double precision NOT NULL, -- of skill and uncertainty
	leaderboard double precision NOT NULL, -- the same
	matches     bigint NOT NULL,
	wins        bigint NOT NULL,
	updated     bigint NOT NULL, -- end of the last match
	PRIMARY KEY (user_id, type, season)
) WITH (fillfactor = 80);
CREATE INDEX rating_board ON rating (season, type, leaderboard);
CREATE INDEX rating_updated ON rating (season, updated);

-- How it came to that: one row for each match and player, with the values after it.
CREATE TABLE rating_log (
	id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	user_id            bigint NOT NULL,
	match_id           bigint, -- null: no match moved it
	type               text NOT NULL,
	season             bigint NOT NULL,
	party              text NOT NULL,
	at                 bigint NOT NULL,
	reason             text NOT NULL, -- of a change without a match
	skill              double precision NOT NULL,
	uncertainty        double precision NOT NULL,
	value              double precision NOT NULL,
	skill_change       double precision NOT NULL,
	uncertainty_change double precision NOT NULL,
	value_change       double precision NOT NULL,
	matches            bigint NOT NULL,
	wins               bigint NOT NULL,
	CONSTRAINT "rating_log.match_id" UNIQUE (match_id, user_id)
);
CREATE INDEX rating_log_user ON rating_log (user_id, at);

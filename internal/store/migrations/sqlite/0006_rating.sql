-- What is known of how good players are, by type of game and season.

CREATE TABLE rating (
	user_id     INTEGER NOT NULL,
	type        TEXT NOT NULL,
	season      INTEGER NOT NULL,
	skill       REAL NOT NULL,
	uncertainty REAL NOT NULL,
	value       REAL NOT NULL, -- of skill and uncertainty
	leaderboard REAL NOT NULL, -- the same
	matches     INTEGER NOT NULL,
	wins        INTEGER NOT NULL,
	updated     INTEGER NOT NULL, -- end of the last match
	PRIMARY KEY (user_id, type, season)
) WITHOUT ROWID;
CREATE INDEX rating_board ON rating (season, type, leaderboard);
CREATE INDEX rating_updated ON rating (season, updated);

-- How it came to that: one row for each match and player, with the values after it.
CREATE TABLE rating_log (
	id                 INTEGER PRIMARY KEY AUTOINCREMENT,
	user_id            INTEGER NOT NULL,
	match_id           INTEGER, -- null: no match moved it
	type               TEXT NOT NULL,
	season             INTEGER NOT NULL,
	party              TEXT NOT NULL,
	at                 INTEGER NOT NULL,
	reason             TEXT NOT NULL, -- of a change without a match
	skill              REAL NOT NULL,
	uncertainty        REAL NOT NULL,
	value              REAL NOT NULL,
	skill_change       REAL NOT NULL,
	uncertainty_change REAL NOT NULL,
	value_change       REAL NOT NULL,
	matches            INTEGER NOT NULL,
	wins               INTEGER NOT NULL,
	UNIQUE (match_id, user_id)
);
CREATE INDEX rating_log_user ON rating_log (user_id, at);

-- A type of ratings that is rated anew from its first match on, and how far that has
-- come. Its one row is there so that it can be locked.
CREATE TABLE rating_hold (
	id       INTEGER PRIMARY KEY,
	token    TEXT    NOT NULL, -- of who does it; empty: nobody
	type     TEXT    NOT NULL,
	season   INTEGER NOT NULL,
	finished INTEGER NOT NULL, -- of the last match that was rated
	match_id INTEGER NOT NULL,
	rated    INTEGER NOT NULL -- matches, so far
);
INSERT INTO rating_hold (id, token, type, season, finished, match_id, rated) VALUES (1, '', '', 0, 0, 0, 0);

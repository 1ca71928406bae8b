-- Histories of the database. After a backup was put back a new one begins, above every
-- number that the lost one may have given.

CREATE TABLE timeline (
	id           INTEGER NOT NULL PRIMARY KEY,
	token        TEXT    NOT NULL, -- no other history has it, whatever its id
	fingerprint  TEXT    NOT NULL, -- of the database that it is in
	epoch_floor  INTEGER NOT NULL, -- epochs that are given in it are above
	number_floor INTEGER NOT NULL, -- sequences without a row begin above
	since        INTEGER NOT NULL,
	why          TEXT    NOT NULL
);

ALTER TABLE node ADD COLUMN timeline INTEGER NOT NULL DEFAULT 0; -- the one it joined under
ALTER TABLE node ADD COLUMN mark     INTEGER NOT NULL DEFAULT 0; -- counted up to be remembered outside

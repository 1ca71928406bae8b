-- A node goes on in another history of the database: under another incarnation, but to the
-- other nodes it is the life that it was.

ALTER TABLE node ADD COLUMN life INTEGER NOT NULL DEFAULT 0; -- its first incarnation; 0: this one
ALTER TABLE node ADD COLUMN note TEXT    NOT NULL DEFAULT ''; -- what it does instead of serving

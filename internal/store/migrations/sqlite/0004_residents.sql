-- Names that users have had before; the Coordinator tells them.

CREATE TABLE former_name (
	user_id INTEGER NOT NULL,
	name    TEXT    NOT NULL,
	at      INTEGER NOT NULL, -- until when, the last time; unix milliseconds
	PRIMARY KEY (user_id, name)
) WITHOUT ROWID;

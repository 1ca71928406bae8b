-- Names that users have had before; the Coordinator tells them.

CREATE TABLE former_name (
	user_id bigint NOT NULL,
	name    text   NOT NULL,
	at      bigint NOT NULL, -- until when, the last time; unix milliseconds
	PRIMARY KEY (user_id, name)
);

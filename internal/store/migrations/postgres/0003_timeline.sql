-- Histories of the database. After a standby without the last commits took over, or a
-- backup was put back, a new one begins, above every number that the lost one may have given.

CREATE TABLE timeline (
	id           bigint NOT NULL PRIMARY KEY,
	token        text   NOT NULL, -- no other history has it, whatever its id
	fingerprint  text   NOT NULL, -- of the database that it is in
	epoch_floor  bigint NOT NULL, -- epochs that are given in it are above
	number_floor bigint NOT NULL, -- sequences without a row begin above
	since        bigint NOT NULL,
	why          text   NOT NULL
);

ALTER TABLE node ADD COLUMN timeline bigint NOT NULL DEFAULT 0; -- the one it joined under
ALTER TABLE node ADD COLUMN mark     bigint NOT NULL DEFAULT 0; -- counted up to be remembered outside

-- Which database this is: the system, the timeline of its write-ahead log, which a standby
-- changes when it takes over, and the table, which a dump that is put back makes anew. The
-- system is slow to ask for, so each connection of the program does so once.
CREATE FUNCTION store_timeline() RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT COALESCE(NULLIF(current_setting('teiserver.system', TRUE), ''),
			(SELECT system_identifier::text FROM pg_control_system()))
		|| ' ' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
		|| ' ' || CAST('timeline'::regclass::oid AS text)
$$;

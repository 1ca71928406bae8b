-- Accolades: what players thank each other for; achievements: what they have done. Times
-- are unix milliseconds, 0 is not yet.

CREATE TABLE badge_type (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	name        TEXT NOT NULL,
	icon        TEXT NOT NULL,
	color       TEXT NOT NULL,
	description TEXT NOT NULL,
	purpose     TEXT NOT NULL, -- Accolade
	restriction TEXT CHECK (restriction IN ('Ally', 'Enemy')), -- null: to anybody
	retired     BOOLEAN NOT NULL DEFAULT FALSE, -- is not given anymore
	UNIQUE (name, purpose)
);
INSERT INTO badge_type (name, icon, color, description, purpose, restriction) VALUES
	('Cool head', 'snowflake', '#4477AA', 'stayed calm when it mattered', 'Accolade', 'Ally'),
	('Good teammate', 'handshake', '#44AA77', 'was there for the team', 'Accolade', 'Ally'),
	('Great strategist', 'chess-knight', '#AA7744', 'had a plan that worked', 'Accolade', NULL),
	('Helping hand', 'hand-holding-heart', '#AA4477', 'shared, repaired and defended for others', 'Accolade', 'Ally'),
	('Patient teacher', 'chalkboard-teacher', '#7744AA', 'explained the game in a friendly way', 'Accolade', NULL);

-- A question to a giver about a team mate, after a match.
CREATE TABLE accolade_question (
	match_id     INTEGER NOT NULL,
	giver_id     INTEGER NOT NULL,
	recipient_id INTEGER NOT NULL,
	at           INTEGER NOT NULL,
	said_at      INTEGER NOT NULL DEFAULT 0, -- it was put into words
	outcome      TEXT NOT NULL DEFAULT '', -- given, declined, later, missed; empty: not yet, or never
	answered_at  INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (match_id, giver_id)
) WITHOUT ROWID;

CREATE TABLE accolade (
	id            INTEGER PRIMARY KEY AUTOINCREMENT,
	recipient_id  INTEGER NOT NULL,
	giver_id      INTEGER NOT NULL,
	match_id      INTEGER NOT NULL,
	badge_type_id INTEGER, -- null: declined
	at            INTEGER NOT NULL,
	UNIQUE (match_id, giver_id, recipient_id)
);
CREATE INDEX accolade_recipient ON accolade (recipient_id);
CREATE INDEX accolade_giver ON accolade (giver_id, at);

CREATE TABLE achievement_type (
	id          INTEGER PRIMARY KEY AUTOINCREMENT,
	name        TEXT NOT NULL,
	category    TEXT NOT NULL,
	icon        TEXT NOT NULL,
	color       TEXT NOT NULL,
	description TEXT NOT NULL,
	rarity      INTEGER NOT NULL,
	event       TEXT NOT NULL, -- name of the event of telemetry that counts
	scenario    TEXT NOT NULL, -- of which scenario it must tell; empty: it tells of none
	difficulty  TEXT NOT NULL, -- Normal: or harder; Brutal
	goal        INTEGER NOT NULL, -- how many it takes
	retired     BOOLEAN NOT NULL DEFAULT FALSE, -- is not counted anymore
	UNIQUE (name)
);
INSERT INTO achievement_type (name, category, icon, color, description, rarity, event, scenario, difficulty, goal) VALUES
	('001 - A helping hand (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: A helping hand', 1, 'game_start:singleplayer:scenario_end', 'archsimkatshelpers017', 'Normal', 1),
	('001 - A helping hand (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: A helping hand', 2, 'game_start:singleplayer:scenario_end', 'archsimkatshelpers017', 'Brutal', 1),
	('002 - A head start (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: A head start', 1, 'game_start:singleplayer:scenario_end', 'Fallendellheadstart008', 'Normal', 1),
	('002 - A head start (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: A head start', 2, 'game_start:singleplayer:scenario_end', 'Fallendellheadstart008', 'Brutal', 1),
	('003 - Testing the waters (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Testing the waters', 1, 'game_start:singleplayer:scenario_end', 'shoretoshorevsbarb013', 'Normal', 1),
	('003 - Testing the waters (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Testing the waters', 2, 'game_start:singleplayer:scenario_end', 'shoretoshorevsbarb013', 'Brutal', 1),
	('004 - A safe haven (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: A safe haven', 1, 'game_start:singleplayer:scenario_end', 'pinewoodvsbarb014', 'Normal', 1),
	('004 - A safe haven (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: A safe haven', 2, 'game_start:singleplayer:scenario_end', 'pinewoodvsbarb014', 'Brutal', 1),
	('005 - Mines, all mine! (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Mines, all mine!', 1, 'game_start:singleplayer:scenario_end', 'avalanchemines012', 'Normal', 1),
	('005 - Mines, all mine! (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Mines, all mine!', 2, 'game_start:singleplayer:scenario_end', 'avalanchemines012', 'Brutal', 1),
	('006 - Back from the dead (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Back from the dead', 1, 'game_start:singleplayer:scenario_end', 'Tundrabackfromthedead009', 'Normal', 1),
	('006 - Back from the dead (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Back from the dead', 2, 'game_start:singleplayer:scenario_end', 'Tundrabackfromthedead009', 'Brutal', 1),
	('007 - King of the hill (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: King of the hill', 1, 'game_start:singleplayer:scenario_end', 'thronekoth015', 'Normal', 1),
	('007 - King of the hill (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: King of the hill', 2, 'game_start:singleplayer:scenario_end', 'thronekoth015', 'Brutal', 1),
	('008 - Keep your secrets (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Keep your secrets', 1, 'game_start:singleplayer:scenario_end', 'strongholdkilltraitor010', 'Normal', 1),
	('008 - Keep your secrets (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Keep your secrets', 2, 'game_start:singleplayer:scenario_end', 'strongholdkilltraitor010', 'Brutal', 1),
	('009 - Outsmart the barbarians (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Outsmart the barbarians', 1, 'game_start:singleplayer:scenario_end', 'supcrossingvsbarbs001', 'Normal', 1),
	('009 - Outsmart the barbarians (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Outsmart the barbarians', 2, 'game_start:singleplayer:scenario_end', 'supcrossingvsbarbs001', 'Brutal', 1),
	('010 - World war XXV (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: World war XXV', 1, 'game_start:singleplayer:scenario_end', 'neuropeww225', 'Normal', 1),
	('010 - World war XXV (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: World war XXV', 2, 'game_start:singleplayer:scenario_end', 'neuropeww225', 'Brutal', 1),
	('011 - Steal Cortex''s tech (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Steal Cortex''s tech', 1, 'game_start:singleplayer:scenario_end', 'stealtech005', 'Normal', 1),
	('011 - Steal Cortex''s tech (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Steal Cortex''s tech', 2, 'game_start:singleplayer:scenario_end', 'stealtech005', 'Brutal', 1),
	('012 - One robot army (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: One robot army', 1, 'game_start:singleplayer:scenario_end', 'pinewoodfatboy018', 'Normal', 1),
	('012 - One robot army (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: One robot army', 2, 'game_start:singleplayer:scenario_end', 'pinewoodfatboy018', 'Brutal', 1),
	('013 - One by one (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: One by one', 1, 'game_start:singleplayer:scenario_end', 'tma20ffabarbs', 'Normal', 1),
	('013 - One by one (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: One by one', 2, 'game_start:singleplayer:scenario_end', 'tma20ffabarbs', 'Brutal', 1),
	('014 - The sky is the limit (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: The sky is the limit', 1, 'game_start:singleplayer:scenario_end', 'acidicquarrybarbs', 'Normal', 1),
	('014 - The sky is the limit (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: The sky is the limit', 2, 'game_start:singleplayer:scenario_end', 'acidicquarrybarbs', 'Brutal', 1),
	('015 - David vs Goliath (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: David vs Goliath', 1, 'game_start:singleplayer:scenario_end', 'glaciergoliath018', 'Normal', 1),
	('015 - David vs Goliath (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: David vs Goliath', 2, 'game_start:singleplayer:scenario_end', 'glaciergoliath018', 'Brutal', 1),
	('016 - A final stand (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: A final stand', 1, 'game_start:singleplayer:scenario_end', 'twobarbspwakonly006', 'Normal', 1),
	('016 - A final stand (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: A final stand', 2, 'game_start:singleplayer:scenario_end', 'twobarbspwakonly006', 'Brutal', 1),
	('017 - Infantry simulator (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Infantry simulator', 1, 'game_start:singleplayer:scenario_end', 'twobarbspwakonly006', 'Normal', 1),
	('017 - Infantry simulator (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Infantry simulator', 2, 'game_start:singleplayer:scenario_end', 'twobarbspwakonly006', 'Brutal', 1),
	('018 - Tick tock (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Tick tock', 1, 'game_start:singleplayer:scenario_end', 'SpeedMetalSnipe011', 'Normal', 1),
	('018 - Tick tock (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Tick tock', 2, 'game_start:singleplayer:scenario_end', 'SpeedMetalSnipe011', 'Brutal', 1),
	('019 - Catch those rare comets (Normal)', 'Single player scenarios', 'map', '#558855', 'Won the scenario: Catch those rare comets', 1, 'game_start:singleplayer:scenario_end', 'threebarbscomet', 'Normal', 1),
	('019 - Catch those rare comets (Brutal)', 'Single player scenarios', 'map', '#AA3333', 'Won the scenario at the hardest level: Catch those rare comets', 2, 'game_start:singleplayer:scenario_end', 'threebarbscomet', 'Brutal', 1);

CREATE TABLE user_achievement (
	user_id     INTEGER NOT NULL,
	type_id     INTEGER NOT NULL,
	progress    INTEGER NOT NULL, -- never above the goal
	achieved_at INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (user_id, type_id)
) WITHOUT ROWID;
CREATE INDEX user_achievement_type ON user_achievement (type_id);

-- Events that have been counted, as long as they could be met again.
CREATE TABLE achievement_event (
	event_id INTEGER NOT NULL PRIMARY KEY
) WITHOUT ROWID;

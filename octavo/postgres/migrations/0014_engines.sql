-- phase: expand
-- Which engines a role has: the one that serves, one that is being filled to take its place, those that served and
-- are still kept up to date, and those that are being emptied. The setting gives a role's first engine; from then on
-- these rows say, for every process, so that all of them switch together.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.engine (
    role text NOT NULL CHECK (role ~ '^[a-z]{1,40}$'),
    -- Never with a login in it: whoever may connect may read it.
    url text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000) CHECK (url !~ '://[^/]*@'),
    state text NOT NULL CHECK (state IN ('building', 'live', 'kept', 'retired')),
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Until when a kept engine is kept up to date; null: until it is retired.
    kept_until timestamptz CHECK (kept_until IS NULL OR state = 'kept'),
    -- When it was last found equal to the record, up to where in the log, and how many documents that were.
    equal_at timestamptz,
    equal_position text,
    equal_documents bigint CHECK (equal_documents >= 0),
    PRIMARY KEY (role, url),
    CHECK ((equal_at IS NULL) = (equal_position IS NULL) AND (equal_at IS NULL) = (equal_documents IS NULL))
);
CREATE UNIQUE INDEX engine_live ON octavo.engine (role) WHERE state = 'live';
CREATE UNIQUE INDEX engine_building ON octavo.engine (role) WHERE state = 'building';

GRANT SELECT ON octavo.engine TO octavo_app, octavo_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.engine TO octavo_system;

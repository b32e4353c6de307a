-- name: create_ledger
-- scope: system
SET LOCAL ROLE octavo_owner;
CREATE TABLE IF NOT EXISTS octavo.migration (
    number integer PRIMARY KEY CHECK (number >= 1),
    name text NOT NULL UNIQUE,
    phase text NOT NULL CHECK (phase IN ('expand', 'backfill', 'contract')),
    checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
    state text NOT NULL CHECK (state IN ('started', 'completed', 'failed')),
    error text,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    duration_ms bigint CHECK (duration_ms >= 0),
    applied_by text NOT NULL,
    CHECK ((state = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL))
);
-- Without `error`: PostgreSQL's text may quote a stored value, and is for the administrator alone.
GRANT SELECT (number, name, phase, checksum, state, started_at, completed_at, duration_ms, applied_by)
    ON octavo.migration TO octavo_app, octavo_system;
GRANT SELECT ON octavo.migration TO octavo_backup;

-- name: has_ledger
-- scope: system
SELECT to_regclass('octavo.migration') IS NOT NULL AS there

-- name: read_ledger
-- scope: system
SELECT number, name, phase, checksum, state, error, started_at, completed_at, duration_ms, applied_by
FROM octavo.migration
ORDER BY number

-- name: try_lock
-- scope: system
-- Asked again and again instead of waited for: a waiting statement holds a snapshot, and CREATE INDEX
-- CONCURRENTLY of the one who has the lock would wait for that snapshot for ever.
SELECT pg_try_advisory_lock(hashtextextended('octavo.migrate', 0)) AS locked

-- name: record_start
-- scope: system
INSERT INTO octavo.migration AS known (number, name, phase, checksum, state, started_at, applied_by)
VALUES ($1, $2, $3, $4, 'started', clock_timestamp(), session_user)
ON CONFLICT (number) DO UPDATE SET
    name = excluded.name,
    phase = excluded.phase,
    checksum = excluded.checksum,
    state = 'started',
    error = NULL,
    started_at = excluded.started_at,
    duration_ms = NULL,
    applied_by = excluded.applied_by
WHERE known.state <> 'completed'

-- name: record_completion
-- scope: system
UPDATE octavo.migration
SET
    state = 'completed',
    completed_at = clock_timestamp(),
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE number = $1
RETURNING duration_ms

-- name: record_failure
-- scope: system
UPDATE octavo.migration
SET
    state = 'failed',
    error = $2,
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE number = $1

-- name: find_invalid_indexes
-- scope: system
-- What an interrupted CREATE INDEX CONCURRENTLY leaves behind: kept up by every write and used by no query.
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', namespace.nspname, relation.relname) AS repair
FROM pg_index AS indexed
INNER JOIN pg_class AS relation ON relation.oid = indexed.indexrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE NOT indexed.indisvalid AND relation.relkind = 'i' AND namespace.nspname = 'octavo'
    AND strpos($1, relation.relname) > 0

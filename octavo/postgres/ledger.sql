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

-- name: has_ledger_of_applications
-- scope: system
SELECT to_regclass('octavo.application_migration') IS NOT NULL AS there

-- name: read
-- scope: system
SELECT number, name, phase, checksum, state, error, started_at, completed_at, duration_ms, applied_by
FROM octavo.migration
ORDER BY number

-- name: read_of_application
-- scope: system
SELECT number, name, phase, checksum, state, error, started_at, completed_at, duration_ms, applied_by
FROM octavo.application_migration
WHERE application = $1
ORDER BY number

-- name: list_applications
-- scope: system
SELECT DISTINCT application FROM octavo.application_migration ORDER BY application

-- name: start
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

-- name: start_of_application
-- scope: system
INSERT INTO octavo.application_migration AS known
    (application, number, name, phase, checksum, state, started_at, applied_by)
VALUES ($1, $2, $3, $4, $5, 'started', clock_timestamp(), session_user)
ON CONFLICT (application, number) DO UPDATE SET
    name = excluded.name,
    phase = excluded.phase,
    checksum = excluded.checksum,
    state = 'started',
    error = NULL,
    started_at = excluded.started_at,
    duration_ms = NULL,
    applied_by = excluded.applied_by
WHERE known.state <> 'completed'

-- name: complete
-- scope: system
UPDATE octavo.migration
SET
    state = 'completed',
    completed_at = clock_timestamp(),
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE number = $1
RETURNING duration_ms

-- name: complete_of_application
-- scope: system
UPDATE octavo.application_migration
SET
    state = 'completed',
    completed_at = clock_timestamp(),
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE application = $1 AND number = $2
RETURNING duration_ms

-- name: fail
-- scope: system
UPDATE octavo.migration
SET
    state = 'failed',
    error = $2,
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE number = $1

-- name: fail_of_application
-- scope: system
UPDATE octavo.application_migration
SET
    state = 'failed',
    error = $3,
    duration_ms = extract(EPOCH FROM clock_timestamp() - started_at) * 1000
WHERE application = $1 AND number = $2

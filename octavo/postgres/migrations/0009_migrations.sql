-- phase: expand
-- The ledger of applications' own migrations, beside Octavo's, and how far backfills came.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.application_migration (
    application text NOT NULL CHECK (application ~ '^[a-z][a-z0-9_]{0,30}$'),
    number integer NOT NULL CHECK (number >= 1),
    name text NOT NULL,
    phase text NOT NULL CHECK (phase IN ('expand', 'backfill', 'contract')),
    checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
    state text NOT NULL CHECK (state IN ('started', 'completed', 'failed')),
    error text,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    duration_ms bigint CHECK (duration_ms >= 0),
    applied_by text NOT NULL,
    PRIMARY KEY (application, number),
    UNIQUE (application, name),
    CHECK ((state = 'completed') = (completed_at IS NOT NULL)),
    CHECK ((state = 'failed') = (error IS NOT NULL))
);
GRANT SELECT ON octavo.application_migration TO octavo_backup;

-- Written in the transaction of each chunk, so it tells exactly what was done.
CREATE TABLE octavo.backfill (
    application text NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    checksum bytea NOT NULL CHECK (octet_length(checksum) = 32),
    last_key jsonb NOT NULL CHECK (jsonb_typeof(last_key) = 'object'),
    rows_done bigint NOT NULL CHECK (rows_done >= 0),
    rows_estimated bigint CHECK (rows_estimated >= 0),
    chunks bigint NOT NULL CHECK (chunks >= 1),
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    progressed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (application, number)
) WITH (fillfactor = 50);
GRANT SELECT ON octavo.backfill TO octavo_system, octavo_backup;

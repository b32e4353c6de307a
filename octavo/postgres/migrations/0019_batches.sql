-- phase: expand
-- Batches: runs that are started together and counted together. A run says to which one it belongs; what a batch
-- counts is counted from its runs, never kept beside them, but for the sums of one whose runs were purged.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.run ADD COLUMN batch_id uuid;
ALTER TABLE octavo.run_history ADD COLUMN batch_id uuid;

-- The row of a batch is the row of its stream too.
CREATE TABLE octavo.batch (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text CHECK (length(name) BETWEEN 1 AND 200),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 2000),
    key text CHECK (length(key) BETWEEN 1 AND 200),
    -- Digest of what was asked: the same key with something else is refused.
    request bytea NOT NULL,
    pipeline text NOT NULL CHECK (length(pipeline) BETWEEN 1 AND 500),
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL CHECK (pipeline_version >= 1),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    input jsonb NOT NULL CHECK (jsonb_typeof(input) = 'object'),
    -- The number of `documents`, or `namespace`, `type` and `where` of a question.
    asked jsonb NOT NULL CHECK (jsonb_typeof(asked) = 'object'),
    -- How far it is filled: behind which list or document the next piece begins. Whoever fills moves it on in the
    -- statement that starts the runs, so a piece is started once.
    cursor text NOT NULL DEFAULT '',
    filled_at timestamptz,
    -- Why filling ended before all was started.
    error jsonb,
    cancelled_at timestamptz,
    -- Since when nothing of it waits or is under way, as its event says; a retry undoes it and counts up.
    settled_at timestamptz,
    reopened integer NOT NULL DEFAULT 0 CHECK (reopened >= 0),
    -- What its runs said, once all of them have ended for good: they may be purged.
    completed integer,
    failed integer,
    cancelled integer,
    started_at timestamptz,
    finished_at timestamptz,
    purged_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    causation_id text,
    event_sequence bigint NOT NULL CHECK (event_sequence >= 1),
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    PRIMARY KEY (organization_id, id),
    CHECK (settled_at IS NULL OR filled_at IS NOT NULL),
    CHECK (cancelled_at IS NULL OR filled_at IS NOT NULL),
    CHECK ((completed IS NULL) = (failed IS NULL) AND (completed IS NULL) = (cancelled IS NULL)),
    CHECK (completed IS NULL OR settled_at IS NOT NULL),
    CHECK (purged_at IS NULL OR completed IS NOT NULL)
);
CREATE UNIQUE INDEX batch_key ON octavo.batch (organization_id, key) WHERE key IS NOT NULL;
CREATE INDEX batch_open ON octavo.batch (id) WHERE settled_at IS NULL;
CREATE INDEX batch_settled ON octavo.batch (organization_id, settled_at)
    WHERE settled_at IS NOT NULL AND purged_at IS NULL;

-- The documents a batch was given, in pieces that go as their runs are started.
CREATE TABLE octavo.batch_list (
    organization_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    place integer NOT NULL CHECK (place >= 1),
    documents uuid[] NOT NULL CHECK (cardinality(documents) BETWEEN 1 AND 10000),
    PRIMARY KEY (organization_id, batch_id, place)
);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['batch', 'batch_list']
    LOOP
        EXECUTE format('ALTER TABLE octavo.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE octavo.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON octavo.%I TO octavo_app
                        USING (organization_id = nullif(current_setting(''octavo.organization'', true), '''')::uuid)',
                       relation);
        EXECUTE format('CREATE POLICY system ON octavo.%I TO octavo_system USING (true)', relation);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.%I TO octavo_app, octavo_system', relation);
        EXECUTE format('GRANT SELECT ON octavo.%I TO octavo_backup', relation);
    END LOOP;
END
$$;

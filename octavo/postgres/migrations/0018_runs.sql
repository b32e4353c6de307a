-- phase: expand
-- Runs: executions of pipelines. A run that has not ended is a row of run and has exactly one ticket: it waits in
-- run_queue, or for its time in run_delay, or a worker has it by run_lease, or it lies in run_dead. Whoever deletes
-- the ticket may change the run, and nobody else: so two never do. One that ended is a row of run_history.
SET LOCAL ROLE octavo_owner;

CREATE TYPE octavo.run_state AS ENUM ('queued', 'delayed', 'running', 'dead', 'completed', 'failed', 'cancelled');

-- Numbers the tickets of the queue. A run that comes back to it gets a new number, so numbers only grow and a reader
-- may begin behind those that it knows to be gone. CACHE 1, drawn after the transaction has its xid.
CREATE SEQUENCE octavo.run_ticket AS bigint CACHE 1;

-- The row of a run is the row of its stream too, as the head of a document is. What changes is in no index.
CREATE TABLE octavo.run (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    pipeline text NOT NULL CHECK (length(pipeline) BETWEEN 1 AND 500),
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL CHECK (pipeline_version >= 1),
    document_id uuid,
    document_version integer,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    state octavo.run_state NOT NULL CHECK (state IN ('queued', 'delayed', 'running', 'dead')),
    input jsonb NOT NULL CHECK (jsonb_typeof(input) = 'object'),
    unique_key text CHECK (length(unique_key) BETWEEN 1 AND 200),
    ticket bigint NOT NULL,
    -- How often a worker took it, ever; the token that a stale worker has not.
    fence bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
    attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    max_attempts integer NOT NULL CHECK (max_attempts BETWEEN 1 AND 100),
    cancel_requested boolean NOT NULL DEFAULT false,
    error jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
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
    CHECK ((document_id IS NULL) = (document_version IS NULL)),
    CHECK (state <> 'running' OR (started_at IS NOT NULL AND fence >= 1)),
    CHECK (state <> 'dead' OR error IS NOT NULL)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX run_unique_key ON octavo.run (organization_id, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX run_document ON octavo.run (organization_id, document_id) WHERE document_id IS NOT NULL;

CREATE TABLE octavo.run_queue (
    organization_id uuid NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (id)
);
CREATE INDEX run_queue_order ON octavo.run_queue (organization_id, priority, id);

CREATE TABLE octavo.run_delay (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, run_id)
);
CREATE INDEX run_delay_due ON octavo.run_delay (due_at);

-- A lease lasts as long as its worker shows signs of life; one of a run inside a caller's process has a time instead.
CREATE TABLE octavo.run_lease (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    worker_id uuid NOT NULL,
    fence bigint NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (organization_id, run_id)
);
CREATE INDEX run_lease_worker ON octavo.run_lease (worker_id);
CREATE INDEX run_lease_expires ON octavo.run_lease (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE octavo.run_dead (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, run_id)
);
CREATE INDEX run_dead_died ON octavo.run_dead (organization_id, died_at);

-- Outputs of finished steps of runs that have not ended: a run goes on at the step that failed.
CREATE TABLE octavo.run_step (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    attempt integer NOT NULL CHECK (attempt >= 1),
    output jsonb NOT NULL CHECK (jsonb_typeof(output) = 'object'),
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, run_id, name),
    CHECK (ended_at >= started_at)
);

CREATE TABLE octavo.run_history (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    pipeline text NOT NULL,
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL,
    document_id uuid,
    document_version integer,
    priority smallint NOT NULL,
    state octavo.run_state NOT NULL CHECK (state IN ('completed', 'failed', 'cancelled')),
    input jsonb NOT NULL,
    output jsonb,
    error jsonb,
    steps jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(steps) = 'array'),
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    PRIMARY KEY (organization_id, id, ended_at),
    CHECK ((state = 'completed') = (output IS NOT NULL)),
    CHECK (ended_at >= created_at AND ended_at >= started_at)
) PARTITION BY RANGE (ended_at);
CREATE INDEX run_history_document ON octavo.run_history (organization_id, document_id) WHERE document_id IS NOT NULL;
CREATE TABLE octavo.run_history_default PARTITION OF octavo.run_history DEFAULT;

-- Workers that show signs of life, by the id of their run: a machine that starts again is another worker.
CREATE TABLE octavo.run_worker (
    id uuid PRIMARY KEY,
    host text NOT NULL CHECK (length(host) <= 255),
    pid integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    running integer NOT NULL DEFAULT 0 CHECK (running >= 0),
    draining boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.run_worker TO octavo_system;
GRANT SELECT ON octavo.run_worker TO octavo_backup;

CREATE FUNCTION octavo.keep_run_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    month date;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('octavo.keep_run_partitions'));
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')::date
    LOOP
        partition := 'run_history_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('octavo.' || partition) IS NOT NULL;
        BEGIN
            -- Made beside and then attached: unlike CREATE … PARTITION OF, that lets writers go on.
            EXECUTE format('CREATE TABLE octavo.%I (LIKE octavo.run_history INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE octavo.run_history ATTACH PARTITION octavo.%I FOR VALUES FROM (%L) TO (%L)',
                partition,
                month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            RETURN NEXT partition;
        EXCEPTION WHEN check_violation THEN
            -- Runs of this month lie in the default partition already, and are read from there.
            CONTINUE;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION octavo.keep_run_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.keep_run_partitions(integer) TO octavo_system;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['run', 'run_queue', 'run_delay', 'run_lease', 'run_dead', 'run_step',
                                    'run_history']
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

GRANT USAGE, SELECT ON SEQUENCE octavo.run_ticket TO octavo_app, octavo_system;
GRANT SELECT ON SEQUENCE octavo.run_ticket TO octavo_backup;

-- What the limit does, as a superuser: the same rows.

-- name: start
-- scope: system
-- $1 organization, $2 ids. A run keeps the version that its pipeline has now, so it has to be read.
WITH shared AS MATERIALIZED (
    SELECT name, id AS pipeline_id, version, clock_timestamp() AS moment, pg_current_xact_id() AS xid
    FROM octavo.document
    WHERE organization_id = $1 AND namespace = 'octavo' AND type = 'octavo.pipeline' AND name = 'bench'
),
item AS MATERIALIZED (
    SELECT wanted.id, nextval('octavo.run_ticket') AS ticket, nextval('octavo.event_position') AS position_id
    FROM shared, unnest($2::uuid []) AS wanted (id)
),
stored AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, ticket, max_attempts,
        created_at, actor, actor_kind, event_sequence, epoch, position_xid, position_id
    )
    SELECT
        $1, id, name, pipeline_id, version, 5, 'queued', '{}', ticket, 5, moment, 'ann', 'user', 1, 1, xid, position_id
    FROM shared, item
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id) SELECT $1, 5, ticket, id FROM item
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind
)
SELECT
    moment, 1, xid, position_id, $1, 'run-' || id, 1, 'run.queued',
    '{"pipeline": "bench", "pipelineVersion": 1, "priority": 5}', 'ann', 'user'
FROM shared, item

-- name: empty
-- scope: system
TRUNCATE octavo.run, octavo.run_queue, octavo.run_lease, octavo.run_delay

-- name: make_plain_queue
-- scope: system
CREATE TABLE IF NOT EXISTS public.bench_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payload jsonb NOT NULL
)

-- name: make_plain_done
-- scope: system
CREATE TABLE IF NOT EXISTS public.bench_done (
    id bigint PRIMARY KEY,
    payload jsonb NOT NULL,
    done_at timestamptz NOT NULL
)

-- name: fill_plain
-- scope: system
INSERT INTO public.bench_queue (payload) SELECT '{}' FROM generate_series(1, $1::integer)

-- name: take_plain
-- scope: system
WITH taken AS (
    DELETE FROM public.bench_queue
    WHERE id = ANY(ARRAY(SELECT id FROM public.bench_queue ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED))
    RETURNING id, payload
)
INSERT INTO public.bench_done (id, payload, done_at) SELECT id, payload, clock_timestamp() FROM taken

-- name: tell
-- scope: system
NOTIFY bench

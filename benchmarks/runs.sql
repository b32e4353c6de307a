-- What the limit does, as a superuser: the same rows.

-- name: start
-- scope: system
WITH now AS MATERIALIZED (SELECT clock_timestamp() AS moment, pg_current_xact_id() AS xid),
stored AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, priority, state, input, ticket, max_attempts,
        created_at, actor, actor_kind, event_sequence, epoch, position_xid, position_id
    )
    SELECT
        $1, wanted.id, 'bench', $2, 1, 5, 'queued', '{}', nextval('octavo.run_ticket'), 5, now.moment, 'ann', 'user', 1,
        1, now.xid, nextval('octavo.event_position')
    FROM unnest($3::uuid []) AS wanted (id), now
    RETURNING *
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM stored
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind
)
SELECT
    created_at, 1, position_xid, position_id, organization_id, 'run-' || id, 1, 'run.queued', '{"pipeline": "bench"}',
    actor, actor_kind
FROM stored

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

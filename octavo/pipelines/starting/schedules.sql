-- Schedules: what is due, and the runs that are started when it is.

-- name: look_at_clock
-- $2 name: the server's clock, and how many other schedules there are.
SELECT
    clock_timestamp() AS moment,
    (
        SELECT count(*) FROM octavo.schedule WHERE organization_id = $1::octavo.organization AND name <> $2
    ) AS schedules

-- name: put_schedule
-- $2 actor, $3 its kind, $4 id, $5 name, $6 pipeline, $7 its tag or null, $8 its version or null, $9 document or null,
-- $10 input, $11 priority, $12 cron, $13 time zone, $14 how it catches up, $15 whether runs may overlap, $16 when it is
-- due next; $17 namespace and $18 type of pipelines. No row: the pipeline or the document is not there. One that has
-- the same calendar stays due when it was.
INSERT INTO octavo.schedule AS known (
    organization_id, id, name, pipeline, tag, version, document_id, input, priority, cron, timezone, catch_up, overlap,
    next_at, actor, actor_kind
)
SELECT
    $1::octavo.organization, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14::octavo.catch_up, $15, $16, $2,
    $3::octavo.actor_kind
FROM octavo.document AS named
WHERE
    named.organization_id = $1::octavo.organization
    AND named.namespace = $17
    AND named.type = $18
    AND named.name = $6
    AND named.deleted_at IS NULL
    AND CASE
        WHEN $8::integer IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.version
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND number = $8
        )
        WHEN $7::text IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.tag
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND name = $7
        )
        ELSE true
    END
    AND ($9::uuid IS NULL OR EXISTS (
        SELECT FROM octavo.document
        WHERE organization_id = $1::octavo.organization AND id = $9 AND deleted_at IS NULL
    ))
ON CONFLICT (organization_id, name) DO UPDATE SET
    pipeline = excluded.pipeline,
    tag = excluded.tag,
    version = excluded.version,
    document_id = excluded.document_id,
    input = excluded.input,
    priority = excluded.priority,
    cron = excluded.cron,
    timezone = excluded.timezone,
    catch_up = excluded.catch_up,
    overlap = excluded.overlap,
    next_at = CASE
        WHEN known.paused THEN NULL
        WHEN known.cron = excluded.cron AND known.timezone = excluded.timezone THEN known.next_at
        ELSE excluded.next_at
    END,
    updated_at = clock_timestamp(),
    actor = excluded.actor,
    actor_kind = excluded.actor_kind
RETURNING
    -- include: schedule_columns

-- fragment: schedule_columns
    id, name, pipeline, tag, version, document_id, input, priority, cron, timezone, catch_up, overlap, paused, next_at,
    last_at, problem, created_at, updated_at, actor, actor_kind, clock_timestamp() AS moment

-- name: get_schedule
-- $2 name.
SELECT
    -- include: schedule_columns
FROM octavo.schedule
WHERE organization_id = $1::octavo.organization AND name = $2

-- name: list_schedules
-- $2 name to begin behind, $3 schedules at most.
SELECT
    -- include: schedule_columns
FROM octavo.schedule
WHERE organization_id = $1::octavo.organization AND name > $2
ORDER BY name
LIMIT $3

-- name: pause_schedule
-- $2 name, $3 when it is due next, or null: it pauses.
UPDATE octavo.schedule
SET
    paused = ($3::timestamptz IS NULL),
    next_at = CASE WHEN $3 IS NULL THEN NULL ELSE coalesce(next_at, $3) END,
    updated_at = clock_timestamp()
WHERE organization_id = $1::octavo.organization AND name = $2
RETURNING
    -- include: schedule_columns

-- name: delete_schedule
-- $2 name.
DELETE FROM octavo.schedule WHERE organization_id = $1::octavo.organization AND name = $2 RETURNING id

-- name: list_firings
-- $2 schedule's id, $3 due before, $4 times at most: the latest first.
SELECT due_at, fired_at, run_id, problem
FROM octavo.schedule_firing
WHERE organization_id = $1::octavo.organization AND schedule_id = $2 AND due_at < $3
ORDER BY due_at DESC
LIMIT $4

-- name: due_schedules
-- scope: system
-- $1 schedules at most: those whose time has come.
SELECT organization_id, name, cron, timezone, catch_up, next_at, clock_timestamp() AS moment
FROM octavo.schedule
WHERE next_at <= clock_timestamp()
ORDER BY next_at
LIMIT $1

-- name: fire
-- scope: system
-- Arrays of one length, a schedule each: $1 organizations, $2 names, $3 when each was due, $4 when it will be, $5 why
-- nothing is started, or null. Arrays of one length, a time each: $6 organizations, $7 names, $8 times, $9 ids of runs.
-- $10 namespace and $11 type of pipelines. Only of schedules that nobody has moved on meanwhile: so each time is seen
-- to once.
WITH now AS MATERIALIZED (
    -- The transaction has its xid before it draws a ticket: what is numbered below can be told to be final.
    SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
),
held AS MATERIALIZED (
    SELECT schedule.*, given.later, given.skipped
    FROM unnest($1::uuid [], $2::text [], $3::timestamptz [], $4::timestamptz [], $5::text [])
        AS given (organization_id, name, earlier, later, skipped)
    INNER JOIN octavo.schedule AS schedule
        ON schedule.organization_id = given.organization_id
        AND schedule.name = given.name
        AND schedule.next_at = given.earlier
    ORDER BY schedule.organization_id, schedule.name
    FOR UPDATE OF schedule SKIP LOCKED
),
item AS MATERIALIZED (
    SELECT
        held.organization_id, held.id AS schedule_id, held.name AS schedule, held.pipeline AS pipeline_name,
        held.document_id, held.input, held.priority, held.overlap, held.actor, held.actor_kind, due.due_at, due.run_id,
        pipeline.*, about.version AS document_version,
        CASE
            WHEN pipeline.pipeline_id IS NULL THEN 'pipeline_gone'
            WHEN held.document_id IS NOT NULL AND about.version IS NULL THEN 'document_gone'
        END AS problem
    FROM held
    INNER JOIN unnest($6::uuid [], $7::text [], $8::timestamptz [], $9::uuid [])
        AS due (organization_id, name, due_at, run_id)
        ON due.organization_id = held.organization_id AND due.name = held.name
    LEFT JOIN LATERAL (
        SELECT
            named.id AS pipeline_id, version.number AS pipeline_version,
            CASE WHEN jsonb_typeof(body.value -> 'retry' -> 'attempts') = 'number'
                THEN least(greatest((body.value -> 'retry' -> 'attempts')::integer, 1), 100) ELSE 1 END AS max_attempts,
            octavo.whole_number(body.value, 'max_running') AS max_running,
            octavo.whole_number(body.value, 'max_running_per_key') AS max_running_per_key
        FROM octavo.document AS named
        INNER JOIN octavo.version AS version
            ON version.organization_id = named.organization_id
            AND version.document_id = named.id
            AND version.number = CASE
                WHEN held.version IS NOT NULL THEN held.version
                WHEN held.tag IS NULL THEN named.version
                ELSE (
                    SELECT tag.version
                    FROM octavo.tag AS tag
                    WHERE
                        tag.organization_id = named.organization_id
                        AND tag.document_id = named.id
                        AND tag.name = held.tag
                )
            END
        INNER JOIN octavo.body AS body
            ON body.organization_id = named.organization_id AND body.hash = version.body_hash
        INNER JOIN octavo.body AS newest
            ON newest.organization_id = named.organization_id AND newest.hash = named.body_hash
        WHERE
            named.organization_id = held.organization_id
            AND named.namespace = $10
            AND named.type = $11
            AND named.name = held.pipeline
            AND named.deleted_at IS NULL
            -- A version that is not active is not started, and no other one while the newest is not.
            AND (body.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb
            AND (newest.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb
    ) AS pipeline ON true
    LEFT JOIN octavo.document AS about
        ON about.organization_id = held.organization_id
        AND about.id = held.document_id
        AND about.deleted_at IS NULL
),
permitted AS MATERIALIZED (
    SELECT wanted.organization_id, octavo.take_quota(wanted.organization_id, wanted.quota, wanted.runs) AS is_permitted
    FROM (
        SELECT item.organization_id, octavo.whole_number(profile.settings, 'runs_per_day') AS quota, count(*) AS runs
        FROM item
        INNER JOIN octavo.organization_profile AS profile ON profile.id = item.organization_id
        WHERE item.problem IS NULL AND octavo.whole_number(profile.settings, 'runs_per_day') IS NOT NULL
        GROUP BY item.organization_id, profile.settings
        ORDER BY item.organization_id
    ) AS wanted
),
stored AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state,
        input, unique_key, ticket, max_attempts, created_at, actor, actor_kind, correlation_id, event_sequence, epoch,
        position_xid, position_id, max_running, max_running_per_key
    )
    SELECT
        item.organization_id, item.run_id, item.pipeline_name, item.pipeline_id, item.pipeline_version,
        item.document_id, item.document_version, item.priority, 'queued'::octavo.run_state, item.input,
        CASE WHEN NOT item.overlap THEN 'schedule-' || item.schedule_id END, nextval('octavo.run_ticket'),
        item.max_attempts, now.moment, item.actor, item.actor_kind, 'schedule-' || item.schedule_id, 1, now.epoch,
        now.xid, nextval('octavo.event_position'), item.max_running, item.max_running_per_key
    FROM item
    CROSS JOIN now
    LEFT JOIN permitted ON permitted.organization_id = item.organization_id
    WHERE item.problem IS NULL AND coalesce(permitted.is_permitted, true)
    ORDER BY item.due_at
    ON CONFLICT (organization_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING *
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM stored
),
recorded AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, correlation_id
    )
    SELECT
        stored.created_at, stored.epoch, stored.position_xid, stored.position_id, stored.organization_id,
        'run-' || stored.id, 1, 'run.queued', stored.document_id, stored.document_version,
        jsonb_build_object(
            'pipeline', stored.pipeline, 'pipelineVersion', stored.pipeline_version, 'priority', stored.priority,
            'schedule', item.schedule, 'dueAt', item.due_at
        ),
        stored.actor, stored.actor_kind, stored.correlation_id
    FROM stored
    INNER JOIN item ON item.run_id = stored.id
),
outcome AS MATERIALIZED (
    SELECT
        item.organization_id, item.schedule_id, item.due_at, stored.id AS run_id,
        CASE
            WHEN stored.id IS NOT NULL THEN NULL
            WHEN item.problem IS NOT NULL THEN item.problem
            WHEN NOT permitted.is_permitted THEN 'quota_exceeded'
            ELSE 'overlap'
        END AS problem
    FROM item
    LEFT JOIN permitted ON permitted.organization_id = item.organization_id
    LEFT JOIN stored ON stored.organization_id = item.organization_id AND stored.id = item.run_id
),
noted AS (
    INSERT INTO octavo.schedule_firing (organization_id, schedule_id, due_at, fired_at, run_id, problem)
    SELECT outcome.organization_id, outcome.schedule_id, outcome.due_at, now.moment, outcome.run_id, outcome.problem
    FROM outcome, now
    ON CONFLICT DO NOTHING
)
UPDATE octavo.schedule AS schedule
SET
    next_at = held.later,
    last_at = coalesce(last.due_at, schedule.last_at),
    problem = coalesce(held.skipped, last.problem)
FROM held
LEFT JOIN LATERAL (
    SELECT outcome.due_at, outcome.problem
    FROM outcome
    WHERE outcome.organization_id = held.organization_id AND outcome.schedule_id = held.id
    ORDER BY outcome.due_at DESC
    LIMIT 1
) AS last ON true
WHERE schedule.organization_id = held.organization_id AND schedule.name = held.name
RETURNING schedule.name, (SELECT count(*) FROM stored) AS runs

-- name: forget_firings
-- scope: system
-- $1 days, $2 times at most: what was due before.
DELETE FROM octavo.schedule_firing
WHERE ctid = ANY(ARRAY(
    SELECT ctid
    FROM octavo.schedule_firing
    WHERE due_at < clock_timestamp() - make_interval(days => $1)
    LIMIT $2
))

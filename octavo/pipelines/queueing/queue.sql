-- The queue as workers see it: of all organizations. Everybody takes the ticket of a run first and changes the run
-- afterwards, so two that want one run meet at its ticket, and nobody waits for the other in the opposite order.

-- fragment: now
now AS MATERIALIZED (
    -- The transaction has its xid before it draws a ticket: what is numbered below can be told to be final.
    SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
)

-- fragment: next_place
        event_sequence = stored.event_sequence + 1,
        epoch = now.epoch,
        position_xid = CASE
            WHEN stored.epoch = now.epoch THEN greatest(stored.position_xid, now.xid) ELSE now.xid
        END,
        position_id = nextval('octavo.event_position')

-- fragment: end_place
        now.moment, now.epoch AS now_epoch,
        CASE WHEN stored.epoch = now.epoch THEN greatest(stored.position_xid, now.xid) ELSE now.xid END AS end_xid,
        nextval('octavo.event_position') AS end_id

-- fragment: event_targets
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )

-- fragment: returned
-- Of `given` (organization_id, run_id, fence, state, error, seconds, counted): those whose lease is still that one
-- go back: to the queue, to wait, or to the dead.
released AS (
    DELETE FROM octavo.run_lease AS lease
    USING given
    WHERE
        lease.organization_id = given.organization_id
        AND lease.run_id = given.run_id
        AND lease.fence = given.fence
    RETURNING given.*
),
moved AS (
    UPDATE octavo.run AS stored
    SET
        state = released.state,
        error = coalesce(released.error, stored.error),
        attempt = stored.attempt - CASE WHEN released.counted THEN 0 ELSE 1 END,
        ticket = CASE WHEN released.state = 'queued' THEN nextval('octavo.run_ticket') ELSE stored.ticket END,
        -- The dead hold no key: tomorrow's run may start.
        unique_key = CASE WHEN released.state = 'dead' THEN NULL ELSE stored.unique_key END,
        -- include: next_place
    FROM released, now
    WHERE stored.organization_id = released.organization_id AND stored.id = released.run_id
    RETURNING stored.*, released.seconds, now.moment
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM moved WHERE state = 'queued'
),
delayed AS (
    INSERT INTO octavo.run_delay (organization_id, run_id, due_at)
    SELECT organization_id, id, moment + make_interval(secs => seconds) FROM moved WHERE state = 'delayed'
),
dead AS (
    INSERT INTO octavo.run_dead (organization_id, run_id)
    SELECT organization_id, id FROM moved WHERE state = 'dead'
),
recorded AS (
    -- include: event_targets
    SELECT
        moment, epoch, position_xid, position_id, organization_id, 'run-' || id, event_sequence,
        CASE state WHEN 'queued' THEN 'run.released' WHEN 'delayed' THEN 'run.retrying' ELSE 'run.failed' END,
        document_id, document_version,
        jsonb_strip_nulls(jsonb_build_object(
            'pipeline', pipeline, 'pipelineVersion', pipeline_version, 'attempt', attempt,
            'code', error ->> 'code', 'step', error ->> 'step', 'delaySeconds', nullif(seconds, 0)
        )),
        'octavo', 'system'::octavo.actor_kind, session_id, correlation_id, causation_id
    FROM moved
)
SELECT id FROM moved

-- fragment: ended
-- include: ended_rows
-- include: end_told

-- fragment: ended_with_results
-- include: ended_rows
,
-- include: resulted
-- include: end_told

-- fragment: end_told
-- What ended, and whether others wait for it.
SELECT
    id, now_epoch AS epoch, end_xid AS position_xid, end_id AS position_id,
    (
        SELECT true
        FROM octavo.run_dependency AS waiting
        WHERE waiting.organization_id = gone.organization_id AND waiting.needs = gone.id
        LIMIT 1
    ) AS is_awaited
FROM gone

-- fragment: ended_rows
-- Of `given` (organization_id, run_id, fence, state, output, error, steps): those whose lease is still that one end.
released AS (
    DELETE FROM octavo.run_lease AS lease
    USING given
    WHERE
        lease.organization_id = given.organization_id
        AND lease.run_id = given.run_id
        AND lease.fence = given.fence
    RETURNING given.*
),
gone AS (
    DELETE FROM octavo.run AS stored
    USING released, now
    WHERE stored.organization_id = released.organization_id AND stored.id = released.run_id
    RETURNING
        stored.*, released.state AS end_state, released.output, coalesce(released.error, stored.error) AS last_error,
        released.steps, 'octavo' AS by, 'system'::octavo.actor_kind AS by_kind,
        -- include: end_place
),
forgotten AS (
    DELETE FROM octavo.run_step AS step
    USING gone
    WHERE step.organization_id = gone.organization_id AND step.run_id = gone.id AND gone.steps <> '[]'
),
-- include: history

-- fragment: resulted
-- What the ended ones give of their documents, in the order in which everybody writes results. One of the same type,
-- model and options for the same version is replaced; a version that was purged meanwhile has none.
resulted AS (
    INSERT INTO octavo.result AS known (
        organization_id, id, document_id, version, fits_version, type, model, model_version, options, status, value,
        metrics, run_id, step, component, started_at, ended_at, actor, actor_kind
    )
    SELECT DISTINCT ON (
        gone.organization_id, gone.document_id, gone.document_version, made.type, made.model, made.model_version,
        made.options
    )
        gone.organization_id, made.id, gone.document_id, gone.document_version,
        coalesce(made.fits_version, gone.document_version), made.type, made.model, made.model_version, made.options,
        'completed'::octavo.run_state, made.value, made.metrics, gone.id, made.step, made.component, made.started_at,
        made.ended_at, gone.actor, gone.actor_kind
    FROM gone
    INNER JOIN given
        ON given.organization_id = gone.organization_id AND given.run_id = gone.id AND given.fence = gone.fence
    CROSS JOIN LATERAL jsonb_to_recordset(given.results) AS made (
        id uuid, fits_version integer, type octavo.processing_type, model text, model_version text, options jsonb,
        value jsonb, metrics jsonb, step text, component text, started_at timestamptz, ended_at timestamptz
    )
    INNER JOIN octavo.version AS about
        ON about.organization_id = gone.organization_id
        AND about.document_id = gone.document_id
        AND about.number = gone.document_version
    ORDER BY
        gone.organization_id, gone.document_id, gone.document_version, made.type, made.model, made.model_version,
        made.options, made.id DESC
    ON CONFLICT (organization_id, document_id, version, type, model, model_version, options_key) DO UPDATE SET
        id = excluded.id,
        fits_version = excluded.fits_version,
        status = excluded.status,
        value = excluded.value,
        error = NULL,
        metrics = excluded.metrics,
        run_id = excluded.run_id,
        step = excluded.step,
        component = excluded.component,
        started_at = excluded.started_at,
        ended_at = excluded.ended_at,
        updated_at = clock_timestamp(),
        actor = excluded.actor,
        actor_kind = excluded.actor_kind
    RETURNING organization_id, run_id, type, model, model_version, step
),
told AS (
    -- include: event_targets
    SELECT
        moment, now_epoch, end_xid, nextval('octavo.event_position'), organization_id, 'run-' || id,
        event_sequence + 1 + place, 'result.stored', document_id, document_version, about, by, by_kind, session_id,
        correlation_id, causation_id
    FROM (
        SELECT
            gone.*,
            jsonb_build_object(
                'type', resulted.type, 'model', resulted.model, 'modelVersion', resulted.model_version,
                'step', resulted.step
            ) AS about,
            row_number() OVER (PARTITION BY gone.organization_id, gone.id ORDER BY resulted.step) AS place
        FROM resulted
        INNER JOIN gone ON gone.organization_id = resulted.organization_id AND gone.id = resulted.run_id
        ORDER BY gone.organization_id, gone.id, place
        OFFSET 0
    ) AS ordered
)

-- fragment: history
kept AS (
    INSERT INTO octavo.run_history (
        organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state,
        input, output, error, steps, attempt, max_attempts, created_at, started_at, ended_at, actor, actor_kind,
        session_id, correlation_id, epoch, position_xid, position_id, batch_id, trigger, trigger_depth
    )
    SELECT
        organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority,
        end_state, input, output, last_error, steps, attempt, max_attempts, created_at, started_at,
        -- A clock that was set back ends no run before it began.
        greatest(moment, created_at, started_at), actor, actor_kind, session_id, correlation_id, now_epoch, end_xid,
        end_id, batch_id, trigger, trigger_depth
    FROM gone
),
recorded AS (
    -- include: event_targets
    SELECT
        moment, now_epoch, end_xid, end_id, organization_id, 'run-' || id, event_sequence + 1, 'run.' || end_state,
        document_id, document_version,
        jsonb_strip_nulls(jsonb_build_object(
            'pipeline', pipeline, 'pipelineVersion', pipeline_version, 'attempt', attempt,
            'code', CASE WHEN end_state <> 'completed' THEN last_error ->> 'code' END,
            'waitedMs', round(extract(epoch FROM started_at - created_at) * 1000),
            'tookMs', round(extract(epoch FROM moment - started_at) * 1000)
        )),
        by, by_kind, session_id, correlation_id, causation_id
    FROM gone
)

-- name: look
-- scope: system
-- $1 the ticket seen last, $2 tickets at most; $3 the ticket to look for late ones from, $4 of them at most. What is
-- there: a row each organization and priority, with the number of tickets that are new; and one row in any case, with
-- the ends that tell how far nothing can appear any more.
WITH seen AS MATERIALIZED (
    SELECT organization_id, priority, id, queued_at, 1 AS is_new
    FROM octavo.run_queue
    WHERE id > $1
    ORDER BY id
    LIMIT $2
),
-- Numbers are drawn before they are committed: some come late.
late AS MATERIALIZED (
    SELECT organization_id, priority, id, queued_at, 0 AS is_new
    FROM octavo.run_queue
    WHERE id > $3 AND id <= $1
    ORDER BY id
    LIMIT $4
),
waiting AS (
    SELECT organization_id, priority, min(queued_at) AS since, min(id) AS first, sum(is_new) AS fresh
    FROM (SELECT * FROM seen UNION ALL SELECT * FROM late) AS found
    GROUP BY organization_id, priority
)
SELECT
    ends.drawn, ends.gate, ends.next, ends.tickets, ends.last, ends.late_last, ends.moment,
    waiting.organization_id, waiting.priority, waiting.since, waiting.first, waiting.fresh,
    CASE WHEN jsonb_typeof(profile.settings -> 'run_share') = 'number'
        THEN (profile.settings ->> 'run_share')::float8 ELSE 1 END AS share
FROM (
    SELECT
        (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM octavo.run_ticket) AS drawn,
        pg_snapshot_xmin(pg_current_snapshot()) AS gate,
        pg_snapshot_xmax(pg_current_snapshot()) AS next,
        (SELECT count(*) FROM seen) AS tickets,
        (SELECT max(id) FROM seen) AS last,
        (SELECT CASE WHEN count(*) = $4 THEN max(id) END FROM late) AS late_last,
        clock_timestamp() AS moment
) AS ends
LEFT JOIN waiting ON true
LEFT JOIN octavo.organization_profile AS profile ON profile.id = waiting.organization_id

-- name: claim
-- scope: system
-- $1 worker; arrays of one length: $2 organizations, $3 priorities, $4 tickets to begin behind, $5 runs at most; $6 runs
-- at most in all. Gives each ticket that was taken; one without a run is held back by a limit. Of runs that have none `limited` has no rows.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT ticket.*
    FROM unnest($2::uuid [], $3::smallint [], $4::bigint [], $5::integer [])
        AS wanted (organization_id, priority, low, runs)
    CROSS JOIN LATERAL (
        SELECT queued.id, queued.organization_id, queued.run_id
        FROM octavo.run_queue AS queued
        WHERE
            queued.organization_id = wanted.organization_id
            AND queued.priority = wanted.priority
            AND queued.id > wanted.low
        ORDER BY queued.id
        LIMIT wanted.runs
        FOR UPDATE SKIP LOCKED
    ) AS ticket
    LIMIT $6::octavo.planned_once
),
limited AS MATERIALIZED (
    SELECT lane.*
    FROM (
        SELECT array_agg(id) AS tickets, array_agg(organization_id) AS organizations, array_agg(run_id) AS runs
        FROM picked
    ) AS whole
    CROSS JOIN LATERAL octavo.limited_runs(whole.tickets, whole.organizations, whole.runs) AS lane
),
taken AS (
    DELETE FROM octavo.run_queue
    WHERE id = ANY(ARRAY(SELECT id FROM picked))
    RETURNING organization_id, priority, run_id, id, queued_at
),
held AS (
    INSERT INTO octavo.run_held (organization_id, lane, rank, run_id, priority, queued_at, at_most)
    SELECT
        taken.organization_id, limited.lane, taken.queued_at - limited.priority * interval '1 minute', taken.run_id,
        limited.priority, taken.queued_at, limited.at_most
    FROM taken
    INNER JOIN limited ON limited.ticket = taken.id
    WHERE limited.lane IS NOT NULL
),
begun AS (
    UPDATE octavo.run AS stored
    SET
        state = 'running',
        fence = stored.fence + 1,
        attempt = stored.attempt + 1,
        started_at = coalesce(stored.started_at, now.moment),
        -- include: next_place
    FROM taken, now
    WHERE
        stored.organization_id = taken.organization_id
        AND stored.id = taken.run_id
        AND taken.id <> ALL(ARRAY(SELECT ticket FROM limited WHERE lane IS NOT NULL))
    RETURNING stored.*, taken.id AS claimed, now.moment
),
leased AS (
    INSERT INTO octavo.run_lease (organization_id, run_id, worker_id, fence, pipeline_id, concurrency)
    SELECT
        organization_id, id, $1, fence,
        CASE WHEN coalesce(max_running, max_running_per_key) IS NOT NULL THEN pipeline_id END,
        CASE WHEN coalesce(max_running, max_running_per_key) IS NOT NULL THEN concurrency END
    FROM begun
),
recorded AS (
    -- include: event_targets
    SELECT
        moment, epoch, position_xid, position_id, organization_id, 'run-' || id, event_sequence, 'run.started',
        document_id, document_version,
        jsonb_build_object('pipeline', pipeline, 'pipelineVersion', pipeline_version, 'attempt', attempt),
        'octavo', 'system'::octavo.actor_kind, session_id, correlation_id, causation_id
    FROM begun
)
SELECT
    taken.organization_id, taken.priority, taken.id AS claimed, taken.queued_at, begun.id, begun.pipeline,
    begun.pipeline_id, begun.pipeline_version, begun.document_id, begun.document_version, begun.input, begun.fence,
    begun.attempt, begun.max_attempts, begun.actor, begun.actor_kind, begun.session_id, begun.correlation_id,
    begun.event_sequence, begun.moment, begun.trigger,
    limited.lanes
FROM taken
LEFT JOIN begun ON begun.claimed = taken.id
LEFT JOIN limited ON limited.ticket = taken.id
ORDER BY taken.id

-- name: finish_runs
-- scope: system
-- Arrays of one length: $1 organizations, $2 runs, $3 fences, $4 states, $5 outputs, $6 errors, $7 steps; $8 length.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT *
    FROM unnest($1::uuid [], $2::uuid [], $3::bigint [], $4::octavo.run_state [], $5::jsonb [], $6::jsonb [], $7::jsonb [])
        AS given (organization_id, run_id, fence, state, output, error, steps)
    LIMIT $8::octavo.planned_once
),
-- include: ended

-- name: finish_runs_with_results
-- scope: system
-- As finish_runs, and $9 the results of each, a list.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $1::uuid [], $2::uuid [], $3::bigint [], $4::octavo.run_state [], $5::jsonb [], $6::jsonb [], $7::jsonb [],
        $9::jsonb []
    ) AS given (organization_id, run_id, fence, state, output, error, steps, results)
    LIMIT $8::octavo.planned_once
),
-- include: ended_with_results

-- name: finish_run
-- $2 run, $3 fence, $4 state, $5 output, $6 error, $7 steps.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT
        $1::octavo.organization::uuid AS organization_id, $2::uuid AS run_id, $3::bigint AS fence,
        $4::octavo.run_state AS state, $5::jsonb AS output, $6::jsonb AS error, $7::jsonb AS steps
),
-- include: ended

-- name: finish_run_with_results
-- As finish_run, and $8 its results.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT
        $1::octavo.organization::uuid AS organization_id, $2::uuid AS run_id, $3::bigint AS fence,
        $4::octavo.run_state AS state, $5::jsonb AS output, $6::jsonb AS error, $7::jsonb AS steps, $8::jsonb AS results
),
-- include: ended_with_results

-- name: return_runs
-- scope: system
-- Arrays of one length: $1 organizations, $2 runs, $3 fences, $4 states, $5 errors, $6 seconds to wait, $7 whether
-- the attempt counts.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT *
    FROM unnest($1::uuid [], $2::uuid [], $3::bigint [], $4::octavo.run_state [], $5::jsonb [], $6::float8 [], $7::boolean [])
        AS given (organization_id, run_id, fence, state, error, seconds, counted)
),
-- include: returned

-- name: return_run
-- $2 run, $3 fence, $4 state, $5 error, $6 seconds to wait, $7 whether the attempt counts.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT
        $1::octavo.organization::uuid AS organization_id, $2::uuid AS run_id, $3::bigint AS fence,
        $4::octavo.run_state AS state, $5::jsonb AS error, $6::float8 AS seconds, $7::boolean AS counted
),
-- include: returned

-- name: rescue
-- scope: system
-- $1 seconds without a sign of life, $2 runs at most, $3 the error they get. Their attempt counts: what kills its
-- workers must not do so for ever.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT organization_id, run_id, fence
    FROM octavo.run_lease
    WHERE
        worker_id = ANY(ARRAY(
            SELECT id FROM octavo.run_worker WHERE seen_at < clock_timestamp() - make_interval(secs => $1::float8)
        ))
        OR expires_at < clock_timestamp()
    LIMIT $2
    FOR UPDATE SKIP LOCKED
),
given AS MATERIALIZED (
    SELECT
        picked.organization_id, picked.run_id, picked.fence,
        (CASE WHEN lost.attempt >= lost.max_attempts THEN 'dead' ELSE 'queued' END)::octavo.run_state AS state,
        $3::jsonb AS error, 0::float8 AS seconds, true AS counted
    FROM picked
    INNER JOIN octavo.run AS lost ON lost.organization_id = picked.organization_id AND lost.id = picked.run_id
),
-- include: returned

-- name: resolve
-- scope: system
-- Arrays of one length: $1 organizations and $2 runs that have ended; $3 of those that wait for them at most. The last
-- that one waits for sends it to the queue; one that did not complete cancels it, unless any end will do.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT
        waiting.organization_id, waiting.needs, waiting.run_id,
        CASE WHEN NOT waiting.any_end AND ended.state IS DISTINCT FROM 'completed'
            THEN coalesce(ended.state, 'failed') END AS broken
    FROM unnest($1::uuid [], $2::uuid []) AS given (organization_id, id)
    INNER JOIN octavo.run_dependency AS waiting
        ON waiting.organization_id = given.organization_id AND waiting.needs = given.id
    LEFT JOIN octavo.run_history AS ended ON ended.organization_id = given.organization_id AND ended.id = given.id
    WHERE NOT EXISTS (
        SELECT FROM octavo.run AS live WHERE live.organization_id = given.organization_id AND live.id = given.id
    )
    LIMIT $3
    FOR UPDATE OF waiting SKIP LOCKED
),
settled AS (
    DELETE FROM octavo.run_dependency AS waiting
    USING picked
    WHERE
        waiting.organization_id = picked.organization_id
        AND waiting.needs = picked.needs
        AND waiting.run_id = picked.run_id
    RETURNING picked.*
),
told AS MATERIALIZED (
    SELECT
        organization_id, run_id, count(*)::integer AS runs,
        min(format('run %s, which it waits for, is %s', needs, broken)) FILTER (WHERE broken IS NOT NULL) AS broken
    FROM settled
    GROUP BY organization_id, run_id
),
-- Two that end at once may have the same runs waiting: both take them in one order.
locked AS MATERIALIZED (
    SELECT told.*
    FROM told
    INNER JOIN octavo.run AS waiting ON waiting.organization_id = told.organization_id AND waiting.id = told.run_id
    WHERE waiting.waits_for > 0
    ORDER BY told.organization_id, told.run_id
    FOR UPDATE OF waiting
),
moved AS (
    UPDATE octavo.run AS stored
    SET
        waits_for = stored.waits_for - locked.runs,
        state = CASE WHEN stored.waits_for = locked.runs THEN 'queued' ELSE stored.state END,
        ticket = CASE
            WHEN stored.waits_for = locked.runs AND now.xid IS NOT NULL THEN nextval('octavo.run_ticket')
            ELSE stored.ticket
        END
    FROM locked, now
    WHERE
        stored.organization_id = locked.organization_id
        AND stored.id = locked.run_id
        AND locked.broken IS NULL
        AND stored.waits_for >= locked.runs
    RETURNING stored.organization_id, stored.priority, stored.ticket, stored.id, stored.state
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM moved WHERE state = 'queued'
),
gone AS (
    DELETE FROM octavo.run AS stored
    USING locked, now
    WHERE
        stored.organization_id = locked.organization_id
        AND stored.id = locked.run_id
        AND locked.broken IS NOT NULL
        AND stored.waits_for > 0
    RETURNING
        stored.*, 'cancelled'::octavo.run_state AS end_state, NULL::jsonb AS output,
        jsonb_build_object('code', 'dependency_failed', 'message', locked.broken) AS last_error, '[]'::jsonb AS steps,
        'octavo' AS by, 'system'::octavo.actor_kind AS by_kind,
        -- include: end_place
),
-- include: history
SELECT
    picked.organization_id, picked.run_id, gone.id IS NOT NULL AS is_cancelled
FROM picked
LEFT JOIN gone ON gone.organization_id = picked.organization_id AND gone.id = picked.run_id

-- name: queue_due
-- scope: system
-- $1 runs at most: those whose time has come.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT organization_id, run_id
    FROM octavo.run_delay
    WHERE due_at <= clock_timestamp()
    ORDER BY due_at
    LIMIT $1
    FOR UPDATE SKIP LOCKED
),
taken AS (
    DELETE FROM octavo.run_delay AS delay
    USING picked
    WHERE delay.organization_id = picked.organization_id AND delay.run_id = picked.run_id
    RETURNING delay.organization_id, delay.run_id
),
moved AS (
    UPDATE octavo.run AS stored
    SET state = 'queued', ticket = CASE WHEN now.xid IS NOT NULL THEN nextval('octavo.run_ticket') END
    FROM taken, now
    WHERE stored.organization_id = taken.organization_id AND stored.id = taken.run_id
    RETURNING stored.organization_id, stored.priority, stored.ticket, stored.id
)
INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
SELECT organization_id, priority, ticket, id FROM moved
RETURNING run_id

-- name: beat
-- scope: system
-- $1 worker, $2 host, $3 pid, $4 runs under way, $5 whether it drains; $6 organizations and $7 ids of its runs. A sign
-- of life need not be durable. Gives the runs that it has no more, and those that it shall give up.
WITH seen AS (
    INSERT INTO octavo.run_worker AS worker (id, host, pid, running, draining)
    SELECT $1::uuid, $2::text, $3::integer, $4::integer, $5::boolean
    FROM set_config('synchronous_commit', 'off', true)
    ON CONFLICT (id) DO UPDATE SET
        seen_at = clock_timestamp(), running = excluded.running, draining = excluded.draining
)
SELECT mine.id, lease.worker_id IS NULL AS is_lost
FROM unnest($6::uuid [], $7::uuid []) AS mine (organization_id, id)
LEFT JOIN octavo.run_lease AS lease
    ON lease.organization_id = mine.organization_id AND lease.run_id = mine.id AND lease.worker_id = $1
LEFT JOIN octavo.run AS run ON run.organization_id = mine.organization_id AND run.id = mine.id
WHERE lease.worker_id IS NULL OR run.cancel_requested

-- name: give_back_strays
-- scope: system
-- $1 worker, $2 its runs: a claim whose answer was lost leaves it others, of which it knows nothing.
WITH
-- include: now
,
given AS MATERIALIZED (
    SELECT
        organization_id, run_id, fence, 'queued'::octavo.run_state AS state, NULL::jsonb AS error,
        0::float8 AS seconds, false AS counted
    FROM octavo.run_lease
    WHERE worker_id = $1 AND run_id <> ALL($2::uuid [])
),
-- include: returned

-- name: leave
-- scope: system
-- $1 worker: it has no run any more.
DELETE FROM octavo.run_worker WHERE id = $1

-- name: forget_workers
-- scope: system
-- $1 seconds without a sign of life: those that have no run any more.
DELETE FROM octavo.run_worker AS worker
WHERE
    worker.seen_at < clock_timestamp() - make_interval(secs => $1::float8)
    AND NOT EXISTS (SELECT FROM octavo.run_lease AS lease WHERE lease.worker_id = worker.id)

-- name: workers
-- scope: system
-- $1 seconds without a sign of life after which one is taken for gone.
SELECT id, host, pid, started_at, seen_at, running, draining
FROM octavo.run_worker
WHERE seen_at >= clock_timestamp() - make_interval(secs => $1::float8)
ORDER BY started_at

-- name: keep_steps
-- Arrays of one length: $2 runs, $3 fences, $4 names of steps, $5 attempts, $6 outputs, $7 when they started and $8
-- ended, $9 details. The leases are locked, so that none can be lost before this is committed.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::uuid [], $3::bigint [], $4::text [], $5::integer [], $6::jsonb [], $7::timestamptz [], $8::timestamptz [],
        $9::jsonb []
    ) AS given (run_id, fence, name, attempt, output, started_at, ended_at, details)
),
held AS MATERIALIZED (
    SELECT lease.run_id, lease.fence
    FROM octavo.run_lease AS lease
    WHERE
        lease.organization_id = $1::octavo.organization
        AND lease.run_id = ANY($2::uuid [])
        AND (lease.run_id, lease.fence) IN (SELECT run_id, fence FROM given)
    ORDER BY lease.run_id
    FOR SHARE
)
INSERT INTO octavo.run_step (organization_id, run_id, name, attempt, output, started_at, ended_at, details)
SELECT
    $1::octavo.organization, given.run_id, given.name, given.attempt, given.output, given.started_at, given.ended_at,
    given.details
FROM given
INNER JOIN held ON held.run_id = given.run_id AND held.fence = given.fence
ON CONFLICT (organization_id, run_id, name) DO UPDATE SET
    attempt = excluded.attempt, output = excluded.output, started_at = excluded.started_at,
    ended_at = excluded.ended_at, details = excluded.details
RETURNING run_id, name

-- name: finished_steps
-- $2 run.
SELECT name, attempt, output, started_at, ended_at, details
FROM octavo.run_step
WHERE organization_id = $1::octavo.organization AND run_id = $2

-- name: ended_steps
-- $2 run. Elements of a step that is called for each are kept as split[17], and are no steps.
SELECT name, attempt, started_at, ended_at, details
FROM octavo.run_step
WHERE organization_id = $1::octavo.organization AND run_id = $2 AND right(name, 1) <> ']'
ORDER BY ended_at, name

-- name: tell_progress
-- $2 run, $3 fence, $4 progress of its steps by name. Beside what others write of the run, and gone with its lease.
UPDATE octavo.run_lease
SET progress = coalesce(progress, '{}') || $4::jsonb
WHERE organization_id = $1::octavo.organization AND run_id = $2 AND fence = $3

-- name: progress_of
-- $2 runs: how far the steps are of those that are under way.
SELECT run_id, progress
FROM octavo.run_lease
WHERE organization_id = $1::octavo.organization AND run_id = ANY($2::uuid []) AND progress IS NOT NULL

-- name: renew_run
-- $2 run, $3 worker, $4 seconds: the lease of a run inside its caller's process.
UPDATE octavo.run_lease
SET expires_at = clock_timestamp() + make_interval(secs => $4::float8)
WHERE organization_id = $1::octavo.organization AND run_id = $2 AND worker_id = $3
RETURNING true AS renewed

-- name: try_again
-- $2 run, $3 fence, $4 error, $5 seconds until then: the next attempt of a run inside its caller's process.
WITH
-- include: now
,
held AS (
    UPDATE octavo.run_lease
    SET fence = fence + 1
    WHERE organization_id = $1::octavo.organization AND run_id = $2 AND fence = $3
    RETURNING organization_id, run_id, fence
),
moved AS (
    UPDATE octavo.run AS stored
    SET
        fence = held.fence,
        attempt = stored.attempt + 1,
        error = $4::jsonb,
        -- include: next_place
    FROM held, now
    WHERE stored.organization_id = held.organization_id AND stored.id = held.run_id
    RETURNING stored.*, now.moment
),
recorded AS (
    -- include: event_targets
    SELECT
        moment, epoch, position_xid, position_id, organization_id, 'run-' || id, event_sequence, 'run.retrying',
        document_id, document_version,
        jsonb_strip_nulls(jsonb_build_object(
            'pipeline', pipeline, 'pipelineVersion', pipeline_version, 'attempt', attempt - 1,
            'code', error ->> 'code', 'step', error ->> 'step', 'delaySeconds', $5::float8
        )),
        'octavo', 'system'::octavo.actor_kind, session_id, correlation_id, causation_id
    FROM moved
)
SELECT fence FROM moved

-- fragment: steps_so_far
        coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'name', step.name, 'attempt', step.attempt, 'started_at', step.started_at, 'ended_at', step.ended_at
            ) || step.details ORDER BY step.started_at)
            FROM octavo.run_step AS step
            -- Elements of a step that is called for each are kept as split[17], and are no steps.
            WHERE step.organization_id = stored.organization_id AND step.run_id = stored.id AND right(step.name, 1) <> ']'
        ), '[]') AS steps

-- fragment: given_up
forgotten AS (
    DELETE FROM octavo.run_step AS step
    USING gone
    WHERE step.organization_id = gone.organization_id AND step.run_id = gone.id
),
-- include: history

-- name: cancel_run
-- $2 actor, $3 its kind, $4 run. One that runs is asked to end, and ends when its worker hears of it.
WITH
-- include: now
,
known AS MATERIALIZED (
    SELECT id, ticket FROM octavo.run WHERE organization_id = $1::octavo.organization AND id = $4
),
from_queue AS (
    DELETE FROM octavo.run_queue AS queued
    USING known
    WHERE queued.organization_id = $1::octavo.organization AND queued.id = known.ticket AND queued.run_id = known.id
    RETURNING queued.run_id
),
from_delay AS (
    DELETE FROM octavo.run_delay
    WHERE organization_id = $1::octavo.organization AND run_id = $4
    RETURNING run_id
),
from_dead AS (
    DELETE FROM octavo.run_dead
    WHERE organization_id = $1::octavo.organization AND run_id = $4
    RETURNING run_id
),
from_held AS (
    DELETE FROM octavo.run_held
    WHERE organization_id = $1::octavo.organization AND run_id = $4
    RETURNING run_id
),
from_waiting AS MATERIALIZED (
    SELECT id AS run_id
    FROM octavo.run
    WHERE organization_id = $1::octavo.organization AND id = $4 AND waits_for > 0
    FOR UPDATE
),
ticket AS (
    SELECT run_id FROM from_held
    UNION ALL
    SELECT run_id FROM from_waiting
    UNION ALL
    SELECT run_id FROM from_queue
    UNION ALL
    SELECT run_id FROM from_delay
    UNION ALL
    SELECT run_id FROM from_dead
),
asked AS (
    UPDATE octavo.run
    SET cancel_requested = true
    WHERE
        organization_id = $1::octavo.organization AND id = $4 AND state = 'running'
        AND NOT EXISTS (SELECT FROM ticket)
    RETURNING id
),
gone AS (
    DELETE FROM octavo.run AS stored
    USING ticket, now
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = ticket.run_id
    RETURNING
        stored.*, 'cancelled'::octavo.run_state AS end_state, NULL::jsonb AS output, stored.error AS last_error,
        $2::text AS by, $3::octavo.actor_kind AS by_kind,
        -- include: steps_so_far
,
        -- include: end_place
),
-- include: given_up
SELECT id, 'cancelled' AS done FROM gone
UNION ALL
SELECT id, 'asked' AS done FROM asked

-- fragment: retried
-- The dead of `picked` (run_id) go to the queue again, with all their attempts before them; a batch that was over is
-- not any more. Batches are locked in the order of their ids, and after that nothing is waited for.
taken AS (
    DELETE FROM octavo.run_dead AS dead
    USING picked
    WHERE dead.organization_id = $1::octavo.organization AND dead.run_id = picked.run_id
    RETURNING dead.run_id
),
moved AS (
    UPDATE octavo.run AS stored
    SET
        state = 'queued',
        attempt = 0,
        cancel_requested = false,
        ticket = nextval('octavo.run_ticket'),
        -- include: next_place
    FROM taken, now
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = taken.run_id
    RETURNING stored.*, now.moment
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM moved
),
again AS MATERIALIZED (
    SELECT id
    FROM octavo.batch
    WHERE
        organization_id = $1::octavo.organization
        AND id = ANY(ARRAY(SELECT DISTINCT batch_id FROM moved WHERE batch_id IS NOT NULL))
    ORDER BY id
    FOR UPDATE
),
reopened AS (
    UPDATE octavo.batch AS batch
    SET settled_at = NULL, reopened = batch.reopened + 1, updated_at = now.moment
    FROM again, now
    WHERE batch.organization_id = $1::octavo.organization AND batch.id = again.id
),
recorded AS (
    -- include: event_targets
    SELECT
        moment, epoch, position_xid, position_id, organization_id, 'run-' || id, event_sequence, 'run.queued',
        document_id, document_version,
        jsonb_build_object('pipeline', pipeline, 'pipelineVersion', pipeline_version, 'again', true),
        $2::text, $3::octavo.actor_kind, session_id, correlation_id, causation_id
    FROM moved
)

-- name: retry_run
-- $2 actor, $3 its kind, $4 run.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT run_id FROM octavo.run_dead WHERE organization_id = $1::octavo.organization AND run_id = $4 FOR UPDATE
),
-- include: retried
SELECT id FROM moved

-- name: retry_dead
-- $2 actor, $3 its kind, $4 and $5 when one died and its id: to begin behind; $6 died before, $7 pipeline, $8 code of
-- the error: null for all; $9 dead to look at. The one that was looked at last, and how many of them go on.
WITH
-- include: now
,
looked AS MATERIALIZED (
    SELECT died_at, run_id
    FROM octavo.run_dead
    WHERE
        organization_id = $1::octavo.organization
        AND died_at >= $4
        AND (died_at > $4 OR run_id > $5)
        AND died_at < coalesce($6::timestamptz, 'infinity')
    ORDER BY died_at, run_id
    LIMIT $9
),
picked AS MATERIALIZED (
    SELECT dead.run_id
    FROM octavo.run_dead AS dead
    INNER JOIN octavo.run AS run ON run.organization_id = $1::octavo.organization AND run.id = dead.run_id
    WHERE
        dead.organization_id = $1::octavo.organization
        AND dead.run_id = ANY(ARRAY(SELECT run_id FROM looked))
        AND ($7::text IS NULL OR run.pipeline = $7)
        AND ($8::text IS NULL OR run.error ->> 'code' = $8)
    FOR UPDATE OF dead SKIP LOCKED
),
-- include: retried
SELECT last.died_at, last.run_id, (SELECT count(*) FROM looked) AS looked, (SELECT count(*) FROM moved) AS retried
FROM (SELECT) AS one
LEFT JOIN (SELECT died_at, run_id FROM looked ORDER BY died_at DESC, run_id DESC LIMIT 1) AS last ON true

-- name: retry_batch
-- $2 actor, $3 its kind, $4 batch, $5 run to begin behind, $6 runs to look at. The one that was looked at last, and how
-- many of them go on.
WITH
-- include: now
,
looked AS MATERIALIZED (
    SELECT id, state
    FROM octavo.run
    WHERE organization_id = $1::octavo.organization AND batch_id = $4 AND id > $5
    ORDER BY batch_id, id
    LIMIT $6
),
picked AS MATERIALIZED (
    SELECT run_id
    FROM octavo.run_dead
    WHERE
        organization_id = $1::octavo.organization
        AND run_id = ANY(ARRAY(SELECT id FROM looked WHERE state = 'dead'))
    FOR UPDATE SKIP LOCKED
),
-- include: retried
SELECT
    (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM looked) AS looked,
    (SELECT count(*) FROM moved) AS retried

-- name: cancel_batch
-- $2 actor, $3 its kind, $4 batch, $5 run to begin behind, $6 runs to look at. Those that wait or are dead end, those
-- under way are asked to; what somebody else moves right now is passed over. The one that was looked at last.
WITH
-- include: now
,
looked AS MATERIALIZED (
    SELECT id, ticket, state
    FROM octavo.run
    WHERE organization_id = $1::octavo.organization AND batch_id = $4 AND id > $5
    ORDER BY batch_id, id
    LIMIT $6
),
in_queue AS MATERIALIZED (
    SELECT id, run_id
    FROM octavo.run_queue
    WHERE
        organization_id = $1::octavo.organization
        AND id = ANY(ARRAY(SELECT ticket FROM looked WHERE state = 'queued'))
    FOR UPDATE SKIP LOCKED
),
from_queue AS (
    DELETE FROM octavo.run_queue AS queued
    USING in_queue
    WHERE queued.organization_id = $1::octavo.organization AND queued.id = in_queue.id
    RETURNING queued.run_id
),
in_delay AS MATERIALIZED (
    SELECT run_id
    FROM octavo.run_delay
    WHERE
        organization_id = $1::octavo.organization
        AND run_id = ANY(ARRAY(SELECT id FROM looked WHERE state = 'delayed'))
    FOR UPDATE SKIP LOCKED
),
from_delay AS (
    DELETE FROM octavo.run_delay AS delay
    USING in_delay
    WHERE delay.organization_id = $1::octavo.organization AND delay.run_id = in_delay.run_id
    RETURNING delay.run_id
),
in_held AS MATERIALIZED (
    SELECT run_id
    FROM octavo.run_held
    WHERE
        organization_id = $1::octavo.organization
        AND run_id = ANY(ARRAY(SELECT id FROM looked WHERE state = 'queued'))
    FOR UPDATE SKIP LOCKED
),
from_held AS (
    DELETE FROM octavo.run_held AS held
    USING in_held
    WHERE held.organization_id = $1::octavo.organization AND held.run_id = in_held.run_id
    RETURNING held.run_id
),
in_dead AS MATERIALIZED (
    SELECT run_id
    FROM octavo.run_dead
    WHERE
        organization_id = $1::octavo.organization
        AND run_id = ANY(ARRAY(SELECT id FROM looked WHERE state = 'dead'))
    FOR UPDATE SKIP LOCKED
),
from_dead AS (
    DELETE FROM octavo.run_dead AS dead
    USING in_dead
    WHERE dead.organization_id = $1::octavo.organization AND dead.run_id = in_dead.run_id
    RETURNING dead.run_id
),
ticket AS (
    SELECT run_id FROM from_queue
    UNION ALL
    SELECT run_id FROM from_delay
    UNION ALL
    SELECT run_id FROM from_held
    UNION ALL
    SELECT run_id FROM from_dead
),
under_way AS MATERIALIZED (
    SELECT id
    FROM octavo.run
    WHERE
        organization_id = $1::octavo.organization
        AND id = ANY(ARRAY(SELECT id FROM looked WHERE state = 'running'))
        AND state = 'running'
        AND NOT cancel_requested
    FOR UPDATE SKIP LOCKED
),
asked AS (
    UPDATE octavo.run AS stored
    SET cancel_requested = true
    FROM under_way
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = under_way.id
    RETURNING stored.id
),
gone AS (
    DELETE FROM octavo.run AS stored
    USING ticket, now
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = ticket.run_id
    RETURNING
        stored.*, 'cancelled'::octavo.run_state AS end_state, NULL::jsonb AS output, stored.error AS last_error,
        $2::text AS by, $3::octavo.actor_kind AS by_kind,
        -- include: steps_so_far
,
        -- include: end_place
),
-- include: given_up
SELECT
    (SELECT id FROM looked ORDER BY id DESC LIMIT 1) AS last,
    (SELECT count(*) FROM looked) AS looked,
    (SELECT count(*) FROM gone) + (SELECT count(*) FROM asked) AS cancelled

-- name: purge_dead
-- $2 actor, $3 its kind, $4 died before, $5 runs at most. They end as failed.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT run_id
    FROM octavo.run_dead
    WHERE organization_id = $1::octavo.organization AND died_at < $4
    ORDER BY died_at
    LIMIT $5
    FOR UPDATE SKIP LOCKED
),
taken AS (
    DELETE FROM octavo.run_dead AS dead
    USING picked
    WHERE dead.organization_id = $1::octavo.organization AND dead.run_id = picked.run_id
    RETURNING dead.run_id
),
gone AS (
    DELETE FROM octavo.run AS stored
    USING taken, now
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = taken.run_id
    RETURNING
        stored.*, 'failed'::octavo.run_state AS end_state, NULL::jsonb AS output, stored.error AS last_error,
        $2::text AS by, $3::octavo.actor_kind AS by_kind,
        -- include: steps_so_far
,
        -- include: end_place
),
-- include: given_up
SELECT id FROM gone

-- name: count_dead
-- $2 died before.
SELECT count(*) AS runs
FROM octavo.run_dead
WHERE organization_id = $1::octavo.organization AND died_at < $2

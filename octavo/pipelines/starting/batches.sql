-- Batches as one organization sees them. They are started and filled by statements of runs.sql, their waiting runs are
-- cancelled and their dead ones retried by statements of queue.sql, beside those for a single run.

-- name: keep_list
-- $2 batch, $3 place, $4 documents: all of them, or none when one is not there, which is told.
WITH missing AS MATERIALIZED (
    SELECT given.id
    FROM unnest($4::uuid []) AS given (id)
    WHERE NOT EXISTS (
        SELECT FROM octavo.document AS about
        WHERE about.organization_id = $1::octavo.organization AND about.id = given.id AND about.deleted_at IS NULL
    )
    LIMIT 1
),
kept AS (
    INSERT INTO octavo.batch_list (organization_id, batch_id, place, documents)
    SELECT $1::octavo.organization, $2::uuid, $3::integer, $4
    WHERE NOT EXISTS (SELECT FROM missing)
)
SELECT id AS missing FROM missing

-- name: list_at
-- $2 batch, $3 place.
SELECT
    list.documents,
    NOT EXISTS (
        SELECT FROM octavo.batch_list AS later
        WHERE later.organization_id = $1::octavo.organization AND later.batch_id = $2 AND later.place > $3
    ) AS is_last
FROM octavo.batch_list AS list
WHERE list.organization_id = $1::octavo.organization AND list.batch_id = $2 AND list.place = $3

-- name: bounds
-- How many runs a day an organization may start, and how many one of its batches may have; null: any number.
SELECT octavo.whole_number(settings, 'runs_per_day') AS runs, octavo.whole_number(settings, 'max_batch_size') AS batch
FROM octavo.organization_profile
WHERE id = $1::octavo.organization

-- name: batch_by_key
-- $2 key.
SELECT id, request FROM octavo.batch WHERE organization_id = $1::octavo.organization AND key = $2

-- name: unfilled
-- $2 pipeline's document, $3 its version. Batches of that version of which runs are still to be started.
SELECT id
FROM octavo.batch
WHERE
    organization_id = $1::octavo.organization
    AND pipeline_id = $2
    AND pipeline_version = $3
    AND settled_at IS NULL
    AND filled_at IS NULL
ORDER BY id

-- name: filling
-- $2 batch: how far one that is not filled is.
SELECT
    cursor, asked, priority, created_at, actor, actor_kind, session_id, correlation_id
FROM octavo.batch
WHERE organization_id = $1::octavo.organization AND id = $2 AND filled_at IS NULL

-- fragment: batch_columns
    found.id, found.name, found.description, found.key, found.pipeline, found.pipeline_id, found.pipeline_version,
    found.priority, found.input, found.asked, found.filled_at, found.error, found.cancelled_at, found.settled_at,
    found.purged_at, found.created_at, found.updated_at, found.actor, found.actor_kind, found.session_id,
    found.correlation_id, found.epoch, found.position_xid, found.position_id, found.reopened,
    found.completed IS NOT NULL AS is_summed,
    coalesce(counted.queued, 0)::bigint AS queued,
    coalesce(counted.delayed, 0)::bigint AS delayed,
    coalesce(counted.running, 0)::bigint AS running,
    coalesce(counted.dead, 0)::bigint AS dead,
    coalesce(found.completed, counted.completed, 0)::bigint AS completed,
    coalesce(found.failed, counted.failed, 0)::bigint AS failed,
    coalesce(found.cancelled, counted.cancelled, 0)::bigint AS cancelled,
    coalesce(found.started_at, counted.started_at) AS started_at,
    coalesce(found.finished_at, counted.ended_at) AS last_ended_at

-- fragment: counted
-- The runs of the batch `found` by their states. Open and ended ones are read in one statement, so of one moment. Of
-- one that has its sums nothing is read.
LEFT JOIN LATERAL (
    SELECT
        sum(grouped.runs) FILTER (WHERE grouped.state = 'queued') AS queued,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'delayed') AS delayed,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'running') AS running,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'dead') AS dead,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'completed') AS completed,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'failed') AS failed,
        sum(grouped.runs) FILTER (WHERE grouped.state = 'cancelled') AS cancelled,
        min(grouped.started_at) AS started_at,
        max(grouped.ended_at) AS ended_at
    FROM (
        SELECT open.state, count(*) AS runs, min(open.started_at) AS started_at, NULL::timestamptz AS ended_at
        FROM octavo.run AS open
        WHERE
            open.organization_id = $1::octavo.organization
            AND open.batch_id = found.id
            AND found.completed IS NULL
        GROUP BY open.state
        UNION ALL
        SELECT ended.state, count(*) AS runs, min(ended.started_at) AS started_at, max(ended.ended_at) AS ended_at
        FROM octavo.run_history AS ended
        WHERE
            ended.organization_id = $1::octavo.organization
            AND ended.batch_id = found.id
            AND ended.ended_at >= found.created_at
            AND found.completed IS NULL
        GROUP BY ended.state
    ) AS grouped
) AS counted ON true

-- name: find_batch
-- $2 batch.
SELECT
    -- include: batch_columns
FROM (
    SELECT * FROM octavo.batch WHERE organization_id = $1::octavo.organization AND id = $2
) AS found
-- include: counted

-- name: list_batches
-- $2 id to go back from, $3 batches at most. Newest first.
SELECT
    -- include: batch_columns
FROM (
    SELECT *
    FROM octavo.batch
    WHERE organization_id = $1::octavo.organization AND id < $2
    ORDER BY id DESC
    LIMIT $3
) AS found
-- include: counted
ORDER BY found.id DESC

-- name: is_batch_left
-- $2 batch: whether it is being filled, or a run of it waits or is under way. From its end, where the last ones lie.
SELECT
    batch.filled_at IS NULL
    OR (
        SELECT run.id
        FROM octavo.run AS run
        WHERE run.organization_id = $1::octavo.organization AND run.batch_id = $2 AND run.state <> 'dead'
        ORDER BY run.batch_id DESC, run.id DESC
        LIMIT 1
    ) IS NOT NULL AS is_left
FROM octavo.batch AS batch
WHERE batch.organization_id = $1::octavo.organization AND batch.id = $2

-- name: stop_batch
-- $2 batch: no more runs are started, and those that wait are to be cancelled. One that is over is left alone.
WITH stopped AS (
    UPDATE octavo.batch
    SET
        cancelled_at = clock_timestamp(),
        filled_at = coalesce(filled_at, clock_timestamp()),
        updated_at = clock_timestamp()
    WHERE organization_id = $1::octavo.organization AND id = $2 AND cancelled_at IS NULL AND settled_at IS NULL
    RETURNING id
),
forgotten AS (
    DELETE FROM octavo.batch_list AS list
    USING stopped
    WHERE list.organization_id = $1::octavo.organization AND list.batch_id = stopped.id
)
SELECT id FROM stopped

-- name: give_filling_up
-- $2 batch, $3 why.
WITH stopped AS (
    UPDATE octavo.batch
    SET filled_at = clock_timestamp(), updated_at = clock_timestamp(), error = $3::jsonb
    WHERE organization_id = $1::octavo.organization AND id = $2 AND filled_at IS NULL
    RETURNING id
)
DELETE FROM octavo.batch_list AS list
USING stopped
WHERE list.organization_id = $1::octavo.organization AND list.batch_id = stopped.id

-- name: open_batches
-- scope: system
-- $1 batch to begin behind, $2 batches at most, $3 seconds after which a filling is thought to be interrupted. What
-- there is to do for those that are not settled.
SELECT
    batch.organization_id, batch.id,
    batch.filled_at IS NOT NULL AS is_filled,
    batch.filled_at IS NULL AND batch.updated_at < clock_timestamp() - make_interval(secs => $3::float8) AS is_interrupted,
    batch.cancelled_at IS NOT NULL AS is_cancelled,
    batch.filled_at IS NOT NULL
    AND (
        SELECT run.id
        FROM octavo.run AS run
        WHERE run.organization_id = batch.organization_id AND run.batch_id = batch.id AND run.state <> 'dead'
        ORDER BY run.batch_id DESC, run.id DESC
        LIMIT 1
    ) IS NULL AS is_over
FROM octavo.batch AS batch
WHERE batch.settled_at IS NULL AND batch.id > $1
ORDER BY batch.id
LIMIT $2

-- name: settle
-- $2 batch, $3 how often it had been reopened when it was counted; $4 what its event says. Its sums are kept when all of
-- its runs have ended for good: $5 completed, $6 failed, $7 cancelled, or null; $8 first start, $9 last end.
WITH now AS MATERIALIZED (
    SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
),
settled AS (
    UPDATE octavo.batch AS stored
    SET
        settled_at = now.moment,
        updated_at = now.moment,
        completed = $5::integer,
        failed = $6::integer,
        cancelled = $7::integer,
        started_at = CASE WHEN $5 IS NOT NULL THEN $8::timestamptz END,
        finished_at = CASE WHEN $5 IS NOT NULL THEN $9::timestamptz END,
        event_sequence = stored.event_sequence + 1,
        epoch = now.epoch,
        position_xid = CASE
            WHEN stored.epoch = now.epoch THEN greatest(stored.position_xid, now.xid) ELSE now.xid
        END,
        position_id = nextval('octavo.event_position')
    FROM now
    WHERE
        stored.organization_id = $1::octavo.organization
        AND stored.id = $2
        AND stored.reopened = $3
        AND stored.filled_at IS NOT NULL
        AND stored.settled_at IS NULL
    RETURNING stored.*, now.moment
),
recorded AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind,
        session_id, correlation_id, causation_id
    )
    SELECT
        moment, epoch, position_xid, position_id, organization_id, 'batch-' || id, event_sequence, 'batch.completed',
        $4::jsonb, 'octavo', 'system'::octavo.actor_kind, session_id, correlation_id, causation_id
    FROM settled
)
SELECT id FROM settled

-- name: old_batches
-- $2 over since before this moment, $3 batches at most: those none of whose runs is left to be retried. None of an
-- organization under legal hold.
SELECT batch.id
FROM octavo.batch AS batch
WHERE
    batch.organization_id = $1::octavo.organization
    AND batch.settled_at < $2
    AND batch.purged_at IS NULL
    AND (
        SELECT run.id
        FROM octavo.run AS run
        WHERE run.organization_id = $1::octavo.organization AND run.batch_id = batch.id
        ORDER BY run.batch_id, run.id
        LIMIT 1
    ) IS NULL
    AND NOT EXISTS (
        SELECT FROM octavo.organization_profile AS profile
        WHERE
            profile.id = $1::octavo.organization
            AND coalesce((profile.settings -> 'legal_hold')::boolean, false)
    )
ORDER BY batch.settled_at
LIMIT $3

-- name: keep_sums
-- $2 batch: what its runs say, before they go. A batch of which a run could still be retried keeps none.
UPDATE octavo.batch AS stored
SET
    completed = summed.completed, failed = summed.failed, cancelled = summed.cancelled,
    started_at = summed.started_at, finished_at = summed.ended_at
FROM (
    SELECT
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        min(started_at) AS started_at,
        max(ended_at) AS ended_at
    FROM octavo.run_history
    WHERE organization_id = $1::octavo.organization AND batch_id = $2
) AS summed
WHERE
    stored.organization_id = $1::octavo.organization
    AND stored.id = $2
    AND stored.settled_at IS NOT NULL
    AND stored.completed IS NULL
    AND NOT EXISTS (
        SELECT FROM octavo.run AS run
        WHERE run.organization_id = $1::octavo.organization AND run.batch_id = $2
    )

-- name: purge_runs
-- $2 batch, $3 runs at most. Of one that keeps its sums only.
DELETE FROM octavo.run_history AS ended
USING (
    SELECT run.id, run.ended_at
    FROM octavo.run_history AS run
    WHERE
        run.organization_id = $1::octavo.organization
        AND run.batch_id = $2
        AND EXISTS (
            SELECT FROM octavo.batch
            WHERE organization_id = $1::octavo.organization AND id = $2 AND completed IS NOT NULL
        )
    LIMIT $3
) AS old
WHERE
    ended.organization_id = $1::octavo.organization AND ended.id = old.id AND ended.ended_at = old.ended_at

-- name: note_purge
-- $2 batch: none of its runs is left.
UPDATE octavo.batch
SET purged_at = clock_timestamp()
WHERE organization_id = $1::octavo.organization AND id = $2 AND completed IS NOT NULL

-- Runs as one organization sees them.

-- fragment: now
now AS MATERIALIZED (
    -- The transaction has its xid before it draws a ticket: what is numbered below can be told to be final.
    SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
)

-- fragment: attempts
CASE WHEN jsonb_typeof(body.value -> 'retry' -> 'attempts') = 'number'
            THEN least(greatest((body.value -> 'retry' -> 'attempts')::integer, 1), 100) ELSE 1 END AS max_attempts,
        octavo.whole_number(body.value, 'max_running') AS max_running,
        octavo.whole_number(body.value, 'max_running_per_key') AS max_running_per_key

-- fragment: started
-- A run for each `item` (id, document_id, document_version, place; waits_for: runs that must end first) of the
-- `pipeline`. $1 to $6 organization and origin; $7 priority, $8 seconds to wait, $9 worker and $10 seconds of its lease,
-- or null: the run waits for a worker; $11 its key among the limits or null; $19 input, $20 unique key or null.
stored AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state,
        input, unique_key, ticket, fence, attempt, max_attempts, created_at, started_at, actor, actor_kind, session_id,
        correlation_id, causation_id, event_sequence, epoch, position_xid, position_id, max_running,
        max_running_per_key, concurrency, waits_for
    )
    SELECT
        $1::octavo.organization, item.id, pipeline.name, pipeline.id, pipeline.number, item.document_id,
        item.document_version, $7::smallint,
        (CASE WHEN $9::uuid IS NOT NULL THEN 'running' WHEN $8::float8 > 0 OR item.waits_for > 0 THEN 'delayed'
            ELSE 'queued' END)
            ::octavo.run_state,
        $19::jsonb, $20::text, nextval('octavo.run_ticket'),
        CASE WHEN $9::uuid IS NULL THEN 0 ELSE 1 END, CASE WHEN $9::uuid IS NULL THEN 0 ELSE 1 END,
        pipeline.max_attempts, now.moment, CASE WHEN $9::uuid IS NOT NULL THEN now.moment END,
        $2, $3::octavo.actor_kind, $4, $5, $6, 1, now.epoch, now.xid, nextval('octavo.event_position'),
        pipeline.max_running, pipeline.max_running_per_key, $11::text, item.waits_for
    FROM item, pipeline, now
    WHERE NOT EXISTS (SELECT FROM item WHERE document_id IS NOT NULL AND document_version IS NULL)
    ORDER BY item.place
    ON CONFLICT (organization_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING *
),
queued AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT organization_id, priority, ticket, id FROM stored WHERE state = 'queued'
),
delayed AS (
    INSERT INTO octavo.run_delay (organization_id, run_id, due_at)
    SELECT organization_id, id, created_at + make_interval(secs => $8::float8)
    FROM stored
    WHERE state = 'delayed' AND waits_for = 0
),
leased AS (
    INSERT INTO octavo.run_lease (organization_id, run_id, worker_id, fence, expires_at, pipeline_id, concurrency)
    SELECT
        organization_id, id, $9, fence, created_at + make_interval(secs => $10::float8),
        CASE WHEN coalesce(max_running, max_running_per_key) IS NOT NULL THEN pipeline_id END,
        CASE WHEN coalesce(max_running, max_running_per_key) IS NOT NULL THEN concurrency END
    FROM stored
    WHERE state = 'running'
),
recorded AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        created_at, epoch, position_xid, position_id, organization_id, 'run-' || id, 1,
        CASE WHEN state = 'running' THEN 'run.started' ELSE 'run.queued' END, document_id, document_version,
        jsonb_build_object('pipeline', pipeline, 'pipelineVersion', pipeline_version, 'priority', priority),
        actor, actor_kind, session_id, correlation_id, causation_id
    FROM stored
)

-- fragment: queued
-- A run that waits for a worker for each `item` (id, document_id, document_version, ticket, position_id), with what is
-- `shared` by all of them (pipeline, pipeline_id, pipeline_version, max_attempts, max_running, max_running_per_key,
-- input, concurrency, batch_id, data of the event; epoch, xid, moment). $1 to $6 organization and origin, $7 priority.
-- What is written is known before, so no inserted row is handed on: rows of some 30 columns each made many runs half as
-- expensive again.
stored AS (
    INSERT INTO octavo.run (
        organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state,
        input, ticket, max_attempts, created_at, actor, actor_kind, session_id, correlation_id, causation_id,
        event_sequence, epoch, position_xid, position_id, batch_id, max_running, max_running_per_key, concurrency
    )
    SELECT
        $1::octavo.organization, item.id, shared.pipeline, shared.pipeline_id, shared.pipeline_version,
        item.document_id, item.document_version, $7::smallint, 'queued', shared.input, item.ticket,
        shared.max_attempts, shared.moment, $2, $3::octavo.actor_kind, $4, $5, $6, 1, shared.epoch, shared.xid,
        item.position_id, shared.batch_id, shared.max_running, shared.max_running_per_key, shared.concurrency
    FROM shared CROSS JOIN item
),
ticketed AS (
    INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
    SELECT $1::octavo.organization, $7::smallint, ticket, id FROM item
),
recorded AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        shared.moment, shared.epoch, shared.xid, item.position_id, $1::octavo.organization, 'run-' || item.id, 1,
        'run.queued', item.document_id, item.document_version, shared.data, $2, $3::octavo.actor_kind, $4, $5, $6
    FROM shared CROSS JOIN item
)

-- fragment: numbers
nextval('octavo.run_ticket') AS ticket, nextval('octavo.event_position') AS position_id

-- fragment: asked_pipeline
-- $12 namespace and $13 type of pipelines, $14 the pipeline's name, $15 a tag or null, $16 a version or null.
pipeline AS MATERIALIZED (
    SELECT
        named.name, named.id, version.number,
        -- include: attempts
    FROM octavo.document AS named
    INNER JOIN octavo.version AS version
        ON version.organization_id = $1::octavo.organization
        AND version.document_id = named.id
        AND version.number = CASE
            WHEN $16::integer IS NOT NULL THEN $16
            WHEN $15::text IS NULL THEN named.version
            ELSE (
                SELECT tag.version
                FROM octavo.tag AS tag
                WHERE
                    tag.organization_id = $1::octavo.organization AND tag.document_id = named.id AND tag.name = $15
            )
        END
    INNER JOIN octavo.body AS body
        ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
    WHERE
        named.organization_id = $1::octavo.organization
        AND named.namespace = $12
        AND named.type = $13
        AND named.name = $14
        AND named.deleted_at IS NULL
        -- A version that is not active is not started, and no other one while the newest is not.
        AND (body.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb
        AND (version.number = named.version OR (
            SELECT newest.value -> 'is_active'
            FROM octavo.body AS newest
            WHERE newest.organization_id = $1::octavo.organization AND newest.hash = named.body_hash
        ) IS DISTINCT FROM 'false'::jsonb)
)

-- fragment: newest_pipeline
-- As the asked_pipeline, of which only the newest version will do: half as many tables are looked into.
pipeline AS MATERIALIZED (
    SELECT
        named.name, named.id, named.version AS number,
        -- include: attempts
    FROM octavo.document AS named
    INNER JOIN octavo.body AS body
        ON body.organization_id = $1::octavo.organization AND body.hash = named.body_hash
    WHERE
        named.organization_id = $1::octavo.organization
        AND named.namespace = $12
        AND named.type = $13
        AND named.name = $14
        AND named.deleted_at IS NULL
        AND (body.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb
)

-- fragment: of_documents
LEFT JOIN octavo.document AS about
        ON about.organization_id = $1::octavo.organization
        AND about.id = given.document_id
        AND about.deleted_at IS NULL

-- fragment: all_documents_there
NOT EXISTS (SELECT FROM wanted WHERE document_id IS NOT NULL AND document_version IS NULL)

-- fragment: shared
-- Of all runs of a call: $8 input, $9 their key among the limits or null.
shared AS MATERIALIZED (
    SELECT
        pipeline.name AS pipeline, pipeline.id AS pipeline_id, pipeline.number AS pipeline_version,
        pipeline.max_attempts, pipeline.max_running, pipeline.max_running_per_key, $8::jsonb AS input,
        $9::text AS concurrency, NULL::uuid AS batch_id,
        jsonb_build_object(
            'pipeline', pipeline.name, 'pipelineVersion', pipeline.number, 'priority', $7::smallint
        ) AS data,
        now.*
    FROM pipeline CROSS JOIN now

-- fragment: counted
-- $11 runs. No row of an organization without a quota.
permitted AS MATERIALIZED (
    SELECT octavo.take_quota(
        $1::octavo.organization, octavo.whole_number(profile.settings, 'runs_per_day'), $11::integer
    ) AS is_permitted
    FROM octavo.organization_profile AS profile CROSS JOIN shared
    WHERE profile.id = $1::octavo.organization AND jsonb_typeof(profile.settings -> 'runs_per_day') = 'number'
)

-- fragment: unless_refused
WHERE NOT EXISTS (SELECT FROM permitted WHERE NOT is_permitted)

-- fragment: started_runs
SELECT
    pipeline_id, pipeline_version, max_attempts, moment, epoch, xid,
    ARRAY(SELECT position_id FROM item) AS positions,
    ARRAY(SELECT document_version FROM item) AS document_versions
FROM shared

-- name: start_newest
-- Runs that wait for a worker at once, of the newest version of a pipeline and about no document: $1 to $7 as for what
-- is `queued`, $8 to $11 as for what is `shared` and `counted`, $10 ids, $12 to $14 as for the `newest_pipeline`. All or
-- none: none when no row is given, or one without positions.
WITH
-- include: now
,
-- include: newest_pipeline
,
-- include: shared
),
-- include: counted
,
item AS MATERIALIZED (
    SELECT
        given.id, NULL::uuid AS document_id, NULL::integer AS document_version,
        -- include: numbers
    FROM shared CROSS JOIN unnest($10::uuid []) AS given (id)
    -- include: unless_refused
),
-- include: queued
-- include: started_runs

-- name: start_newest_about
-- As start_newest, about documents or none: $15, as many as ids.
WITH
-- include: now
,
-- include: newest_pipeline
,
wanted AS MATERIALIZED (
    SELECT given.*, about.version AS document_version
    FROM unnest($10::uuid [], $15::uuid []) WITH ORDINALITY AS given (id, document_id, place)
    -- include: of_documents
),
-- include: shared
    WHERE
    -- include: all_documents_there
),
-- include: counted
,
item AS MATERIALIZED (
    SELECT
        wanted.id, wanted.document_id, wanted.document_version,
        -- include: numbers
    FROM shared CROSS JOIN wanted
    -- include: unless_refused
    ORDER BY wanted.place
),
-- include: queued
-- include: started_runs

-- name: start_asked
-- As start_newest_about, of a tag $15 or a version $16: see the `asked_pipeline`; $17 documents or none.
WITH
-- include: now
,
-- include: asked_pipeline
,
wanted AS MATERIALIZED (
    SELECT given.*, about.version AS document_version
    FROM unnest($10::uuid [], $17::uuid []) WITH ORDINALITY AS given (id, document_id, place)
    -- include: of_documents
),
-- include: shared
    WHERE
    -- include: all_documents_there
),
-- include: counted
,
item AS MATERIALIZED (
    SELECT
        wanted.id, wanted.document_id, wanted.document_version,
        -- include: numbers
    FROM shared CROSS JOIN wanted
    -- include: unless_refused
    ORDER BY wanted.place
),
-- include: queued
-- include: started_runs

-- fragment: wanted
-- Arrays of one length: $17 ids, $18 documents.
wanted AS MATERIALIZED (
    SELECT given.*, about.version AS document_version
    FROM unnest($17::uuid [], $18::uuid []) WITH ORDINALITY AS given (id, document_id, place)
    -- include: of_documents

-- fragment: permitted
-- No row of an organization without a quota. A run whose key is taken is not started.
permitted AS MATERIALIZED (
    SELECT octavo.take_quota($1::octavo.organization, octavo.whole_number(profile.settings, 'runs_per_day'), (
        SELECT count(*)
        FROM wanted
        WHERE NOT EXISTS (
            SELECT FROM octavo.run AS same
            WHERE same.organization_id = $1::octavo.organization AND same.unique_key = $20::text
        )
    )) AS is_permitted
    FROM octavo.organization_profile AS profile
    WHERE
        profile.id = $1::octavo.organization
        AND octavo.whole_number(profile.settings, 'runs_per_day') IS NOT NULL
        AND EXISTS (SELECT FROM pipeline)
        AND
        -- include: all_documents_there
)

-- name: start_runs
-- Runs that may wait for their time, begin at once, or have a key: $1 to $11, $19 and $20 as for what is `started`, $12
-- to $16 as for the `asked_pipeline`, $17 and $18 those `wanted`. All or none; none when the key is taken.
WITH
-- include: now
,
-- include: asked_pipeline
,
-- include: wanted
),
-- include: permitted
,
item AS MATERIALIZED (
    SELECT wanted.*, 0 AS waits_for
    FROM wanted
    -- include: unless_refused
),
-- include: started
SELECT
    -- include: run_columns
FROM stored

-- name: start_after
-- As start_runs; $21 runs that must end before, $22 whether any end of them will do.
WITH
-- include: now
,
-- include: asked_pipeline
,
needed AS MATERIALIZED (
    SELECT
        before.id, live.id IS NOT NULL AS is_open,
        live.id IS NOT NULL
        OR coalesce(ended.state = 'completed', false)
        OR (ended.state IS NOT NULL AND $22::boolean) AS may_be
    FROM unnest($21::uuid []) AS before (id)
    LEFT JOIN octavo.run AS live ON live.organization_id = $1::octavo.organization AND live.id = before.id
    LEFT JOIN octavo.run_history AS ended
        ON ended.organization_id = $1::octavo.organization AND ended.id = before.id
),
-- include: wanted
    WHERE NOT EXISTS (SELECT FROM needed WHERE NOT may_be)
),
-- include: permitted
,
item AS MATERIALIZED (
    SELECT wanted.*, (SELECT count(*)::integer FROM needed WHERE is_open) AS waits_for
    FROM wanted
    -- include: unless_refused
),
-- include: started
,
awaiting AS (
    INSERT INTO octavo.run_dependency (organization_id, needs, run_id, any_end)
    SELECT stored.organization_id, needed.id, stored.id, $22 FROM stored CROSS JOIN needed WHERE needed.is_open
)
SELECT
    -- include: run_columns
FROM stored

-- name: start_batch
-- $1 to $6 organization and origin; $7 priority, $8 id, $9 input, $10 key or null, $11 digest of what is asked; $12 to
-- $16 as for the `asked_pipeline`; $17 name, $18 description, $19 what is asked. No row: the key is taken, or there is
-- no such pipeline.
WITH
-- include: now
,
-- include: asked_pipeline
,
stored AS (
    INSERT INTO octavo.batch (
        organization_id, id, name, description, key, request, pipeline, pipeline_id, pipeline_version, priority, input,
        asked, created_at, updated_at, actor, actor_kind, session_id, correlation_id, causation_id, event_sequence,
        epoch, position_xid, position_id
    )
    SELECT
        $1::octavo.organization, $8::uuid, $17::text, $18::text, $10::text, $11::bytea, pipeline.name, pipeline.id,
        pipeline.number, $7::smallint, $9::jsonb, $19::jsonb, now.moment, now.moment, $2, $3::octavo.actor_kind, $4, $5,
        $6, 1, now.epoch, now.xid, nextval('octavo.event_position')
    FROM pipeline, now
    ON CONFLICT (organization_id, key) WHERE key IS NOT NULL DO NOTHING
    RETURNING *
),
recorded AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind,
        session_id, correlation_id, causation_id
    )
    SELECT
        created_at, epoch, position_xid, position_id, organization_id, 'batch-' || id, 1, 'batch.started',
        jsonb_strip_nulls(jsonb_build_object(
            'pipeline', pipeline, 'pipelineVersion', pipeline_version, 'priority', priority,
            'documents', asked -> 'documents'
        )),
        actor, actor_kind, session_id, correlation_id, causation_id
    FROM stored
)
SELECT id FROM stored

-- name: fill_batch
-- $1 to $7 as for what is `queued`; $8 batch, $9 the place up to which it is filled, $10 the place this piece brings it
-- to, $11 whether that is the end; $12 ids, $13 documents: those that are gone get no run. Gives no row, and starts
-- none, when somebody else has filled from there, or the batch was cancelled; is refused by the quota of the day.
WITH
-- include: now
,
pipeline AS MATERIALIZED (
    SELECT
        filled.pipeline AS name, filled.pipeline_id AS id, version.number, filled.input,
        -- include: attempts
    FROM octavo.batch AS filled
    INNER JOIN octavo.version AS version
        ON version.organization_id = $1::octavo.organization
        AND version.document_id = filled.pipeline_id
        AND version.number = filled.pipeline_version
    INNER JOIN octavo.body AS body
        ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
    WHERE filled.organization_id = $1::octavo.organization AND filled.id = $8
),
locked AS MATERIALIZED (
    SELECT stored.id
    FROM octavo.batch AS stored, pipeline
    WHERE
        stored.organization_id = $1::octavo.organization
        AND stored.id = $8
        AND stored.cursor = $9
        AND stored.filled_at IS NULL
    FOR UPDATE OF stored
),
permitted AS MATERIALIZED (
    SELECT octavo.take_quota(
        $1::octavo.organization, octavo.whole_number(profile.settings, 'runs_per_day'), cardinality($13::uuid [])
    ) AS is_permitted
    FROM octavo.organization_profile AS profile
    CROSS JOIN locked
    WHERE
        profile.id = $1::octavo.organization
        AND octavo.whole_number(profile.settings, 'runs_per_day') IS NOT NULL
),
moved AS (
    UPDATE octavo.batch AS stored
    SET cursor = $10, updated_at = now.moment, filled_at = CASE WHEN $11::boolean THEN now.moment END
    FROM now, locked
    WHERE
        stored.organization_id = $1::octavo.organization
        AND stored.id = locked.id
        AND NOT EXISTS (SELECT FROM permitted WHERE NOT is_permitted)
    RETURNING stored.id
),
shared AS MATERIALIZED (
    SELECT
        pipeline.name AS pipeline, pipeline.id AS pipeline_id, pipeline.number AS pipeline_version,
        pipeline.max_attempts, pipeline.max_running, pipeline.max_running_per_key, pipeline.input,
        NULL::text AS concurrency, moved.id AS batch_id,
        jsonb_build_object(
            'pipeline', pipeline.name, 'pipelineVersion', pipeline.number, 'priority', $7::smallint, 'batch', moved.id
        ) AS data,
        now.*
    FROM pipeline CROSS JOIN moved CROSS JOIN now
),
item AS MATERIALIZED (
    SELECT
        given.id, given.document_id, about.version AS document_version,
        -- include: numbers
    FROM shared
    CROSS JOIN unnest($12::uuid [], $13::uuid []) WITH ORDINALITY AS given (id, document_id, place)
    INNER JOIN octavo.document AS about
        ON about.organization_id = $1::octavo.organization
        AND about.id = given.document_id
        AND about.deleted_at IS NULL
    ORDER BY given.place
),
forgotten AS (
    DELETE FROM octavo.batch_list AS list
    USING moved
    WHERE list.organization_id = $1::octavo.organization AND list.batch_id = moved.id AND list.place::text = $10
),
-- include: queued
SELECT (SELECT count(*) FROM item) AS runs, NOT EXISTS (SELECT FROM moved) AS is_refused FROM locked

-- fragment: run_columns
    id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state, input,
    NULL::jsonb AS output, error, NULL::jsonb AS steps, attempt, max_attempts, unique_key, created_at, started_at,
    NULL::timestamptz AS ended_at, actor, actor_kind, session_id, correlation_id, fence, epoch, position_xid,
    position_id, batch_id, trigger, waits_for, concurrency

-- fragment: ended_columns
    id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority, state, input,
    output, error, steps, attempt, max_attempts, NULL::text AS unique_key, created_at, started_at,
    ended_at, actor, actor_kind, session_id, correlation_id, 0::bigint AS fence, epoch, position_xid,
    position_id, batch_id, trigger, 0 AS waits_for, NULL::text AS concurrency

-- name: look_for_start
-- $2 namespace, $3 type, $4 pipeline, $5 tag or null, $6 version or null, $7 documents: what a start did not find.
SELECT
    EXISTS (SELECT FROM octavo.organization_profile WHERE id = $1::octavo.organization) AS has_organization,
    named.id IS NOT NULL AS has_pipeline,
    CASE
        WHEN $6::integer IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.version
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND number = $6
        )
        WHEN $5::text IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.tag
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND name = $5
        )
        ELSE true
    END AS has_version,
    EXISTS (
        SELECT
        FROM octavo.version AS version
        INNER JOIN octavo.body AS body
            ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
        WHERE
            version.organization_id = $1::octavo.organization
            AND version.document_id = named.id
            AND version.number IN (named.version, $6, (
                SELECT tag.version
                FROM octavo.tag AS tag
                WHERE
                    tag.organization_id = $1::octavo.organization AND tag.document_id = named.id AND tag.name = $5
            ))
            AND body.value -> 'is_active' = 'false'::jsonb
    ) AS is_inactive,
    (
        SELECT wanted.id
        FROM unnest($7::uuid []) AS wanted (id)
        WHERE NOT EXISTS (
            SELECT FROM octavo.document AS about
            WHERE about.organization_id = $1::octavo.organization AND about.id = wanted.id AND about.deleted_at IS NULL
        )
        LIMIT 1
    ) AS missing
FROM (SELECT) AS one
LEFT JOIN octavo.document AS named
    ON named.organization_id = $1::octavo.organization
    AND named.namespace = $2
    AND named.type = $3
    AND named.name = $4
    AND named.deleted_at IS NULL

-- name: runs_by_key
-- $2 unique keys.
SELECT
    -- include: run_columns
FROM octavo.run
WHERE organization_id = $1::octavo.organization AND unique_key = ANY($2::text [])

-- name: find_run
-- $2 run.
SELECT
    -- include: run_columns
FROM octavo.run
WHERE organization_id = $1::octavo.organization AND id = $2
UNION ALL
SELECT
    -- include: ended_columns
FROM octavo.run_history
WHERE organization_id = $1::octavo.organization AND id = $2

-- name: list_runs
-- $2 id to go back from, $3 runs to look at, $4 states, $5 pipeline, $6 document: null for all; $7 runs at most. Newest
-- first. The first row is no run (its state is null): where the next page goes on, if there is more to look at.
WITH looked AS MATERIALIZED (
    (
        SELECT
            -- include: run_columns
        FROM octavo.run
        WHERE
            organization_id = $1::octavo.organization AND id < $2
            AND ($6::uuid IS NULL OR document_id = $6)
        ORDER BY id DESC
        LIMIT $3
    )
    UNION ALL
    (
        SELECT
            -- include: ended_columns
        FROM octavo.run_history
        WHERE
            organization_id = $1::octavo.organization AND id < $2
            AND ($6::uuid IS NULL OR document_id = $6)
        ORDER BY id DESC
        LIMIT $3
    )
    ORDER BY id DESC
    LIMIT $3
)
SELECT
    (SELECT CASE WHEN count(*) = $3 THEN min(id::text)::uuid END FROM looked) AS last_looked,
    found.*
FROM (SELECT) AS one
LEFT JOIN (
    SELECT *
    FROM looked
    WHERE ($4::octavo.run_state [] IS NULL OR state = ANY($4)) AND ($5::text IS NULL OR pipeline = $5)
    ORDER BY id DESC
    LIMIT $7
) AS found ON true
ORDER BY found.id DESC

-- name: list_batch_runs
-- As list_runs, of the batch $5, $6 runs at most. $2 id to go back from, $3 runs to look at, $4 states or null.
WITH looked AS MATERIALIZED (
    (
        SELECT
            -- include: run_columns
        FROM octavo.run
        WHERE organization_id = $1::octavo.organization AND batch_id = $5 AND id < $2
        ORDER BY batch_id DESC, id DESC
        LIMIT $3
    )
    UNION ALL
    (
        SELECT
            -- include: ended_columns
        FROM octavo.run_history
        WHERE organization_id = $1::octavo.organization AND batch_id = $5 AND id < $2
        ORDER BY batch_id DESC, id DESC
        LIMIT $3
    )
    ORDER BY id DESC
    LIMIT $3
)
SELECT
    (SELECT CASE WHEN count(*) = $3 THEN min(id::text)::uuid END FROM looked) AS last_looked,
    found.*
FROM (SELECT) AS one
LEFT JOIN (
    SELECT * FROM looked WHERE $4::octavo.run_state [] IS NULL OR state = ANY($4) ORDER BY id DESC LIMIT $6
) AS found ON true
ORDER BY found.id DESC

-- name: dead_runs
-- $2 runs at most: the ones that died last first.
SELECT
    -- include: run_columns
FROM octavo.run
WHERE
    organization_id = $1::octavo.organization
    AND id = ANY(ARRAY(
        SELECT run_id
        FROM octavo.run_dead
        WHERE organization_id = $1::octavo.organization
        ORDER BY died_at DESC
        LIMIT $2
    ))
ORDER BY position_xid DESC, position_id DESC

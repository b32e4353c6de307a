-- What is told of runs: of those that ended from what was added up of them, by the minute, the hour and the day in which
-- they were started; of the others from their rows. Three kinds of rows are read: ends that are not added up yet, found
-- in the log behind the cursor; runs of minutes that the time asked for cuts; and runs that have not ended. All in one
-- statement, so in one snapshot: an end is either added up or behind the cursor.
-- The questions: $2 and $3 the ids between which the runs lie, since an id tells when a run was started; $4 pipeline or
-- null for all; $5 grains, $6 first and $7 last moments (without the last) that are read as they were added up; $8 and $9
-- ids between which the runs of cut minutes lie.

-- fragment: minute
        -- An id begins with its milliseconds (UUIDv7, RFC 9562).
        to_timestamp(('x' || replace(left(id::text, 13), '-', ''))::bit(48)::bigint / 60000 * 60) AS begins

-- fragment: columns_of_ended
            run.organization_id, run.id, run.pipeline, run.pipeline_id, run.pipeline_version, run.state, run.attempt,
            run.created_at, run.started_at, run.ended_at, run.error, run.steps

-- fragment: step_sums
        count(*) FILTER (WHERE state IS NULL) AS completed,
        0::bigint AS failed, 0::bigint AS cancelled,
        count(*) FILTER (WHERE state = 'skipped') AS skipped,
        coalesce(sum(retries), 0)::bigint AS retries,
        coalesce(sum(items), 0)::bigint AS items,
        coalesce(sum(items_failed), 0)::bigint AS items_failed,
        coalesce(sum(tokens_in), 0)::bigint AS tokens_in,
        coalesce(sum(tokens_out), 0)::bigint AS tokens_out,
        coalesce(sum(cost_usd), 0) AS cost_usd,
        coalesce(sum(cpu_seconds), 0) AS cpu_seconds,
        max(memory_mb) AS memory_mb

-- fragment: figures
-- Of `ended`, runs that ended, what is added up of them: sums in `counted`, durations by classes in `classed`.
one AS MATERIALIZED (
    SELECT
        organization_id, pipeline, pipeline_id, pipeline_version AS version, state, attempt, error, steps,
        -- include: minute
,
        CASE WHEN state = 'completed' THEN octavo.analytics_class(extract(epoch FROM ended_at - started_at)) END AS took,
        octavo.analytics_class(extract(epoch FROM started_at - created_at)) AS waited
    FROM ended
),
step AS MATERIALIZED (
    SELECT
        one.organization_id, one.begins, one.pipeline, one.version, said.component, said.model, said.state, said.items,
        said.items_failed,
        CASE WHEN said.state IS NULL
            THEN octavo.analytics_class(extract(epoch FROM said.ended_at - said.started_at)) END AS took,
        (said.metrics ->> 'tries')::bigint - greatest(said.items, 1) AS retries,
        (said.metrics ->> 'tokens_in')::bigint AS tokens_in,
        (said.metrics ->> 'tokens_out')::bigint AS tokens_out,
        (said.metrics ->> 'cost_usd')::numeric AS cost_usd,
        (said.metrics ->> 'cpu_seconds')::numeric AS cpu_seconds,
        (said.metrics ->> 'memory_mb')::float8 AS memory_mb
    FROM one
    CROSS JOIN LATERAL jsonb_to_recordset(one.steps) AS said (
        component text, model text, state text, started_at timestamptz, ended_at timestamptz, items bigint,
        items_failed bigint, metrics jsonb
    )
),
-- Runs that failed for good at a step, which the version of their pipeline tells the component of.
failing AS (
    SELECT organization_id, begins, pipeline, pipeline_id, version, error ->> 'step' AS step, count(*) AS runs
    FROM one
    WHERE state = 'failed' AND error ? 'step'
    GROUP BY organization_id, begins, pipeline, pipeline_id, version, error ->> 'step'
),
counted AS (
    SELECT
        organization_id, begins, 'run' AS subject, pipeline, version, '' AS name,
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        0::bigint AS skipped,
        coalesce(sum(greatest(attempt - 1, 0)), 0)::bigint AS retries,
        0::bigint AS items, 0::bigint AS items_failed, 0::bigint AS tokens_in, 0::bigint AS tokens_out,
        0::numeric AS cost_usd, 0::numeric AS cpu_seconds, NULL::float8 AS memory_mb
    FROM one
    GROUP BY organization_id, begins, pipeline, version
    UNION ALL
    SELECT
        organization_id, begins, 'run' AS subject, pipeline, version, '' AS name,
        0, 0, 0, 0, 0, 0, 0, coalesce(sum(tokens_in), 0)::bigint, coalesce(sum(tokens_out), 0)::bigint,
        coalesce(sum(cost_usd), 0), 0, NULL
    FROM step
    WHERE tokens_in IS NOT NULL OR tokens_out IS NOT NULL OR cost_usd IS NOT NULL
    GROUP BY organization_id, begins, pipeline, version
    UNION ALL
    SELECT
        organization_id, begins, 'component' AS subject, pipeline, 0 AS version, component AS name,
        -- include: step_sums
    FROM step
    WHERE component <> ''
    GROUP BY organization_id, begins, pipeline, component
    UNION ALL
    SELECT
        organization_id, begins, 'model' AS subject, pipeline, 0 AS version, model AS name,
        -- include: step_sums
    FROM step
    WHERE model <> ''
    GROUP BY organization_id, begins, pipeline, model
    UNION ALL
    SELECT
        failing.organization_id, failing.begins, 'component' AS subject, failing.pipeline, 0 AS version,
        concat_ws(' ', part.value ->> 'component', part.value ->> 'version') AS name,
        0, failing.runs, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL
    FROM failing
    INNER JOIN octavo.version AS made
        ON made.organization_id = failing.organization_id
        AND made.document_id = failing.pipeline_id
        AND made.number = failing.version
    INNER JOIN octavo.body AS body
        ON body.organization_id = made.organization_id AND body.hash = made.body_hash
    CROSS JOIN LATERAL jsonb_path_query(body.value, '$.steps[*]') AS part (value)
    WHERE
        coalesce(part.value ->> 'name', part.value ->> 'component') = failing.step
        AND part.value ->> 'component' <> ''
),
classed AS (
    SELECT
        organization_id, begins, 'run' AS subject, pipeline, version, '' AS name, said.what, said.class,
        count(*) AS durations
    FROM one
    CROSS JOIN LATERAL (VALUES ('took', one.took), ('waited', one.waited)) AS said (what, class)
    WHERE said.class IS NOT NULL
    GROUP BY organization_id, begins, pipeline, version, said.what, said.class
    UNION ALL
    SELECT
        organization_id, begins, said.subject, pipeline, 0 AS version, said.name, 'took' AS what, took AS class,
        count(*) AS durations
    FROM step
    CROSS JOIN LATERAL (VALUES ('component', step.component), ('model', step.model)) AS said (subject, name)
    WHERE said.name <> '' AND took IS NOT NULL
    GROUP BY organization_id, begins, said.subject, pipeline, said.name, took
)

-- fragment: sums
        sum(completed)::bigint AS completed, sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled,
        sum(skipped)::bigint AS skipped, sum(retries)::bigint AS retries, sum(items)::bigint AS items,
        sum(items_failed)::bigint AS items_failed, sum(tokens_in)::bigint AS tokens_in,
        sum(tokens_out)::bigint AS tokens_out, sum(cost_usd) AS cost_usd, sum(cpu_seconds) AS cpu_seconds,
        max(memory_mb) AS memory_mb

-- name: cursor
-- scope: system
SELECT epoch, position_xid, position_id FROM octavo.run_figure_cursor

-- name: add_up
-- scope: system
-- $1 epoch, $2 xid, $3 id: where the cursor stands; $4 events at most. Adds the runs that these tell to have ended, and
-- moves the cursor, or does neither: whoever finds the cursor elsewhere has waited for another one who did the same.
-- Gives how many events were looked at and how many runs were added.
WITH gate AS MATERIALIZED (
    SELECT
        (SELECT max(number) FROM octavo.epoch) AS epoch,
        pg_snapshot_xmin(pg_current_snapshot()) AS position_xid,
        0::bigint AS id
),
page AS MATERIALIZED (
    SELECT epoch, position_xid, id, organization_id, stream, type, recorded_at
    FROM octavo.event
    WHERE
        (epoch, position_xid, id) > (SELECT $1::integer, $2::xid8, $3::bigint)
        AND (epoch, position_xid, id) < (SELECT epoch, position_xid, id FROM gate)
    ORDER BY epoch, position_xid, id
    LIMIT $4
),
reached AS MATERIALIZED (
    (SELECT epoch, position_xid, id FROM page ORDER BY epoch, position_xid, id OFFSET $4::bigint - 1 LIMIT 1)
    UNION ALL
    SELECT epoch, position_xid, id FROM gate WHERE (SELECT count(*) FROM page) < $4
),
moved AS MATERIALIZED (
    UPDATE octavo.run_figure_cursor AS stored
    SET
        epoch = reached.epoch, position_xid = reached.position_xid, position_id = reached.id,
        moved_at = clock_timestamp()
    FROM reached
    WHERE (stored.epoch, stored.position_xid, stored.position_id) = ($1::integer, $2::xid8, $3::bigint)
    RETURNING true AS is_ours
),
ending AS MATERIALIZED (
    SELECT organization_id, substr(stream, 5)::uuid AS run_id, epoch, id, recorded_at
    FROM page
    WHERE type IN ('run.completed', 'run.failed', 'run.cancelled')
),
-- One by one along the key: what is found is few of many. A run that died is told to have failed, and has not ended.
ended AS MATERIALIZED (
    SELECT run.*
    FROM moved
    CROSS JOIN ending
    CROSS JOIN LATERAL (
        SELECT
            -- include: columns_of_ended
        FROM octavo.run_history AS run
        WHERE
            run.organization_id = ending.organization_id
            AND run.id = ending.run_id
            AND run.ended_at >= ending.recorded_at
            AND run.epoch = ending.epoch
            AND run.position_id = ending.id
        LIMIT 1
    ) AS run
),
-- include: figures
,
grain (grain) AS (VALUES ('minute'), ('hour'), ('day')),
part AS (
    SELECT counted.*, NULL::text AS what, NULL::integer AS class, NULL::bigint AS durations
    FROM counted
    UNION ALL
    SELECT
        organization_id, begins, subject, pipeline, version, name, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, what, class,
        durations
    FROM classed
),
-- Added up without a join, so that nobody has to guess how many there are.
summed AS (
    SELECT
        organization_id, subject, grain, date_trunc(grain, begins, 'UTC') AS begins, pipeline, version, name, what, class,
        sum(durations)::bigint AS durations,
        -- include: sums
    FROM part
    CROSS JOIN grain
    GROUP BY
        organization_id, subject, grain, date_trunc(grain, begins, 'UTC'), pipeline, version, name, what, class
),
added AS (
    INSERT INTO octavo.run_figure AS stored (
        organization_id, subject, grain, begins, pipeline, version, name, took_classes, took_counts, waited_classes,
        waited_counts, completed, failed, cancelled, skipped, retries, items, items_failed, tokens_in, tokens_out,
        cost_usd, cpu_seconds, memory_mb
    )
    SELECT
        organization_id, subject, grain, begins, pipeline, version, name,
        coalesce(array_agg(class) FILTER (WHERE what = 'took'), '{}'),
        coalesce(array_agg(durations) FILTER (WHERE what = 'took'), '{}'),
        coalesce(array_agg(class) FILTER (WHERE what = 'waited'), '{}'),
        coalesce(array_agg(durations) FILTER (WHERE what = 'waited'), '{}'),
        -- include: sums
    FROM summed
    GROUP BY organization_id, subject, grain, begins, pipeline, version, name
    ON CONFLICT (organization_id, subject, grain, begins, pipeline, version, name) DO UPDATE SET
        completed = stored.completed + excluded.completed,
        failed = stored.failed + excluded.failed,
        cancelled = stored.cancelled + excluded.cancelled,
        skipped = stored.skipped + excluded.skipped,
        retries = stored.retries + excluded.retries,
        items = stored.items + excluded.items,
        items_failed = stored.items_failed + excluded.items_failed,
        tokens_in = stored.tokens_in + excluded.tokens_in,
        tokens_out = stored.tokens_out + excluded.tokens_out,
        cost_usd = stored.cost_usd + excluded.cost_usd,
        cpu_seconds = stored.cpu_seconds + excluded.cpu_seconds,
        memory_mb = greatest(stored.memory_mb, excluded.memory_mb),
        (took_classes, took_counts) = (
            SELECT
                coalesce(array_agg(class ORDER BY class), '{}'), coalesce(array_agg(durations ORDER BY class), '{}')
            FROM (
                SELECT class, sum(durations)::bigint AS durations
                FROM (
                    SELECT * FROM unnest(stored.took_classes, stored.took_counts)
                    UNION ALL
                    SELECT * FROM unnest(excluded.took_classes, excluded.took_counts)
                ) AS every (class, durations)
                GROUP BY class
            ) AS merged
        ),
        (waited_classes, waited_counts) = (
            SELECT
                coalesce(array_agg(class ORDER BY class), '{}'), coalesce(array_agg(durations ORDER BY class), '{}')
            FROM (
                SELECT class, sum(durations)::bigint AS durations
                FROM (
                    SELECT * FROM unnest(stored.waited_classes, stored.waited_counts)
                    UNION ALL
                    SELECT * FROM unnest(excluded.waited_classes, excluded.waited_counts)
                ) AS every (class, durations)
                GROUP BY class
            ) AS merged
        )
)
SELECT
    (SELECT count(*) FROM page) AS events, (SELECT count(*) FROM ended) AS runs,
    EXISTS (SELECT FROM moved) AS has_moved

-- fragment: not_added_up
-- Runs that ended and lie in no figure that is read: those of cut minutes, and those that are not added up yet.
stands AS MATERIALIZED (
    SELECT epoch, position_xid, position_id FROM octavo.run_figure_cursor
),
ended AS MATERIALIZED (
    SELECT
        -- include: columns_of_ended
    FROM unnest($8::uuid [], $9::uuid []) AS cut (low, high)
    INNER JOIN octavo.run_history AS run
        ON run.organization_id = $1::octavo.organization AND run.id >= cut.low AND run.id < cut.high
    WHERE
        ($4::text IS NULL OR run.pipeline = $4)
        AND (run.epoch, run.position_xid, run.position_id)
        <= (SELECT epoch, position_xid, position_id FROM stands)
    UNION ALL
    SELECT run.*
    FROM (
        SELECT substr(stream, 5)::uuid AS run_id, epoch, id, recorded_at
        FROM octavo.event
        WHERE
            organization_id = $1::octavo.organization
            AND (epoch, position_xid, id) > (SELECT epoch, position_xid, position_id FROM stands)
            AND type IN ('run.completed', 'run.failed', 'run.cancelled')
        OFFSET 0
    ) AS ending
    CROSS JOIN LATERAL (
        SELECT
            -- include: columns_of_ended
        FROM octavo.run_history AS run
        WHERE
            run.organization_id = $1::octavo.organization
            AND run.id = ending.run_id
            AND run.ended_at >= ending.recorded_at
            AND run.epoch = ending.epoch
            AND run.position_id = ending.id
            AND ($4::text IS NULL OR run.pipeline = $4)
        LIMIT 1
    ) AS run
    WHERE ending.run_id >= $2 AND ending.run_id < $3
),
-- include: figures

-- fragment: spans
    FROM unnest($5::text [], $6::timestamptz [], $7::timestamptz []) AS span (grain, first, last)
    INNER JOIN octavo.run_figure AS figure
        ON figure.organization_id = $1::octavo.organization
        AND figure.grain = span.grain
        AND figure.begins >= span.first
        AND figure.begins < span.last

-- name: of_pipelines
-- $10 whether each version of a pipeline is told apart; otherwise all runs are one.
WITH
-- include: not_added_up
,
figure AS MATERIALIZED (
    SELECT
        figure.pipeline, figure.version, figure.completed, figure.failed, figure.cancelled, figure.retries,
        figure.tokens_in, figure.tokens_out, figure.cost_usd, figure.took_classes, figure.took_counts,
        figure.waited_classes, figure.waited_counts
    -- include: spans
    WHERE figure.subject = 'run' AND ($4::text IS NULL OR figure.pipeline = $4)
),
open AS MATERIALIZED (
    SELECT
        pipeline, pipeline_version AS version, state,
        octavo.analytics_class(extract(epoch FROM started_at - created_at)) AS waited,
        count(*) AS runs,
        sum(greatest(attempt - 1, 0))::bigint AS retries
    FROM octavo.run
    WHERE organization_id = $1::octavo.organization AND id >= $2 AND id < $3 AND ($4::text IS NULL OR pipeline = $4)
    GROUP BY 1, 2, 3, 4
),
part AS (
    SELECT
        pipeline, version, completed, failed, cancelled, 0::bigint AS dead, 0::bigint AS queued, 0::bigint AS delayed,
        0::bigint AS running, retries, tokens_in, tokens_out, cost_usd
    FROM figure
    UNION ALL
    SELECT pipeline, version, completed, failed, cancelled, 0, 0, 0, 0, retries, tokens_in, tokens_out, cost_usd
    FROM counted
    WHERE subject = 'run'
    UNION ALL
    SELECT
        pipeline, version, 0, 0, 0,
        CASE WHEN state = 'dead' THEN runs ELSE 0 END,
        CASE WHEN state = 'queued' THEN runs ELSE 0 END,
        CASE WHEN state = 'delayed' THEN runs ELSE 0 END,
        CASE WHEN state = 'running' THEN runs ELSE 0 END,
        retries, 0, 0, 0
    FROM open
),
size AS (
    SELECT figure.pipeline, figure.version, 'took' AS what, one.class, one.durations
    FROM figure
    CROSS JOIN LATERAL unnest(figure.took_classes, figure.took_counts) AS one (class, durations)
    UNION ALL
    SELECT figure.pipeline, figure.version, 'waited' AS what, one.class, one.durations
    FROM figure
    CROSS JOIN LATERAL unnest(figure.waited_classes, figure.waited_counts) AS one (class, durations)
    UNION ALL
    SELECT pipeline, version, what, class, durations FROM classed WHERE subject = 'run'
    UNION ALL
    SELECT pipeline, version, 'waited' AS what, waited AS class, runs FROM open WHERE waited IS NOT NULL
),
sized AS (
    SELECT
        pipeline, version,
        array_agg(class) FILTER (WHERE what = 'took') AS took_classes,
        array_agg(durations) FILTER (WHERE what = 'took') AS took_counts,
        array_agg(class) FILTER (WHERE what = 'waited') AS waited_classes,
        array_agg(durations) FILTER (WHERE what = 'waited') AS waited_counts
    FROM (
        SELECT
            CASE WHEN $10::boolean THEN pipeline ELSE '' END AS pipeline,
            CASE WHEN $10::boolean THEN version ELSE 0 END AS version,
            what, class, sum(durations)::bigint AS durations
        FROM size
        GROUP BY 1, 2, 3, 4
    ) AS every
    GROUP BY pipeline, version
),
summed AS (
    SELECT
        CASE WHEN $10::boolean THEN pipeline ELSE '' END AS pipeline,
        CASE WHEN $10::boolean THEN version ELSE 0 END AS version,
        sum(completed + failed + cancelled + dead + queued + delayed + running)::bigint AS runs,
        sum(completed)::bigint AS completed, sum(failed)::bigint AS failed, sum(cancelled)::bigint AS cancelled,
        sum(dead)::bigint AS dead, sum(queued)::bigint AS queued, sum(delayed)::bigint AS delayed,
        sum(running)::bigint AS running, sum(retries)::bigint AS retries, sum(tokens_in)::bigint AS tokens_in,
        sum(tokens_out)::bigint AS tokens_out, sum(cost_usd) AS cost_usd
    FROM part
    GROUP BY 1, 2
)
SELECT summed.*, sized.took_classes, sized.took_counts, sized.waited_classes, sized.waited_counts
FROM summed
LEFT JOIN sized ON sized.pipeline = summed.pipeline AND sized.version = summed.version
ORDER BY summed.pipeline, summed.version

-- name: of_steps
-- $10 `component` or `model`: what the steps of runs that ended are told apart by.
WITH
-- include: not_added_up
,
figure AS MATERIALIZED (
    SELECT figure.*
    -- include: spans
    WHERE figure.subject = $10::text AND ($4::text IS NULL OR figure.pipeline = $4)
),
part AS (
    SELECT
        name, completed, failed, cancelled, skipped, retries, items, items_failed, tokens_in, tokens_out, cost_usd,
        cpu_seconds, memory_mb
    FROM figure
    UNION ALL
    SELECT
        name, completed, failed, cancelled, skipped, retries, items, items_failed, tokens_in, tokens_out, cost_usd,
        cpu_seconds, memory_mb
    FROM counted
    WHERE subject = $10
),
size AS (
    SELECT figure.name, one.class, one.durations
    FROM figure
    CROSS JOIN LATERAL unnest(figure.took_classes, figure.took_counts) AS one (class, durations)
    UNION ALL
    SELECT name, class, durations FROM classed WHERE subject = $10
),
sized AS (
    SELECT name, array_agg(class) AS took_classes, array_agg(durations) AS took_counts
    FROM (SELECT name, class, sum(durations)::bigint AS durations FROM size GROUP BY name, class) AS every
    GROUP BY name
),
summed AS (
    SELECT
        name,
        -- include: sums
    FROM part
    GROUP BY name
)
SELECT summed.*, sized.took_classes, sized.took_counts
FROM summed
LEFT JOIN sized ON sized.name = summed.name
ORDER BY summed.name

-- name: dead_components
-- The components of the steps that dead runs have failed at: $2 and $3 ids, $4 pipeline or null.
WITH failing AS (
    SELECT run.pipeline_id, run.pipeline_version, run.error ->> 'step' AS step, count(*) AS runs
    FROM octavo.run_dead AS dead
    INNER JOIN octavo.run AS run ON run.organization_id = $1::octavo.organization AND run.id = dead.run_id
    WHERE
        dead.organization_id = $1::octavo.organization AND dead.run_id >= $2 AND dead.run_id < $3
        AND ($4::text IS NULL OR run.pipeline = $4)
        AND run.error ? 'step'
    GROUP BY run.pipeline_id, run.pipeline_version, run.error ->> 'step'
)
SELECT
    concat_ws(' ', part.value ->> 'component', part.value ->> 'version') AS name, sum(failing.runs)::bigint AS failed
FROM failing
INNER JOIN octavo.version AS made
    ON made.organization_id = $1::octavo.organization
    AND made.document_id = failing.pipeline_id
    AND made.number = failing.pipeline_version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = made.body_hash
CROSS JOIN LATERAL jsonb_path_query(body.value, '$.steps[*]') AS part (value)
WHERE coalesce(part.value ->> 'name', part.value ->> 'component') = failing.step
GROUP BY 1

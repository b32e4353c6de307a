-- What is told of runs is counted from them, never kept beside them. Runs are those that were started in a time, which
-- their ids tell: $2 and $3 the ids between which they lie; $4 pipeline or null for all.

-- name: of_pipelines
-- $5 whether each version of a pipeline is told apart; otherwise all runs are one.
WITH one AS (
    SELECT
        CASE WHEN $5::boolean THEN pipeline ELSE '' END AS pipeline,
        CASE WHEN $5::boolean THEN pipeline_version ELSE 0 END AS version,
        state, attempt, created_at, started_at, ended_at
    FROM octavo.run_history
    WHERE organization_id = $1::octavo.organization AND id >= $2 AND id < $3 AND ($4::text IS NULL OR pipeline = $4)
    UNION ALL
    SELECT
        CASE WHEN $5::boolean THEN pipeline ELSE '' END AS pipeline,
        CASE WHEN $5::boolean THEN pipeline_version ELSE 0 END AS version,
        state, attempt, created_at, started_at, NULL::timestamptz AS ended_at
    FROM octavo.run
    WHERE organization_id = $1::octavo.organization AND id >= $2 AND id < $3 AND ($4::text IS NULL OR pipeline = $4)
),
counted AS (
    SELECT
        pipeline, version,
        count(*) AS runs,
        count(*) FILTER (WHERE state = 'completed') AS completed,
        count(*) FILTER (WHERE state = 'failed') AS failed,
        count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
        count(*) FILTER (WHERE state = 'dead') AS dead,
        count(*) FILTER (WHERE state = 'queued') AS queued,
        count(*) FILTER (WHERE state = 'delayed') AS delayed,
        count(*) FILTER (WHERE state = 'running') AS running,
        coalesce(sum(greatest(attempt - 1, 0)), 0)::bigint AS retries,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)::float8)
            FILTER (WHERE state = 'completed') AS took,
        percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at)::float8)
            FILTER (WHERE started_at IS NOT NULL) AS waited
    FROM one
    GROUP BY pipeline, version
),
-- What a step used is written into its run where it used something.
used AS (
    SELECT
        CASE WHEN $5::boolean THEN run.pipeline ELSE '' END AS pipeline,
        CASE WHEN $5::boolean THEN run.pipeline_version ELSE 0 END AS version,
        coalesce(sum((step.metrics ->> 'tokens_in')::bigint), 0)::bigint AS tokens_in,
        coalesce(sum((step.metrics ->> 'tokens_out')::bigint), 0)::bigint AS tokens_out,
        coalesce(sum((step.metrics ->> 'cost_usd')::numeric), 0) AS cost_usd
    FROM octavo.run_history AS run
    CROSS JOIN LATERAL jsonb_to_recordset(run.steps) AS step (metrics jsonb)
    WHERE
        run.organization_id = $1::octavo.organization
        AND run.id >= $2
        AND run.id < $3
        AND ($4::text IS NULL OR run.pipeline = $4)
        AND run.steps @? '$[*].metrics'
    GROUP BY 1, 2
)
SELECT
    counted.*, coalesce(used.tokens_in, 0) AS tokens_in, coalesce(used.tokens_out, 0) AS tokens_out,
    coalesce(used.cost_usd, 0) AS cost_usd
FROM counted
LEFT JOIN used ON used.pipeline = counted.pipeline AND used.version = counted.version
ORDER BY counted.pipeline, counted.version

-- name: of_steps
-- $5 `component` or `model`: what the steps of runs that ended are told apart by.
WITH step AS (
    SELECT
        CASE $5::text WHEN 'model' THEN step.model ELSE step.component END AS name,
        step.state, extract(epoch FROM step.ended_at - step.started_at)::float8 AS took,
        step.items, step.items_failed, step.metrics
    FROM octavo.run_history AS run
    CROSS JOIN LATERAL jsonb_to_recordset(run.steps) AS step (
        component text, model text, state text, started_at timestamptz, ended_at timestamptz, items bigint,
        items_failed bigint, metrics jsonb
    )
    WHERE
        run.organization_id = $1::octavo.organization
        AND run.id >= $2
        AND run.id < $3
        AND ($4::text IS NULL OR run.pipeline = $4)
)
SELECT
    name,
    count(*) FILTER (WHERE state IS NULL) AS completed,
    count(*) FILTER (WHERE state = 'skipped') AS skipped,
    coalesce(sum(items), 0)::bigint AS items,
    coalesce(sum(items_failed), 0)::bigint AS items_failed,
    coalesce(sum((metrics ->> 'tries')::bigint - greatest(items, 1)) FILTER (WHERE metrics ? 'tries'), 0)::bigint AS retries,
    coalesce(sum((metrics ->> 'tokens_in')::bigint), 0)::bigint AS tokens_in,
    coalesce(sum((metrics ->> 'tokens_out')::bigint), 0)::bigint AS tokens_out,
    coalesce(sum((metrics ->> 'cost_usd')::numeric), 0) AS cost_usd,
    coalesce(sum((metrics ->> 'cpu_seconds')::float8), 0) AS cpu_seconds,
    max((metrics ->> 'memory_mb')::float8) AS memory_mb,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY took) FILTER (WHERE state IS NULL) AS took
FROM step
WHERE name IS NOT NULL AND name <> ''
GROUP BY name
ORDER BY name

-- name: failed_components
-- The components of the steps that runs failed at for good.
WITH failed AS (
    SELECT pipeline_id, pipeline_version, error ->> 'step' AS step, count(*) AS runs
    FROM (
        SELECT pipeline_id, pipeline_version, error
        FROM octavo.run_history
        WHERE
            organization_id = $1::octavo.organization AND id >= $2 AND id < $3 AND state = 'failed'
            AND ($4::text IS NULL OR pipeline = $4)
        UNION ALL
        SELECT pipeline_id, pipeline_version, error
        FROM octavo.run
        WHERE
            organization_id = $1::octavo.organization AND id >= $2 AND id < $3 AND state = 'dead'
            AND ($4::text IS NULL OR pipeline = $4)
    ) AS one
    WHERE error ? 'step'
    GROUP BY 1, 2, 3
)
SELECT concat_ws(' ', part ->> 'component', part ->> 'version') AS name, sum(failed.runs)::bigint AS failed
FROM failed
INNER JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization
    AND version.document_id = failed.pipeline_id
    AND version.number = failed.pipeline_version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
CROSS JOIN LATERAL jsonb_array_elements(body.value -> 'steps') AS part
WHERE coalesce(part ->> 'name', part ->> 'component') = failed.step
GROUP BY 1

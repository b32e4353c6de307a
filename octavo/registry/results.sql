-- Results as one organization sees them; those of runs are stored by the statement that ends the run.

-- fragment: result_columns
    result.id, result.document_id, result.version, result.type, result.model, result.model_version, result.options,
    result.status, result.value, result.error, result.label, result.score, result.metrics, result.run_id, result.step,
    result.component, result.started_at, result.ended_at, result.created_at, result.updated_at, result.actor,
    result.actor_kind,
    head.version > result.fits_version AS is_outdated,
    serving.version IS NOT NULL AND serving.version::text <> result.model_version AS is_superseded

-- fragment: told_with
-- The document, if it is there, and the version of the model that serves in production.
INNER JOIN octavo.document AS head
    ON head.organization_id = $1::octavo.organization
    AND head.id = result.document_id
    AND head.deleted_at IS NULL
    AND (head.expires_at IS NULL OR head.expires_at > now())
LEFT JOIN octavo.document AS model
    ON model.organization_id = $1::octavo.organization
    AND model.namespace = 'octavo'
    AND model.type = 'octavo.model'
    AND model.name = result.model
    AND model.deleted_at IS NULL
LEFT JOIN octavo.model_deployment AS serving
    ON serving.organization_id = $1::octavo.organization
    AND serving.model_id = model.id
    AND serving.environment = 'production'

-- name: put_result
-- $2 actor, $3 its kind, $4 id, $5 document, $6 version or null for the current one, $7 type, $8 model, $9 its version,
-- $10 options, $11 value or null, $12 error or null, $13 metrics, $14 started, $15 ended. One that is there is replaced;
-- but a failure replaces no value.
WITH about AS MATERIALIZED (
    SELECT version.document_id, version.number, clock_timestamp() AS moment
    FROM octavo.document AS head
    INNER JOIN octavo.version AS version
        ON version.organization_id = $1::octavo.organization
        AND version.document_id = head.id
        AND version.number = coalesce($6::integer, head.version)
    WHERE head.organization_id = $1::octavo.organization AND head.id = $5 AND head.deleted_at IS NULL
)
INSERT INTO octavo.result AS known (
    organization_id, id, document_id, version, fits_version, type, model, model_version, options, status, value, error,
    metrics, started_at, ended_at, actor, actor_kind
)
SELECT
    $1::octavo.organization, $4, about.document_id, about.number, about.number, $7::octavo.processing_type, $8, $9,
    $10::jsonb, (CASE WHEN $11::jsonb IS NULL THEN 'failed' ELSE 'completed' END)::octavo.run_state, $11::jsonb,
    $12::jsonb, $13::jsonb, coalesce($14::timestamptz, about.moment), coalesce($15::timestamptz, about.moment),
    $2, $3::octavo.actor_kind
FROM about
ON CONFLICT (organization_id, document_id, version, type, model, model_version, options_key) DO UPDATE SET
    id = excluded.id,
    fits_version = excluded.fits_version,
    status = excluded.status,
    value = excluded.value,
    error = excluded.error,
    metrics = excluded.metrics,
    run_id = NULL,
    step = NULL,
    component = NULL,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    updated_at = clock_timestamp(),
    actor = excluded.actor,
    actor_kind = excluded.actor_kind
WHERE excluded.status = 'completed' OR known.status = 'failed'
RETURNING id, version

-- name: look_for_version
-- $2 document, $3 version or null. Why nothing was stored.
SELECT head.deleted_at IS NOT NULL AS is_deleted, version.number AS version
FROM octavo.document AS head
LEFT JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization
    AND version.document_id = head.id
    AND version.number = coalesce($3::integer, head.version)
WHERE head.organization_id = $1::octavo.organization AND head.id = $2

-- name: find_result
-- $2 id.
SELECT
    -- include: result_columns
FROM octavo.result AS result
-- include: told_with
WHERE result.organization_id = $1::octavo.organization AND result.id = $2

-- name: results_of
-- $2 document, $3 version or null, $4 type or null, $5 model or null, $6 status or null, $7 results at most; of the
-- newest version first.
SELECT
    -- include: result_columns
FROM octavo.result AS result
-- include: told_with
WHERE
    result.organization_id = $1::octavo.organization
    AND result.document_id = $2
    AND ($3::integer IS NULL OR result.version = $3)
    AND ($4::octavo.processing_type IS NULL OR result.type = $4)
    AND ($5::text IS NULL OR result.model = $5)
    AND ($6::octavo.run_state IS NULL OR result.status = $6)
ORDER BY result.version DESC, result.id DESC
LIMIT $7

-- name: list_results
-- $2 id to go back from, $3 results to look at, $4 results at most, $5 whether those that hold no more are left out.
-- {narrowed} is what indexes find, {guard} what has to be looked at; their parameters are numbered behind these. Newest
-- first. The first row is no result (its id is null): where the next page goes on, if there is more to look at.
WITH looked AS MATERIALIZED (
    SELECT result.*
    FROM octavo.result AS result
    WHERE result.organization_id = $1::octavo.organization AND result.id < $2 AND {narrowed}
    ORDER BY result.id DESC
    LIMIT $3
),
found AS (
    SELECT
        -- include: result_columns
    FROM looked AS result
    -- include: told_with
    WHERE {guard}
)
SELECT
    (SELECT CASE WHEN count(*) = $3 THEN min(id::text)::uuid END FROM looked) AS last_looked,
    found.*
FROM (SELECT) AS one
LEFT JOIN (
    SELECT *
    FROM found
    WHERE NOT $5::boolean OR NOT (is_outdated OR is_superseded)
    ORDER BY id DESC
    LIMIT $4
) AS found ON true
ORDER BY found.id DESC

-- name: group_results
-- $2 type, $3 model or null, $4 its version or null, $5 groups at most. Each document once: by its newest result that
-- is of its current version.
WITH newest AS (
    SELECT DISTINCT ON (result.document_id) result.label, result.score
    FROM octavo.result AS result
    INNER JOIN octavo.document AS head
        ON head.organization_id = $1::octavo.organization
        AND head.id = result.document_id
        AND head.version <= result.fits_version
        AND head.deleted_at IS NULL
        AND (head.expires_at IS NULL OR head.expires_at > now())
    WHERE
        result.organization_id = $1::octavo.organization
        AND result.type = $2::octavo.processing_type
        AND result.status = 'completed'
        AND ($3::text IS NULL OR result.model = $3)
        AND ($4::text IS NULL OR result.model_version = $4)
    ORDER BY result.document_id, result.id DESC
)
SELECT label, count(*) AS documents, avg(score) AS score_mean, min(score) AS score_least
FROM newest
GROUP BY label
ORDER BY documents DESC, label
LIMIT $5

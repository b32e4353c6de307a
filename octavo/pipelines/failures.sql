-- Failed results: what runs that died or were cancelled were to find out of their documents (migration 0031).

-- fragment: how_it_ended
-- How the run of `due` ended, or is: one that was retried is under way again.
LEFT JOIN LATERAL (
    SELECT
        run.state, run.pipeline_id, run.pipeline_version, run.document_id, run.document_version, run.error, run.attempt,
        coalesce(run.started_at, run.created_at) AS begun_at, clock_timestamp() AS over_at
    FROM octavo.run AS run
    WHERE run.organization_id = due.organization_id AND run.id = due.run_id
    UNION ALL
    SELECT
        ended.state, ended.pipeline_id, ended.pipeline_version, ended.document_id, ended.document_version, ended.error,
        ended.attempt, coalesce(ended.started_at, ended.created_at) AS begun_at, ended.ended_at AS over_at
    FROM octavo.run_history AS ended
    WHERE ended.organization_id = due.organization_id AND ended.id = due.run_id
) AS known ON true

-- name: due
-- scope: system
-- $1 organization and $2 run to begin behind, $3 runs at most.
SELECT due.organization_id, due.run_id
FROM octavo.result_due AS due
WHERE (due.organization_id, due.run_id) > ($1::uuid, $2::uuid)
ORDER BY due.organization_id, due.run_id
LIMIT $3

-- name: forget_due
-- scope: system
-- $1 days, $2 runs at most: those whose components no worker has had since.
DELETE FROM octavo.result_due
WHERE (organization_id, run_id) IN (
    SELECT due.organization_id, due.run_id
    FROM octavo.result_due AS due
    WHERE due.due_at < clock_timestamp() - make_interval(days => $1)
    LIMIT $2
)

-- name: find_due
-- $2 runs. With the steps of each that have ended: their results were made, and wait for the run to be retried.
SELECT
    due.run_id, known.state, known.pipeline_id, known.pipeline_version, known.document_id, known.document_version,
    known.error, known.attempt, known.begun_at, known.over_at,
    ARRAY(
        SELECT step.name
        FROM octavo.run_step AS step
        WHERE step.organization_id = $1::octavo.organization AND step.run_id = due.run_id
    ) AS done
FROM octavo.result_due AS due
-- include: how_it_ended
WHERE due.organization_id = $1::octavo.organization AND due.run_id = ANY($2::uuid [])

-- name: keep_failures
-- $2 runs whose failed results are told: $3, a list. A version of a model that was not named is the one that serves; in
-- the place of a value comes no failure; a version of a document that was purged meanwhile has none.
WITH settled AS (
    DELETE FROM octavo.result_due
    WHERE organization_id = $1::octavo.organization AND run_id = ANY($2::uuid [])
    RETURNING run_id
),
made AS MATERIALIZED (
    SELECT
        told.id, told.run_id, told.document_id, told.version, told.type, told.options, told.error, told.step,
        told.component, told.started_at, told.ended_at, coalesce(run.actor, ended.actor, 'octavo') AS actor,
        coalesce(run.actor_kind, ended.actor_kind, 'system'::octavo.actor_kind) AS actor_kind,
        coalesce(told.model, told.component_name) AS model,
        coalesce(told.model_version, serving.version::text, told.environment, told.component_version) AS model_version
    FROM jsonb_to_recordset($3::jsonb) AS told (
        id uuid, run_id uuid, document_id uuid, version integer, type octavo.processing_type, model text,
        model_version text, environment text, component_name text, component_version text, options jsonb, error jsonb,
        step text, component text, started_at timestamptz, ended_at timestamptz
    )
    INNER JOIN settled ON settled.run_id = told.run_id
    INNER JOIN octavo.version AS about
        ON about.organization_id = $1::octavo.organization
        AND about.document_id = told.document_id
        AND about.number = told.version
    LEFT JOIN octavo.run AS run ON run.organization_id = $1::octavo.organization AND run.id = told.run_id
    LEFT JOIN octavo.run_history AS ended ON ended.organization_id = $1::octavo.organization AND ended.id = told.run_id
    LEFT JOIN octavo.document AS model
        ON model.organization_id = $1::octavo.organization
        AND model.namespace = 'octavo'
        AND model.type = 'octavo.model'
        AND model.name = told.model
        AND model.deleted_at IS NULL
    LEFT JOIN octavo.model_deployment AS serving
        ON serving.organization_id = $1::octavo.organization
        AND serving.model_id = model.id
        AND serving.environment = coalesce(told.environment, 'production')
)
INSERT INTO octavo.result AS known (
    organization_id, id, document_id, version, fits_version, type, model, model_version, options, status, error, run_id,
    step, component, started_at, ended_at, actor, actor_kind
)
SELECT DISTINCT ON (document_id, version, type, model, model_version, options)
    $1::octavo.organization, id, document_id, version, version, type, model, model_version, options,
    'failed'::octavo.run_state, error, run_id, step, component, started_at, greatest(started_at, ended_at), actor,
    actor_kind
FROM made
ORDER BY document_id, version, type, model, model_version, options, id DESC
ON CONFLICT (organization_id, document_id, version, type, model, model_version, options_key) DO UPDATE SET
    id = excluded.id,
    error = excluded.error,
    run_id = excluded.run_id,
    step = excluded.step,
    component = excluded.component,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    updated_at = clock_timestamp(),
    actor = excluded.actor,
    actor_kind = excluded.actor_kind
WHERE known.status = 'failed'
RETURNING id

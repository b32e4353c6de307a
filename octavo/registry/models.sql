-- Models: documents of the type octavo.model; what is more than a document of them is here. Changes of stages and
-- environments are made under the lock of the document's row, by a statement that begins after the lock was had.

-- name: lock_model
-- $2 namespace, $3 type, $4 name. Locked as a writer of the document locks it.
SELECT id, version
FROM octavo.document
WHERE
    organization_id = $1::octavo.organization AND namespace = $2 AND type = $3 AND name = $4 AND deleted_at IS NULL
FOR NO KEY UPDATE

-- name: keep_version
-- $2 model, $3 version, $4 type, $5 stage. Nothing when it is kept already.
INSERT INTO octavo.model_version (organization_id, model_id, version, type, stage)
VALUES ($1::octavo.organization, $2, $3, $4::octavo.processing_type, $5::octavo.model_stage)
ON CONFLICT (organization_id, model_id, version) DO NOTHING
RETURNING version

-- name: keep_artifacts
-- $2 model, $3 version; arrays of one length: $4 names, $5 digests, $6 blobs, $7 bytes.
INSERT INTO octavo.model_artifact (organization_id, model_id, version, name, sha256, blob, bytes)
SELECT $1::octavo.organization, $2, $3, item.*
FROM unnest($4::text [], $5::bytea [], $6::text [], $7::bigint []) AS item
ON CONFLICT (organization_id, model_id, version, name) DO NOTHING

-- name: has_document
-- $2 document: whether a dataset that is named by an id is there.
SELECT true AS there
FROM octavo.document
WHERE organization_id = $1::octavo.organization AND id = $2 AND deleted_at IS NULL

-- fragment: model_columns
    head.id, head.name, stored.version, stored.stage, stored.created_at, stored.updated_at, stored.deployed_at,
    stored.deprecated_at, version.created_by, version.created_by_kind, body.value AS card,
    ARRAY(
        SELECT serving.environment
        FROM octavo.model_deployment AS serving
        WHERE
            serving.organization_id = $1::octavo.organization
            AND serving.model_id = head.id
            AND serving.version = stored.version
        ORDER BY serving.environment
    ) AS environments,
    (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'name', file.name, 'sha256', encode(file.sha256, 'hex'), 'bytes', file.bytes, 'blob', file.blob
        ) ORDER BY file.name), '[]')
        FROM octavo.model_artifact AS file
        WHERE
            file.organization_id = $1::octavo.organization
            AND file.model_id = head.id
            AND file.version = stored.version
    ) AS artifacts,
    coalesce(stream.epoch, head.epoch) AS epoch, coalesce(stream.position_xid, head.position_xid) AS position_xid,
    coalesce(stream.position_id, head.position_id) AS position_id

-- fragment: model_tables
FROM octavo.document AS head
INNER JOIN octavo.model_version AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.model_id = head.id
INNER JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization
    AND version.document_id = head.id
    AND version.number = stored.version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
LEFT JOIN octavo.stream AS stream
    ON stream.organization_id = $1::octavo.organization AND stream.name = 'model-' || head.id
WHERE
    head.organization_id = $1::octavo.organization
    AND head.namespace = $2
    AND head.type = $3
    AND head.deleted_at IS NULL

-- name: find_model
-- $2 namespace, $3 type, $4 name, $5 version, $6 environment: the newest version when both are null.
SELECT
    -- include: model_columns
-- include: model_tables
    AND head.name = $4
    AND stored.version = CASE
        WHEN $5::integer IS NOT NULL THEN $5
        WHEN $6::text IS NOT NULL THEN (
            SELECT serving.version
            FROM octavo.model_deployment AS serving
            WHERE
                serving.organization_id = $1::octavo.organization
                AND serving.model_id = head.id
                AND serving.environment = $6
        )
        ELSE (
            SELECT max(newest.version)
            FROM octavo.model_version AS newest
            WHERE newest.organization_id = $1::octavo.organization AND newest.model_id = head.id
        )
    END

-- name: look_for_model
-- $2 namespace, $3 type, $4 name: what a search did not find.
SELECT
    max(stored.version) AS newest,
    ARRAY(
        SELECT serving.environment
        FROM octavo.model_deployment AS serving
        WHERE serving.organization_id = $1::octavo.organization AND serving.model_id = head.id
        ORDER BY serving.environment
    ) AS environments
FROM octavo.document AS head
INNER JOIN octavo.model_version AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.model_id = head.id
WHERE
    head.organization_id = $1::octavo.organization AND head.namespace = $2 AND head.type = $3 AND head.name = $4
    AND head.deleted_at IS NULL
GROUP BY head.id

-- name: list_models
-- $2 namespace, $3 type of documents; $4 type, $5 stage, $6 name: null for all; $7 whether all versions, or the newest
-- of each that is asked for; $8 name to begin behind, $9 versions at most.
SELECT * FROM (
    SELECT
        -- include: model_columns
        , row_number() OVER (PARTITION BY head.id ORDER BY stored.version DESC) AS place
    -- include: model_tables
        AND ($4::octavo.processing_type IS NULL OR stored.type = $4)
        AND ($5::octavo.model_stage IS NULL OR stored.stage = $5)
        AND ($6::text IS NULL OR head.name = $6)
        AND head.name > $8
) AS known
WHERE $7::boolean OR place = 1
ORDER BY name, version DESC
LIMIT $9

-- name: set_stage
-- $2 model, $3 version, $4 the stage it has, $5 the stage it gets.
UPDATE octavo.model_version
SET
    previous_stage = stage,
    stage = $5::octavo.model_stage,
    updated_at = clock_timestamp(),
    deprecated_at = CASE WHEN $5::octavo.model_stage = 'deprecated' THEN clock_timestamp() END
WHERE
    organization_id = $1::octavo.organization AND model_id = $2 AND version = $3 AND stage = $4::octavo.model_stage
RETURNING version

-- name: serving
-- $2 model, $3 environment.
SELECT version, previous_version
FROM octavo.model_deployment
WHERE organization_id = $1::octavo.organization AND model_id = $2 AND environment = $3

-- name: promote
-- $2 model, $3 version, $4 environment, $5 actor, $6 its kind. The version before goes back to validation, unless it
-- serves elsewhere. The key of the environment to a deployed version is checked at the end of this statement.
WITH risen AS (
    UPDATE octavo.model_version
    SET previous_stage = stage, stage = 'deployed', deployed_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE organization_id = $1::octavo.organization AND model_id = $2 AND version = $3 AND stage <> 'deployed'
),
fallen AS (
    UPDATE octavo.model_version AS before
    SET previous_stage = before.stage, stage = 'validation', updated_at = clock_timestamp()
    FROM octavo.model_deployment AS served
    WHERE
        served.organization_id = $1::octavo.organization
        AND served.model_id = $2
        AND served.environment = $4
        AND served.version <> $3
        AND before.organization_id = $1::octavo.organization
        AND before.model_id = $2
        AND before.version = served.version
        AND NOT EXISTS (
            SELECT FROM octavo.model_deployment AS elsewhere
            WHERE
                elsewhere.organization_id = $1::octavo.organization
                AND elsewhere.model_id = $2
                AND elsewhere.version = served.version
                AND elsewhere.environment <> $4
        )
)
INSERT INTO octavo.model_deployment AS known (
    organization_id, model_id, environment, version, deployed_at, actor, actor_kind
)
VALUES ($1::octavo.organization, $2, $4, $3, clock_timestamp(), $5, $6::octavo.actor_kind)
ON CONFLICT (organization_id, model_id, environment) DO UPDATE SET
    version = excluded.version,
    previous_version = known.version,
    deployed_at = excluded.deployed_at,
    actor = excluded.actor,
    actor_kind = excluded.actor_kind,
    checked_at = NULL,
    is_healthy = NULL,
    health = NULL
RETURNING version

-- name: withdraw
-- $2 model, $3 environment.
WITH left_off AS (
    DELETE FROM octavo.model_deployment
    WHERE organization_id = $1::octavo.organization AND model_id = $2 AND environment = $3
    RETURNING version
),
fallen AS (
    UPDATE octavo.model_version AS before
    SET previous_stage = before.stage, stage = 'validation', updated_at = clock_timestamp()
    FROM left_off
    WHERE
        before.organization_id = $1::octavo.organization
        AND before.model_id = $2
        AND before.version = left_off.version
        AND NOT EXISTS (
            SELECT FROM octavo.model_deployment AS elsewhere
            WHERE
                elsewhere.organization_id = $1::octavo.organization
                AND elsewhere.model_id = $2
                AND elsewhere.version = left_off.version
                AND elsewhere.environment <> $3
        )
)
SELECT version FROM left_off

-- name: deployments
-- $2 stream of the model, $3 environment or null for all, $4 moves at most; newest first.
SELECT type, data, recorded_at, actor, actor_kind
FROM octavo.event
WHERE
    organization_id = $1::octavo.organization
    AND stream = $2
    AND type IN ('model.promoted', 'model.withdrawn')
    AND ($3::text IS NULL OR data ->> 'environment' = $3)
ORDER BY sequence DESC
LIMIT $4

-- name: with_health_checks
-- $2 model's name or null for all, $3 models at most: those that serve and have a URL to be asked, the ones that were
-- asked last at the end.
SELECT
    serving.model_id, head.name, serving.environment, serving.version, serving.is_healthy,
    body.value -> 'deployment' ->> 'health_check_url' AS url
FROM octavo.model_deployment AS serving
INNER JOIN octavo.document AS head
    ON head.organization_id = $1::octavo.organization AND head.id = serving.model_id AND head.deleted_at IS NULL
INNER JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization
    AND version.document_id = serving.model_id
    AND version.number = serving.version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
WHERE
    serving.organization_id = $1::octavo.organization
    AND ($2::text IS NULL OR head.name = $2)
    AND body.value -> 'deployment' ->> 'health_check_url' IS NOT NULL
ORDER BY serving.checked_at NULLS FIRST, head.name, serving.environment
LIMIT $3

-- name: keep_health
-- $2 model, $3 environment, $4 version, $5 whether it is well, $6 what was told. Nothing when another version serves now.
UPDATE octavo.model_deployment
SET checked_at = clock_timestamp(), is_healthy = $5, health = $6
WHERE organization_id = $1::octavo.organization AND model_id = $2 AND environment = $3 AND version = $4
RETURNING checked_at

-- fragment: pairs
-- Documents that have a result of both versions of a model, the newest of each; $2 model, $3 and $4 its versions as
-- texts, $5 type or null, $6 documents at most, the newest.
pairs AS MATERIALIZED (
    SELECT DISTINCT ON (before.document_id, before.version, before.type)
        before.document_id, before.version, before.label AS label_before, after.label AS label_after,
        before.score AS score_before, after.score AS score_after,
        CASE WHEN before.label IS NULL THEN before.value = after.value ELSE before.label = after.label END AS agrees
    FROM octavo.result AS before
    INNER JOIN octavo.result AS after
        ON after.organization_id = $1::octavo.organization
        AND after.document_id = before.document_id
        AND after.version = before.version
        AND after.type = before.type
        AND after.model = $2
        AND after.model_version = $4
        AND after.status = 'completed'
    WHERE
        before.organization_id = $1::octavo.organization
        AND before.model = $2
        AND before.model_version = $3
        AND before.status = 'completed'
        AND ($5::octavo.processing_type IS NULL OR before.type = $5)
    ORDER BY before.document_id DESC, before.version DESC, before.type, before.id DESC, after.id DESC
    LIMIT $6
)

-- name: compare
-- See `pairs`; $7 the path of the field that holds the right answer, or null. A row for each that both said, and what
-- was right.
WITH
-- include: pairs
SELECT
    CASE WHEN $7::text [] IS NULL THEN NULL ELSE body.value #>> $7::text [] END AS truth,
    pairs.label_before, pairs.label_after, pairs.agrees, count(*) AS documents
FROM pairs
INNER JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization
    AND version.document_id = pairs.document_id
    AND version.number = pairs.version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
GROUP BY truth, pairs.label_before, pairs.label_after, pairs.agrees
ORDER BY documents DESC, truth, pairs.label_before, pairs.label_after

-- name: compare_changed
-- See `pairs`; $7 how many are told.
WITH
-- include: pairs
SELECT document_id, version, label_before, label_after, score_before, score_after
FROM pairs
WHERE NOT agrees
ORDER BY document_id DESC
LIMIT $7

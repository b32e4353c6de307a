-- Triggers as their organization keeps them; the server itself starts their runs (migration 0021), and no caller does.

-- name: put_trigger
-- $2 name, $3 namespace, $4 type, $5 pipeline, $6 its tag or null, $7 its version or null, $8 on created, $9 on updated,
-- $10 filter, $11 and $12 its conditions on body and metadata, $13 priority, $14 debounce seconds, $15 recursive, $16
-- depth at most, $17 actor, $18 its kind, $19 namespace and $20 type of pipelines, $21 triggers at most. No row: there
-- is no such pipeline, or there are that many triggers.
INSERT INTO octavo.run_trigger AS known (
    organization_id, name, namespace, type, pipeline, pipeline_tag, pipeline_version, on_created, on_updated, filter,
    body_condition, metadata_condition, priority, debounce_seconds, recursive, max_depth, created_by, created_by_kind
)
SELECT
    $1::octavo.organization, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11::text::jsonpath, $12::text::jsonpath, $13,
    $14, $15, $16, $17, $18::octavo.actor_kind
FROM octavo.document AS named
WHERE
    named.organization_id = $1::octavo.organization
    AND named.namespace = $19
    AND named.type = $20
    AND named.name = $5
    AND named.deleted_at IS NULL
    AND CASE
        WHEN $7::integer IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.version
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND number = $7
        )
        WHEN $6::text IS NOT NULL THEN EXISTS (
            SELECT FROM octavo.tag
            WHERE organization_id = $1::octavo.organization AND document_id = named.id AND name = $6
        )
        ELSE true
    END
    AND (
        SELECT count(*) FROM octavo.run_trigger AS other
        WHERE other.organization_id = $1::octavo.organization AND other.name <> $2
    ) < $21
ON CONFLICT (organization_id, name) DO UPDATE SET
    namespace = excluded.namespace,
    type = excluded.type,
    pipeline = excluded.pipeline,
    pipeline_tag = excluded.pipeline_tag,
    pipeline_version = excluded.pipeline_version,
    on_created = excluded.on_created,
    on_updated = excluded.on_updated,
    filter = excluded.filter,
    body_condition = excluded.body_condition,
    metadata_condition = excluded.metadata_condition,
    priority = excluded.priority,
    debounce_seconds = excluded.debounce_seconds,
    recursive = excluded.recursive,
    max_depth = excluded.max_depth,
    updated_at = clock_timestamp(),
    -- What it is now has stopped nothing yet.
    stopped_at = NULL,
    stopped_reason = NULL,
    stopped_document_id = NULL
RETURNING
    -- include: trigger_columns

-- fragment: trigger_columns
    name, namespace, type, pipeline, pipeline_tag, pipeline_version, on_created, on_updated, filter, priority,
    debounce_seconds, recursive, max_depth, is_paused, created_at, created_by, created_by_kind, updated_at, stopped_at,
    stopped_reason, stopped_document_id

-- name: count_triggers
SELECT count(*) AS triggers FROM octavo.run_trigger WHERE organization_id = $1::octavo.organization

-- name: get_trigger
-- $2 name.
SELECT
    -- include: trigger_columns
FROM octavo.run_trigger
WHERE organization_id = $1::octavo.organization AND name = $2

-- name: list_triggers
-- $2 name to begin behind, $3 triggers at most.
SELECT
    -- include: trigger_columns
FROM octavo.run_trigger
WHERE organization_id = $1::octavo.organization AND name > $2
ORDER BY name
LIMIT $3

-- name: pause_trigger
-- $2 name, $3 whether it pauses.
UPDATE octavo.run_trigger
SET is_paused = $3, updated_at = clock_timestamp()
WHERE organization_id = $1::octavo.organization AND name = $2
RETURNING
    -- include: trigger_columns

-- name: delete_trigger
-- $2 name.
DELETE FROM octavo.run_trigger
WHERE organization_id = $1::octavo.organization AND name = $2
RETURNING name

-- name: hold_document
-- $2 document. Until the transaction ends it gets no other version.
SELECT id FROM octavo.document
WHERE organization_id = $1::octavo.organization AND id = $2
FOR NO KEY UPDATE

-- name: newer_run
-- $2 document, $3 its version, $4 trigger, $5 run. Whether the trigger has one about a newer version that is to write,
-- or has written, what this one would: a run that ends late must not undo the last word.
SELECT
    EXISTS (
        SELECT FROM octavo.run AS other
        WHERE
            other.organization_id = $1::octavo.organization
            AND other.document_id = $2
            AND other.trigger = $4
            AND other.document_version > $3
            AND other.state <> 'dead'
    )
    OR EXISTS (
        SELECT FROM octavo.run_history AS other
        WHERE
            other.organization_id = $1::octavo.organization
            AND other.document_id = $2
            AND other.trigger = $4
            AND other.document_version > $3
            AND other.state = 'completed'
            -- What began later ended later: older partitions are not looked at.
            AND other.ended_at >= (
                SELECT run.created_at FROM octavo.run AS run
                WHERE run.organization_id = $1::octavo.organization AND run.id = $5
            )
    ) AS is_there

-- name: present_version
-- $2 namespace and $3 type of pipelines, $4 name, $5 tag or null, $6 version or null.
SELECT
    named.id,
    CASE
        WHEN $6::integer IS NOT NULL THEN (
            SELECT version.number FROM octavo.version AS version
            WHERE version.organization_id = $1::octavo.organization AND version.document_id = named.id AND version.number = $6
        )
        WHEN $5::text IS NOT NULL THEN (
            SELECT tag.version FROM octavo.tag AS tag
            WHERE tag.organization_id = $1::octavo.organization AND tag.document_id = named.id AND tag.name = $5
        )
        ELSE named.version
    END AS number
FROM octavo.document AS named
WHERE
    named.organization_id = $1::octavo.organization
    AND named.namespace = $2
    AND named.type = $3
    AND named.name = $4
    AND named.deleted_at IS NULL

-- name: present_documents
-- $2 documents: those that are there.
SELECT id
FROM octavo.document
WHERE organization_id = $1::octavo.organization AND id = ANY($2::uuid []) AND deleted_at IS NULL

-- name: made_at
-- $2 document.
SELECT created_at FROM octavo.document WHERE organization_id = $1::octavo.organization AND id = $2

-- name: page_without_run
-- $2 namespace and $3 type of documents, $4 and $5 when the document
-- to begin behind was made and its id, $6 documents to look at, $7 pipeline's document,
-- $8 its version, $9 and $10 conditions on body and metadata or null. A row for each document looked at: whether a run
-- is missing. None is when one of this version is waiting or under way, or completed, about the document as it is now,
-- or when such a run wrote what the document is now;
-- but one is missing when a result of the pipeline is of another version of a model than the one that
-- serves in $11; $12 namespace and $13 type of models.
WITH page AS MATERIALIZED (
    SELECT head.id, head.version, head.body_hash, head.metadata, head.updated_at, listed.created_at
    FROM (
        SELECT document_id, created_at
        FROM octavo.document_filter
        WHERE
            organization_id = $1::octavo.organization
            AND namespace = $2
            AND type = $3
            AND created_at >= $4
            AND (created_at > $4 OR document_id > $5)
        ORDER BY created_at, document_id
        LIMIT $6
    ) AS listed
    INNER JOIN octavo.document AS head
        ON head.organization_id = $1::octavo.organization AND head.id = listed.document_id
)
SELECT
    page.id,
    page.created_at,
    ($10::text IS NULL OR (page.metadata @@ $10::text::jsonpath) IS TRUE)
    AND (
        $9::text IS NULL OR EXISTS (
            SELECT FROM octavo.body AS stored
            WHERE
                stored.organization_id = $1::octavo.organization
                AND stored.hash = page.body_hash
                AND (stored.value @@ $9::text::jsonpath) IS TRUE
        )
    )
    AND NOT EXISTS (
        SELECT FROM octavo.run AS run
        WHERE
            run.organization_id = $1::octavo.organization
            AND run.document_id = page.id
            AND run.pipeline_id = $7
            AND run.pipeline_version = $8
            AND run.document_version = page.version
    )
    AND (
        NOT EXISTS (
            SELECT FROM octavo.run_history AS ended
            WHERE
                ended.organization_id = $1::octavo.organization
                AND ended.document_id = page.id
                AND ended.pipeline_id = $7
                AND ended.pipeline_version = $8
                AND ended.state = 'completed'
                AND (
                    ended.document_version = page.version
                    OR (
                        ended.document_version < page.version
                        AND EXISTS (
                            SELECT FROM octavo.event AS written
                            WHERE
                                written.organization_id = $1::octavo.organization
                                AND written.recorded_at = page.updated_at
                                AND written.document_id = page.id
                                AND written.version = page.version
                                AND starts_with(written.causation_id, 'run-' || ended.id || ':')
                        )
                    )
                )
        )
        OR (
            $11::text IS NOT NULL AND EXISTS (
                SELECT
                FROM octavo.result AS old
                INNER JOIN octavo.document AS model
                    ON model.organization_id = $1::octavo.organization
                    AND model.namespace = $12
                    AND model.type = $13
                    AND model.name = old.model
                    AND model.deleted_at IS NULL
                INNER JOIN octavo.model_deployment AS serving
                    ON serving.organization_id = $1::octavo.organization
                    AND serving.model_id = model.id
                    AND serving.environment = $11
                    AND serving.version::text <> old.model_version
                INNER JOIN octavo.run_history AS maker
                    ON maker.organization_id = $1::octavo.organization
                    AND maker.id = old.run_id
                    AND maker.pipeline_id = $7
                WHERE
                    old.organization_id = $1::octavo.organization
                    AND old.document_id = page.id
                    AND page.version BETWEEN old.version AND old.fits_version
                    AND NOT EXISTS (
                        SELECT FROM octavo.result AS present
                        WHERE
                            present.organization_id = $1::octavo.organization
                            AND present.document_id = page.id
                            AND page.version BETWEEN present.version AND present.fits_version
                            AND present.type = old.type
                            AND present.model = old.model
                            AND present.model_version = serving.version::text
                    )
            )
        )
    ) AS is_missing
FROM page
ORDER BY page.created_at, page.id

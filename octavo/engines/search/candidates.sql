-- What the record adds to the candidates of an index that lies outside of it.

-- name: life
-- scope: system
-- Which record this is, and since when its log is one.
SELECT epoch.system_identifier, epoch.number, here.oid::bigint AS database
FROM octavo.epoch AS epoch
CROSS JOIN pg_database AS here
WHERE here.datname = current_database()
ORDER BY epoch.number DESC
LIMIT 1

-- name: lexemes
-- scope: system
-- Word forms, as the dictionaries of a text search configuration know them. $1 configuration, $2 words.
SELECT asked.word, tsvector_to_array(to_tsvector($1::text::regconfig, asked.word)) AS lexemes
FROM unnest($2::text []) AS asked (word)

-- fragment: filtered
-- Only total expressions may be applied to octavo.lookup: see migration 0001.
filtered AS MATERIALIZED (
    SELECT document_id
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND document_id = ANY($2::uuid []) AND {condition}
)

-- name: live
-- $1 organization, $2 candidates.
SELECT head.id, head.namespace, head.type, head.name, head.version
FROM octavo.document AS head
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id = ANY($2::uuid [])
    AND head.deleted_at IS NULL
    AND (head.expires_at > now()) IS NOT FALSE

-- name: live_filtered
-- $1 organization, $2 candidates.
WITH
-- include: filtered
SELECT head.*
FROM filtered
CROSS JOIN LATERAL (
    SELECT head.id, head.namespace, head.type, head.name, head.version
    FROM octavo.document AS head
    WHERE head.organization_id = $1::octavo.organization AND head.id = filtered.document_id
        AND head.deleted_at IS NULL AND (head.expires_at > now()) IS NOT FALSE
    LIMIT 1
) AS head

-- fragment: sorted
-- One look by key each: as joins PostgreSQL may read every document for each of them.
sorted AS MATERIALIZED (
    SELECT
        filter.document_id AS id, filter.namespace, filter.type, filter.name, filter.version,
        coalesce(CASE $3::text
            WHEN '@created_at' THEN to_jsonb(extract(EPOCH FROM filter.created_at))
            WHEN '@updated_at' THEN to_jsonb(extract(EPOCH FROM filter.updated_at))
            WHEN '@created_by' THEN to_jsonb(filter.created_by)
            WHEN '@updated_by' THEN to_jsonb(filter.updated_by)
            WHEN '@id' THEN to_jsonb(filter.document_id)
            WHEN '@name' THEN to_jsonb(filter.name)
            WHEN '@namespace' THEN to_jsonb(filter.namespace)
            WHEN '@type' THEN to_jsonb(filter.type)
            WHEN '@version' THEN to_jsonb(filter.version)
            WHEN '@metadata' THEN filter.metadata #> $4::text []
            ELSE filter.fields #> $4::text []
        END, 'null') AS sort_value
    FROM filtered
    CROSS JOIN LATERAL (
        SELECT *
        FROM octavo.document_filter AS known
        WHERE known.organization_id = $1::octavo.organization AND known.document_id = filtered.document_id
        LIMIT 1
    ) AS filter
    WHERE (
        SELECT head.deleted_at IS NULL AND (head.expires_at > now()) IS NOT FALSE
        FROM octavo.document AS head
        WHERE head.organization_id = $1::octavo.organization AND head.id = filtered.document_id
    )
)

-- name: ascending
-- $1 organization, $2 candidates, $3 attribute, $4 path, $5 the last document or null, $6 its value, $7 limit.
WITH
-- include: filtered
,
-- include: sorted
SELECT * FROM sorted
WHERE $5::uuid IS NULL OR (sort_value, id) > ($6::jsonb, $5)
ORDER BY sort_value, id
LIMIT $7

-- name: descending
WITH
-- include: filtered
,
-- include: sorted
SELECT * FROM sorted
WHERE $5::uuid IS NULL OR (sort_value, id) < ($6::jsonb, $5)
ORDER BY sort_value DESC, id DESC
LIMIT $7

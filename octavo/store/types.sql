-- name: list_types
-- scope: system
-- The versions of all types, newest first.
SELECT name, version, schema, indexes, digest, registered_at, registered_by
FROM octavo.document_type
ORDER BY name, version DESC

-- name: valid_indexes
-- scope: system
-- Declared indexes that are complete, and whether this database orders text by code point, as filters do.
SELECT
    coalesce(array_agg(relation.relname::text) FILTER (WHERE definition.indisvalid), '{}') AS names,
    (
        SELECT
            here.datlocprovider = 'b'
            OR (here.datlocprovider = 'c' AND here.datcollate IN ('C', 'POSIX', 'C.UTF-8', 'C.utf8'))
        FROM pg_catalog.pg_database AS here
        WHERE here.datname = current_database()
    ) AS by_code_point
FROM pg_catalog.pg_index AS definition
INNER JOIN pg_catalog.pg_class AS relation ON relation.oid = definition.indexrelid
WHERE
    definition.indrelid = 'octavo.document_filter'::regclass
    AND relation.relname ~ '^type_(key|guard|unique)_[0-9a-f]{16}$'

-- name: register_type
-- scope: system
-- $1 name, $2 version, $3 schema, $4 indexes, $5 digest, $6 who, $7 the digest it may replace or null.
INSERT INTO octavo.document_type AS known (name, version, schema, indexes, digest, registered_by)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (name, version) DO UPDATE SET
    schema = excluded.schema,
    indexes = excluded.indexes,
    digest = excluded.digest,
    registered_at = clock_timestamp(),
    registered_by = excluded.registered_by
WHERE known.digest = $7
RETURNING true AS registered

-- name: set_strict
-- scope: system
-- $1 organization, $2 namespace, $3 whether it takes registered types only.
UPDATE octavo.organization_profile AS profile
SET
    settings = jsonb_set(
        profile.settings,
        '{strict_namespaces}',
        coalesce(profile.settings -> 'strict_namespaces', '[]') - $2::text
        || CASE WHEN $3::boolean THEN jsonb_build_array($2::text) ELSE '[]' END
    )
WHERE profile.id = $1
RETURNING profile.settings -> 'strict_namespaces' AS namespaces

-- name: holder_of
-- $2 namespace, $3 a body: the document that has its unique value; `{key}` and `{predicate}` as in the index.
WITH wanted AS MATERIALIZED (
    SELECT {key} AS key FROM (SELECT octavo.filter_fields($3::jsonb) AS fields) AS body
)
SELECT document_id
FROM octavo.lookup
WHERE
    organization_id = $1::octavo.organization
    AND namespace = $2
    AND {predicate}
    AND {key} = (SELECT wanted.key FROM wanted)
LIMIT 1

-- name: page_of_type
-- $2 type, $3 id to begin behind, $4 documents at most: their bodies as stored, from all namespaces.
SELECT head.id, head.namespace, head.name, head.schema_version, body.value AS body
FROM octavo.document AS head
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = head.body_hash
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id > $3::uuid
    AND head.type = $2
    AND head.deleted_at IS NULL
ORDER BY head.id
LIMIT $4

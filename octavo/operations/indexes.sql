-- Declared indexes: made and dropped CONCURRENTLY, by an administrator's connection and outside a transaction.

-- name: try_to_build
-- scope: system
-- One builder at a time; the connection's end gives it up.
SELECT pg_try_advisory_lock(hashtextextended('octavo.type_index', 0)) AS ours

-- name: indexes_there
-- scope: system
-- Indexes that declarations made, and whether they are complete.
SELECT relation.relname::text AS name, definition.indisvalid AS is_valid
FROM pg_catalog.pg_index AS definition
INNER JOIN pg_catalog.pg_class AS relation ON relation.oid = definition.indexrelid
WHERE
    definition.indrelid = 'octavo.document_filter'::regclass
    AND relation.relname ~ '^type_(key|guard|unique)_[0-9a-f]{16}$'
ORDER BY relation.relname

-- name: progress
-- scope: system
-- What is being built, and how far it is: steps of its longest part, as PostgreSQL tells them.
SELECT
    relation.relname::text AS name,
    working.phase,
    greatest(working.blocks_done, working.tuples_done) AS done,
    greatest(working.blocks_total, working.tuples_total) AS total
FROM pg_catalog.pg_stat_progress_create_index AS working
INNER JOIN pg_catalog.pg_class AS relation ON relation.oid = working.index_relid
WHERE working.relid = 'octavo.document_filter'::regclass

-- name: create_index
-- scope: system
CREATE INDEX CONCURRENTLY {name} ON octavo.document_filter ({columns}) WHERE {predicate}

-- name: create_unique_index
-- scope: system
CREATE UNIQUE INDEX CONCURRENTLY {name} ON octavo.document_filter ({columns}) WHERE {predicate}

-- name: drop_index
-- scope: system
DROP INDEX CONCURRENTLY IF EXISTS octavo.{name}

-- name: duplicates
-- scope: system
-- $1 type, $2 place of the field, $3 values at most: which documents have one value of a unique field together.
SELECT organization_id, namespace, (array_agg(document_id ORDER BY created_at))[:10] AS ids
FROM octavo.document_filter
WHERE type = $1
GROUP BY organization_id, namespace, octavo.unique_value(fields, $2::jsonpath)
HAVING count(*) > 1 AND octavo.unique_value(fields, $2::jsonpath) IS NOT NULL
LIMIT $3

-- name: several_values
-- scope: system
-- $1 type, $2 scalars of the field, $3 documents at most, $4 bytes at most, $5 its elements: those whose field an
-- index cannot hold.
SELECT organization_id, namespace, ARRAY[document_id] AS ids
FROM octavo.document_filter
WHERE
    type = $1
    AND (
        jsonb_array_length(jsonb_path_query_array(fields, $2::jsonpath, '{}', true)) > 1
        OR pg_column_size(jsonb_path_query_array(fields, $2::jsonpath, '{}', true)) > $4::integer
        OR (
            jsonb_path_exists(fields, $2::jsonpath, '{}', true)
            AND jsonb_path_query_first(fields, $2::jsonpath, '{}', true)
            NOT IN (SELECT jsonb_path_query(fields, $5::jsonpath, '{}', true))
        )
    )
LIMIT $3

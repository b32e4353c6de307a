-- name: find_invalid_indexes
-- scope: system
-- What an interrupted CREATE INDEX CONCURRENTLY or REINDEX CONCURRENTLY leaves behind: kept up by every write and
-- used by no query. $1: the text of the migration, which names the index or its table; $2: the
-- schema.
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I.%I', namespace.nspname, relation.relname) AS repair
FROM pg_index AS indexed
INNER JOIN pg_class AS relation ON relation.oid = indexed.indexrelid
INNER JOIN pg_class AS target ON target.oid = indexed.indrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE NOT indexed.indisvalid AND relation.relkind = 'i' AND namespace.nspname = $2
    AND (
        $1 ~ ('\m' || relation.relname || '\M')
        OR (relation.relname ~ '_cc(new|old)\d*$' AND $1 ~ ('\m' || target.relname || '\M'))
    )

-- name: is_partitioned
-- scope: system
SELECT relkind = 'p' AS partitioned FROM pg_class WHERE oid = to_regclass($1)

-- name: list_parts
-- scope: system
-- What it takes to give every part of a partitioned table an index without blocking its writers: $1 the table, $2 the
-- index, $3 what comes after the table's name, $4 UNIQUE or nothing. A part that has it already is left out; one whose
-- build was interrupted begins with dropping what is left of it.
SELECT
    array_remove(
        ARRAY[
            CASE WHEN built.is_valid IS FALSE
                THEN format('DROP INDEX CONCURRENTLY %I.%I', part.schema, part.index_name)
            END,
            format(
                'CREATE %sINDEX CONCURRENTLY IF NOT EXISTS %I ON %I.%I %s',
                $4::text, part.index_name, part.schema, part.name, $3::text
            ),
            format('ALTER INDEX %s ATTACH PARTITION %I.%I', whole.oid::regclass, part.schema, part.index_name)
        ],
        NULL
    ) AS statements
FROM pg_class AS whole
INNER JOIN LATERAL (
    SELECT
        leaf.oid,
        leaf.relname AS name,
        namespace.nspname AS schema,
        -- PostgreSQL's limit of a name is 63 bytes
        CASE WHEN octet_length(leaf.relname || '_' || whole.relname) <= 63
            THEN leaf.relname || '_' || whole.relname
            ELSE left(leaf.relname, 40) || '_' || left(md5(leaf.relname || '_' || whole.relname), 16)
        END AS index_name
    FROM pg_partition_tree(to_regclass($1)) AS tree
    INNER JOIN pg_class AS leaf ON leaf.oid = tree.relid AND tree.level = 1
    INNER JOIN pg_namespace AS namespace ON namespace.oid = leaf.relnamespace
) AS part ON true
LEFT JOIN LATERAL (
    SELECT indexed.indisvalid AS is_valid
    FROM pg_index AS indexed
    WHERE indexed.indexrelid = to_regclass(format('%I.%I', part.schema, part.index_name))
) AS built ON true
WHERE whole.oid = to_regclass($2)
    AND NOT EXISTS (
        SELECT FROM pg_index AS indexed
        INNER JOIN pg_inherits AS attached ON attached.inhrelid = indexed.indexrelid
        WHERE indexed.indrelid = part.oid AND attached.inhparent = whole.oid
    )
ORDER BY part.name

-- name: format_patience
-- scope: system
SELECT format('SET lock_timeout = %s', $1::integer) AS patience

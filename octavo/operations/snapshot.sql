-- name: share_blobs
-- scope: system
-- Until this transaction ends no sweep deletes a blob.
SELECT pg_advisory_xact_lock_shared(hashtextextended('octavo.blobs', 0))

-- name: describe_snapshot
-- scope: system
-- What the snapshot of this transaction is, for pg_dump to see the same.
SELECT
    pg_export_snapshot() AS name,
    pg_snapshot_xmin(pg_current_snapshot()) AS gate,
    epoch.number AS epoch,
    epoch.system_identifier,
    current_setting('server_version') AS postgres,
    (SELECT max(number) FROM octavo.migration WHERE state = 'completed') AS migration
FROM octavo.epoch
ORDER BY epoch.number DESC
LIMIT 1

-- name: list_tables
-- scope: system
-- Every table but those of extensions; of a partitioned one the whole, not the parts. `derived`: rows that a
-- projection makes again from the log; those of search_engine and analytics_engine say where they stand, and are reset
-- instead. `columns`: without generated ones, which may come out differently on
-- another server and are made of the others anyway. Sizes are those on disk without indexes.
WITH parts AS (
    SELECT
        coalesce(pg_partition_root(part.oid)::oid, part.oid) AS root,
        part.oid::regclass::text AS name,
        pg_table_size(part.oid) AS bytes
    FROM pg_class AS part
    INNER JOIN pg_namespace AS namespace ON namespace.oid = part.relnamespace
    WHERE part.relkind = 'r' AND namespace.nspname !~ '^(pg_|information_schema$)'
    ORDER BY name
)
SELECT
    format('%I.%I', namespace.nspname, relation.relname) AS name,
    namespace.nspname = 'octavo'
    AND (
        (relation.relname LIKE 'search\_%' AND relation.relname <> 'search_engine')
        OR relation.relname LIKE 'vector\_%'
        OR (relation.relname LIKE 'analytics\_%' AND relation.relname <> 'analytics_engine')
    ) AS derived,
    (
        SELECT coalesce(string_agg(format('stored.%I', attname), ', ' ORDER BY attnum), 'NULL')
        FROM pg_attribute
        WHERE attrelid = relation.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ) AS columns,
    ARRAY(SELECT part.name FROM parts AS part WHERE part.root = relation.oid) AS parts,
    ARRAY(SELECT part.bytes FROM parts AS part WHERE part.root = relation.oid) AS part_bytes
FROM pg_class AS relation
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE
    relation.relkind IN ('r', 'p')
    AND NOT relation.relispartition
    AND namespace.nspname !~ '^(pg_|information_schema$)'
    AND NOT EXISTS (
        SELECT FROM pg_depend AS owned
        WHERE owned.classid = 'pg_class'::regclass AND owned.objid = relation.oid AND owned.deptype = 'e'
    )
ORDER BY name

-- name: list_sequences
-- scope: system
SELECT format('%I.%I', schemaname, sequencename) AS name, coalesce(last_value, 0) AS last_value
FROM pg_sequences
ORDER BY name

-- name: digest_table
-- scope: system
-- Rows as text, hashed, and the hashes added: a sum is the same in every order, so nothing is sorted, and
-- unlike a XOR it tells a doubled row. Two sums of 64 bits each.
SELECT
    count(*) AS rows,
    encode(sha256(convert_to(concat_ws(
        ' ', count(*), sum(('x' || left(hash, 16))::bit(64)::bigint), sum(('x' || right(hash, 16))::bit(64)::bigint)
    ), 'UTF8')), 'hex') AS digest
FROM (
    SELECT encode(sha256(convert_to(ROW({columns})::text, 'UTF8')), 'hex') AS hash
    FROM {table} AS stored
    OFFSET 0
) AS hashed

-- name: referenced_blobs
-- scope: system
SELECT blob, max(bytes) AS bytes
FROM (
    SELECT blob, bytes FROM octavo.content
    UNION ALL
    SELECT blob, bytes FROM octavo.model_artifact
) AS referenced
GROUP BY blob
ORDER BY blob

-- name: copied_bytes
-- scope: system
-- What the running COPY commands of this role's programs have done, by table.
SELECT relid::regclass::text AS name, bytes_processed
FROM pg_stat_progress_copy
WHERE datname = current_database() AND relid <> 0

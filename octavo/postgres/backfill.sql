-- name: read
-- scope: system
-- How far a backfill came; nothing if its file was changed since.
SELECT last_key, rows_done, rows_estimated, chunks
FROM octavo.backfill
WHERE application = $1 AND number = $2 AND checksum = $3

-- name: estimate
-- scope: system
-- PostgreSQL's own estimate of a table's rows, without reading it; null where it has none yet.
SELECT nullif(sum(greatest(relation.reltuples, -1))::bigint, -1) AS rows
FROM pg_class AS relation
WHERE relation.relkind IN ('r', 'm')
    AND (
        relation.oid = to_regclass($1)
        OR relation.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)) WHERE isleaf)
    )

-- name: progress
-- scope: system
INSERT INTO octavo.backfill AS known
    (application, number, checksum, last_key, rows_done, rows_estimated, chunks)
VALUES ($1, $2, $3, $4, $5, $6, 1)
ON CONFLICT (application, number) DO UPDATE SET
    checksum = excluded.checksum,
    last_key = excluded.last_key,
    rows_done = excluded.rows_done,
    rows_estimated = excluded.rows_estimated,
    chunks = CASE WHEN known.checksum = excluded.checksum THEN known.chunks + 1 ELSE 1 END,
    begun_at = CASE WHEN known.checksum = excluded.checksum THEN known.begun_at ELSE excluded.begun_at END,
    progressed_at = excluded.progressed_at

-- name: list_progress
-- scope: system
SELECT number, checksum, rows_done, rows_estimated FROM octavo.backfill WHERE application = $1

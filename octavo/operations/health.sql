-- name: tables
-- scope: system
-- Octavo's tables with what the statistics say of their rows, and their bytes on disk with indexes.
SELECT
    coalesce(pg_partition_root(part.oid)::oid, part.oid)::regclass::text AS name,
    sum(greatest(part.reltuples, 0))::bigint AS estimated_rows,
    sum(pg_total_relation_size(part.oid))::bigint AS size_bytes
FROM pg_class AS part
WHERE part.relkind = 'r' AND part.relnamespace = 'octavo'::regnamespace
GROUP BY 1
ORDER BY size_bytes DESC, name

-- name: count_rows
-- scope: system
SELECT count(*) AS rows FROM {table}

-- name: count_deleted
-- scope: system
SELECT count(*) AS rows FROM octavo.document WHERE deleted_at IS NOT NULL AND purged_at IS NULL

-- name: record
-- scope: system
SELECT
    pg_database_size(current_database()) AS size_bytes,
    (SELECT max(number) FROM octavo.epoch) AS epoch,
    pg_snapshot_xmin(pg_current_snapshot()) AS gate,
    (SELECT coalesce(max(number), 0) FROM octavo.migration WHERE state = 'completed') AS migration

-- name: events_behind
-- scope: system
-- $1 epoch, $2 xid, $3 id: where a projection stands; $4 counted at most. Since when the first of them waits.
SELECT count(*) AS events, extract(EPOCH FROM clock_timestamp() - min(recorded_at))::float8 AS seconds
FROM (
    SELECT recorded_at
    FROM octavo.event
    WHERE (epoch, position_xid, id) > (SELECT $1::integer, $2::xid8, $3::bigint)
    ORDER BY epoch, position_xid, id
    LIMIT $4
) AS waiting

-- name: look
-- scope: system
-- What an operator has to know before it hurts.
SELECT
    (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()) AS frozen_age,
    (
        SELECT coalesce(checksum_failures, 0) FROM pg_stat_database WHERE datname = current_database()
    ) AS damaged_pages,
    pg_relation_size('octavo.event_default') AS late_bytes,
    (
        SELECT count(*)
        FROM generate_series(0, 1) AS month
        WHERE to_regclass('octavo.event_' || to_char(
            date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => month), 'YYYY_MM'
        )) IS NULL
    ) AS missing_partitions,
    (
        SELECT string_agg(indexrelid::regclass::text, ', ' ORDER BY indexrelid::regclass::text)
        FROM pg_index
        INNER JOIN pg_class ON pg_class.oid = indexrelid
        WHERE NOT indisvalid AND relnamespace = 'octavo'::regnamespace
    ) AS invalid_indexes,
    (
        SELECT extract(EPOCH FROM max(clock_timestamp() - xact_start))::float8
        FROM pg_stat_activity
        WHERE backend_xmin IS NOT NULL AND datname = current_database() AND pid <> pg_backend_pid()
    ) AS oldest_snapshot_seconds

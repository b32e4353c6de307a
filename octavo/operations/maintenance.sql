-- name: count_answers
-- scope: system
-- $1 recorded before this moment, $2 counted at most.
SELECT count(*) AS found FROM (SELECT FROM octavo.idempotency WHERE created_at < $1 LIMIT $2) AS old

-- name: organizations_with_old_batches
-- scope: system
-- $1 organization to begin with, $2 over since before this moment, $3 organizations at most: those that have batches with
-- runs that may be removed.
SELECT DISTINCT organization_id
FROM octavo.batch
WHERE organization_id >= $1::uuid AND settled_at < $2 AND purged_at IS NULL
ORDER BY organization_id
LIMIT $3

-- name: page_of_bodies
-- scope: system
-- $1 organization and $2 hash to begin behind, $3 rows at most.
WITH page AS MATERIALIZED (
    SELECT organization_id, hash
    FROM octavo.body
    WHERE (organization_id, hash) > ($1::uuid, $2::bytea)
    ORDER BY organization_id, hash
    LIMIT $3
)
SELECT
    page.organization_id,
    page.hash,
    EXISTS (
        SELECT FROM octavo.version
        WHERE version.organization_id = page.organization_id AND version.body_hash = page.hash
    ) AS used
FROM page
ORDER BY page.organization_id, page.hash

-- name: estimate_bodies
-- scope: system
SELECT greatest(reltuples, 0)::bigint AS rows FROM pg_class WHERE oid = 'octavo.body'::regclass

-- name: try_to_own_blobs
-- scope: system
-- False while a backup copies blobs; until the transaction ends none can begin.
SELECT pg_try_advisory_xact_lock(hashtextextended('octavo.blobs', 0)) AS owned

-- name: blobs_in_use
-- scope: system
-- $1 organizations, $2 digests, in the same order.
SELECT content.blob
FROM unnest($1::uuid [], $2::bytea []) AS wanted (organization_id, sha256)
INNER JOIN octavo.content
    ON content.organization_id = wanted.organization_id AND content.sha256 = wanted.sha256
UNION ALL
SELECT artifact.blob
FROM unnest($1::uuid [], $2::bytea []) AS wanted (organization_id, sha256)
INNER JOIN octavo.model_artifact AS artifact
    ON artifact.organization_id = wanted.organization_id AND artifact.sha256 = wanted.sha256

-- name: missing_partitions
-- scope: system
-- $1 months ahead.
SELECT partitioned.name || to_char(month, 'YYYY_MM') AS name
FROM (VALUES ('event_'), ('analytics_fact_'), ('run_history_')) AS partitioned (name)
CROSS JOIN generate_series(
    date_trunc('month', now() AT TIME ZONE 'UTC'),
    date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => $1::integer),
    interval '1 month'
) AS month
WHERE to_regclass('octavo.' || partitioned.name || to_char(month, 'YYYY_MM')) IS NULL
ORDER BY name, month

-- name: keep_event_partitions
-- scope: system
-- $1 months ahead.
SELECT made AS name FROM octavo.keep_event_partitions($1) AS made
UNION ALL
SELECT made AS name FROM octavo.keep_analytics_partitions($1) AS made
UNION ALL
SELECT made AS name FROM octavo.keep_run_partitions($1) AS made

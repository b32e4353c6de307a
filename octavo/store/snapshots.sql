-- Snapshots of aggregates: shortcuts to what a stream's events make, never the truth.

-- name: find_snapshot
-- $2 stream, $3 aggregate, $4 its schema version. One row: the stream's last sequence and the snapshot, as there are.
SELECT
    (
        SELECT stored.sequence
        FROM octavo.stream AS stored
        WHERE stored.organization_id = $1::octavo.organization AND stored.name = $2
    ) AS last,
    snapshot.sequence, snapshot.state
FROM (SELECT $2::text AS name) AS wanted
LEFT JOIN octavo.snapshot
    ON
        snapshot.organization_id = $1::octavo.organization
        AND snapshot.stream = wanted.name
        AND snapshot.aggregate = $3
        AND snapshot.schema_version = $4

-- name: keep_snapshot
-- $2 stream, $3 aggregate, $4 its schema version, $5 sequence, $6 state. Only a later one takes the place of another,
-- and streams of documents have none.
INSERT INTO octavo.snapshot AS stored (organization_id, stream, aggregate, schema_version, sequence, state)
SELECT stream.organization_id, stream.name, $3, $4::integer, $5::bigint, $6::bytea
FROM octavo.stream AS stream
WHERE stream.organization_id = $1::octavo.organization AND stream.name = $2 AND stream.sequence >= $5
ON CONFLICT (organization_id, stream, aggregate) DO UPDATE SET
    schema_version = excluded.schema_version,
    sequence = excluded.sequence,
    state = excluded.state,
    made_at = clock_timestamp()
WHERE (stored.schema_version, stored.sequence) < (excluded.schema_version, excluded.sequence)
RETURNING stored.sequence

-- name: drop_snapshots
-- $2 stream or null for all.
DELETE FROM octavo.snapshot
WHERE organization_id = $1::octavo.organization AND ($2::text IS NULL OR stream = $2)

-- How long events of an organization's own streams are kept, and the dropping of those that are older.
-- Streams of documents are never touched: what happened to them is the record itself.

-- name: set_retention
-- $2 prefix, $3 how long, $4 actor, $5 its kind.
INSERT INTO octavo.retention AS stored (organization_id, prefix, kept, set_by, set_by_kind)
SELECT profile.id, $2, $3::interval, $4, $5::octavo.actor_kind
FROM octavo.organization_profile AS profile
WHERE profile.id = $1::octavo.organization
ON CONFLICT (organization_id, prefix) DO UPDATE SET
    kept = excluded.kept,
    set_at = clock_timestamp(),
    set_by = excluded.set_by,
    set_by_kind = excluded.set_by_kind
RETURNING prefix, kept, set_at, set_by, set_by_kind

-- name: remove_retention
-- $2 prefix.
DELETE FROM octavo.retention WHERE organization_id = $1::octavo.organization AND prefix = $2

-- name: list_retentions
SELECT prefix, kept, set_at, set_by, set_by_kind
FROM octavo.retention
WHERE organization_id = $1::octavo.organization
ORDER BY prefix

-- name: set_hold
-- scope: system
-- $1 name of the organization, $2 whether it is held.
UPDATE octavo.organization_profile
SET settings = settings || jsonb_build_object('legal_hold', $2::boolean)
WHERE name = $1
RETURNING id

-- name: policies
-- scope: system
-- Every retention of an organization that is not held.
SELECT retention.organization_id, retention.prefix, retention.kept
FROM octavo.retention
INNER JOIN octavo.organization_profile AS profile ON profile.id = retention.organization_id
WHERE NOT coalesce((profile.settings -> 'legal_hold')::boolean, false)
ORDER BY retention.organization_id, retention.prefix

-- name: page_of_streams
-- $2 prefix, $3 name to begin behind, $4 how long, $5 streams at most. Each with whether its oldest event is due. The
-- longest prefix that a stream has is the one that counts. The first event of a stream is one look into an index.
SELECT page.name, coalesce(oldest.recorded_at < clock_timestamp() - $4::interval, false) AS due
FROM (
    SELECT stream.name
    FROM octavo.stream
    WHERE
        stream.organization_id = $1::octavo.organization
        AND starts_with(stream.name, $2)
        AND stream.name > $3
        AND NOT EXISTS (
            SELECT FROM octavo.retention AS longer
            WHERE
                longer.organization_id = $1::octavo.organization
                AND length(longer.prefix) > length($2)
                AND starts_with(stream.name, longer.prefix)
        )
    ORDER BY stream.name
    LIMIT $5
) AS page
LEFT JOIN LATERAL (
    SELECT event.recorded_at
    FROM octavo.event
    WHERE event.organization_id = $1::octavo.organization AND event.stream = page.name
    ORDER BY event.sequence
    LIMIT 1
) AS oldest ON true
ORDER BY page.name

-- name: drop_events
-- $2 stream, $3 how long, $4 events at most: the first of the stream, as far as they are older. Snapshots go with
-- them, since what they were made of is gone.
WITH old AS MATERIALIZED (
    SELECT first.recorded_at, first.position_xid, first.id
    FROM (
        SELECT event.recorded_at, event.position_xid, event.id, event.sequence
        FROM octavo.event
        WHERE
            event.organization_id = $1::octavo.organization
            AND event.stream = $2
            AND NOT starts_with(event.stream, 'document-')
        ORDER BY event.sequence
        LIMIT $4
    ) AS first
    WHERE first.recorded_at < clock_timestamp() - $3::interval
),
gone_snapshot AS (
    DELETE FROM octavo.snapshot
    WHERE organization_id = $1::octavo.organization AND stream = $2 AND EXISTS (SELECT FROM old)
)
DELETE FROM octavo.event
USING old
WHERE
    event.organization_id = $1::octavo.organization
    AND event.recorded_at = old.recorded_at
    AND event.position_xid = old.position_xid
    AND event.id = old.id

-- name: count_old_events
-- $2 stream, $3 how long, $4 counted at most.
SELECT count(*) AS events
FROM (
    SELECT event.recorded_at
    FROM octavo.event
    WHERE event.organization_id = $1::octavo.organization AND event.stream = $2
    ORDER BY event.sequence
    LIMIT $4
) AS first
WHERE first.recorded_at < clock_timestamp() - $3::interval

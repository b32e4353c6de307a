-- name: document_types
-- scope: system
-- $1 organizations, $2 ids.
SELECT document.organization_id, document.id, document.type
FROM unnest($1::uuid [], $2::uuid []) AS wanted (organization_id, id)
INNER JOIN octavo.document
    ON document.organization_id = wanted.organization_id AND document.id = wanted.id

-- name: tallies
-- scope: system
-- $1 epoch, $2 xid, $3 id: events up to this position, by organization and day of recording.
SELECT
    organization_id, (recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events, sum(id) AS ids,
    sum((id % 1000003) * (id % 1000003)) AS squares
FROM octavo.event
WHERE (epoch, position_xid, id) <= ($1::integer, $2::xid8, $3::bigint)
GROUP BY organization_id, day

-- name: logged
-- scope: system
-- $1 organization; of events: $2 epochs, $3 xids, $4 ids. Those that the log has.
SELECT event.epoch, event.id, event.recorded_at
FROM unnest($2::integer [], $3::xid8 [], $4::bigint []) AS wanted (epoch, position_xid, id)
INNER JOIN octavo.event AS event
    ON
        event.organization_id = $1
        AND event.epoch = wanted.epoch
        AND event.position_xid = wanted.position_xid
        AND event.id = wanted.id

-- name: retaining
-- scope: system
-- Organizations that let events of their own streams go, and the newest day that some are gone of.
SELECT organization_id, (clock_timestamp() - min(kept))::date AS day
FROM octavo.retention
GROUP BY organization_id

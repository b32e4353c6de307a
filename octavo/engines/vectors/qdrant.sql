-- What the record adds to the candidates of vectors that lie outside of it.

-- name: life
-- scope: system
-- Which record this is, and since when its log is one.
SELECT epoch.system_identifier, epoch.number, here.oid::bigint AS database
FROM octavo.epoch AS epoch
CROSS JOIN pg_database AS here
WHERE here.datname = current_database()
ORDER BY epoch.number DESC
LIMIT 1

-- name: live
-- $1 organization, $2 candidates.
SELECT head.id, head.namespace, head.type, head.name, head.version
FROM octavo.document AS head
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id = ANY($2::uuid [])
    AND head.deleted_at IS NULL
    AND (head.expires_at > now()) IS NOT FALSE

-- name: live_filtered
-- $1 organization, $2 candidates.
-- Only total expressions may be applied to octavo.lookup: see migration 0001.
WITH filtered AS MATERIALIZED (
    SELECT document_id
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND document_id = ANY($2::uuid []) AND {condition}
)
SELECT head.*
FROM filtered
CROSS JOIN LATERAL (
    SELECT head.id, head.namespace, head.type, head.name, head.version
    FROM octavo.document AS head
    WHERE head.organization_id = $1::octavo.organization AND head.id = filtered.document_id
        AND head.deleted_at IS NULL AND (head.expires_at > now()) IS NOT FALSE
    LIMIT 1
) AS head

-- name: selected
-- The documents a filter finds, as many as $2; $1 organization.
SELECT document_id
FROM octavo.lookup
WHERE organization_id = $1::octavo.organization AND {condition}
LIMIT $2

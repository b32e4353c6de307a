-- Which documents a bulk change is about, and their locks. $1 is the organization; the others are numbered by what
-- the filter needs. The changes themselves are `patch_documents` and `delete_documents` in changes.sql.
--   {scope}     namespace and type, if the filter names one of each   {asked}  the conditions beside them
--   {narrowed}  what indexes find of the filter, in {scope}           {rest}   what has to be looked at
--   {order}     the order of the index that is walked along           {after}  behind what was looked at before
--   {bound}     documents that one look may read

-- fragment: unexpired
-- What has expired counts as deleted, also before the sweep has come.
document_id NOT IN (
        SELECT due.id
        FROM octavo.document AS due
        WHERE
            due.organization_id = $1::octavo.organization
            AND due.expires_at <= now()
            AND due.deleted_at IS NULL
    )

-- name: found_ids
-- What indexes find; one row with no id if that is more than one look may read.
WITH narrow AS MATERIALIZED (
    SELECT document_id, ({rest}) IS TRUE AS holds
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND {narrowed}
        AND
        -- include: unexpired
    LIMIT {bound}
)
SELECT document_id FROM narrow WHERE holds AND (SELECT count(*) FROM narrow) < {bound}
UNION ALL
SELECT NULL AS document_id WHERE (SELECT count(*) FROM narrow) >= {bound}

-- name: walked_ids
-- One look along an index: those that the filter holds for, and the last one looked at, if there may be more.
SELECT document_id, created_at, holds, place = {bound} AS goes_on
FROM (
    SELECT
        document_id, created_at, row_number() OVER (ORDER BY {order}) AS place,
        ({asked}) IS TRUE AND
    -- include: unexpired
        AS holds
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND {scope} AND {after}
    ORDER BY {order}
    LIMIT {bound}
) AS walked
WHERE holds OR place = {bound}
ORDER BY place

-- name: lock_documents
-- $2 ids, $3 bytes of bodies at most: the first of them by id whose bodies are no more than that together, one at
-- least. Locked in the order in which put_documents locks what it finds by name, so that the two do not deadlock.
WITH sized AS MATERIALIZED (
    SELECT
        head.id,
        coalesce(sum(body.bytes) OVER (
            ORDER BY head.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS bytes_before
    FROM octavo.document AS head
    LEFT JOIN LATERAL (
        SELECT stored.bytes
        FROM octavo.body AS stored
        WHERE stored.organization_id = $1::octavo.organization AND stored.hash = head.body_hash
        LIMIT 1
    ) AS body ON true
    WHERE head.organization_id = $1::octavo.organization AND head.id = ANY($2::uuid [])
)
SELECT locked.id
FROM octavo.document AS locked
WHERE
    locked.organization_id = $1::octavo.organization
    AND locked.id = ANY(ARRAY(SELECT sized.id FROM sized WHERE sized.bytes_before < $3::bigint))
ORDER BY locked.namespace, locked.type, locked.name, locked.id
FOR NO KEY UPDATE

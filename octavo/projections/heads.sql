-- The current state of documents, of all organizations. Bodies are large, so a read stops at a number of bytes: rows
-- behind it come without a body and are asked for again. The first row always has its body.

-- fragment: columns
    row.organization_id, row.id, head.namespace, head.type, head.name, head.version, head.metadata,
    head.created_at, head.created_by, head.created_by_kind, content.preview, content.language,
    head.body_hash IS NOT NULL AND head.deleted_at IS NULL AS is_live,
    sum(pg_column_size(body.value)) OVER (ORDER BY row.place) AS bytes, row.place, head.body_hash

-- fragment: joined
LEFT JOIN octavo.document AS head ON head.organization_id = row.organization_id AND head.id = row.id
LEFT JOIN octavo.body AS body
    ON body.organization_id = head.organization_id AND body.hash = head.body_hash AND head.deleted_at IS NULL
LEFT JOIN octavo.content AS content
    ON
        content.organization_id = head.organization_id
        AND content.document_id = head.id
        AND content.version = head.version

-- fragment: with_bodies
SELECT
    sized.organization_id, sized.id, sized.namespace, sized.type, sized.name, sized.version, sized.metadata,
    sized.created_at, sized.created_by, sized.created_by_kind, sized.preview, sized.language, sized.is_live,
    body.value AS body
FROM sized
LEFT JOIN octavo.body AS body
    ON
        sized.is_live
        AND body.organization_id = sized.organization_id
        AND body.hash = sized.body_hash
        AND (sized.bytes <= $3 OR sized.place = 1)
ORDER BY sized.place

-- name: read_documents
-- scope: system
-- $1 organizations, $2 ids, $3 bytes of bodies at most. A document that is not there any more is not live.
WITH row AS (
    SELECT * FROM unnest($1::uuid [], $2::uuid []) WITH ORDINALITY AS wanted (organization_id, id, place)
),
sized AS MATERIALIZED (
    SELECT
        -- include: columns
    FROM row
    -- include: joined
)
-- include: with_bodies

-- name: scan_documents
-- scope: system
-- $1 organization and $2 id of the last document scanned, $3 bytes of bodies at most, $4 documents at most.
WITH row AS (
    SELECT next.organization_id, next.id, row_number() OVER (ORDER BY next.organization_id, next.id) AS place
    FROM (
        SELECT organization_id, id
        FROM octavo.document
        WHERE (organization_id, id) > ($1::uuid, $2::uuid) AND deleted_at IS NULL
        ORDER BY organization_id, id
        LIMIT $4
    ) AS next
),
sized AS MATERIALIZED (
    SELECT
        -- include: columns
    FROM row
    -- include: joined
)
-- include: with_bodies

-- name: gate
-- scope: system
-- A position at which everything is committed, and below which nothing can appear any more.
SELECT
    (SELECT max(number) FROM octavo.epoch) AS epoch, pg_snapshot_xmin(pg_current_snapshot()) AS position_xid

-- name: take_time
-- scope: system
-- An export takes as long as it takes; it holds a snapshot, which delays vacuum and no writer or reader of the log.
SELECT
    set_config('transaction_timeout', '0', true),
    set_config('idle_in_transaction_session_timeout', '0', true)

-- name: describe
-- $2 namespace or null, $3 type or null. What is going to be exported, and the position before which all is.
SELECT
    profile.name AS organization,
    (SELECT max(number) FROM octavo.epoch) AS epoch,
    pg_snapshot_xmin(pg_current_snapshot()) AS gate,
    (
        SELECT count(*)
        FROM octavo.document AS head
        WHERE
            head.organization_id = $1::octavo.organization
            AND head.deleted_at IS NULL
            AND ($2::text IS NULL OR head.namespace = $2)
            AND ($3::text IS NULL OR head.type = $3)
    ) AS documents
FROM octavo.organization_profile AS profile
WHERE profile.id = $1::octavo.organization

-- name: page_of_heads
-- $2 namespace or null, $3 type or null, $4 id to begin behind, $5 documents at most.
SELECT
    head.id, head.namespace, head.type, head.name, head.version, head.created_at, head.created_by,
    head.created_by_kind, head.updated_at, head.updated_by, head.updated_by_kind, head.expires_at
FROM octavo.document AS head
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id > $4
    AND head.deleted_at IS NULL
    AND ($2::text IS NULL OR head.namespace = $2)
    AND ($3::text IS NULL OR head.type = $3)
ORDER BY head.id
LIMIT $5

-- name: keys_of_versions
-- $2 documents, $3 their current versions, $4 all versions, or else those that are current or tagged.
SELECT version.document_id, version.number, body.bytes
FROM unnest($2::uuid [], $3::integer []) AS wanted (id, current)
INNER JOIN octavo.version
    ON version.organization_id = $1::octavo.organization AND version.document_id = wanted.id
INNER JOIN octavo.body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
WHERE
    $4::boolean
    OR version.number = wanted.current
    OR EXISTS (
        SELECT FROM octavo.tag
        WHERE
            tag.organization_id = $1::octavo.organization
            AND tag.document_id = version.document_id
            AND tag.version = version.number
    )
ORDER BY version.document_id, version.number

-- name: versions
-- $2 documents and $3 numbers, in the same order.
SELECT
    version.document_id, version.number, version.change, version.source_version, version.created_at,
    version.created_by, version.created_by_kind, version.session_id, version.schema_version, version.metadata,
    body.value AS body
FROM unnest($2::uuid [], $3::integer []) AS wanted (id, number)
INNER JOIN octavo.version
    ON
        version.organization_id = $1::octavo.organization
        AND version.document_id = wanted.id
        AND version.number = wanted.number
INNER JOIN octavo.body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
ORDER BY version.document_id, version.number

-- name: tags
-- $2 documents.
SELECT document_id, name, version, moved_at, moved_by, moved_by_kind
FROM octavo.tag
WHERE organization_id = $1::octavo.organization AND document_id = ANY($2::uuid [])
ORDER BY document_id, name

-- name: contents
-- $2 documents.
SELECT
    document_id, version, sha256, blob, bytes, media_type, encoding, language, preview, words, characters,
    paragraphs
FROM octavo.content
WHERE organization_id = $1::octavo.organization AND document_id = ANY($2::uuid [])
ORDER BY document_id, version

-- fragment: gone_at
-- What has expired counts as deleted, also before the sweep has come.
    CASE WHEN head.expires_at <= now() THEN head.expires_at ELSE head.deleted_at END

-- fragment: head_document
SELECT
    head.id, head.namespace, head.type, head.name, head.version, head.created_at, head.created_by,
    head.created_by_kind, head.updated_at, head.updated_by, head.updated_by_kind,
    -- include: gone_at
    AS deleted_at,
    head.epoch, head.position_xid, head.position_id, head.metadata, head.schema_version, body.value AS body
FROM octavo.document AS head
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = head.body_hash

-- fragment: version_document
SELECT
    head.id, head.namespace, head.type, head.name, version.number AS version, head.created_at, head.created_by,
    head.created_by_kind, version.created_at AS updated_at, version.created_by AS updated_by,
    version.created_by_kind AS updated_by_kind,
    CASE WHEN version.change = 'deleted' THEN version.created_at ELSE
    -- include: gone_at
    END AS deleted_at,
    version.change = 'deleted' AS tombstone,
    head.epoch, head.position_xid, head.position_id, version.metadata, version.schema_version,
    body.value AS body
FROM octavo.document AS head
INNER JOIN octavo.version AS version
    ON version.organization_id = $1::octavo.organization AND version.document_id = head.id
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash

-- name: get_document
-- $2 id.
-- include: head_document
WHERE head.organization_id = $1::octavo.organization AND head.id = $2

-- name: get_named_document
-- $2 namespace, $3 type, $4 name.
-- include: head_document
WHERE
    head.organization_id = $1::octavo.organization
    AND head.namespace = $2
    AND head.type = $3
    AND head.name = $4
    AND head.deleted_at IS NULL

-- name: get_documents
-- $2 ids.
-- include: head_document
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id = ANY($2::uuid [])
    AND head.deleted_at IS NULL
    AND (head.expires_at > now()) IS NOT FALSE

-- name: find_id
-- $2 namespace, $3 type, $4 name.
SELECT head.id
FROM octavo.document AS head
WHERE
    head.organization_id = $1::octavo.organization
    AND head.namespace = $2
    AND head.type = $3
    AND head.name = $4
    AND head.deleted_at IS NULL

-- name: get_version
-- $2 id, $3 number.
-- include: version_document
WHERE head.organization_id = $1::octavo.organization AND head.id = $2 AND version.number = $3

-- name: get_versions
-- Arrays of one length: $2 ids, $3 numbers.
-- include: version_document
INNER JOIN unnest($2::uuid [], $3::integer []) AS asked (id, number)
    ON asked.id = head.id AND asked.number = version.number
WHERE head.organization_id = $1::octavo.organization AND head.id = ANY($2::uuid [])

-- name: get_tagged
-- $2 id, $3 tag.
-- include: version_document
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id = $2
    AND version.number = (
        SELECT tag.version
        FROM octavo.tag
        WHERE tag.organization_id = $1::octavo.organization AND tag.document_id = $2 AND tag.name = $3
    )

-- name: get_at
-- $2 id, $3 moment: the version that was current then, a deletion included.
-- include: version_document
WHERE
    head.organization_id = $1::octavo.organization
    AND head.id = $2
    AND version.number = (
        SELECT max(past.number)
        FROM octavo.version AS past
        WHERE
            past.organization_id = $1::octavo.organization
            AND past.document_id = $2
            AND past.created_at <= $3
    )

-- name: history
-- $2 id, $3 versions below this number, $4 entries at most.
SELECT
    version.number, version.change, version.source_version, version.created_at, version.created_by,
    version.created_by_kind, version.session_id, version.metadata,
    ARRAY(
        SELECT tag.name
        FROM octavo.tag
        WHERE
            tag.organization_id = $1::octavo.organization
            AND tag.document_id = $2
            AND tag.version = version.number
        ORDER BY tag.name
    ) AS tags
FROM octavo.version
WHERE
    version.organization_id = $1::octavo.organization
    AND version.document_id = $2
    AND version.number < $3
ORDER BY version.number DESC
LIMIT $4

-- name: bodies_of_versions
-- $2 id, $3 numbers.
SELECT version.number, version.metadata, body.value AS body
FROM octavo.version
INNER JOIN octavo.body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
WHERE
    version.organization_id = $1::octavo.organization
    AND version.document_id = $2
    AND version.number = ANY($3::integer [])

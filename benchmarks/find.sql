-- name: fill_filter
-- $1 organization, $2 documents: of each field some values are common and some rare.
INSERT INTO octavo.document_filter (
    organization_id, document_id, namespace, type, name, created_at, created_by, updated_at, updated_by, version,
    fields, metadata)
SELECT
    $1::uuid, md5($1::text || i)::uuid, 'default', (ARRAY['article', 'article', 'article', 'ticket'])[1 + i % 4],
    'doc-' || i, timestamptz '2026-01-01' + i * interval '1 second', 'user-' || i % 37,
    timestamptz '2026-01-01' + i * interval '1 second', 'user-' || i % 37, 1,
    jsonb_build_object(
        'title', 'Document ' || i, 'status', CASE WHEN i * 7919 % 10 < 8 THEN 'published' ELSE 'draft' END,
        'customer', 'c' || i * 7919 % 30000, 'region', 'r' || i * 7919 % 100, 'price', i * 7919 % 1000,
        'text', repeat('Every bag that arrives stale is refunded. ', 18)),
    '{"source": "bench"}'
FROM generate_series(1, $2::integer) AS i

-- name: fill_document
INSERT INTO octavo.document (
    organization_id, id, namespace, type, name, version, body_hash, metadata, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT
    organization_id, document_id, namespace, type, name, 1, sha256(document_id::text::bytea), metadata, created_at,
    created_by, 'user', updated_at, updated_by, 'user', 1, 1, '1', nextval('octavo.event_position')
FROM octavo.document_filter WHERE organization_id = $1

-- name: fill_body
INSERT INTO octavo.body (organization_id, hash, value)
SELECT organization_id, sha256(document_id::text::bytea), fields
FROM octavo.document_filter WHERE organization_id = $1

-- The shortest statements that do the same work, run as a superuser without row-level security, each in the form
-- that PostgreSQL runs best.

-- fragment: documents
CROSS JOIN LATERAL (
    SELECT head.*, body.value
    FROM octavo.document AS head
    INNER JOIN octavo.body AS body ON body.organization_id = $1 AND body.hash = head.body_hash
    WHERE head.organization_id = $1 AND head.id = candidate.document_id
    LIMIT 1
) AS found

-- name: newest
SELECT found.*
FROM (
    SELECT document_id FROM octavo.document_filter
    WHERE organization_id = $1 AND namespace = 'default' AND type = 'article'
    ORDER BY created_at DESC, document_id DESC
    LIMIT 100
) AS candidate
-- include: documents

-- name: equal
SELECT found.*
FROM (
    SELECT document_id FROM octavo.document_filter
    WHERE organization_id = $1 AND namespace = 'default' AND fields @> $2::jsonb
    ORDER BY created_at DESC, document_id DESC
    LIMIT 100
) AS candidate
-- include: documents

-- name: walk
SELECT found.*
FROM (
    SELECT document_id
    FROM (
        SELECT document_id, fields FROM octavo.document_filter
        WHERE organization_id = $1 AND namespace = 'default'
        ORDER BY created_at DESC, document_id DESC
        OFFSET 0
    ) AS walked
    WHERE fields @@ $2::jsonpath
    LIMIT 100
) AS candidate
-- include: documents

-- name: grouped
SELECT fields ->> 'status' AS status, count(*) AS documents, sum((fields ->> 'price')::numeric) AS price
FROM octavo.document_filter
WHERE organization_id = $1 AND namespace = 'default' AND fields @> $2::jsonb
GROUP BY 1

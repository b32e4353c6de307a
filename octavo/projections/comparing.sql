-- What an engine should hold, for all organizations: the live documents.

-- name: summaries
-- scope: system
-- By organization, with seals of the server: see octavo.roles.state.
SELECT organization_id, count(*) AS documents, sum(uuid_hash_extended(id, version)) AS seals
FROM octavo.document
WHERE body_hash IS NOT NULL AND deleted_at IS NULL
GROUP BY organization_id

-- fragment: by_bucket
SELECT
    organization_id, get_byte(uuid_send(id), 15) AS bucket, count(*) AS documents,
    sum(('x' || left(md5(uuid_send(id) || int4send(version)), 8))::bit(32)::bigint)::bigint AS seals
FROM octavo.document
WHERE
    body_hash IS NOT NULL
    AND deleted_at IS NULL

-- name: digests
-- scope: system
-- By organization and bucket: see octavo.roles.state.
-- include: by_bucket
GROUP BY 1, 2

-- name: digests_of
-- scope: system
-- $1 organizations. A statement of its own: a plan that is made for all would read all for one.
-- include: by_bucket
    AND organization_id = ANY($1::uuid [])
GROUP BY 1, 2

-- name: bucketed
-- scope: system
-- $1 organization, $2 buckets.
SELECT id, version
FROM octavo.document
WHERE
    organization_id = $1
    AND body_hash IS NOT NULL
    AND deleted_at IS NULL
    AND get_byte(uuid_send(id), 15) = ANY($2::integer [])

-- name: standing
-- scope: system
-- $1 organization, $2 documents: the version that should be held, null for none, and where the head stands in the log.
SELECT
    wanted.id,
    CASE WHEN head.body_hash IS NOT NULL AND head.deleted_at IS NULL THEN head.version END AS version,
    head.epoch, head.position_xid, head.position_id
FROM unnest($2::uuid []) AS wanted (id)
LEFT JOIN octavo.document AS head ON head.organization_id = $1 AND head.id = wanted.id

-- name: last_event
-- scope: system
SELECT epoch, position_xid, id
FROM octavo.event
ORDER BY epoch DESC, position_xid DESC, id DESC
LIMIT 1

-- name: live_documents
-- scope: system
-- $1 organization and $2 document: those up to here, by organization and id; null counts all.
SELECT
    count(*) FILTER (WHERE $1::uuid IS NULL OR (organization_id, id) <= ($1::uuid, $2::uuid)) AS scanned,
    count(*) AS documents
FROM octavo.document
WHERE deleted_at IS NULL

-- name: live_keys
-- scope: system
-- $1 organization and $2 id of the last document, $3 documents at most.
SELECT organization_id, id
FROM octavo.document
WHERE (organization_id, id) > ($1::uuid, $2::uuid) AND deleted_at IS NULL
ORDER BY organization_id, id
LIMIT $3

-- name: known_sources
-- $2 namespace, $3 keys of paths.
SELECT path_key, path, bytes, modified_ns, sha256, document_ids, container_key, etag, last_modified
FROM octavo.source
WHERE organization_id = $1::octavo.organization AND namespace = $2 AND path_key = ANY($3::bytea [])

-- name: record_sources
-- $2 namespace, $3 keys of paths, $4 paths, $5 bytes, $6 times of modification, $7 digests, $8 documents as the
-- text of an array, $9 keys of containers, $10 ETags, $11 Last-Modified; each from $3 on an array in the same order.
INSERT INTO octavo.source (
    organization_id, namespace, path_key, path, bytes, modified_ns, sha256, document_ids, container_key, etag,
    last_modified
)
SELECT
    $1::octavo.organization, $2, item.path_key, item.path, item.bytes, item.modified_ns, item.sha256,
    item.document_ids::uuid [], item.container_key, item.etag, item.last_modified
FROM unnest(
    $3::bytea [], $4::text [], $5::bigint [], $6::bigint [], $7::bytea [], $8::text [], $9::bytea [], $10::text [],
    $11::text []
) AS item (path_key, path, bytes, modified_ns, sha256, document_ids, container_key, etag, last_modified)
ORDER BY item.path_key
ON CONFLICT (organization_id, namespace, path_key) DO UPDATE SET
    path = excluded.path,
    bytes = excluded.bytes,
    modified_ns = excluded.modified_ns,
    sha256 = excluded.sha256,
    document_ids = excluded.document_ids,
    container_key = excluded.container_key,
    etag = excluded.etag,
    last_modified = excluded.last_modified,
    read_at = clock_timestamp()

-- name: sources_below
-- $2 namespace, $3 beginning of the path, $4 keys after this one, $5 rows at most.
SELECT path_key, path, bytes, modified_ns, sha256, document_ids, container_key, etag, last_modified
FROM octavo.source
WHERE
    organization_id = $1::octavo.organization
    AND namespace = $2
    AND path_key > $4
    AND starts_with(path, $3)
ORDER BY path_key
LIMIT $5

-- name: sources_in
-- $2 namespace, $3 key of the container, $4 keys after this one, $5 rows at most.
SELECT path_key, path, bytes, modified_ns, sha256, document_ids, container_key, etag, last_modified
FROM octavo.source
WHERE organization_id = $1::octavo.organization AND namespace = $2 AND container_key = $3 AND path_key > $4
ORDER BY path_key
LIMIT $5

-- name: forget_sources
-- $2 namespace, $3 keys of paths.
DELETE FROM octavo.source
WHERE organization_id = $1::octavo.organization AND namespace = $2 AND path_key = ANY($3::bytea [])

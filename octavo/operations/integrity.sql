-- name: page_of_bodies
-- scope: system
-- $1 organization and $2 hash to begin behind, $3 rows at most. Whether each is still what its hash says.
SELECT
    page.organization_id, page.hash,
    octavo.body_hash(profile.inner_pad, profile.outer_pad, page.value) = page.hash AS is_right
FROM (
    SELECT organization_id, hash, value
    FROM octavo.body
    WHERE (organization_id, hash) > ($1::uuid, $2::bytea)
    ORDER BY organization_id, hash
    LIMIT $3
) AS page
INNER JOIN octavo.organization_profile AS profile ON profile.id = page.organization_id
ORDER BY page.organization_id, page.hash

-- name: documents_of_body
-- scope: system
-- $1 organization, $2 hash.
SELECT DISTINCT document_id FROM octavo.version WHERE organization_id = $1 AND body_hash = $2 LIMIT 10

-- name: page_of_files
-- scope: system
-- $1 organization and $2 digest to begin behind, $3 rows at most.
-- Of both kinds a page, and of these the first: each is read along its index.
SELECT organization_id, sha256, min(blob) AS blob
FROM (
    (
        SELECT organization_id, sha256, min(blob) AS blob
        FROM octavo.content
        WHERE (organization_id, sha256) > ($1::uuid, $2::bytea)
        GROUP BY organization_id, sha256
        ORDER BY organization_id, sha256
        LIMIT $3
    )
    UNION ALL
    (
        SELECT organization_id, sha256, min(blob) AS blob
        FROM octavo.model_artifact
        WHERE (organization_id, sha256) > ($1::uuid, $2::bytea)
        GROUP BY organization_id, sha256
        ORDER BY organization_id, sha256
        LIMIT $3
    )
) AS referenced
GROUP BY organization_id, sha256
ORDER BY organization_id, sha256
LIMIT $3

-- name: documents_of_file
-- scope: system
-- $1 organization, $2 digest.
SELECT document_id
FROM (
    SELECT document_id FROM octavo.content WHERE organization_id = $1 AND sha256 = $2
    UNION
    SELECT model_id AS document_id FROM octavo.model_artifact WHERE organization_id = $1 AND sha256 = $2
) AS referring
LIMIT 10

-- name: estimate
-- scope: system
SELECT sum(greatest(reltuples, 0))::bigint AS rows
FROM pg_class
WHERE oid IN ('octavo.body'::regclass, 'octavo.content'::regclass, 'octavo.model_artifact'::regclass)

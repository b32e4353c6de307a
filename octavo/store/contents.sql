-- name: record_content
-- $2 document, $3 version, $4 sha256, $5 blob, $6 bytes, $7 media type, $8 encoding, $9 language, $10 preview,
-- $11 words, $12 characters, $13 paragraphs; each an array in the same order.
INSERT INTO octavo.content (
    organization_id, document_id, version, sha256, blob, bytes, media_type, encoding, language, preview,
    words, characters, paragraphs
)
SELECT $1::octavo.organization, item.*
FROM unnest(
    $2::uuid [], $3::integer [], $4::bytea [], $5::text [], $6::bigint [], $7::text [], $8::text [], $9::text [],
    $10::text [], $11::bigint [], $12::bigint [], $13::bigint []
) AS item
ON CONFLICT (organization_id, document_id, version) DO NOTHING

-- name: get_content
-- $2 document, $3 version or null for the newest that has a content.
SELECT
    version, sha256, blob, bytes, media_type, encoding, language, preview, words, characters, paragraphs
FROM octavo.content
WHERE
    organization_id = $1::octavo.organization
    AND document_id = $2
    AND version <= coalesce($3::integer, 2147483647)
ORDER BY version DESC
LIMIT 1

-- name: blob_in_use
-- $2 blob.
SELECT true AS used
WHERE
    EXISTS (SELECT FROM octavo.content WHERE organization_id = $1::octavo.organization AND blob = $2)
    OR EXISTS (SELECT FROM octavo.model_artifact WHERE organization_id = $1::octavo.organization AND blob = $2)

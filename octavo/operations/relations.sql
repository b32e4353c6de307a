-- name: labels
-- What the organization's labels look like.
SELECT name, colour, description
FROM octavo.label
WHERE organization_id = $1::octavo.organization
ORDER BY key

-- name: link_types
SELECT name, is_symmetric AS symmetric, description
FROM octavo.link_type
WHERE organization_id = $1::octavo.organization
ORDER BY name

-- name: synonyms
-- The sets of words that mean the same, in the order they were made.
SELECT words, nullif(language, '') AS language
FROM octavo.synonyms
WHERE organization_id = $1::octavo.organization
ORDER BY id

-- name: labels_of
-- $2 documents.
SELECT
    stored.document_id, label.name, stored.confidence, stored.assigned_at, stored.assigned_by,
    stored.assigned_by_kind
FROM octavo.document_label AS stored
INNER JOIN octavo.label
    ON label.organization_id = $1::octavo.organization AND label.id = stored.label_id
WHERE stored.organization_id = $1::octavo.organization AND stored.document_id = ANY($2::uuid [])
ORDER BY stored.document_id, label.key

-- name: page_of_links
-- $2 namespace or null, $3 type or null: of both documents; $4 source, $5 type and $6 target to begin behind, $7 links
-- at most.
SELECT
    link.source_id, link.type, link.target_id, link.confidence, link.metadata, link.created_at, link.created_by,
    link.created_by_kind
FROM octavo.link
INNER JOIN octavo.document AS source
    ON source.organization_id = $1::octavo.organization AND source.id = link.source_id
INNER JOIN octavo.document AS target
    ON target.organization_id = $1::octavo.organization AND target.id = link.target_id
WHERE
    link.organization_id = $1::octavo.organization
    AND (link.source_id, link.type, link.target_id) > ($4::uuid, $5::text, $6::uuid)
    AND source.deleted_at IS NULL
    AND target.deleted_at IS NULL
    AND ($2::text IS NULL OR (source.namespace = $2 AND target.namespace = $2))
    AND ($3::text IS NULL OR (source.type = $3 AND target.type = $3))
ORDER BY link.source_id, link.type, link.target_id
LIMIT $7

-- name: date_labels
-- $2 documents, $3 labels, $4 assigned at, $5 by, $6 kind.
UPDATE octavo.document_label AS stored
SET assigned_at = told.moment, assigned_by = told.actor, assigned_by_kind = told.kind
FROM unnest($2::uuid [], $3::text [], $4::timestamptz [], $5::text [], $6::octavo.actor_kind [])
    AS told (document_id, name, moment, actor, kind)
INNER JOIN octavo.label
    ON label.organization_id = $1::octavo.organization AND label.key = octavo.label_key(told.name)
WHERE
    stored.organization_id = $1::octavo.organization
    AND stored.document_id = told.document_id
    AND stored.label_id = label.id

-- name: date_links
-- $2 sources, $3 types, $4 targets, $5 made at, $6 by, $7 kind.
UPDATE octavo.link AS stored
SET created_at = told.moment, updated_at = told.moment, created_by = told.actor, created_by_kind = told.kind
FROM unnest(
    $2::uuid [], $3::text [], $4::uuid [], $5::timestamptz [], $6::text [], $7::octavo.actor_kind []
) AS told (source_id, type, target_id, moment, actor, kind)
WHERE
    stored.organization_id = $1::octavo.organization
    AND stored.source_id = told.source_id
    AND stored.type = told.type
    AND stored.target_id = told.target_id

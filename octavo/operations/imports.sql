-- name: organization_exists
SELECT true AS found FROM octavo.organization_profile WHERE id = $1::octavo.organization

-- name: compare
-- $2 ids or null, $3 namespaces, $4 types, $5 names, $6 bodies, $7 metadata, $8 schema versions or 0. What is there of
-- each already: by id, or without one by name. `taken_by` is another document that has the name.
SELECT
    wanted.place::integer AS place,
    stored.id,
    stored.deleted_at IS NOT NULL AS is_deleted,
    coalesce((stored.namespace, stored.type) = (wanted.namespace, wanted.type), true) AS is_of_kind,
    CASE
        WHEN stored.body_hash IS NULL THEN false  -- without making a hash for nothing
        ELSE
            stored.body_hash = octavo.body_hash(profile.inner_pad, profile.outer_pad, wanted.body)
            AND stored.metadata = wanted.metadata
            AND (wanted.name IS NULL OR coalesce(stored.name = wanted.name, false))
            AND wanted.schema_version IN (0, stored.schema_version)
    END AS is_equal,
    CASE WHEN named.id <> coalesce(wanted.id, named.id) THEN named.id END AS taken_by
FROM octavo.organization_profile AS profile
CROSS JOIN unnest($2::uuid [], $3::text [], $4::text [], $5::text [], $6::jsonb [], $7::jsonb [], $8::smallint [])
    WITH ORDINALITY AS wanted (id, namespace, type, name, body, metadata, schema_version, place)
LEFT JOIN octavo.document AS named
    ON
        named.organization_id = $1::octavo.organization
        AND named.namespace = wanted.namespace
        AND named.type = wanted.type
        AND named.name = wanted.name
        AND named.deleted_at IS NULL
LEFT JOIN octavo.document AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.id = coalesce(wanted.id, named.id)
WHERE profile.id = $1::octavo.organization
ORDER BY wanted.place

-- name: find_version
-- $2 document, $3 body, $4 metadata. The newest version that is equal.
SELECT max(version.number) AS number
FROM octavo.organization_profile AS profile
INNER JOIN octavo.version
    ON version.organization_id = $1::octavo.organization AND version.document_id = $2
WHERE
    profile.id = $1::octavo.organization
    AND version.body_hash = octavo.body_hash(profile.inner_pad, profile.outer_pad, $3::jsonb)
    AND version.metadata = $4::jsonb

-- name: tag_is_at
-- $2 document, $3 tag, $4 body, $5 metadata. Whether the tag points to an equal version already.
SELECT true AS found
FROM octavo.organization_profile AS profile
INNER JOIN octavo.tag
    ON tag.organization_id = $1::octavo.organization AND tag.document_id = $2 AND tag.name = $3
INNER JOIN octavo.version
    ON
        version.organization_id = $1::octavo.organization
        AND version.document_id = tag.document_id
        AND version.number = tag.version
WHERE
    profile.id = $1::octavo.organization
    AND version.body_hash = octavo.body_hash(profile.inner_pad, profile.outer_pad, $4::jsonb)
    AND version.metadata = $5::jsonb

-- name: date_versions
-- $2 documents, $3 numbers, $4 changes, $5 sources, $6 moments, $7 actors, $8 their kinds, $9 sessions: what an
-- imported version says of itself. The log keeps when it was imported, and by whom.
UPDATE octavo.version AS stored
SET
    change = told.change,
    source_version = told.source,
    created_at = told.moment,
    created_by = told.actor,
    created_by_kind = told.kind,
    session_id = told.session
FROM unnest(
    $2::uuid [], $3::integer [], $4::octavo.change [], $5::integer [], $6::timestamptz [], $7::text [],
    $8::octavo.actor_kind [], $9::text []
) AS told (id, number, change, source, moment, actor, kind, session)
WHERE
    stored.organization_id = $1::octavo.organization
    AND stored.document_id = told.id
    AND stored.number = told.number

-- name: date_documents
-- $2 documents, $3 created at, $4 by, $5 kind, $6 updated at, $7 by, $8 kind.
WITH told AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::uuid [], $3::timestamptz [], $4::text [], $5::octavo.actor_kind [], $6::timestamptz [], $7::text [],
        $8::octavo.actor_kind []
    ) AS item (id, created_at, created_by, created_by_kind, updated_at, updated_by, updated_by_kind)
),
dated AS (
    UPDATE octavo.document AS stored
    SET
        created_at = told.created_at,
        created_by = told.created_by,
        created_by_kind = told.created_by_kind,
        updated_at = told.updated_at,
        updated_by = told.updated_by,
        updated_by_kind = told.updated_by_kind
    FROM told
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = told.id
)
UPDATE octavo.document_filter AS stored
SET
    created_at = told.created_at,
    created_by = told.created_by,
    updated_at = told.updated_at,
    updated_by = told.updated_by
FROM told
WHERE stored.organization_id = $1::octavo.organization AND stored.document_id = told.id

-- name: date_tags
-- $2 documents, $3 tags, $4 moved at, $5 by, $6 kind.
UPDATE octavo.tag AS stored
SET moved_at = told.moved_at, moved_by = told.moved_by, moved_by_kind = told.kind
FROM unnest($2::uuid [], $3::text [], $4::timestamptz [], $5::text [], $6::octavo.actor_kind [])
    AS told (id, name, moved_at, moved_by, kind)
WHERE
    stored.organization_id = $1::octavo.organization
    AND stored.document_id = told.id
    AND stored.name = told.name

-- Links between documents. Parameters of a change: $1 organization, $2 actor, $3 its kind, $4 session, $5
-- correlation, $6 causation. A change locks both heads in the order of their ids; its event is the source's.

-- fragment: ends
-- Both documents, locked; of a symmetric link the lesser id is the source.
kind AS MATERIALIZED (
    SELECT known.is_symmetric
    FROM octavo.link_type AS known
    WHERE known.organization_id = $1::octavo.organization AND known.name = $8
),
locked AS MATERIALIZED (
    SELECT head.id, head.deleted
    FROM (SELECT least($7::uuid, $9::uuid) AS id UNION ALL SELECT greatest($7::uuid, $9::uuid)) AS wanted
    CROSS JOIN LATERAL octavo.lock_document($1::octavo.organization, wanted.id) AS head
),

-- fragment: append_fact
head AS (
    UPDATE octavo.document AS stored
    SET
        event_sequence = stored.event_sequence + 1,
        epoch = epoch.number,
        position_xid = CASE
            WHEN stored.epoch = epoch.number THEN greatest(stored.position_xid, pg_current_xact_id())
            ELSE pg_current_xact_id()
        END,
        position_id = nextval('octavo.event_position')
    FROM changed, (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = changed.source_id
    RETURNING stored.*
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        clock_timestamp(), head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence, changed.fact, head.id, head.version,
        jsonb_strip_nulls(jsonb_build_object(
            'link', changed.type, 'target', changed.target_id, 'confidence', changed.confidence
        )),
        $2, $3::octavo.actor_kind, $4, $5, $6
    FROM head, changed
)

-- name: put_link
-- $7 source, $8 type, $9 target, $10 confidence or null, $11 metadata or null to keep. A type that is new is made,
-- with a direction. `created_at` is null when another writer was faster than this statement's snapshot.
WITH
-- include: ends
made_type AS (
    INSERT INTO octavo.link_type (organization_id, name, is_symmetric, created_at, created_by, created_by_kind)
    SELECT $1::octavo.organization, $8, false, clock_timestamp(), $2, $3::octavo.actor_kind
    FROM locked
    WHERE NOT EXISTS (SELECT FROM kind)
    HAVING count(*) FILTER (WHERE NOT locked.deleted) = 2
    ON CONFLICT DO NOTHING
    RETURNING is_symmetric
),
wanted AS MATERIALIZED (
    SELECT
        CASE WHEN kind.is_symmetric THEN least($7::uuid, $9::uuid) ELSE $7 END AS source_id,
        CASE WHEN kind.is_symmetric THEN greatest($7::uuid, $9::uuid) ELSE $9 END AS target_id,
        kind.is_symmetric
    FROM (SELECT * FROM kind UNION ALL SELECT * FROM made_type) AS kind
    WHERE (SELECT count(*) FROM locked WHERE NOT locked.deleted) = 2
),
changed AS (
    INSERT INTO octavo.link AS stored (
        organization_id, source_id, target_id, type, is_symmetric, confidence, metadata,
        created_at, created_by, created_by_kind, updated_at, session_id
    )
    SELECT
        $1::octavo.organization, wanted.source_id, wanted.target_id, $8, wanted.is_symmetric, $10,
        coalesce($11::jsonb, '{}'), moment, $2, $3::octavo.actor_kind, moment, $4
    FROM wanted, (SELECT clock_timestamp() AS moment) AS now
    ON CONFLICT (organization_id, source_id, type, target_id) DO UPDATE SET
        confidence = excluded.confidence,
        metadata = coalesce($11::jsonb, stored.metadata),
        updated_at = excluded.updated_at,
        session_id = excluded.session_id
    WHERE
        (stored.confidence, stored.metadata)
        IS DISTINCT FROM (excluded.confidence, coalesce($11::jsonb, stored.metadata))
    RETURNING
        stored.*, CASE WHEN stored.created_at = stored.updated_at THEN 'link.created' ELSE 'link.updated' END AS fact
),
-- include: append_fact
SELECT
    true AS changed, changed.source_id, changed.type, changed.target_id, changed.is_symmetric, changed.confidence,
    changed.metadata, changed.created_at, changed.created_by, changed.created_by_kind, changed.updated_at,
    head.epoch, head.position_xid, head.position_id, ARRAY(SELECT locked.id FROM locked WHERE NOT locked.deleted) AS live
FROM changed, head
UNION ALL
SELECT
    false, stored.source_id, stored.type, stored.target_id, stored.is_symmetric, stored.confidence,
    stored.metadata, stored.created_at, stored.created_by, stored.created_by_kind, stored.updated_at,
    source.epoch, source.position_xid, source.position_id, ends.live
FROM (SELECT ARRAY(SELECT locked.id FROM locked WHERE NOT locked.deleted) AS live) AS ends
LEFT JOIN wanted ON true
LEFT JOIN octavo.link AS stored
    ON
        stored.organization_id = $1::octavo.organization
        AND stored.source_id = wanted.source_id
        AND stored.type = $8
        AND stored.target_id = wanted.target_id
LEFT JOIN octavo.document AS source
    ON source.organization_id = $1::octavo.organization AND source.id = wanted.source_id
WHERE NOT EXISTS (SELECT FROM changed)

-- name: remove_link
-- $7 source, $8 type, $9 target.
WITH
-- include: ends
changed AS (
    DELETE FROM octavo.link
    WHERE
        organization_id = $1::octavo.organization
        AND (SELECT count(*) FROM locked WHERE NOT locked.deleted) = 2
        AND source_id = (SELECT CASE WHEN kind.is_symmetric THEN least($7::uuid, $9::uuid) ELSE $7 END FROM kind)
        AND type = $8
        AND target_id = (SELECT CASE WHEN kind.is_symmetric THEN greatest($7::uuid, $9::uuid) ELSE $9 END FROM kind)
    RETURNING source_id, type, target_id, NULL::double precision AS confidence, 'link.removed' AS fact
),
-- include: append_fact
SELECT head.epoch, head.position_xid, head.position_id FROM head

-- fragment: other_is_live
-- One look by key each: as a join PostgreSQL may read every document instead.
            (
                SELECT other.deleted_at IS NULL
                FROM octavo.document AS other
                WHERE other.organization_id = $1::octavo.organization AND other.id = reached.other_id
            )

-- name: links_of_document
-- $2 document, $3 type or null for all, $4 whether those from it and $5 those to it; $6 type, $7 other document and
-- $8 whether that is the source, to begin behind; $9 links at most, $10 the least id. Along the index of one end,
-- one type after the other.
SELECT
    false AS changed, page.source_id, page.type, page.target_id, page.is_symmetric, page.confidence, page.metadata,
    page.created_at, page.created_by, page.created_by_kind, page.updated_at, page.other_id, page.back,
    source.epoch, source.position_xid, source.position_id
FROM (
    SELECT reached.*
    FROM octavo.document AS head
    INNER JOIN octavo.link_type AS kind
        ON
            kind.organization_id = $1::octavo.organization
            AND kind.name = coalesce($3::text, kind.name)
            AND kind.name >= $6::text
    CROSS JOIN LATERAL (
        (
            SELECT reached.*
            FROM (
                SELECT link.*, link.target_id AS other_id, false AS back
                FROM octavo.link
                WHERE
                    link.organization_id = $1::octavo.organization
                    AND link.source_id = $2
                    AND link.type = kind.name
                    AND ($4::boolean OR kind.is_symmetric)
                    AND link.target_id >= CASE WHEN kind.name = $6 THEN $7::uuid ELSE $10 END
                    AND (kind.name <> $6 OR link.target_id <> $7)
            ) AS reached
            WHERE
            -- include: other_is_live
            ORDER BY reached.target_id
            LIMIT $9
        )
        UNION ALL
        (
            SELECT reached.*
            FROM (
                SELECT link.*, link.source_id AS other_id, true AS back
                FROM octavo.link
                WHERE
                    link.organization_id = $1::octavo.organization
                    AND link.target_id = $2
                    AND link.type = kind.name
                    AND ($5::boolean OR kind.is_symmetric)
                    AND link.source_id >= CASE WHEN kind.name = $6 THEN $7::uuid ELSE $10 END
                    AND (kind.name <> $6 OR link.source_id <> $7 OR NOT $8::boolean)
            ) AS reached
            WHERE
            -- include: other_is_live
            ORDER BY reached.source_id
            LIMIT $9
        )
    ) AS reached
    WHERE head.organization_id = $1::octavo.organization AND head.id = $2 AND head.deleted_at IS NULL
    ORDER BY reached.type, reached.other_id, reached.back
    LIMIT $9
) AS page
INNER JOIN octavo.document AS source
    ON source.organization_id = $1::octavo.organization AND source.id = page.source_id
ORDER BY page.type, page.other_id, page.back

-- name: links_of_type
-- $2 type, $3 moment, $4 source and $5 target to go back from, $6 links at most; newest first.
SELECT
    false AS changed, link.source_id, link.type, link.target_id, link.is_symmetric, link.confidence, link.metadata,
    link.created_at, link.created_by, link.created_by_kind, link.updated_at,
    source.epoch, source.position_xid, source.position_id
FROM octavo.link
INNER JOIN octavo.document AS source
    ON
        source.organization_id = $1::octavo.organization
        AND source.id = link.source_id
        AND source.deleted_at IS NULL
INNER JOIN octavo.document AS target
    ON
        target.organization_id = $1::octavo.organization
        AND target.id = link.target_id
        AND target.deleted_at IS NULL
WHERE
    link.organization_id = $1::octavo.organization
    AND link.type = $2
    AND (link.created_at, link.source_id, link.target_id) < ($3::timestamptz, $4::uuid, $5::uuid)
ORDER BY link.created_at DESC, link.source_id DESC, link.target_id DESC
LIMIT $6

-- name: neighbours_of_document
-- $2 document, $3 types or null for all, $4 along links from a document, $5 along links to it, $6 links away at
-- most, $7 documents at most. One row without an id when there are none; no row without the document.
SELECT
    reached.document_id AS id, head.namespace, head.type, head.name, reached.distance, reached.via,
    reached.type AS link, reached.confidence
FROM octavo.document AS beginning
LEFT JOIN LATERAL octavo.neighbours($1::octavo.organization, $2, $3::text [], $4, $5, $6::integer, $7::integer)
    WITH ORDINALITY AS reached (document_id, distance, via, type, confidence, place) ON true
LEFT JOIN LATERAL (
    SELECT stored.namespace, stored.type, stored.name
    FROM octavo.document AS stored
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = reached.document_id
    LIMIT 1
) AS head ON true
WHERE beginning.organization_id = $1::octavo.organization AND beginning.id = $2 AND beginning.deleted_at IS NULL
ORDER BY reached.place

-- name: define_type
-- $2 actor, $3 its kind, $4 name, $5 symmetric, $6 description or null to keep. With links of it a type keeps its
-- direction: their foreign key refuses the change.
INSERT INTO octavo.link_type AS known (
    organization_id, name, is_symmetric, description, created_at, created_by, created_by_kind
)
SELECT profile.id, $4, $5, $6, clock_timestamp(), $2, $3::octavo.actor_kind
FROM octavo.organization_profile AS profile
WHERE profile.id = $1::octavo.organization
ON CONFLICT (organization_id, name) DO UPDATE SET
    is_symmetric = excluded.is_symmetric,
    description = coalesce(excluded.description, known.description)
RETURNING name, is_symmetric, description, created_at, created_by, created_by_kind

-- name: delete_type
-- $2 type, of which there may be no link.
DELETE FROM octavo.link_type
WHERE organization_id = $1::octavo.organization AND name = $2
RETURNING true AS deleted

-- name: list_types
-- $2 name to begin behind, $3 types at most.
SELECT name, is_symmetric, description, created_at, created_by, created_by_kind
FROM octavo.link_type
WHERE organization_id = $1::octavo.organization AND name > $2
ORDER BY name
LIMIT $3

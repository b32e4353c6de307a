-- name: move_tag
-- $7 id, $8 tag, $9 version or null for the current one. A tag that is there already stays, and nothing happens.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
target AS MATERIALIZED (
    SELECT version.document_id, version.number
    FROM octavo.version
    INNER JOIN locked ON version.document_id = locked.id
    WHERE
        version.organization_id = $1::octavo.organization
        AND version.number = coalesce($9::integer, locked.version)
        AND version.change <> 'deleted'
        AND NOT locked.deleted
),
moved AS (
    INSERT INTO octavo.tag AS known (
        organization_id, document_id, name, version, moved_at, moved_by, moved_by_kind, session_id
    )
    SELECT
        $1::octavo.organization, target.document_id, $8, target.number, clock_timestamp(), $2,
        $3::octavo.actor_kind, $4
    FROM target
    ON CONFLICT (organization_id, document_id, name) DO UPDATE SET
        version = excluded.version,
        previous_version = known.version,
        moved_at = excluded.moved_at,
        moved_by = excluded.moved_by,
        moved_by_kind = excluded.moved_by_kind,
        session_id = excluded.session_id
    WHERE known.version <> excluded.version
    RETURNING known.*
),
-- include: append_tag_event
SELECT
    target.number AS version, moved.previous_version AS previous, true AS changed, moved.moved_at, moved.moved_by,
    moved.moved_by_kind, head.epoch, head.position_xid, head.position_id
FROM target, moved, head
UNION ALL
SELECT
    target.number, tag.previous_version, false, tag.moved_at, tag.moved_by,
    tag.moved_by_kind, stored.epoch, stored.position_xid, stored.position_id
FROM target
INNER JOIN octavo.tag
    ON tag.organization_id = $1::octavo.organization AND tag.document_id = $7 AND tag.name = $8
INNER JOIN octavo.document AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.id = $7
WHERE NOT EXISTS (SELECT FROM moved)

-- fragment: append_tag_event
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
    FROM moved, (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = moved.document_id
    RETURNING stored.*
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        clock_timestamp(), head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence,
        CASE WHEN target.number IS NULL THEN 'tag.removed' ELSE 'tag.moved' END, head.id, target.number,
        jsonb_strip_nulls(jsonb_build_object(
            'tag', $8::text, 'version', target.number, 'previous', moved.previous_version
        )),
        $2, $3::octavo.actor_kind, $4, $5, $6
    FROM head, moved, target
)

-- name: remove_tag
-- $7 id, $8 tag.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
moved AS (
    DELETE FROM octavo.tag
    WHERE
        organization_id = $1::octavo.organization
        AND document_id = (SELECT locked.id FROM locked)
        AND name = $8
    RETURNING document_id, version AS previous_version
),
target AS (
    SELECT NULL::integer AS number
),
-- include: append_tag_event
SELECT head.epoch, head.position_xid, head.position_id FROM head

-- name: list_tags
-- $2 id.
SELECT
    tag.name, tag.version, tag.moved_at, tag.moved_by, tag.moved_by_kind,
    head.id, head.epoch, head.position_xid, head.position_id
FROM octavo.document AS head
INNER JOIN octavo.tag
    ON tag.organization_id = $1::octavo.organization AND tag.document_id = head.id
WHERE head.organization_id = $1::octavo.organization AND head.id = $2
ORDER BY tag.name

-- name: tag_history
-- $2 stream of the document, $3 tag or null for all, $4 entries at most; newest first.
SELECT
    event.type, event.data, event.recorded_at, event.actor, event.actor_kind, event.session_id, event.sequence
FROM octavo.event
WHERE
    event.organization_id = $1::octavo.organization
    AND event.stream = $2
    AND event.type IN ('tag.moved', 'tag.removed')
    AND ($3::text IS NULL OR event.data ->> 'tag' = $3)
ORDER BY event.sequence DESC
LIMIT $4

-- fragment: stream_moved
-- The stream's row is locked by the update, and place and sequence are taken under that lock: an event's xid is
-- never lower than that of the event before it, so the order of the log is the order of the stream too.
    INSERT INTO octavo.stream AS stored (
        organization_id, name, sequence, epoch, position_xid, position_id
    )
    SELECT profile.id, $7, added.events, epoch.number, pg_current_xact_id(), nextval('octavo.event_position')
    FROM octavo.organization_profile AS profile, (SELECT max(number) AS number FROM octavo.epoch) AS epoch, added
    WHERE
        profile.id = $1::octavo.organization
        AND (
            coalesce($10::bigint, 0) = 0
            OR EXISTS (SELECT FROM octavo.stream WHERE organization_id = $1::octavo.organization AND name = $7)
        )
    ON CONFLICT (organization_id, name) DO UPDATE SET
        sequence = stored.sequence + excluded.sequence,
        epoch = excluded.epoch,
        position_xid = CASE
            WHEN stored.epoch = excluded.epoch THEN greatest(stored.position_xid, excluded.position_xid)
            ELSE excluded.position_xid
        END,
        position_id = nextval('octavo.event_position')
    WHERE $10::bigint IS NULL OR stored.sequence = $10
    RETURNING stored.*

-- name: append
-- $7 stream, $8 type, $9 data, $10 expected sequence or null, $11 schema version, $12 document, $13 its version.
WITH added AS (SELECT 1::bigint AS events),
appended AS (
    -- include: stream_moved
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, schema_version, document_id,
    version, data, actor, actor_kind, session_id, correlation_id, causation_id
)
SELECT
    clock_timestamp(), epoch, position_xid, position_id, organization_id, name, sequence, $8, $11, $12,
    $13, $9, $2, $3::octavo.actor_kind, $4, $5, $6
FROM appended
RETURNING epoch, position_xid, id, sequence, recorded_at, data

-- name: append_many
-- $7 stream, $10 expected sequence or null; $8 types, $9 data, $11 schema versions, $12 documents, $13 their
-- versions, each an array in the same order. The first event takes the place drawn for the stream's row; the others
-- draw theirs behind it, under the same lock and in their order.
WITH added AS (SELECT cardinality($8::text [])::bigint AS events),
appended AS (
    -- include: stream_moved
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, schema_version, document_id,
    version, data, actor, actor_kind, session_id, correlation_id, causation_id
)
SELECT
    clock_timestamp(), ordered.epoch, ordered.position_xid,
    CASE WHEN ordered.place = 1 THEN ordered.position_id ELSE nextval('octavo.event_position') END,
    ordered.organization_id, ordered.name, ordered.last - ordered.events + ordered.place, ordered.type,
    ordered.schema_version, ordered.document_id, ordered.version, ordered.data, $2, $3::octavo.actor_kind, $4, $5, $6
FROM (
    SELECT appended.*, appended.sequence AS last, added.events, item.*
    FROM appended, added,
        unnest($8::text [], $9::jsonb [], $11::smallint [], $12::uuid [], $13::integer []) WITH ORDINALITY
            AS item (type, data, schema_version, document_id, version, place)
    ORDER BY item.place
    OFFSET 0
) AS ordered
RETURNING epoch, position_xid, id, sequence, recorded_at, data

-- name: find_sequence
-- $2 stream.
SELECT sequence FROM octavo.stream WHERE organization_id = $1::octavo.organization AND name = $2

-- fragment: event_columns
    epoch, position_xid, id, organization_id, stream, sequence, type, schema_version, recorded_at, document_id,
    version, data, actor, actor_kind, session_id, correlation_id, causation_id

-- name: read_stream
-- $2 stream, $3 sequence read before, $4 types or null for all, $5 events at most.
SELECT
-- include: event_columns
FROM octavo.event
WHERE
    organization_id = $1::octavo.organization
    AND stream = $2
    AND sequence > $3
    AND ($4::text[] IS NULL OR type = ANY($4))
ORDER BY sequence
LIMIT $5

-- fragment: looked_at
    FROM octavo.event
    WHERE
        organization_id = $1::octavo.organization
        AND (epoch, position_xid, id) < (SELECT $2::integer, $3::xid8, $4::bigint)
        AND recorded_at >= coalesce($5::timestamptz, '-infinity')
        AND recorded_at < coalesce($6::timestamptz, 'infinity')
    ORDER BY epoch DESC, position_xid DESC, id DESC

-- name: read_history
-- Newest first. $2 epoch, $3 xid, $4 id: the position to go back from; $5 and $6 recorded since and before; $7
-- events to look at, $8 to return at most; $9 types, $10 document, $11 actor, $12 its kind, $13 session, $14
-- correlation: null for all. The first row is no event (its type is null): it is where the next page goes on, and
-- is missing when there is no more to look at.
WITH last_of_window AS (
    SELECT epoch, position_xid, id
    -- include: looked_at
    OFFSET $7::bigint - 1
    LIMIT 1
)
SELECT
    epoch, position_xid, id, NULL::uuid AS organization_id, NULL::text AS stream, NULL::bigint AS sequence,
    NULL::text AS type, NULL::smallint AS schema_version, NULL::timestamptz AS recorded_at,
    NULL::uuid AS document_id, NULL::integer AS version, NULL::jsonb AS data, NULL::text AS actor,
    NULL::octavo.actor_kind AS actor_kind, NULL::text AS session_id, NULL::text AS correlation_id,
    NULL::text AS causation_id
FROM last_of_window
UNION ALL
(
    SELECT
    -- include: event_columns
    FROM (
        SELECT *
        -- include: looked_at
        LIMIT $7
    ) AS looked_at
    WHERE
        ($9::text[] IS NULL OR type = ANY($9))
        AND ($10::uuid IS NULL OR document_id = $10)
        AND ($11::text IS NULL OR actor = $11)
        AND ($12::octavo.actor_kind IS NULL OR actor_kind = $12)
        AND ($13::text IS NULL OR session_id = $13)
        AND ($14::text IS NULL OR correlation_id = $14)
    LIMIT $8
)

-- name: trace
-- $2 correlation, $3 epoch, $4 xid, $5 id: the position read before; $6 events at most.
SELECT
-- include: event_columns
FROM octavo.event
WHERE
    organization_id = $1::octavo.organization
    AND correlation_id = $2
    AND (epoch, position_xid, id) > (SELECT $3::integer, $4::xid8, $5::bigint)
ORDER BY epoch, position_xid, id
LIMIT $6

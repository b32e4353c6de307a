-- The log in commit order. Parameters of the reads: $1 epoch, $2 xid, $3 id: the position read before; $4 events
-- at most; last the organization. A filtered read takes $5 types, $6 stream, $7 document: null for all, and $8
-- events to look at, since what matches may be rare and no statement shall read the whole log.
-- The first row is no event: its position is how far this read looked, its data tells the gate and whether
-- committed events wait above it. It comes from the same statement as the events, so from one
-- snapshot: nothing can ever appear at or below it. No time of recording is asked for: a long writer's is before
-- its commit. The position read before stands in a subselect, so that the planner does not guess from it how
-- many events follow: it would guess none, and read another index.

-- fragment: gate
gate AS MATERIALIZED (
    SELECT
        (SELECT max(number) FROM octavo.epoch) AS epoch,
        pg_snapshot_xmin(pg_current_snapshot()) AS position_xid,
        0::bigint AS id
),

-- fragment: below_gate
        (epoch, position_xid, id) > (SELECT $1::integer, $2::xid8, $3::bigint)
        AND (epoch, position_xid, id) < (SELECT epoch, position_xid, id FROM gate)
    ORDER BY epoch, position_xid, id

-- fragment: window
        (epoch, position_xid, id) > (SELECT $1::integer, $2::xid8, $3::bigint)
        AND (epoch, position_xid, id) <= (SELECT epoch, position_xid, id FROM horizon)
    ORDER BY epoch, position_xid, id
    LIMIT $8

-- fragment: horizon
horizon AS MATERIALIZED (
    SELECT epoch, position_xid, id FROM last_of_window
    UNION ALL
    SELECT epoch, position_xid, id FROM gate WHERE NOT EXISTS (SELECT FROM last_of_window)
    LIMIT 1
),

-- fragment: last
    ORDER BY epoch DESC, position_xid DESC, id DESC
    LIMIT 1

-- fragment: no_event
SELECT
    horizon.epoch, horizon.position_xid, horizon.id, NULL::uuid AS organization_id, NULL::text AS stream,
    NULL::bigint AS sequence, NULL::text AS type, NULL::smallint AS schema_version,
    NULL::timestamptz AS recorded_at, NULL::uuid AS document_id, NULL::integer AS version,
    jsonb_build_object(
        'epoch', gate.epoch,
        'xid', gate.position_xid::text::bigint,
        'is_held', coalesce(
            (last_of_log.epoch, last_of_log.position_xid) >= (gate.epoch, gate.position_xid), false
        )
    ) AS data,
    NULL::text AS actor, NULL::octavo.actor_kind AS actor_kind, NULL::text AS session_id,
    NULL::text AS correlation_id, NULL::text AS causation_id
FROM gate
LEFT JOIN last_of_log ON true

-- fragment: event_columns
    epoch, position_xid, id, organization_id, stream, sequence, type, schema_version, recorded_at, document_id,
    version, data, actor, actor_kind, session_id, correlation_id, causation_id

-- fragment: filter
    ($5::text[] IS NULL OR type = ANY($5))
    AND ($6::text IS NULL OR stream = $6)
    AND ($7::uuid IS NULL OR document_id = $7)

-- name: read_all
-- scope: system
WITH
-- include: gate
last_of_log AS (
    SELECT epoch, position_xid FROM octavo.event
    -- include: last
)
-- include: no_event
CROSS JOIN gate AS horizon
UNION ALL
(
    SELECT
    -- include: event_columns
    FROM octavo.event
    WHERE
    -- include: below_gate
    LIMIT $4
)

-- name: read_organization
WITH
-- include: gate
last_of_log AS (
    SELECT epoch, position_xid FROM octavo.event WHERE organization_id = $5::octavo.organization
    -- include: last
)
-- include: no_event
CROSS JOIN gate AS horizon
UNION ALL
(
    SELECT
    -- include: event_columns
    FROM octavo.event
    WHERE
        organization_id = $5::octavo.organization AND
    -- include: below_gate
    LIMIT $4
)

-- name: read_all_filtered
-- scope: system
WITH
-- include: gate
last_of_window AS (
    SELECT epoch, position_xid, id
    FROM octavo.event
    WHERE
    -- include: below_gate
    OFFSET $8::bigint - 1
    LIMIT 1
),
-- include: horizon
last_of_log AS (
    SELECT epoch, position_xid FROM octavo.event
    -- include: last
)
-- include: no_event
CROSS JOIN horizon
UNION ALL
(
    SELECT
    -- include: event_columns
    FROM (
        SELECT * FROM octavo.event
        WHERE
        -- include: window
    ) AS looked_at
    WHERE
    -- include: filter
    LIMIT $4
)

-- name: read_organization_filtered
WITH
-- include: gate
last_of_window AS (
    SELECT epoch, position_xid, id
    FROM octavo.event
    WHERE
        organization_id = $9::octavo.organization AND
    -- include: below_gate
    OFFSET $8::bigint - 1
    LIMIT 1
),
-- include: horizon
last_of_log AS (
    SELECT epoch, position_xid FROM octavo.event WHERE organization_id = $9::octavo.organization
    -- include: last
)
-- include: no_event
CROSS JOIN horizon
UNION ALL
(
    SELECT
    -- include: event_columns
    FROM (
        SELECT * FROM octavo.event
        WHERE
            organization_id = $9::octavo.organization AND
        -- include: window
    ) AS looked_at
    WHERE
    -- include: filter
    LIMIT $4
)

-- name: notify
-- scope: system
-- $1 who sends, so that the sender need not wake up of its own hint. It is a transaction of its own, for which
-- nobody waits, so it need not be durable.
SELECT pg_notify('octavo', $1) FROM set_config('synchronous_commit', 'off', true)

-- The shortest statements that do the same work, run as a superuser without row-level security.

-- name: begin_stream
INSERT INTO octavo.stream (organization_id, name, sequence, epoch, position_xid, position_id)
SELECT $1, $2, 1, 1, pg_current_xact_id(), nextval('octavo.event_position')

-- name: append
-- $1 organization, $2 stream, $3 data.
WITH moved AS (
    UPDATE octavo.stream SET
        sequence = sequence + 1,
        position_xid = greatest(position_xid, pg_current_xact_id()),
        position_id = nextval('octavo.event_position')
    WHERE organization_id = $1 AND name = $2
    RETURNING *
)
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, data, actor, actor_kind
)
SELECT
    clock_timestamp(), 1, position_xid, position_id, organization_id, name, sequence, 'order.placed', $3, 'ann', 'user'
FROM moved
RETURNING position_xid, id

-- name: fill
-- Events of documents as the store writes them, $2 of them, an epoch before all others.
INSERT INTO octavo.event (
    recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version, data,
    actor, actor_kind
)
SELECT
    clock_timestamp(), 0, (n / 3 + 3)::text::xid8, n, $1, 'document-' || document, 1, 'document.updated', document,
    2, jsonb_build_object(
        'version', 2, 'previous', 1, 'fields', jsonb_build_array('title', 'status'),
        'hash', md5(n::text) || md5(n::text), 'previousHash', md5(n::text) || md5(n::text)
    ), 'ann', 'user'
FROM (SELECT n, gen_random_uuid() AS document FROM generate_series(1, $2::integer) AS n) AS changed

-- name: settle
VACUUM ANALYZE octavo.event

-- name: read
SELECT
    epoch, position_xid, id, organization_id, stream, sequence, type, schema_version, recorded_at, document_id,
    version, data, actor, actor_kind, session_id, correlation_id, causation_id
FROM octavo.event
WHERE organization_id = $1 AND (epoch, position_xid, id) > ($2, $3, $4)
ORDER BY epoch, position_xid, id
LIMIT $5

-- The shortest statements that do the same work, run as a superuser without row-level security.

-- name: put
WITH drawn AS (
    SELECT pg_current_xact_id() AS xid, nextval('octavo.event_position') AS id, clock_timestamp() AS moment
), head AS (
    INSERT INTO octavo.document (organization_id, id, namespace, type, version, body_hash, created_at, created_by,
        created_by_kind, updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
    SELECT $1, $2, 'raw', 'article', 1, $3, moment, 'ann', 'user', moment, 'ann', 'user', 1, 1, xid, id FROM drawn
), body AS (
    INSERT INTO octavo.body (organization_id, hash, value) VALUES ($1, $3, $4)
), version AS (
    INSERT INTO octavo.version (organization_id, document_id, number, change, body_hash, metadata, created_at,
        created_by, created_by_kind)
    SELECT $1, $2, 1, 'created', $3, '{}', moment, 'ann', 'user' FROM drawn
), filter AS (
    INSERT INTO octavo.document_filter (organization_id, document_id, namespace, type, created_at, created_by,
        updated_at, updated_by, version, fields, metadata)
    SELECT $1, $2, 'raw', 'article', moment, 'ann', moment, 'ann', 1, $4, '{}' FROM drawn
)
INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id,
    version, data, actor, actor_kind)
SELECT moment, 1, xid, id, $1, $5, 1, 'document.created', $2, 1, $6, 'ann', 'user' FROM drawn
RETURNING position_xid, id

-- name: put_many
WITH item AS MATERIALIZED (
    SELECT *, nextval('octavo.event_position') AS position, clock_timestamp() AS moment, pg_current_xact_id() AS xid
    FROM unnest($2::uuid[], $3::bytea[], $4::jsonb[], $5::text[], $6::jsonb[]) AS t (id, hash, body, stream, data)
), head AS (
    INSERT INTO octavo.document (organization_id, id, namespace, type, version, body_hash, created_at, created_by,
        created_by_kind, updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
    SELECT $1, id, 'raw', 'article', 1, hash, moment, 'ann', 'user', moment, 'ann', 'user', 1, 1, xid, position
    FROM item
), body AS (
    INSERT INTO octavo.body (organization_id, hash, value) SELECT $1, hash, body FROM item
), version AS (
    INSERT INTO octavo.version (organization_id, document_id, number, change, body_hash, metadata, created_at,
        created_by, created_by_kind)
    SELECT $1, id, 1, 'created', hash, '{}', moment, 'ann', 'user' FROM item
), filter AS (
    INSERT INTO octavo.document_filter (organization_id, document_id, namespace, type, created_at, created_by,
        updated_at, updated_by, version, fields, metadata)
    SELECT $1, id, 'raw', 'article', moment, 'ann', moment, 'ann', 1, body, '{}' FROM item
)
INSERT INTO octavo.event (recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id,
    version, data, actor, actor_kind)
SELECT moment, 1, xid, position, $1, stream, 1, 'document.created', id, 1, data, 'ann', 'user' FROM item

-- name: get
SELECT head.*, body.value
FROM octavo.document AS head
INNER JOIN octavo.body AS body ON body.organization_id = $1 AND body.hash = head.body_hash
WHERE head.organization_id = $1 AND head.id = $2

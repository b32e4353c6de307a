-- The moment at which a document expires. It is deleted then, softly, by the sweep; until that has come, reads of
-- single documents take it as deleted already.

-- name: set_expiry
-- $7 ids, $8 moment or null, $9 seconds from now or null; both null: it never expires. As the other changes $1 to $6.
WITH wanted AS MATERIALIZED (
    SELECT coalesce($8::timestamptz, clock_timestamp() + make_interval(secs => $9::float8)) AS moment
),
locked AS MATERIALIZED (
    SELECT stored.id, wanted.moment
    FROM octavo.document AS stored, wanted
    WHERE
        stored.organization_id = $1::octavo.organization
        AND stored.id = ANY($7::uuid [])
        AND stored.deleted_at IS NULL
        AND stored.expires_at IS DISTINCT FROM wanted.moment
    ORDER BY stored.id
    FOR NO KEY UPDATE OF stored
),
head AS (
    UPDATE octavo.document AS stored
    SET
        expires_at = locked.moment,
        event_sequence = stored.event_sequence + 1,
        epoch = epoch.number,
        position_xid = CASE
            WHEN stored.epoch = epoch.number THEN greatest(stored.position_xid, pg_current_xact_id())
            ELSE pg_current_xact_id()
        END,
        position_id = nextval('octavo.event_position')
    FROM locked, (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = locked.id
    RETURNING stored.*
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        clock_timestamp(), head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence, 'document.expiry_set', head.id, head.version,
        jsonb_build_object('version', head.version, 'expiresAt', head.expires_at), $2, $3::octavo.actor_kind,
        $4, $5, $6
    FROM head
)
SELECT head.id, head.epoch, head.position_xid, head.position_id FROM head

-- name: find_expiry
-- $2 id.
SELECT expires_at, epoch, position_xid, position_id
FROM octavo.document
WHERE organization_id = $1::octavo.organization AND id = $2 AND deleted_at IS NULL

-- name: due_documents
-- scope: system
-- $1 rows at most, the longest due first. An organization under legal hold keeps what is due.
SELECT document.organization_id, document.id
FROM octavo.document
INNER JOIN octavo.organization_profile AS profile ON profile.id = document.organization_id
WHERE
    document.expires_at <= now()
    AND document.deleted_at IS NULL
    AND NOT coalesce((profile.settings -> 'legal_hold')::boolean, false)
ORDER BY document.expires_at, document.organization_id, document.id
LIMIT $1

-- name: lock_due
-- $2 ids. What is being changed right now is left to the next sweep, and what got more time is due no longer.
SELECT id
FROM octavo.document
WHERE
    organization_id = $1::octavo.organization
    AND id = ANY($2::uuid [])
    AND expires_at <= now()
    AND deleted_at IS NULL
ORDER BY id
FOR NO KEY UPDATE SKIP LOCKED

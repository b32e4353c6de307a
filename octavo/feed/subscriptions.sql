-- Most statements are there twice: for the subscriptions of one organization, and for those to the log of all.
-- $1 organization, $2 name of the subscription.

-- fragment: creation
INSERT INTO octavo.subscription (name, organization_id, epoch, position_xid, position_id)
SELECT $2, owner.id, $3, $4, $5 FROM owner
ON CONFLICT (organization_id, name) DO NOTHING

-- name: create
WITH owner AS (SELECT $1::octavo.organization AS id)
-- include: creation

-- name: create_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id)
-- include: creation

-- fragment: place
SELECT known.epoch, known.position_xid, known.position_id
FROM octavo.subscription AS known
INNER JOIN owner ON known.organization_id IS NOT DISTINCT FROM owner.id
WHERE known.name = $2

-- name: find
WITH owner AS (SELECT $1::octavo.organization AS id)
-- include: place

-- name: find_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id)
-- include: place

-- fragment: saving
held AS (
    UPDATE octavo.lease AS lease
    SET expires_at = clock_timestamp() + make_interval(secs => $9::float8)
    FROM owner, set_config('synchronous_commit', 'off', true)
    WHERE
        lease.organization_id IS NOT DISTINCT FROM owner.id
        AND lease.name = $6 AND lease.holder = $7 AND lease.fence = $8
    RETURNING lease.organization_id
)
UPDATE octavo.subscription AS known
SET epoch = $3, position_xid = $4, position_id = $5, updated_at = clock_timestamp()
FROM held
WHERE known.name = $2 AND known.organization_id IS NOT DISTINCT FROM held.organization_id
RETURNING known.name

-- name: save
-- $3 epoch, $4 xid, $5 id; $6 lease, $7 holder, $8 fence, $9 seconds: renewed by the way, and nothing is saved
-- when it was lost. What was not saved is delivered again, so it need not be durable.
WITH owner AS (SELECT $1::octavo.organization AS id),
-- include: saving

-- name: save_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id),
-- include: saving

-- fragment: resetting
taken AS (
    UPDATE octavo.lease AS lease
    SET fence = lease.fence + 1, expires_at = '-infinity'
    FROM owner
    WHERE lease.organization_id IS NOT DISTINCT FROM owner.id AND lease.name = $6
)
UPDATE octavo.subscription AS known
SET epoch = $3, position_xid = $4, position_id = $5, updated_at = clock_timestamp()
FROM owner
WHERE known.name = $2 AND known.organization_id IS NOT DISTINCT FROM owner.id
RETURNING known.name

-- name: reset
-- $3 epoch, $4 xid, $5 id; $6 lease: whoever has it loses it, and goes on from the new place when he has it again.
WITH owner AS (SELECT $1::octavo.organization AS id),
-- include: resetting

-- name: reset_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id),
-- include: resetting

-- fragment: deletion
taken AS (
    DELETE FROM octavo.lease AS lease
    USING owner
    WHERE lease.organization_id IS NOT DISTINCT FROM owner.id AND lease.name = $3
)
DELETE FROM octavo.subscription AS known
USING owner
WHERE known.name = $2 AND known.organization_id IS NOT DISTINCT FROM owner.id
RETURNING known.name

-- name: delete
-- $3 lease.
WITH owner AS (SELECT $1::octavo.organization AS id),
-- include: deletion

-- name: delete_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id),
-- include: deletion

-- fragment: progress
SELECT
    known.name, known.epoch, known.position_xid, known.position_id, known.updated_at,
    coalesce(held.expires_at > clock_timestamp(), false) AS is_consumed, behind.events, behind.seconds
FROM octavo.subscription AS known
LEFT JOIN octavo.lease AS held
    ON held.name = 'subscription:' || known.name
    AND held.organization_id IS NOT DISTINCT FROM known.organization_id
CROSS JOIN LATERAL (
    SELECT
        count(*) AS events,
        coalesce(extract(EPOCH FROM clock_timestamp() - min(waiting.recorded_at)), 0)::float8 AS seconds
    FROM (
        SELECT recorded_at
        FROM octavo.event
        WHERE
            (epoch, position_xid, id) > (known.epoch, known.position_xid, known.position_id)

-- name: list
-- $2 events counted at most.
-- include: progress
            AND organization_id = $1::octavo.organization
        ORDER BY epoch, position_xid, id
        LIMIT $2
    ) AS waiting
) AS behind
WHERE known.organization_id = $1::octavo.organization
ORDER BY known.name

-- name: list_for_all
-- scope: system
-- $1 events counted at most.
-- include: progress
        ORDER BY epoch, position_xid, id
        LIMIT $1
    ) AS waiting
) AS behind
WHERE known.organization_id IS NULL
ORDER BY known.name

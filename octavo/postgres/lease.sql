-- Each statement is there twice: for a lease of an organization and for one of a part that serves all of them.
-- $1 organization, $2 name, $3 holder.

-- fragment: taking
INSERT INTO octavo.lease AS stored (organization_id, name, holder, fence, taken_at, expires_at)
SELECT owner.id, $2, $3, 1, clock_timestamp(), clock_timestamp() + make_interval(secs => $4::float8)
FROM owner
WHERE NOT EXISTS (
    SELECT FROM octavo.lease AS held
    WHERE
        held.organization_id IS NOT DISTINCT FROM owner.id
        AND held.name = $2 AND held.holder <> $3 AND held.expires_at > clock_timestamp()
)
ON CONFLICT (organization_id, name) DO UPDATE SET
    holder = excluded.holder,
    fence = stored.fence + 1,
    taken_at = excluded.taken_at,
    expires_at = excluded.expires_at
WHERE stored.expires_at <= clock_timestamp() OR stored.holder = excluded.holder
RETURNING fence

-- name: take
-- $4 seconds. An attempt that cannot succeed locks nothing and writes nothing.
WITH owner AS (SELECT $1::octavo.organization AS id)
-- include: taking

-- name: take_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id)
-- include: taking

-- fragment: renewal
UPDATE octavo.lease AS lease
SET expires_at = clock_timestamp() + make_interval(secs => $5::float8)
FROM owner, set_config('synchronous_commit', 'off', true)
WHERE
    lease.organization_id IS NOT DISTINCT FROM owner.id
    AND lease.name = $2 AND lease.holder = $3 AND lease.fence = $4
RETURNING lease.fence

-- name: renew
-- $4 fence, $5 seconds. Nobody relies on a renewal after a crash, so it need not be durable.
WITH owner AS (SELECT $1::octavo.organization AS id)
-- include: renewal

-- name: renew_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id)
-- include: renewal

-- fragment: releasing
UPDATE octavo.lease AS lease
SET expires_at = '-infinity'
FROM owner
WHERE
    lease.organization_id IS NOT DISTINCT FROM owner.id
    AND lease.name = $2 AND lease.holder = $3 AND lease.fence = $4

-- name: release
-- $4 fence.
WITH owner AS (SELECT $1::octavo.organization AS id)
-- include: releasing

-- name: release_for_all
-- scope: system
WITH owner AS (SELECT $1::uuid AS id)
-- include: releasing

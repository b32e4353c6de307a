-- Who read what: whether an organization wants it recorded.

-- name: set_audit
-- scope: system
-- $1 name of the organization, $2 which part of its reads is recorded, 0 to 1.
UPDATE octavo.organization_profile
SET settings = settings || jsonb_build_object('audit_reads', $2::float8)
WHERE name = $1
RETURNING id

-- name: find_audit
SELECT coalesce((settings -> 'audit_reads')::float8, 0) AS fraction
FROM octavo.organization_profile
WHERE id = $1::octavo.organization

-- name: create_organization
-- scope: system
INSERT INTO octavo.organization_profile (id, name, inner_pad, outer_pad)
VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO NOTHING
RETURNING id, name, created_at

-- name: find_organization
-- scope: system
SELECT id, name, created_at FROM octavo.organization_profile WHERE name = $1

-- name: list_organizations
-- scope: system
SELECT id, name, created_at FROM octavo.organization_profile WHERE name > $1 ORDER BY name LIMIT $2

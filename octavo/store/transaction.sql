-- name: bind_organization
SELECT $1::octavo.organization AS organization_id

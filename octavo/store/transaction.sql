-- name: bind_organization
SELECT $1::octavo.organization AS organization_id

-- name: save
-- scope: system
SAVEPOINT octavo_change

-- name: undo
-- scope: system
ROLLBACK TO SAVEPOINT octavo_change

-- name: keep
-- scope: system
RELEASE SAVEPOINT octavo_change

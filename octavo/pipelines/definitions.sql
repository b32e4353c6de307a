-- name: allowed_models
-- The models that an organization allows; no row when it allows all.
SELECT settings -> 'allowed_models' AS allowed
FROM octavo.organization_profile
WHERE id = $1::octavo.organization AND jsonb_typeof(settings -> 'allowed_models') = 'array'

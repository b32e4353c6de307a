-- name: allowed_models
-- The models that an organization allows; no row when it allows all.
SELECT settings -> 'allowed_models' AS allowed
FROM octavo.organization_profile
WHERE id = $1::octavo.organization AND jsonb_typeof(settings -> 'allowed_models') = 'array'

-- name: pipeline_body
-- $2 pipeline's document, $3 version.
SELECT body.value AS body
FROM octavo.version AS version
INNER JOIN octavo.body AS body
    ON body.organization_id = $1::octavo.organization AND body.hash = version.body_hash
WHERE version.organization_id = $1::octavo.organization AND version.document_id = $2 AND version.number = $3

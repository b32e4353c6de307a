-- name: claim_key
-- $2 key, $3 digest of the request.
INSERT INTO octavo.idempotency (organization_id, key, request)
VALUES ($1::octavo.organization, $2, $3)
ON CONFLICT DO NOTHING
RETURNING key

-- name: read_answer
-- $2 key.
SELECT request, answer FROM octavo.idempotency WHERE organization_id = $1::octavo.organization AND key = $2

-- name: keep_answer
-- $2 key, $3 answer.
UPDATE octavo.idempotency SET answer = $3 WHERE organization_id = $1::octavo.organization AND key = $2

-- name: forget_answers
-- scope: system
-- $1 recorded before this moment, $2 rows at most.
DELETE FROM octavo.idempotency
WHERE ctid IN (SELECT ctid FROM octavo.idempotency WHERE created_at < $1 ORDER BY created_at LIMIT $2)

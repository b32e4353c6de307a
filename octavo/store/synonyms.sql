-- name: add_synonyms
-- $1 organization, $2 id, $3 language, $4 words, $5 actor, $6 its kind, $7 sets at most. No row: there are that many.
INSERT INTO octavo.synonyms (organization_id, id, language, words, created_at, created_by, created_by_kind)
SELECT profile.id, $2, $3, $4::text [], clock_timestamp(), $5, $6::octavo.actor_kind
FROM octavo.organization_profile AS profile
WHERE
    profile.id = $1::octavo.organization
    AND (SELECT count(*) FROM octavo.synonyms AS known WHERE known.organization_id = $1::octavo.organization) < $7
RETURNING id, language, words, created_at, created_by, created_by_kind

-- name: list_synonyms
-- $1 organization, $2 the last one before or null, $3 limit.
SELECT id, language, words, created_at, created_by, created_by_kind
FROM octavo.synonyms
WHERE organization_id = $1::octavo.organization AND ($2::uuid IS NULL OR id > $2)
ORDER BY id
LIMIT $3

-- name: delete_synonyms
DELETE FROM octavo.synonyms WHERE organization_id = $1::octavo.organization AND id = $2
RETURNING id

-- name: synonyms_of
-- $1 organization, $2 words, $3 a language, or null for all of them.
SELECT words
FROM octavo.synonyms
WHERE
    organization_id = $1::octavo.organization
    AND words && $2::text []
    AND ($3::text IS NULL OR language IN ('', $3))
ORDER BY id

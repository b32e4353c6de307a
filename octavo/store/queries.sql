-- What people looked for, of those who allowed it.

-- name: give_consent
-- $1 organization, $2 actor, $3 its kind, $4 days.
INSERT INTO octavo.query_consent (organization_id, actor, actor_kind, days)
SELECT profile.id, $2, $3::octavo.actor_kind, $4
FROM octavo.organization_profile AS profile
WHERE profile.id = $1::octavo.organization
ON CONFLICT (organization_id, actor_kind, actor) DO UPDATE SET days = excluded.days, given_at = clock_timestamp()
RETURNING actor, actor_kind, days, given_at

-- name: list_consents
-- $1 organization, $2 kind and $3 actor of the last one before, $4 limit.
SELECT actor, actor_kind, days, given_at
FROM octavo.query_consent
WHERE organization_id = $1::octavo.organization AND (actor_kind, actor) > ($2::octavo.actor_kind, $3::text)
ORDER BY actor_kind, actor
LIMIT $4

-- name: has_consent
-- $1 organization, $2 actor, $3 its kind.
SELECT days
FROM octavo.query_consent
WHERE organization_id = $1::octavo.organization AND actor_kind = $3::octavo.actor_kind AND actor = $2

-- name: forget_actor
-- $1 organization, $2 actor, $3 its kind. The consent goes, and all that was kept on account of it.
WITH gone AS (
    DELETE FROM octavo.remembered_query
    WHERE organization_id = $1::octavo.organization AND actor_kind = $3::octavo.actor_kind AND actor = $2
    RETURNING id
),
withdrawn AS (
    DELETE FROM octavo.query_consent
    WHERE organization_id = $1::octavo.organization AND actor_kind = $3::octavo.actor_kind AND actor = $2
    RETURNING actor
)
SELECT (SELECT count(*) FROM gone) AS queries, (SELECT count(*) FROM withdrawn) AS consents

-- name: remember
-- $1 organization, $2 id, $3 actor, $4 its kind, $5 text, $6 mode, $7 hits, $8 name and $9 version of the model,
-- $10 the vector. Nothing without consent, which is locked: it is not withdrawn meanwhile.
INSERT INTO octavo.remembered_query (
    organization_id, id, actor, actor_kind, text, mode, found, model_name, model_version, embedding, expires_at
)
SELECT
    consent.organization_id, $2, consent.actor, consent.actor_kind, $5, $6, $7, $8, $9, $10::real []::halfvec,
    clock_timestamp() + make_interval(days => consent.days)
FROM octavo.query_consent AS consent
WHERE
    consent.organization_id = $1::octavo.organization
    AND consent.actor_kind = $4::octavo.actor_kind
    AND consent.actor = $3
FOR KEY SHARE

-- fragment: columns
    id, actor, actor_kind, text, mode, found, model_name || '@' || model_version AS model, asked_at, expires_at

-- name: list_queries
-- $1 organization, $2 the last one before or the greatest id, $3 limit: the newest first.
SELECT
    -- include: columns
FROM octavo.remembered_query
WHERE
    organization_id = $1::octavo.organization
    AND expires_at > clock_timestamp()
    AND id < $2
ORDER BY id DESC
LIMIT $3

-- name: list_queries_of
-- $1 organization, $2 the last one before or the greatest id, $3 limit, $4 actor, $5 its kind: the newest first.
SELECT
    -- include: columns
FROM octavo.remembered_query
WHERE
    organization_id = $1::octavo.organization
    AND actor_kind = $5::octavo.actor_kind
    AND actor = $4
    AND expires_at > clock_timestamp()
    AND id < $2
ORDER BY id DESC
LIMIT $3

-- name: similar_queries
-- $1 organization, $2 vector, $3 name and $4 version of its model, $5 queries to compare: the newest, $6 the greatest
-- distance, $7 limit.
SELECT newest.*, 1 - newest.distance AS similarity
FROM (
    SELECT
        -- include: columns
        , embedding <=> $2::real []::halfvec AS distance
    FROM octavo.remembered_query
    WHERE
        organization_id = $1::octavo.organization
        AND model_name = $3
        AND model_version = $4
        AND expires_at > clock_timestamp()
    ORDER BY id DESC
    LIMIT $5
) AS newest
WHERE newest.distance <= $6::float8
ORDER BY newest.distance, newest.id DESC
LIMIT $7

-- name: count_due
-- scope: system
-- $1 counted at most.
SELECT count(*) AS found
FROM (SELECT FROM octavo.remembered_query WHERE expires_at <= now() LIMIT $1) AS due

-- name: forget_due
-- scope: system
-- $1 rows at most.
DELETE FROM octavo.remembered_query
WHERE ctid IN (
    SELECT ctid FROM octavo.remembered_query WHERE expires_at <= now() ORDER BY expires_at LIMIT $1
)

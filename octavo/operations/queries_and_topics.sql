-- What people looked for, of those who allowed it, and topics: out of an organization and into one.

-- name: consents
SELECT actor, actor_kind, days, given_at
FROM octavo.query_consent
WHERE organization_id = $1::octavo.organization
ORDER BY actor_kind, actor

-- name: page_of_queries
-- $2 id to begin behind, $3 queries at most: those that have not expired.
SELECT
    id, actor, actor_kind, text, mode, found, model_name, model_version, embedding::real [] AS vector, asked_at,
    expires_at
FROM octavo.remembered_query
WHERE organization_id = $1::octavo.organization AND id > $2 AND expires_at > clock_timestamp()
ORDER BY id
LIMIT $3

-- name: topic_sets
SELECT model, model_version, embedder_name, embedder_version, made_at, made_by, made_by_kind
FROM octavo.topic_set
WHERE organization_id = $1::octavo.organization
ORDER BY model, model_version

-- name: topics_of
-- $2 model, $3 its version.
SELECT topic_id, name, keywords, coherence_score, embedding::real [] AS vector
FROM octavo.topic
WHERE organization_id = $1::octavo.organization AND model = $2 AND model_version = $3
ORDER BY topic_id

-- name: add_consents
-- $2 consents as JSON. One that is here stays: it was given here.
INSERT INTO octavo.query_consent (organization_id, actor, actor_kind, days, given_at)
SELECT $1::octavo.organization, told.actor, told.actor_kind, told.days, told.given_at
FROM jsonb_to_recordset($2::jsonb) AS told (
    actor text, actor_kind octavo.actor_kind, days integer, given_at timestamptz
)
ON CONFLICT (organization_id, actor_kind, actor) DO NOTHING

-- name: add_queries
-- $2 queries as JSON. None without a consent here, none that has expired, none twice.
INSERT INTO octavo.remembered_query (
    organization_id, id, actor, actor_kind, text, mode, found, model_name, model_version, embedding, asked_at,
    expires_at
)
SELECT
    consent.organization_id, told.id, consent.actor, consent.actor_kind, told.text, told.mode, told.found,
    told.model_name, told.model_version, told.vector, told.asked_at, told.expires_at
FROM jsonb_to_recordset($2::jsonb) AS told (
    id uuid, actor text, actor_kind octavo.actor_kind, text text, mode text, found integer, model_name text,
    model_version text, vector halfvec, asked_at timestamptz, expires_at timestamptz
)
INNER JOIN octavo.query_consent AS consent
    ON
        consent.organization_id = $1::octavo.organization
        AND consent.actor_kind = told.actor_kind
        AND consent.actor = told.actor
WHERE told.expires_at > clock_timestamp()
ORDER BY told.id
FOR KEY SHARE OF consent
ON CONFLICT (organization_id, id) DO NOTHING

-- name: date_set
-- $2 model, $3 its version, $4 made at, $5 by, $6 kind.
UPDATE octavo.topic_set
SET made_at = $4, made_by = $5, made_by_kind = $6::octavo.actor_kind
WHERE organization_id = $1::octavo.organization AND model = $2 AND model_version = $3

-- Topics of an organization, and the documents that belong to them by the results of their model's version.

-- fragment: set_columns
    kept.model, kept.model_version, kept.embedder_name || '@' || kept.embedder_version AS embedder,
    kept.embedder_name, kept.embedder_version, kept.dimensions, kept.made_at, kept.made_by, kept.made_by_kind

-- name: remove_set
-- $2 model, $3 its version. Its topics go with it.
DELETE FROM octavo.topic_set
WHERE organization_id = $1::octavo.organization AND model = $2 AND model_version = $3
RETURNING (
    SELECT count(*)
    FROM octavo.topic
    WHERE
        topic.organization_id = $1::octavo.organization
        AND topic.model = topic_set.model
        AND topic.model_version = topic_set.model_version
) AS topics

-- name: add_set
-- $2 model, $3 its version, $4 name and $5 version of the embedder, $6 length of its vectors, $7 actor, $8 its kind, $9 sets
-- at most. No row: there are that many.
INSERT INTO octavo.topic_set (
    organization_id, model, model_version, embedder_name, embedder_version, dimensions, made_by, made_by_kind
)
SELECT profile.id, $2, $3, $4, $5, $6, $7, $8::octavo.actor_kind
FROM octavo.organization_profile AS profile
WHERE
    profile.id = $1::octavo.organization
    AND (SELECT count(*) FROM octavo.topic_set AS known WHERE known.organization_id = $1::octavo.organization) < $9
RETURNING model

-- name: add_topics
-- $2 model, $3 its version, $4 topics: their columns as JSON.
INSERT INTO octavo.topic (
    organization_id, model, model_version, topic_id, name, keywords, coherence_score, dimensions, embedding
)
SELECT
    $1::octavo.organization, $2, $3, told.topic_id, told.title, told.keywords, told.coherence_score,
    vector_dims(told.vector), told.vector
FROM jsonb_to_recordset($4::jsonb) AS told (
    topic_id integer, title text, keywords text [], coherence_score float8, vector vector
)

-- name: list_sets
-- The newest first.
SELECT
    -- include: set_columns
    , (
        SELECT count(*)
        FROM octavo.topic
        WHERE
            topic.organization_id = $1::octavo.organization
            AND topic.model = kept.model
            AND topic.model_version = kept.model_version
    ) AS topics
FROM octavo.topic_set AS kept
WHERE kept.organization_id = $1::octavo.organization
ORDER BY kept.made_at DESC, kept.model, kept.model_version

-- name: find_set
-- $2 model, $3 its version, or null for the newest set.
SELECT
    -- include: set_columns
FROM octavo.topic_set AS kept
WHERE
    kept.organization_id = $1::octavo.organization
    AND kept.model = $2
    AND ($3::text IS NULL OR kept.model_version = $3)
ORDER BY kept.made_at DESC
LIMIT 1

-- fragment: belonging
-- Of each live document the newest result of a version of a model, if it is of the document's current version.
    SELECT DISTINCT ON (result.document_id)
        result.document_id, result.version, result.label, result.score, head.namespace, head.type, head.name
    FROM octavo.result AS result
    INNER JOIN octavo.document AS head
        ON head.organization_id = $1::octavo.organization
        AND head.id = result.document_id
        AND head.version <= result.fits_version
        AND head.deleted_at IS NULL
        AND (head.expires_at IS NULL OR head.expires_at > now())
    WHERE
        result.organization_id = $1::octavo.organization
        AND result.type = 'topic_modeling'
        AND result.status = 'completed'

-- fragment: counted
-- Version by version, so that the results of others are not read.
counted AS MATERIALIZED (
    SELECT versions.model, versions.model_version, newest.label, count(*) AS documents
    FROM (SELECT DISTINCT found.model, found.model_version FROM found) AS versions
    CROSS JOIN LATERAL (
        -- include: belonging
            AND result.model = versions.model
            AND result.model_version = versions.model_version
        ORDER BY result.document_id, result.id DESC
    ) AS newest
    GROUP BY versions.model, versions.model_version, newest.label
)
SELECT
    found.*, CASE WHEN {is_counted} THEN coalesce(counted.documents, 0) END AS document_count
FROM found
LEFT JOIN counted
    ON
        {is_counted}
        AND counted.model = found.model
        AND counted.model_version = found.model_version
        AND counted.label = found.topic_id::text

-- name: list_topics
-- $2 model, $3 its version, $4 number or null, $5 keyword or null. {is_counted}: whether documents are counted.
WITH found AS MATERIALIZED (
    SELECT
        topic.model, topic.model_version, topic.topic_id, topic.name, topic.keywords, topic.coherence_score,
        topic.embedding::real [] AS vector, kept.embedder_name || '@' || kept.embedder_version AS embedder,
        NULL::float8 AS similarity
    FROM octavo.topic
    INNER JOIN octavo.topic_set AS kept
        ON kept.organization_id = $1::octavo.organization
        AND kept.model = topic.model
        AND kept.model_version = topic.model_version
    WHERE
        topic.organization_id = $1::octavo.organization
        AND topic.model = $2
        AND topic.model_version = $3
        AND ($4::integer IS NULL OR topic.topic_id = $4)
        AND ($5::text IS NULL OR topic.keywords @> ARRAY[$5])
),
-- include: counted
ORDER BY found.topic_id

-- name: nearest_topics
-- $2 model or null for all, $3 its version, $4 vector, $5 name and $6 version of its embedder, $7 its length, $8 keyword or
-- null, $9 the greatest distance, $10 topics at most. {is_counted}: whether documents are counted.
WITH found AS MATERIALIZED (
    SELECT compared.*, 1 - compared.distance AS similarity
    FROM (
        SELECT
            topic.model, topic.model_version, topic.topic_id, topic.name, topic.keywords, topic.coherence_score,
            kept.embedder_name || '@' || kept.embedder_version AS embedder,
            -- Vectors of other lengths cannot be compared, and a planner may try that before it looks whose they are.
            CASE WHEN topic.dimensions = $7::integer THEN topic.embedding <=> $4::real []::vector END AS distance
        FROM octavo.topic
        INNER JOIN octavo.topic_set AS kept
            ON kept.organization_id = $1::octavo.organization
            AND kept.model = topic.model
            AND kept.model_version = topic.model_version
        WHERE
            topic.organization_id = $1::octavo.organization
            AND kept.embedder_name = $5
            AND kept.embedder_version = $6
            AND kept.dimensions = $7::integer
            AND ($2::text IS NULL OR (kept.model = $2 AND kept.model_version = $3))
            AND ($8::text IS NULL OR topic.keywords @> ARRAY[$8])
    ) AS compared
    WHERE compared.distance <= $9::float8
    ORDER BY compared.distance, compared.model, compared.model_version, compared.topic_id
    LIMIT $10
),
-- include: counted
ORDER BY found.distance, found.model, found.model_version, found.topic_id

-- name: documents_of_topic
-- $2 model, $3 its version, $4 number, $5 the least share, $6 share and $7 document of the last one before or nulls, $8
-- documents at most: those with the greatest share first.
WITH newest AS (
    -- include: belonging
        AND result.model = $2
        AND result.model_version = $3
    ORDER BY result.document_id, result.id DESC
)
SELECT document_id, namespace, type, name, version, score
FROM newest
WHERE
    label = $4::integer::text
    AND score >= $5::float8
    AND ($7::uuid IS NULL OR (score, document_id) < ($6::float8, $7))
ORDER BY score DESC, document_id DESC
LIMIT $8

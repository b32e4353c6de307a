-- name: raw_table
-- scope: system
CREATE TABLE bench.text_index (
    id uuid PRIMARY KEY,
    title text,
    text text NOT NULL,
    words tsvector NOT NULL
)

-- name: raw_words
-- scope: system
CREATE INDEX text_index_words ON bench.text_index USING gin (words)

-- name: raw_add
-- scope: system
-- $1 ids, $2 titles, $3 texts.
INSERT INTO bench.text_index (id, title, text, words)
SELECT
    id, title, text,
    setweight(to_tsvector('simple', title) || to_tsvector('english', title), 'A') || to_tsvector('english', text)
FROM unnest($1::uuid [], $2::text [], $3::text []) AS document (id, title, text)

-- name: raw_read
-- scope: system
-- $1 organization, $2 last id, $3 documents at most.
SELECT head.id, body.value
FROM octavo.document AS head
INNER JOIN octavo.body AS body ON body.organization_id = head.organization_id AND body.hash = head.body_hash
WHERE head.organization_id = $1 AND head.id > $2
ORDER BY head.id
LIMIT $3

-- name: raw_search
-- scope: system
-- $1 the text of a tsquery, $2 hits at most: every match is ranked.
SELECT
    hit.id, hit.title, hit.rank, ts_headline('english', document.text, hit.query) AS highlight
FROM (
    SELECT document.id, document.title, asked.query, ts_rank_cd(document.words, asked.query) AS rank
    FROM bench.text_index AS document, to_tsquery('english', $1) AS asked (query)
    WHERE document.words @@ asked.query
    ORDER BY rank DESC
    LIMIT $2
) AS hit
INNER JOIN bench.text_index AS document ON document.id = hit.id
ORDER BY hit.rank DESC

-- name: raw_ids
-- scope: system
-- $1 organization.
SELECT id FROM octavo.document WHERE organization_id = $1 LIMIT 10

-- name: raw_heads
-- scope: system
-- $1 organization, $2 ids.
SELECT id, namespace, type, name, version
FROM octavo.document
WHERE organization_id = $1 AND id = ANY($2::uuid []) AND deleted_at IS NULL

-- Full text as one writes it by hand: one table, one index, ranked, a superuser without row-level security.

-- name: begin
DROP TABLE IF EXISTS raw_search

-- name: create
CREATE TABLE raw_search (id uuid PRIMARY KEY, organization_id uuid NOT NULL, text text NOT NULL, words tsvector NOT NULL)

-- name: fill
INSERT INTO raw_search (id, organization_id, text, words)
SELECT gen_random_uuid(), $1, text, to_tsvector('english', text) FROM unnest($2::text []) AS text

-- name: index
CREATE INDEX raw_search_words ON raw_search USING gin (words)

-- name: settle
VACUUM ANALYZE raw_search

-- name: search
SELECT raw_search.id, raw_search.text, ts_rank_cd(raw_search.words, query) AS score
FROM raw_search, websearch_to_tsquery('english', $2) AS query
WHERE raw_search.organization_id = $1 AND raw_search.words @@ query
ORDER BY score DESC, raw_search.id ASC
LIMIT 10

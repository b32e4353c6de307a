-- name: explain
-- Which words stand where in the passages of a page, and what their words alone are worth. $1 organization, $2
-- documents, $3 ordinals, $4 the text of a tsquery each, $5 words, $6 beginnings of words, $7 weights.
SELECT
    asked.document_id,
    ts_rank($7::real [], passage.words, asked.query::tsquery)::float8 AS rank,
    array(
        SELECT word.lexeme FROM unnest(passage.words) AS word
        WHERE
            word.lexeme = ANY($5::text [])
            OR EXISTS (SELECT FROM unnest($6::text []) AS one (beginning) WHERE starts_with(word.lexeme, one.beginning))
        ORDER BY word.lexeme
    ) AS found,
    array(
        SELECT array_to_string(word.weights, '') FROM unnest(passage.words) AS word
        WHERE
            word.lexeme = ANY($5::text [])
            OR EXISTS (SELECT FROM unnest($6::text []) AS one (beginning) WHERE starts_with(word.lexeme, one.beginning))
        ORDER BY word.lexeme
    ) AS classes
FROM unnest($2::uuid [], $3::integer [], $4::text []) AS asked (document_id, ordinal, query)
INNER JOIN octavo.search_passage AS passage
    ON
        passage.organization_id = $1::octavo.organization
        AND passage.document_id = asked.document_id
        AND passage.ordinal = asked.ordinal

-- Searching. Parameters: $1 organization, $2 alternatives, each the text of a tsquery, $3 excluded words as text of a
-- tsquery or null, $4 namespaces or null, $5 types or null, $6 passages an alternative may bring at most, $7 passages
-- looked at for it at most, $8 rows of the page, $9 weights of text, description, preview and title, 1 at most, $10 for
-- each alternative its longest word or null, $11 all its words, $12 the document of the last hit or null, $13 its sort
-- value, $14 and $15 the terms of alternatives that have several: the number of the alternative and the text of a
-- tsquery; $16 types that are boosted and $17 by how much.
-- {condition} is a filter over octavo.lookup; {filtered} asks whether the passage's document passes it. {unexcluded},
-- {boosted} and {divided} are true or false: whether no word is excluded, whether a type is worth more, and whether an
-- alternative has several terms. What a search does not need is not in its plan, which has to be set up each time.
-- Only total expressions may be applied to octavo.lookup and octavo.search_lookup: see migration 0001.

-- fragment: asked
known AS MATERIALIZED (
    SELECT configuration, has_trigrams
    FROM octavo.search_configuration
    WHERE organization_id = $1::octavo.organization
),
language AS MATERIALIZED (
    SELECT configuration::regconfig AS configuration FROM known
    UNION
    SELECT 'simple'
),
segment AS MATERIALIZED (
    SELECT segment, is_long, row_number() OVER (PARTITION BY is_long ORDER BY segment DESC) AS age
    FROM octavo.search_segment
    WHERE organization_id = $1::octavo.organization
),
-- What is looked up at a time, the newest first: a segment each of the newest ones, then whole shelves, which leave
-- out what was looked up before. A common word ends with the first; a rare one has few looks at everything.
stretch AS MATERIALIZED (
    SELECT ARRAY[segment] AS keys, is_long, segment + 1 AS below, age
    FROM segment WHERE age <= 2
    UNION ALL
    SELECT
        ARRAY[~(older.segment >> 4)], older.is_long,
        (SELECT min(newest.segment) FROM segment AS newest WHERE newest.is_long = older.is_long AND newest.age <= 2),
        min(older.age)
    FROM segment AS older WHERE older.age > 2
    GROUP BY older.segment >> 4, older.is_long
    ORDER BY age
),
alternative AS MATERIALIZED (
    SELECT asked.place, octavo.any_of(DISTINCT to_tsquery(language.configuration, asked.words)) AS query
    FROM unnest($2::text []) WITH ORDINALITY AS asked (words, place)
    CROSS JOIN language
    GROUP BY asked.place
),
-- What ranks: each word once, however many languages and alternatives have it.
whole AS MATERIALIZED (
    SELECT regexp_replace(octavo.any_of(query)::text, ' (&|<(-|\d+)>) ', ' | ', 'g')::tsquery AS query
    FROM alternative
),
excluded AS MATERIALIZED (
    SELECT octavo.any_of(DISTINCT to_tsquery(configuration, $3)) AS query FROM language
),
resembling AS MATERIALIZED (
    SELECT asked.place, asked.longest, string_to_array(asked.words, ' ') AS words
    FROM unnest($10::text [], $11::text []) WITH ORDINALITY AS asked (longest, words, place)
    WHERE asked.longest IS NOT NULL AND EXISTS (SELECT FROM known WHERE has_trigrams)
),
filtered AS NOT MATERIALIZED (
    SELECT document_id FROM octavo.lookup WHERE organization_id = $1::octavo.organization AND {condition}
)

-- fragment: passages
-- The newest stretch first, so that what a limit leaves out is the longest unchanged; OFFSET 0 keeps the stretches
-- apart, so that each is looked up in the index when the one before was not enough. The index could be asked for all
-- segments below one, which would be all it holds: so that is a difference.
        SELECT passage.*
        FROM stretch
        CROSS JOIN LATERAL (
            SELECT
                passage.document_id, passage.ordinal, passage.version, passage.type, passage.words,
                passage.trigram_text
            FROM octavo.search_lookup AS passage
            WHERE
                passage.organization_id = $1::octavo.organization
                AND ARRAY[passage.segment, ~(passage.segment >> 4)] @> stretch.keys
                AND passage.segment - stretch.below < 0
                AND (passage.passages > 1) = stretch.is_long
                AND ($4::text [] IS NULL OR passage.namespace = ANY($4))
                AND ($5::text [] IS NULL OR passage.type = ANY($5))
                AND {filtered}
                AND ({unexcluded} OR NOT EXISTS (
                    SELECT FROM octavo.search_lookup AS other
                    WHERE
                        other.organization_id = $1::octavo.organization
                        AND other.document_id = passage.document_id
                        AND other.words @@ (SELECT query FROM excluded)
                ))

-- fragment: passages_end
            OFFSET 0
        ) AS passage

-- fragment: resembles
            AND passage.trigram_text %> resembling.longest
            AND NOT EXISTS (
                SELECT FROM unnest(resembling.words) AS one (word) WHERE NOT passage.trigram_text %> one.word
            )

-- fragment: candidates
-- The newest passages of each alternative. A rare alternative is complete; a common one stops at the cap, and then
-- what has it in the title is added, and what has all alternatives together. The index knows no places of words, so
-- for a phrase passages with all its words are looked at.
plain AS MATERIALIZED (
    SELECT place, query FROM alternative WHERE numnode(query) > 0 AND octavo.loosened(query) = query
),
placed AS MATERIALIZED (
    SELECT place, query, octavo.loosened(query) AS loose FROM alternative WHERE octavo.loosened(query) <> query
),
looked_at AS MATERIALIZED (
    SELECT placed.place, found.document_id, found.ordinal, found.version, found.type, found.words
    FROM placed
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.words @@ placed.loose
        -- include: passages_end
        LIMIT $7
    ) AS found
),
by_words AS MATERIALIZED (
    SELECT plain.place, found.document_id, found.ordinal, found.version, found.type, found.words
    FROM plain
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.words @@ plain.query
        -- include: passages_end
        LIMIT $6::octavo.search_limit
    ) AS found
    UNION ALL
    SELECT placed.place, found.*
    FROM placed
    CROSS JOIN LATERAL (
        SELECT looked_at.document_id, looked_at.ordinal, looked_at.version, looked_at.type, looked_at.words
        FROM looked_at
        WHERE looked_at.place = placed.place AND looked_at.words @@ placed.query
        LIMIT $6
    ) AS found
),
tally AS MATERIALIZED (
    SELECT place, count(*) AS passages FROM by_words GROUP BY place
),
common AS MATERIALIZED (
    SELECT place, query
    FROM alternative
    WHERE
        (SELECT tally.passages FROM tally WHERE tally.place = alternative.place) >= $6
        OR (SELECT count(*) FROM looked_at WHERE looked_at.place = alternative.place) >= $7
),
by_title AS MATERIALIZED (
    SELECT 0::bigint AS place, found.document_id, found.ordinal, found.version, found.type, found.words
    FROM (SELECT octavo.any_of(query) AS query FROM common HAVING count(*) > 0) AS one_of
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.titles @@ one_of.query
        -- include: passages_end
        LIMIT $6
    ) AS found
),
-- What is boosted would not be ranked if it is rare: it is looked for among the newest.
by_type AS MATERIALIZED (
    SELECT 0::bigint AS place, found.document_id, found.ordinal, found.version, found.type, found.words
    FROM (
        SELECT octavo.any_of(query) AS query
        FROM common
        HAVING count(*) > 0
    ) AS one_of
    CROSS JOIN LATERAL (
        SELECT newest.*
        FROM (
            -- include: passages
            AND passage.words @@ one_of.query
            -- include: passages_end
            LIMIT $7
        ) AS newest
        WHERE ($17::float8 [])[array_position($16::text [], newest.type)] > 1
        LIMIT $6
    ) AS found
    WHERE {boosted}
),
together AS MATERIALIZED (
    SELECT 0::bigint AS place, found.document_id, found.ordinal, found.version, found.type, found.words
    FROM (
        SELECT octavo.all_of(query) AS query
        FROM common
        HAVING count(*) > 1 AND count(*) = cardinality($2::text [])
    ) AS every
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.words @@ every.query
        -- include: passages_end
        LIMIT $6
    ) AS found
),
by_trigrams AS MATERIALIZED (
    SELECT
        resembling.place, found.document_id, found.ordinal, found.version, found.type, found.words,
        word_similarity(resembling.longest, found.trigram_text) AS similarity
    FROM resembling
    CROSS JOIN LATERAL (
        -- include: passages
        -- include: resembles
        -- include: passages_end
        LIMIT $6
    ) AS found
),
-- A rare alternative adds to the score as rarity does in tf-idf: ln(cap / passages).
scored AS MATERIALIZED (
    SELECT
        found.document_id, found.ordinal, any_value(found.version) AS version, false AS is_apart,
        (greatest(
            ts_rank($9::real [], any_value(found.words), (SELECT query FROM whole)),
            0.6 * ($9::real [])[1] * max(found.similarity)
        )
        * (1 + coalesce(sum(ln($6::float8 / least(tally.passages, $6))), 0))
        * coalesce(($17::float8 [])[array_position($16::text [], any_value(found.type))], 1))::real AS score
    FROM (
        SELECT *, 0::real AS similarity FROM by_words
        UNION ALL
        SELECT *, 0 FROM by_title
        UNION ALL
        SELECT *, 0 FROM by_type
        UNION ALL
        SELECT *, 0 FROM together
        UNION ALL
        SELECT * FROM by_trigrams
    ) AS found
    LEFT JOIN tally ON tally.place = found.place AND found.similarity = 0
    GROUP BY found.document_id, found.ordinal
)

-- fragment: apart
-- Long documents that hold the words in different passages: the rarest term of an alternative says which documents
-- to look into for its others.
term AS MATERIALIZED (
    SELECT asked.place, asked.ordinal, octavo.any_of(DISTINCT parsed.query) AS query
    FROM unnest($14::bigint [], $15::text []) WITH ORDINALITY AS asked (place, words, ordinal)
    CROSS JOIN language
    CROSS JOIN LATERAL (SELECT to_tsquery(language.configuration, asked.words) AS query) AS parsed
    WHERE EXISTS (SELECT FROM segment WHERE is_long)
    GROUP BY asked.place, asked.ordinal
    HAVING bool_and(numnode(parsed.query) > 0)
),
any_term AS MATERIALIZED (
    SELECT octavo.any_of(query) AS query FROM term
),
holding AS MATERIALIZED (
    SELECT term.place, term.ordinal, found.document_id
    FROM term
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.words @@ term.query
        AND stretch.is_long
        -- include: passages_end
        LIMIT (SELECT passages FROM bound)
    ) AS found
    WHERE {divided}
),
rarest AS MATERIALIZED (
    SELECT DISTINCT ON (place) place, ordinal, count(*) AS passages
    FROM holding
    GROUP BY place, ordinal
    ORDER BY place, count(*), ordinal
),
apart AS MATERIALIZED (
    SELECT DISTINCT holding.document_id
    FROM holding
    INNER JOIN rarest ON rarest.place = holding.place AND rarest.ordinal = holding.ordinal
    WHERE {divided} AND NOT EXISTS (
        SELECT FROM term
        WHERE
            term.place = holding.place
            AND NOT EXISTS (
                SELECT FROM octavo.search_lookup AS other
                WHERE
                    other.organization_id = $1::octavo.organization
                    AND other.document_id = holding.document_id
                    AND other.words @@ term.query
            )
    )
),
apart_passage AS MATERIALIZED (
    SELECT
        passage.document_id, passage.ordinal, passage.version, true AS is_apart,
        (0.01 * ts_rank($9::real [], passage.words, any_term.query)
        * coalesce(($17::float8 [])[array_position($16::text [], passage.type)], 1))::real AS score
    FROM apart
    CROSS JOIN any_term
    INNER JOIN octavo.search_lookup AS passage
        ON passage.organization_id = $1::octavo.organization AND passage.document_id = apart.document_id
    WHERE {divided} AND passage.words @@ any_term.query
)

-- fragment: near
-- What stands apart is among the candidates where that is little work, and nothing is left out of it.
near AS MATERIALIZED (
    SELECT
        (SELECT count(*) FROM scored) < 100
        AND NOT EXISTS (SELECT FROM rarest WHERE rarest.passages >= $6) AS has_apart
)

-- fragment: every
-- All that matches, up to $18 passages an alternative.
every_passage AS MATERIALIZED (
    SELECT
        found.document_id, found.ordinal, found.version, false AS is_apart,
        (ts_rank($9::real [], found.words, (SELECT query FROM whole))
        * coalesce(($17::float8 [])[array_position($16::text [], found.type)], 1))::real AS score
    FROM alternative
    CROSS JOIN LATERAL (
        -- include: passages
        AND passage.words @@ alternative.query
        -- include: passages_end
        LIMIT greatest($18::integer, $6::octavo.search_limit)
    ) AS found
    WHERE numnode(alternative.query) > 0
    UNION ALL
    SELECT
        found.document_id, found.ordinal, found.version, false,
        (0.6 * ($9::real [])[1] * word_similarity(resembling.longest, found.trigram_text)
        * coalesce(($17::float8 [])[array_position($16::text [], found.type)], 1))::real
    FROM resembling
    CROSS JOIN LATERAL (
        -- include: passages
        -- include: resembles
        -- include: passages_end
        LIMIT $18
    ) AS found
    UNION ALL
    SELECT * FROM apart_passage
),
every_document AS MATERIALIZED (
    SELECT DISTINCT ON (document_id) document_id, ordinal, version, is_apart, score
    FROM every_passage
    ORDER BY document_id, score DESC, ordinal
)

-- fragment: of_every
limits AS (
    SELECT count(*) >= $18 AS capped, true AS complete FROM every_passage
),
asked_for AS (
    SELECT query, false AS is_apart FROM whole
    UNION ALL
    SELECT query, true FROM any_term
)

-- fragment: live
        SELECT head.namespace, head.type, head.name, head.version AS current_version
        FROM octavo.document AS head
        WHERE
            head.organization_id = $1::octavo.organization
            AND head.id = ranked.document_id
            AND head.deleted_at IS NULL
            AND (head.expires_at > now()) IS NOT FALSE
        LIMIT 1

-- fragment: page_by_score
page AS MATERIALIZED (
    SELECT ranked.*, live.*, ranked.score::float8 AS sort_value
    FROM (
        SELECT * FROM best
        WHERE $12::uuid IS NULL OR (score, document_id) < ($13::float8::real, $12)
        ORDER BY score DESC, document_id DESC
    ) AS ranked
    CROSS JOIN LATERAL (
        -- include: live
    ) AS live
    ORDER BY ranked.score DESC, ranked.document_id DESC
    LIMIT $8
)

-- fragment: sorted
sorted AS MATERIALIZED (
    SELECT every_document.*, coalesce(known_fields.value, 'null') AS sort_value
    FROM every_document
    CROSS JOIN LATERAL (
        SELECT CASE $19::text
            WHEN '@created_at' THEN to_jsonb(extract(EPOCH FROM filter.created_at))
            WHEN '@updated_at' THEN to_jsonb(extract(EPOCH FROM filter.updated_at))
            WHEN '@created_by' THEN to_jsonb(filter.created_by)
            WHEN '@updated_by' THEN to_jsonb(filter.updated_by)
            WHEN '@id' THEN to_jsonb(filter.document_id)
            WHEN '@name' THEN to_jsonb(filter.name)
            WHEN '@namespace' THEN to_jsonb(filter.namespace)
            WHEN '@type' THEN to_jsonb(filter.type)
            WHEN '@version' THEN to_jsonb(filter.version)
            WHEN '@metadata' THEN filter.metadata #> $20::text []
            ELSE filter.fields #> $20::text []
        END AS value
        FROM octavo.document_filter AS filter
        WHERE filter.organization_id = $1::octavo.organization AND filter.document_id = every_document.document_id
        LIMIT 1
    ) AS known_fields
)

-- fragment: shown
-- One row at least, so that the engine's cursor is told of the very snapshot that was searched.
SELECT
    engine.generation, engine.scanning, engine.epoch, engine.position_xid, engine.position_id,
    limits.capped, limits.complete,
    page.document_id, page.ordinal, page.is_apart, page.namespace, page.type, page.name, page.version,
    page.current_version,
    page.score, page.sort_value, shown.start_character, shown.end_character,
    first.title, first.description, shown.configuration, shown.text, in_text.words
FROM octavo.search_engine AS engine
CROSS JOIN limits
LEFT JOIN page ON true
LEFT JOIN octavo.search_text AS shown
    ON
        shown.organization_id = $1::octavo.organization
        AND shown.document_id = page.document_id
        AND shown.ordinal = page.ordinal
LEFT JOIN octavo.search_text AS first
    ON
        first.organization_id = $1::octavo.organization
        AND first.document_id = page.document_id
        AND first.ordinal = 0
LEFT JOIN LATERAL (
    SELECT asked_for.query::text AS words
    FROM asked_for
    WHERE asked_for.is_apart = page.is_apart
) AS in_text ON true

-- name: position
-- scope: system
-- Tells nothing of any organization, so everybody may ask.
SELECT generation, scanning, epoch, position_xid, position_id FROM octavo.search_engine

-- name: search
WITH
-- include: asked
,
-- include: candidates
,
bound AS MATERIALIZED (
    SELECT CASE WHEN (SELECT count(*) FROM scored) < 100 THEN $6 ELSE 0 END AS passages
),
-- include: apart
,
-- include: near
,
best AS MATERIALIZED (
    SELECT DISTINCT ON (document_id) document_id, ordinal, version, is_apart, score
    FROM (
        SELECT document_id, ordinal, version, is_apart, score FROM scored
        UNION ALL
        SELECT apart_passage.* FROM apart_passage CROSS JOIN near WHERE near.has_apart
    ) AS candidate
    ORDER BY document_id, score DESC, ordinal
),
-- include: page_by_score
,
limits AS (
    SELECT
        EXISTS (SELECT FROM common) AS capped,
        NOT EXISTS (SELECT FROM common) AND (near.has_apart OR NOT EXISTS (SELECT FROM term)) AS complete
    FROM near
),
asked_for AS (
    SELECT query, false AS is_apart FROM whole
    UNION ALL
    SELECT query, true FROM any_term
)
-- include: shown
ORDER BY page.score DESC, page.document_id DESC

-- name: search_rest
-- What `search` did not rank.
WITH
-- include: asked
,
-- include: candidates
,
bound AS MATERIALIZED (
    SELECT $7::bigint AS passages
),
-- include: apart
,
-- include: near
,
-- include: every
,
best AS MATERIALIZED (
    SELECT * FROM every_document
    WHERE
        NOT EXISTS (SELECT FROM scored WHERE scored.document_id = every_document.document_id)
        AND NOT (
            (SELECT has_apart FROM near)
            AND EXISTS (SELECT FROM apart WHERE apart.document_id = every_document.document_id)
        )
),
-- include: page_by_score
,
-- include: of_every
-- include: shown
ORDER BY page.score DESC, page.document_id DESC

-- name: search_ascending
WITH
-- include: asked
,
bound AS MATERIALIZED (
    SELECT $7::bigint AS passages
),
-- include: apart
,
-- include: every
,
-- include: sorted
,
page AS MATERIALIZED (
    SELECT ranked.*, live.*
    FROM (
        SELECT * FROM sorted
        WHERE $12::uuid IS NULL OR (sort_value, document_id) > ($13::jsonb, $12)
        ORDER BY sort_value, document_id
    ) AS ranked
    CROSS JOIN LATERAL (
        -- include: live
    ) AS live
    ORDER BY ranked.sort_value, ranked.document_id
    LIMIT $8
),
-- include: of_every
-- include: shown
ORDER BY page.sort_value, page.document_id

-- name: search_descending
WITH
-- include: asked
,
bound AS MATERIALIZED (
    SELECT $7::bigint AS passages
),
-- include: apart
,
-- include: every
,
-- include: sorted
,
page AS MATERIALIZED (
    SELECT ranked.*, live.*
    FROM (
        SELECT * FROM sorted
        WHERE $12::uuid IS NULL OR (sort_value, document_id) < ($13::jsonb, $12)
        ORDER BY sort_value DESC, document_id DESC
    ) AS ranked
    CROSS JOIN LATERAL (
        -- include: live
    ) AS live
    ORDER BY ranked.sort_value DESC, ranked.document_id DESC
    LIMIT $8
),
-- include: of_every
-- include: shown
ORDER BY page.sort_value DESC, page.document_id DESC

-- name: search_matching
-- All that matches, live or not, up to $18 passages an alternative. Parameters of pages are given and not looked at.
WITH
-- include: asked
,
bound AS MATERIALIZED (
    SELECT $7::bigint AS passages
),
-- include: apart
,
-- include: every
SELECT document_id, (SELECT count(*) >= $18 FROM every_passage) AS capped
FROM every_document
WHERE ($8::integer, $12::uuid, $13::float8) IS DISTINCT FROM NULL
LIMIT $18::integer

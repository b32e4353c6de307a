-- What the engine holds and where it stands; all of it serves every organization.

-- name: cursor
-- scope: system
SELECT generation, scanning, epoch, position_xid, position_id, scanned_organization, scanned_document
FROM octavo.search_engine

-- name: remove_and_move
-- scope: system
-- $1 generation, $2 to $6 the cursor as it must be: epoch, xid, id, last organization and document scanned;
-- $7 to $12 the cursor to be: epoch, xid, id, scanning, last organization and document scanned; $13 organizations
-- and $14 documents whose passages go. Gives a row, unless the cursor is elsewhere.
WITH moved AS (
    UPDATE octavo.search_engine AS engine
    SET
        epoch = $7,
        position_xid = $8::xid8,
        position_id = $9,
        scanning = $10,
        scanned_organization = $11,
        scanned_document = $12,
        moved_at = clock_timestamp()
    WHERE
        engine.generation = $1
        AND (engine.epoch, engine.position_xid, engine.position_id) = ($2::integer, $3::xid8, $4::bigint)
        AND engine.scanned_organization IS NOT DISTINCT FROM $5::uuid
        AND engine.scanned_document IS NOT DISTINCT FROM $6::uuid
    RETURNING engine.generation
),
gone AS MATERIALIZED (
    SELECT changed.organization_id, changed.document_id
    FROM moved
    CROSS JOIN unnest($13::uuid [], $14::uuid []) AS changed (organization_id, document_id)
),
gone_passage AS (
    DELETE FROM octavo.search_passage AS passage
    USING gone
    WHERE passage.organization_id = gone.organization_id AND passage.document_id = gone.document_id
    RETURNING passage.organization_id, passage.segment
),
gone_text AS (
    DELETE FROM octavo.search_text AS shown
    USING gone
    WHERE shown.organization_id = gone.organization_id AND shown.document_id = gone.document_id
),
gone_parked AS (
    DELETE FROM octavo.search_parked AS parked
    USING gone
    WHERE parked.organization_id = gone.organization_id AND parked.document_id = gone.document_id
),
shrunk AS (
    UPDATE octavo.search_segment AS segment
    SET passages = segment.passages - less.passages
    FROM (SELECT organization_id, segment, count(*) AS passages FROM gone_passage GROUP BY organization_id, segment)
        AS less
    WHERE segment.organization_id = less.organization_id AND segment.segment = less.segment
)
SELECT (SELECT count(*) FROM gone_passage) AS gone FROM moved

-- name: drop_empty_segments
-- scope: system
-- $1 organizations.
DELETE FROM octavo.search_segment AS segment WHERE segment.organization_id = ANY($1::uuid []) AND segment.passages = 0

-- name: add_passages
-- scope: system
-- $1 passages a segment may hold; then a passage each: $2 organizations, $3 documents, $4 ordinals, $5 passages of
-- the document, $6 namespaces, $7 types, $8 versions, $9 configurations, $10 titles, $11 descriptions, $12 starts,
-- $13 ends, $14 texts; and what is made into words where it is not the same: $15 titles, $16 descriptions,
-- $17 previews, $18 texts; $19 texts for trigrams or null.
WITH incoming AS MATERIALIZED (
    SELECT *
    FROM unnest(
        $2::uuid [], $3::uuid [], $4::integer [], $5::integer [], $6::text [], $7::text [], $8::integer [],
        $9::text [], $10::text [], $11::text [], $12::integer [], $13::integer [], $14::text [],
        $15::text [], $16::text [], $17::text [], $18::text [], $19::text []
    ) AS passage (
        organization_id, document_id, ordinal, passages, namespace, type, version,
        configuration, title, description, start_character, end_character, text,
        title_words, description_words, preview_words, text_words, trigram_text
    )
),
wanted AS MATERIALIZED (
    SELECT counted.*, newest.segment AS newest, newest.has_room
    FROM (
        SELECT organization_id, passages > 1 AS is_long, count(*) AS passages FROM incoming GROUP BY 1, 2
    ) AS counted
    LEFT JOIN LATERAL (
        SELECT segment.segment, segment.is_shelved AND segment.segment & 15 < 15 AS has_room
        FROM octavo.search_segment AS segment
        WHERE segment.organization_id = counted.organization_id AND segment.is_long = counted.is_long
        ORDER BY segment.segment DESC
        LIMIT 1
    ) AS newest ON true
),
filled AS (
    UPDATE octavo.search_segment AS segment
    SET passages = segment.passages + wanted.passages
    FROM wanted
    WHERE
        segment.organization_id = wanted.organization_id
        AND segment.segment = wanted.newest
        AND segment.passages < $1
    RETURNING segment.organization_id, segment.segment, segment.is_long
),
-- Sixteen numbers in a row are a shelf, which an organization has for segments of one kind. Of the 32 numbers the
-- sequence goes on by, one whole shelf is nobody else's.
begun AS (
    INSERT INTO octavo.search_segment (organization_id, segment, is_shelved, is_long, passages)
    SELECT
        wanted.organization_id,
        CASE
            WHEN wanted.has_room THEN wanted.newest + 1
            ELSE (nextval('octavo.search_segment_number')::integer | 15) + 1
        END,
        true, wanted.is_long, wanted.passages
    FROM wanted
    WHERE NOT EXISTS (
        SELECT FROM filled
        WHERE filled.organization_id = wanted.organization_id AND filled.is_long = wanted.is_long
    )
    RETURNING organization_id, segment, is_long
),
place AS MATERIALIZED (
    SELECT organization_id, segment, is_long FROM filled
    UNION ALL
    SELECT organization_id, segment, is_long FROM begun
),
shown AS (
    INSERT INTO octavo.search_text (
        organization_id, document_id, ordinal, configuration, title, description, start_character, end_character, text
    )
    SELECT
        organization_id, document_id, ordinal, configuration, title, description, start_character, end_character, text
    FROM incoming
),
spoken AS (
    INSERT INTO octavo.search_configuration AS known (organization_id, configuration, has_trigrams)
    SELECT organization_id, configuration, bool_or(trigram_text IS NOT NULL)
    FROM incoming
    GROUP BY organization_id, configuration
    ORDER BY organization_id, configuration
    ON CONFLICT (organization_id, configuration) DO UPDATE SET has_trigrams = true
    WHERE excluded.has_trigrams AND NOT known.has_trigrams
)
INSERT INTO octavo.search_passage (
    organization_id, document_id, ordinal, passages, segment, namespace, type, version, words, titles, trigram_text
)
SELECT
    parsed.organization_id, parsed.document_id, parsed.ordinal, parsed.passages, place.segment, parsed.namespace,
    parsed.type, parsed.version,
    CASE
        WHEN parsed.ordinal > 0 THEN parsed.words
        ELSE setweight(coalesce(parsed.titles, ''), 'A')
            || setweight(to_tsvector(parsed.configuration, coalesce(parsed.preview_words, '')), 'B')
            || setweight(to_tsvector(parsed.configuration, coalesce(parsed.description_words, '')), 'C')
            || parsed.words
    END,
    parsed.titles, parsed.trigram_text
FROM (
    SELECT
        organization_id, document_id, ordinal, passages, namespace, type, version, preview_words, trigram_text,
        coalesce(description_words, description) AS description_words,
        configuration::regconfig AS configuration,
        to_tsvector(configuration::regconfig, coalesce(text_words, text)) AS words,
        -- Stop words of a title count: the plain form keeps "The Who" findable.
        to_tsvector('simple', coalesce(title_words, title))
        || to_tsvector(configuration::regconfig, coalesce(title_words, title)) AS titles
    FROM incoming
    OFFSET 0
) AS parsed
INNER JOIN place
    ON place.organization_id = parsed.organization_id AND place.is_long = (parsed.passages > 1)

-- name: park
-- scope: system
-- $1 organizations, $2 documents, $3 versions, $4 codes, $5 messages.
INSERT INTO octavo.search_parked (organization_id, document_id, version, code, message)
SELECT organization_id, document_id, version, code, message
FROM unnest($1::uuid [], $2::uuid [], $3::integer [], $4::text [], $5::text [])
    AS parked (organization_id, document_id, version, code, message)
ON CONFLICT (organization_id, document_id) DO UPDATE SET
    version = excluded.version, code = excluded.code, message = excluded.message, parked_at = clock_timestamp()

-- name: parked
-- scope: system
-- $1 organization, or null for all.
SELECT organization_id, document_id, version, code, message
FROM octavo.search_parked
WHERE $1::uuid IS NULL OR organization_id = $1
ORDER BY organization_id, document_id
LIMIT 1000

-- name: summaries
-- scope: system
-- What is held, by organization, with seals of the server: see octavo.roles.state. Each passage and each text counts
-- with a number of its document, so that one too many of one document does not make up for one too few of another.
WITH passages AS (
    SELECT
        organization_id,
        count(*) FILTER (WHERE ordinal = 0) AS documents,
        coalesce(sum(uuid_hash_extended(document_id, version)) FILTER (WHERE ordinal = 0), 0) AS seals,
        coalesce(sum(uuid_hash(document_id)::bigint * passages) FILTER (WHERE ordinal = 0), 0) AS wanted,
        sum(uuid_hash(document_id)) AS held
    FROM octavo.search_passage
    GROUP BY organization_id
),
texts AS (
    SELECT organization_id, sum(uuid_hash(document_id)) AS held
    FROM octavo.search_text
    GROUP BY organization_id
)
SELECT
    organization_id, coalesce(passages.documents, 0) AS documents,
    coalesce(passages.seals + abs(passages.wanted - passages.held), 0)
    + abs(coalesce(passages.held, 0) - coalesce(texts.held, 0)) AS seals
FROM passages
FULL JOIN texts USING (organization_id)

-- name: digests
-- scope: system
-- $1 organizations, null for all.
-- What is held, by organization and bucket: see octavo.roles.state. Of a document's passages the first one counts;
-- one that lost another passage, or a text, adds to the sum what belongs to no document, and so is told apart.
WITH passages AS (
    SELECT
        organization_id, get_byte(uuid_send(document_id), 15) AS bucket,
        count(*) FILTER (WHERE ordinal = 0) AS documents,
        count(*) AS rows,
        abs(coalesce(sum(passages) FILTER (WHERE ordinal = 0), 0) - count(*)) AS lost,
        coalesce(sum(
            ('x' || left(md5(uuid_send(document_id) || int4send(version)), 8))::bit(32)::bigint
        ) FILTER (WHERE ordinal = 0), 0) AS seals
    FROM octavo.search_passage
    WHERE $1::uuid [] IS NULL OR organization_id = ANY($1)
    GROUP BY 1, 2
),
texts AS (
    SELECT organization_id, get_byte(uuid_send(document_id), 15) AS bucket, count(*) AS rows
    FROM octavo.search_text
    WHERE $1::uuid [] IS NULL OR organization_id = ANY($1)
    GROUP BY 1, 2
)
SELECT
    organization_id, bucket, coalesce(passages.documents, 0) AS documents,
    (coalesce(passages.seals + passages.lost, 0) + abs(coalesce(passages.rows, 0) - coalesce(texts.rows, 0)))::bigint
        AS seals
FROM passages
FULL JOIN texts USING (organization_id, bucket)

-- name: held
-- scope: system
-- $1 organization, $2 buckets. Version 0 of a document that is not whole.
SELECT
    coalesce(passages.document_id, texts.document_id) AS document_id,
    CASE WHEN passages.is_whole AND passages.rows = texts.rows THEN passages.version ELSE 0 END AS version
FROM (
    SELECT
        document_id, count(*) AS rows, max(version) AS version,
        count(*) = max(passages) AND min(version) = max(version) AS is_whole
    FROM octavo.search_passage
    WHERE organization_id = $1 AND get_byte(uuid_send(document_id), 15) = ANY($2::integer [])
    GROUP BY document_id
) AS passages
FULL JOIN (
    SELECT document_id, count(*) AS rows
    FROM octavo.search_text
    WHERE organization_id = $1 AND get_byte(uuid_send(document_id), 15) = ANY($2::integer [])
    GROUP BY document_id
) AS texts ON texts.document_id = passages.document_id

-- name: settle
-- scope: system
SELECT octavo.settle_search()

-- name: erase_documents
-- scope: system
-- $1 organization, $2 documents or null for all.
WITH gone AS (
    DELETE FROM octavo.search_passage AS passage
    WHERE passage.organization_id = $1 AND ($2::uuid [] IS NULL OR passage.document_id = ANY($2))
    RETURNING passage.segment
),
gone_text AS (
    DELETE FROM octavo.search_text AS shown
    WHERE shown.organization_id = $1 AND ($2::uuid [] IS NULL OR shown.document_id = ANY($2))
),
gone_parked AS (
    DELETE FROM octavo.search_parked AS parked
    WHERE parked.organization_id = $1 AND ($2::uuid [] IS NULL OR parked.document_id = ANY($2))
),
gone_configuration AS (
    DELETE FROM octavo.search_configuration AS known WHERE known.organization_id = $1 AND $2::uuid [] IS NULL
)
UPDATE octavo.search_segment AS segment
SET passages = segment.passages - less.passages
FROM (SELECT gone.segment, count(*) AS passages FROM gone GROUP BY gone.segment) AS less
WHERE segment.organization_id = $1 AND segment.segment = less.segment

-- name: forget_everything
-- scope: system
TRUNCATE octavo.search_passage, octavo.search_text, octavo.search_configuration, octavo.search_segment,
octavo.search_parked

-- name: begin_generation
-- scope: system
UPDATE octavo.search_engine
SET
    generation = gen_random_uuid(), epoch = 0, position_xid = '0', position_id = 0, scanning = true,
    scanned_organization = NULL, scanned_document = NULL, moved_at = clock_timestamp()
RETURNING generation, scanning, epoch, position_xid, position_id, scanned_organization, scanned_document

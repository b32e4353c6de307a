-- What the engine holds and where it stands; all of it serves every organization.

-- name: register
-- scope: system
-- $1 name, $2 version and $3 dimensions of the model. Gives its row, whoever made it.
WITH made AS (
    INSERT INTO octavo.vector_model (name, version, dimensions, generation)
    VALUES ($1, $2, $3, gen_random_uuid())
    ON CONFLICT (name, version) DO NOTHING
    RETURNING *
)
SELECT model, dimensions, generation, scanning, epoch, position_xid, position_id, scanned_organization, scanned_document
FROM made
UNION ALL
SELECT model, dimensions, generation, scanning, epoch, position_xid, position_id, scanned_organization, scanned_document
FROM octavo.vector_model
WHERE name = $1 AND version = $2

-- name: move
-- scope: system
-- $1 model, $2 generation, $3 to $7 the cursor as it must be: epoch, xid, id, last organization and document scanned;
-- $8 to $13 the cursor to be: epoch, xid, id, scanning, last organization and document scanned; $14 the claim, $15
-- whether it is laid now and need not be there yet. Gives a row, unless the cursor or the claim is another.
UPDATE octavo.vector_model AS engine
SET
    epoch = $8,
    position_xid = $9::xid8,
    position_id = $10,
    scanning = $11,
    scanned_organization = $12,
    scanned_document = $13,
    claim = $14,
    moved_at = clock_timestamp()
WHERE
    engine.model = $1
    AND engine.generation = $2
    AND (engine.epoch, engine.position_xid, engine.position_id) = ($3::integer, $4::xid8, $5::bigint)
    AND engine.scanned_organization IS NOT DISTINCT FROM $6::uuid
    AND engine.scanned_document IS NOT DISTINCT FROM $7::uuid
    AND ($15 OR engine.claim = $14)
RETURNING (SELECT count(*) FROM octavo.vector_shelf WHERE is_retired) AS retired

-- name: remove
-- scope: system
-- $1 model; of documents that are told now: $2 organizations, $3 ids, $4 how many passages they have now; and those
-- passages: $5 organizations, $6 ids, $7 ordinals, $8 digests. What is there already with the same digest stays.
WITH told AS MATERIALIZED (
    SELECT shelf.shelf, told.document_id, told.passages
    FROM unnest($2::uuid [], $3::uuid [], $4::integer []) AS told (organization_id, document_id, passages)
    INNER JOIN octavo.vector_shelf AS shelf
        ON shelf.organization_id = told.organization_id AND shelf.model = $1 AND NOT shelf.is_retired
),
kept AS MATERIALIZED (
    SELECT shelf.shelf, kept.document_id, kept.ordinal, kept.digest
    FROM unnest($5::uuid [], $6::uuid [], $7::integer [], $8::bytea [])
        AS kept (organization_id, document_id, ordinal, digest)
    INNER JOIN octavo.vector_shelf AS shelf
        ON shelf.organization_id = kept.organization_id AND shelf.model = $1 AND NOT shelf.is_retired
),
gone AS (
    DELETE FROM octavo.vector_passage AS passage
    USING told
    WHERE
        passage.shelf = told.shelf
        AND passage.document_id = told.document_id
        AND NOT EXISTS (
            SELECT FROM kept
            WHERE
                kept.shelf = passage.shelf
                AND kept.document_id = passage.document_id
                AND kept.ordinal = passage.ordinal
                AND kept.digest = passage.digest
        )
    RETURNING passage.shelf
),
gone_text AS (
    DELETE FROM octavo.vector_text AS shown
    USING told
    WHERE shown.shelf = told.shelf AND shown.document_id = told.document_id AND shown.ordinal >= told.passages
),
gone_document AS (
    DELETE FROM octavo.vector_document AS known
    USING told
    WHERE known.shelf = told.shelf AND known.document_id = told.document_id AND told.passages = 0
),
gone_parked AS (
    DELETE FROM octavo.vector_parked AS parked
    USING unnest($2::uuid [], $3::uuid []) AS told_again (organization_id, document_id)
    WHERE
        parked.organization_id = told_again.organization_id
        AND parked.model = $1
        AND parked.document_id = told_again.document_id
)
UPDATE octavo.vector_shelf AS shelf
SET passages = shelf.passages - less.passages
FROM (SELECT gone.shelf, count(*) AS passages FROM gone GROUP BY gone.shelf) AS less
WHERE shelf.shelf = less.shelf

-- name: add_shelves
-- scope: system
-- $1 model, $2 organizations.
INSERT INTO octavo.vector_shelf (organization_id, model)
SELECT DISTINCT wanted.organization_id, $1::integer
FROM unnest($2::uuid []) AS wanted (organization_id)
ORDER BY 1
ON CONFLICT (organization_id, model) WHERE NOT is_retired DO NOTHING

-- name: add_documents
-- scope: system
-- $1 model, $2 organizations, $3 ids, $4 versions, $5 numbers of passages, $6 titles.
INSERT INTO octavo.vector_document AS known (organization_id, shelf, document_id, version, passages, title)
SELECT
    incoming.organization_id, shelf.shelf, incoming.document_id, incoming.version, incoming.passages, incoming.title
FROM unnest($2::uuid [], $3::uuid [], $4::integer [], $5::integer [], $6::text [])
    AS incoming (organization_id, document_id, version, passages, title)
INNER JOIN octavo.vector_shelf AS shelf
    ON shelf.organization_id = incoming.organization_id AND shelf.model = $1 AND NOT shelf.is_retired
ON CONFLICT (shelf, document_id) DO UPDATE SET
    version = excluded.version, passages = excluded.passages, title = excluded.title

-- name: add_passages
-- scope: system
-- $1 model; then a passage each: $2 vectors as text, $3 organizations, $4 ids, $5 ordinals, $6 namespaces, $7 types,
-- $8 languages, $9 authors, $10 times of creation, $11 digests, $12 starts, $13 ends, $14 texts. Gives the shelves that
-- grew.
WITH incoming AS MATERIALIZED (
    SELECT shelf.shelf, incoming.*
    FROM unnest(
        $3::uuid [], $4::uuid [], $5::integer [], $6::text [], $7::text [], $8::text [], $9::text [],
        $10::timestamptz [], $11::bytea [], $12::integer [], $13::integer [], $14::text []
    ) WITH ORDINALITY AS incoming (
        organization_id, document_id, ordinal, namespace, type, language, author,
        created_at, digest, start_character, end_character, text, place
    )
    INNER JOIN octavo.vector_shelf AS shelf
        ON shelf.organization_id = incoming.organization_id AND shelf.model = $1 AND NOT shelf.is_retired
),
shown AS (
    INSERT INTO octavo.vector_text AS shown (
        organization_id, shelf, document_id, ordinal, start_character, end_character, text
    )
    SELECT organization_id, shelf, document_id, ordinal, start_character, end_character, text
    FROM incoming
    ON CONFLICT (shelf, document_id, ordinal) DO UPDATE SET
        start_character = excluded.start_character, end_character = excluded.end_character, text = excluded.text
),
renamed AS (
    UPDATE octavo.vector_passage AS passage
    SET language = incoming.language, namespace = incoming.namespace, type = incoming.type
    FROM incoming
    WHERE
        passage.shelf = incoming.shelf
        AND passage.document_id = incoming.document_id
        AND passage.ordinal = incoming.ordinal
        AND (passage.language, passage.namespace, passage.type)
        IS DISTINCT FROM (incoming.language, incoming.namespace, incoming.type)
),
added AS (
    INSERT INTO octavo.vector_passage (
        organization_id, shelf, document_id, ordinal, namespace, type, language, author, created_at, digest, embedding
    )
    SELECT
        organization_id, shelf, document_id, ordinal, namespace, type, language, author, created_at, digest,
        embedded.vector::halfvec
    FROM incoming
    INNER JOIN unnest($2::text []) WITH ORDINALITY AS embedded (vector, place) USING (place)
    ON CONFLICT (shelf, document_id, ordinal) DO NOTHING
    RETURNING shelf
)
UPDATE octavo.vector_shelf AS shelf
SET passages = shelf.passages + more.passages
FROM (SELECT added.shelf, count(*) AS passages FROM added GROUP BY added.shelf) AS more
WHERE shelf.shelf = more.shelf
RETURNING shelf.shelf, shelf.passages, shelf.is_indexed

-- name: park
-- scope: system
-- $1 model, $2 organizations, $3 documents, $4 versions, $5 codes, $6 messages.
INSERT INTO octavo.vector_parked (organization_id, model, document_id, version, code, message)
SELECT parked.organization_id, $1::integer, parked.document_id, parked.version, parked.code, parked.message
FROM unnest($2::uuid [], $3::uuid [], $4::integer [], $5::text [], $6::text [])
    AS parked (organization_id, document_id, version, code, message)
ON CONFLICT (organization_id, model, document_id) DO UPDATE SET
    version = excluded.version, code = excluded.code, message = excluded.message, parked_at = clock_timestamp()

-- name: parked
-- scope: system
-- $1 model, $2 organization or null for all.
SELECT organization_id, document_id, version, code, message
FROM octavo.vector_parked
WHERE model = $1 AND ($2::uuid IS NULL OR organization_id = $2)
ORDER BY organization_id, document_id
LIMIT 1000

-- name: count_indexes
-- scope: system
-- $1 model. An engine that is built beside another one gets as many as that one has.
SELECT count(*) AS indexes FROM octavo.vector_shelf WHERE model = $1 AND is_indexed AND NOT is_retired

-- name: index_shelf
-- scope: system
-- $1 shelf, $2 dimensions.
SELECT octavo.index_vectors($1, $2)

-- name: note_index
-- scope: system
-- $1 shelf.
UPDATE octavo.vector_shelf SET is_indexed = true WHERE shelf = $1

-- name: retire_shelf
-- scope: system
-- $1 model, $2 organization, or null for all. Gives the shelves.
UPDATE octavo.vector_shelf AS shelf
SET is_retired = true
WHERE shelf.model = $1 AND ($2::uuid IS NULL OR shelf.organization_id = $2) AND NOT shelf.is_retired

-- name: forget_parked
-- scope: system
-- $1 model, $2 organization or null for all, $3 documents or null for all.
DELETE FROM octavo.vector_parked AS parked
WHERE
    parked.model = $1
    AND ($2::uuid IS NULL OR parked.organization_id = $2)
    AND ($3::uuid [] IS NULL OR parked.document_id = ANY($3))

-- name: begin_generation
-- scope: system
-- $1 model.
UPDATE octavo.vector_model
SET
    generation = gen_random_uuid(), claim = NULL, epoch = 0, position_xid = '0', position_id = 0, scanning = true,
    scanned_organization = NULL, scanned_document = NULL, moved_at = clock_timestamp()
WHERE model = $1
RETURNING generation, scanning, epoch, position_xid, position_id, scanned_organization, scanned_document

-- name: drop_indexes_of_retired
-- scope: system
-- An index goes first: without it rows go quickly.
SELECT octavo.drop_vector_indexes(ARRAY(SELECT shelf FROM octavo.vector_shelf WHERE NOT is_retired))

-- name: sweep
-- scope: system
-- $1 documents at most. What stands on retired shelves; gives how many documents went.
WITH retired AS MATERIALIZED (
    SELECT shelf FROM octavo.vector_shelf WHERE is_retired
),
gone AS MATERIALIZED (
    SELECT known.shelf, known.document_id
    FROM octavo.vector_document AS known
    INNER JOIN retired ON retired.shelf = known.shelf
    LIMIT $1
),
gone_passage AS (
    DELETE FROM octavo.vector_passage AS passage
    USING gone
    WHERE passage.shelf = gone.shelf AND passage.document_id = gone.document_id
),
gone_text AS (
    DELETE FROM octavo.vector_text AS shown
    USING gone
    WHERE shown.shelf = gone.shelf AND shown.document_id = gone.document_id
),
gone_document AS (
    DELETE FROM octavo.vector_document AS known
    USING gone
    WHERE known.shelf = gone.shelf AND known.document_id = gone.document_id
),
gone_shelf AS (
    DELETE FROM octavo.vector_shelf AS shelf
    USING retired
    WHERE shelf.shelf = retired.shelf AND NOT EXISTS (SELECT FROM gone)
)
SELECT count(*) AS documents FROM gone

-- fragment: own_shelves
    SELECT shelf FROM octavo.vector_shelf WHERE model = $1 AND NOT is_retired

-- name: summaries
-- scope: system
-- $1 model. What is held, by organization, with seals of the server: see octavo.roles.state. Each passage and each text
-- counts with a number of its document, so that one too many of one does not make up for one too few of another. All
-- is added up by shelf before the shelves of the model are picked out: asking of each row costs more than adding it.
WITH known AS (
    SELECT
        organization_id, shelf, count(*) AS documents, sum(uuid_hash_extended(document_id, version)) AS seals,
        sum(uuid_hash(document_id)::bigint * passages) AS wanted
    FROM octavo.vector_document
    GROUP BY organization_id, shelf
),
passages AS (
    SELECT organization_id, shelf, sum(uuid_hash(document_id)) AS held
    FROM octavo.vector_passage
    GROUP BY organization_id, shelf
),
texts AS (
    SELECT organization_id, shelf, sum(uuid_hash(document_id)) AS held
    FROM octavo.vector_text
    GROUP BY organization_id, shelf
)
SELECT
    organization_id, sum(coalesce(known.documents, 0))::bigint AS documents, sum(
        coalesce(known.seals, 0) + abs(coalesce(known.wanted, 0) - coalesce(passages.held, 0))
        + abs(coalesce(known.wanted, 0) - coalesce(texts.held, 0))
    ) AS seals
FROM known
FULL JOIN passages USING (organization_id, shelf)
FULL JOIN texts USING (organization_id, shelf)
WHERE shelf IN (
-- include: own_shelves
)
GROUP BY organization_id

-- name: digests
-- scope: system
-- $1 model, $2 organizations, null for all. What is held, by organization and bucket: see octavo.roles.state. What lost passages or texts, or has some
-- that belong to no document, adds to the sum, and so is told apart.
WITH own AS MATERIALIZED (
    -- include: own_shelves
    AND ($2::uuid [] IS NULL OR organization_id = ANY($2))
),
rows AS (
    SELECT
        organization_id, get_byte(uuid_send(document_id), 15) AS bucket, 1 AS documents, passages AS wanted,
        0 AS passages, 0 AS texts,
        ('x' || left(md5(uuid_send(document_id) || int4send(version)), 8))::bit(32)::bigint AS seal
    FROM octavo.vector_document
    WHERE shelf IN (SELECT shelf FROM own)
    UNION ALL
    SELECT organization_id, get_byte(uuid_send(document_id), 15), 0, 0, 1, 0, 0
    FROM octavo.vector_passage
    WHERE shelf IN (SELECT shelf FROM own)
    UNION ALL
    SELECT organization_id, get_byte(uuid_send(document_id), 15), 0, 0, 0, 1, 0
    FROM octavo.vector_text
    WHERE shelf IN (SELECT shelf FROM own)
)
SELECT
    organization_id, bucket, sum(documents) AS documents,
    (sum(seal) + abs(sum(wanted) - sum(passages)) + abs(sum(wanted) - sum(texts)))::bigint AS seals
FROM rows
GROUP BY organization_id, bucket

-- name: held
-- scope: system
-- $1 model, $2 organization, $3 bucket. Version 0 of a document that is not whole.
WITH own AS MATERIALIZED (
    -- include: own_shelves
    AND organization_id = $2
),
rows AS (
    SELECT document_id, version, passages AS wanted, 0 AS passages, 0 AS texts
    FROM octavo.vector_document
    WHERE shelf IN (SELECT shelf FROM own) AND get_byte(uuid_send(document_id), 15) = $3
    UNION ALL
    SELECT document_id, 0, 0, 1, 0
    FROM octavo.vector_passage
    WHERE shelf IN (SELECT shelf FROM own) AND get_byte(uuid_send(document_id), 15) = $3
    UNION ALL
    SELECT document_id, 0, 0, 0, 1
    FROM octavo.vector_text
    WHERE shelf IN (SELECT shelf FROM own) AND get_byte(uuid_send(document_id), 15) = $3
)
SELECT
    document_id,
    CASE WHEN sum(wanted) = sum(passages) AND sum(wanted) = sum(texts) THEN max(version) ELSE 0 END AS version
FROM rows
GROUP BY document_id

-- Looking for the nearest passages. Parameters: $1 organization, $2 the vector as text, $3 passages to bring, $4 documents of
-- the answer, $5 name and $6 version of the model, $7 the greatest distance, $8 documents that are not wanted; then the
-- values of what narrows the search. {narrowed} and {each} are made of conditions over `passage`, which only leakproof functions
-- ask: row-level security leaves such statements their indexes. {shelf} and {dimensions} are numbers: an
-- approximate index serves statements that name its shelf. {condition} is a filter over octavo.lookup, to which only
-- total expressions may be applied: see migration 0001.

-- fragment: engine
engine AS MATERIALIZED (
    SELECT model, generation, scanning, epoch, position_xid, position_id
    FROM octavo.vector_model
    WHERE name = $5 AND version = $6
),
shelf AS MATERIALIZED (
    SELECT shelf.shelf, shelf.passages, shelf.is_indexed
    FROM octavo.vector_shelf AS shelf
    INNER JOIN engine ON engine.model = shelf.model
    WHERE shelf.organization_id = $1::octavo.organization AND NOT shelf.is_retired
),
asked AS MATERIALIZED (
    SELECT $2::text::halfvec AS vector
),
filtered AS NOT MATERIALIZED (
    SELECT document_id FROM octavo.lookup WHERE organization_id = $1::octavo.organization AND {condition}
)

-- fragment: passing
        FROM octavo.vector_passage AS passage
        WHERE
            passage.organization_id = $1::octavo.organization
            AND NOT passage.document_id = ANY($8::uuid [])
-- fragment: nearest
-- The documents of the nearest passages, each by the nearest of its own, that are live now.
page AS MATERIALIZED (
    SELECT ranked.document_id, ranked.ordinal, ranked.distance, live.*
    FROM (
        SELECT best.document_id, best.ordinal, best.distance
        FROM (
            SELECT DISTINCT ON (near.document_id) near.document_id, near.ordinal, near.distance
            FROM near
            WHERE near.distance <= $7::float8
            ORDER BY near.document_id, near.distance, near.ordinal
        ) AS best
        ORDER BY best.distance, best.document_id DESC
    ) AS ranked
    CROSS JOIN LATERAL (
        SELECT head.namespace, head.type, head.name, head.version AS current_version
        FROM octavo.document AS head
        WHERE
            head.organization_id = $1::octavo.organization
            AND head.id = ranked.document_id
            AND head.deleted_at IS NULL
            AND (head.expires_at > now()) IS NOT FALSE
        LIMIT 1
    ) AS live
    ORDER BY ranked.distance, ranked.document_id DESC
    LIMIT $4
)
-- One row at least, so that the engine's cursor is told of the very snapshot that was searched.
SELECT
    engine.generation, engine.scanning, engine.epoch, engine.position_xid, engine.position_id,
    shelf.shelf, shelf.passages, shelf.is_indexed,
    (SELECT count(*) FROM near) AS brought, (SELECT max(near.distance) FROM near) AS farthest, {is_exact} AS is_exact,
    page.document_id, page.namespace, page.type, page.name, page.current_version, page.distance,
    known.version, known.title, shown.start_character, shown.end_character, shown.text
FROM engine
LEFT JOIN shelf ON true
LEFT JOIN page ON true
LEFT JOIN octavo.vector_document AS known
    ON
        known.organization_id = $1::octavo.organization
        AND known.shelf = shelf.shelf
        AND known.document_id = page.document_id
LEFT JOIN octavo.vector_text AS shown
    ON
        shown.organization_id = $1::octavo.organization
        AND shown.shelf = shelf.shelf
        AND shown.document_id = page.document_id
        AND shown.ordinal = page.ordinal
ORDER BY page.distance, page.document_id DESC

-- name: nearest_of_all
-- Every passage that passes is compared.
WITH
-- include: engine
,
near AS MATERIALIZED (
    SELECT compared.document_id, compared.ordinal, compared.distance
    FROM (
        SELECT passage.document_id, passage.ordinal, passage.embedding <=> (SELECT vector FROM asked) AS distance
        -- include: passing
            AND passage.shelf = (SELECT shelf FROM shelf)
            AND {narrowed}
        OFFSET 0
    ) AS compared
    ORDER BY compared.distance
    LIMIT $3::octavo.vector_candidates
),
-- include: nearest

-- fragment: by_index
-- An index is walked in its order, so a filter is asked of each passage as it comes: {each}.
        SELECT
            passage.document_id, passage.ordinal,
            (passage.embedding::halfvec({dimensions})) <=> (SELECT vector FROM asked) AS distance
        -- include: passing
            AND passage.shelf = {shelf}
            AND (SELECT shelf FROM shelf) = {shelf}
            AND {each}

-- name: nearest_by_index
WITH
-- include: engine
,
near AS MATERIALIZED (
    -- include: by_index
    ORDER BY (passage.embedding::halfvec({dimensions})) <=> (SELECT vector FROM asked)
    LIMIT $3::octavo.vector_candidates
),
-- include: nearest

-- name: nearest_of_few
-- What passes is compared as long as it is at most {few} passages; when it is more, the index is asked.
WITH
-- include: engine
,
few AS MATERIALIZED (
    SELECT passage.document_id, passage.ordinal, passage.embedding <=> (SELECT vector FROM asked) AS distance
    -- include: passing
        AND passage.shelf = {shelf}
        AND {narrowed}
    LIMIT {few} + 1
),
are_few AS MATERIALIZED (
    SELECT count(*) <= {few} AS yes FROM few
),
near AS MATERIALIZED (
    (
        SELECT few.document_id, few.ordinal, few.distance
        FROM few
        WHERE (SELECT yes FROM are_few)
        ORDER BY few.distance
        LIMIT $3::octavo.vector_candidates
    )
    UNION ALL
    (
        -- include: by_index
        AND NOT (SELECT yes FROM are_few)
        ORDER BY (passage.embedding::halfvec({dimensions})) <=> (SELECT vector FROM asked)
        LIMIT $3::octavo.vector_candidates
    )
),
-- include: nearest

-- name: look_at_shelf
-- $1 organization, $2 name and $3 version of the model.
SELECT shelf.shelf, shelf.passages, shelf.is_indexed
FROM octavo.vector_shelf AS shelf
INNER JOIN octavo.vector_model AS engine ON engine.model = shelf.model
WHERE
    shelf.organization_id = $1::octavo.organization
    AND engine.name = $2
    AND engine.version = $3
    AND NOT shelf.is_retired

-- fragment: own_shelf
    (
        SELECT shelf.shelf
        FROM octavo.vector_shelf AS shelf
        INNER JOIN octavo.vector_model AS engine ON engine.model = shelf.model
        WHERE
            shelf.organization_id = $1::octavo.organization
            AND engine.name = $2
            AND engine.version = $3
            AND NOT shelf.is_retired
    )

-- name: read_vectors
-- $1 organization, $2 name and $3 version of the model, $4 documents.
SELECT passage.document_id, passage.embedding::real [] AS vector
FROM octavo.vector_passage AS passage
WHERE
    passage.organization_id = $1::octavo.organization
    AND passage.document_id = ANY($4::uuid [])
    AND passage.shelf =
    -- include: own_shelf
ORDER BY passage.document_id, passage.ordinal

-- name: read_known
-- $1 organization, $2 name and $3 version of the model, $4 digests.
SELECT DISTINCT ON (passage.digest) passage.digest, passage.embedding::real [] AS vector
FROM octavo.vector_passage AS passage
WHERE
    passage.organization_id = $1::octavo.organization
    AND passage.digest = ANY($4::bytea [])
    AND passage.shelf =
    -- include: own_shelf

-- name: position
-- scope: system
-- $1 name and $2 version of the model. Tells nothing of any organization, so everybody may ask.
SELECT generation, scanning, epoch, position_xid, position_id
FROM octavo.vector_model
WHERE name = $1 AND version = $2

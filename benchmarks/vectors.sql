-- What a program without Octavo would ask for the same columns, of the same rows: no row-level security, no cursor, no
-- choice of a plan. It knows that each document has one passage.

-- name: raw_nearest
-- scope: system
-- $1 the vector, $2 organization; {shelf} and {dimensions} as the index has them.
SELECT
    near.document_id, near.distance, head.namespace, head.type, head.name, head.version AS current_version,
    known.version, known.title, shown.start_character, shown.end_character, shown.text
FROM (
    SELECT
        passage.document_id, passage.ordinal,
        (passage.embedding::halfvec({dimensions})) <=> $1::real []::halfvec({dimensions}) AS distance
    FROM octavo.vector_passage AS passage
    WHERE passage.shelf = {shelf}
    ORDER BY (passage.embedding::halfvec({dimensions})) <=> $1::real []::halfvec({dimensions})
    LIMIT 10
) AS near
INNER JOIN octavo.document AS head
    ON head.organization_id = $2 AND head.id = near.document_id AND head.deleted_at IS NULL
INNER JOIN octavo.vector_document AS known ON known.shelf = {shelf} AND known.document_id = near.document_id
INNER JOIN octavo.vector_text AS shown
    ON shown.shelf = {shelf} AND shown.document_id = near.document_id AND shown.ordinal = near.ordinal
ORDER BY near.distance

-- name: raw_filtered
-- scope: system
-- $1 the vector, $2 organization, $3 type: the b-tree of types, every match compared.
SELECT
    near.document_id, near.distance, head.namespace, head.type, head.name, head.version AS current_version,
    known.version, known.title, shown.start_character, shown.end_character, shown.text
FROM (
    SELECT
        passage.document_id, passage.ordinal,
        passage.embedding <=> (SELECT $1::real []::halfvec) AS distance
    FROM octavo.vector_passage AS passage
    WHERE passage.shelf = {shelf} AND passage.type = $3
    ORDER BY passage.embedding <=> (SELECT $1::real []::halfvec)
    LIMIT 10
) AS near
INNER JOIN octavo.document AS head
    ON head.organization_id = $2 AND head.id = near.document_id AND head.deleted_at IS NULL
INNER JOIN octavo.vector_document AS known ON known.shelf = {shelf} AND known.document_id = near.document_id
INNER JOIN octavo.vector_text AS shown
    ON shown.shelf = {shelf} AND shown.document_id = near.document_id AND shown.ordinal = near.ordinal
ORDER BY near.distance

-- name: shelf_of
-- scope: system
-- $1 organization.
SELECT shelf FROM octavo.vector_shelf WHERE organization_id = $1 AND NOT is_retired

-- name: documents_of
-- scope: system
-- $1 organization. Each has one passage.
SELECT document_id, type, embedding::real [] AS vector
FROM octavo.vector_passage
WHERE organization_id = $1

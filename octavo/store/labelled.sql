-- What a filter on @labels is in SQL: pieces for the filters' compiler, which are put where a document is asked.
--   {names}       the labels asked for, any of them
--   {confidence}  the least confidence, or null; what a person assigned has none, and is certain
-- The columns of document_label get other names, so that {document} means the one outside.

-- fragment: is_asked
    assigned.owner = $1::octavo.organization
    AND assigned.label = ANY(ARRAY(
        SELECT label.id
        FROM octavo.label
        WHERE
            label.organization_id = $1::octavo.organization
            AND label.key = ANY(ARRAY(SELECT octavo.label_key(asked.name) FROM unnest({names}) AS asked (name)))
    ))
    AND (coalesce(assigned.certainty, 1) >= coalesce({confidence}, 0))

-- name: has_label
-- Whether the document at hand has one of the labels: one look by key.
SELECT true
FROM octavo.document_label AS assigned (owner, labelled, label, certainty)
WHERE
    assigned.labelled = {document}
    AND
    -- include: is_asked
LIMIT 1

-- name: has_any_label
SELECT true
FROM octavo.document_label AS assigned (owner, labelled, label, certainty)
WHERE assigned.owner = $1::octavo.organization AND assigned.labelled = {document}
LIMIT 1

-- fragment: documents
-- The documents that have one of the labels.
    SELECT assigned.labelled AS id
    FROM octavo.document_label AS assigned (owner, labelled, label, certainty)
    WHERE
    -- include: is_asked

-- name: labelled
    -- include: documents

-- name: found
-- The documents of another condition that an index finds.
SELECT lookup.document_id AS id
FROM octavo.lookup
WHERE lookup.organization_id = $1::octavo.organization AND ({condition})

-- name: labelled_or
-- The documents that have one of the labels if they are few, else those that {others} finds.
WITH few AS MATERIALIZED (
    -- include: documents
    LIMIT {few} + 1
)
SELECT few.id FROM few WHERE (SELECT count(*) FROM few) <= {few}
UNION ALL
SELECT other.id FROM {others} AS other WHERE (SELECT count(*) FROM few) > {few}

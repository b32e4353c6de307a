-- name: count_values
-- How often documents have which values, told for several facets at once. $1 organization, $2 documents, $3 names of
-- attributes and $4 paths as JSON, one of the two a facet, $5 values a facet at most.
-- {condition} is a filter over octavo.lookup: only total expressions may be applied there, see migration 0001.
WITH filtered AS MATERIALIZED (
    SELECT document_id
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND document_id = ANY($2::uuid []) AND {condition}
),
-- One look by key each: as joins PostgreSQL may read every document for each of them.
live AS MATERIALIZED (
    SELECT known.*
    FROM filtered
    CROSS JOIN LATERAL (
        SELECT filter.*
        FROM octavo.document_filter AS filter
        WHERE filter.organization_id = $1::octavo.organization AND filter.document_id = filtered.document_id
        LIMIT 1
    ) AS known
    WHERE (
        SELECT head.deleted_at IS NULL AND (head.expires_at > now()) IS NOT FALSE
        FROM octavo.document AS head
        WHERE head.organization_id = $1::octavo.organization AND head.id = filtered.document_id
    )
),
facet AS (
    SELECT
        given.place, given.attribute,
        (SELECT array_agg(step.name ORDER BY step.place)
         FROM jsonb_array_elements_text(given.path::jsonb) WITH ORDINALITY AS step (name, place)) AS path
    FROM unnest($3::text [], $4::text []) WITH ORDINALITY AS given (attribute, path, place)
),
told AS (
    SELECT
        facet.place,
        live.document_id,
        CASE facet.attribute
            WHEN '@type' THEN to_jsonb(live.type)
            WHEN '@namespace' THEN to_jsonb(live.namespace)
            WHEN '@name' THEN to_jsonb(live.name)
            WHEN '@created_by' THEN to_jsonb(live.created_by)
            WHEN '@updated_by' THEN to_jsonb(live.updated_by)
            WHEN '@version' THEN to_jsonb(live.version)
            WHEN '@labels' THEN (
                SELECT jsonb_agg(label.name)
                FROM octavo.document_label AS assigned
                INNER JOIN octavo.label AS label
                    ON label.organization_id = $1::octavo.organization AND label.id = assigned.label_id
                WHERE
                    assigned.organization_id = $1::octavo.organization
                    AND assigned.document_id = live.document_id
            )
            WHEN '@metadata' THEN live.metadata #> facet.path
            ELSE live.fields #> facet.path
        END AS value
    FROM live
    CROSS JOIN facet
),
-- Of a list each element counts, once a document. Objects, and long texts, of which only a digest is kept, do not.
single AS (
    SELECT DISTINCT told.place, told.document_id, element.value
    FROM told
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE jsonb_typeof(told.value) WHEN 'array' THEN told.value ELSE jsonb_build_array(told.value) END
    ) AS element (value)
    WHERE jsonb_typeof(element.value) IN ('string', 'number', 'boolean')
),
counted AS (
    SELECT
        single.place, single.value, count(*) AS documents, count(*) OVER (PARTITION BY single.place) AS different,
        row_number() OVER (PARTITION BY single.place ORDER BY count(*) DESC, single.value) AS rank
    FROM single
    GROUP BY single.place, single.value
)
SELECT place, value, documents, different
FROM counted
WHERE rank <= $5
ORDER BY place, rank

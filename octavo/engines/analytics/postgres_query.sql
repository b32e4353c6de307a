-- What is asked of the engine inside the record. Parameters of all: $1 organization, $2 since, $3 until, $4 the
-- length of a step or null for one step. KEYS and WHERE in braces are put together of columns and parameters by
-- `postgres_query.py`: no name that was given stands in a statement.

-- name: cursor
SELECT generation, epoch, position_xid, position_id
FROM octavo.analytics_engine
WHERE $1::octavo.organization IS NOT NULL

-- fragment: of_organization
    FROM octavo.analytics_fact AS fact
    WHERE
        fact.organization_id = $1::octavo.organization
        AND fact.time >= $2
        AND fact.time < $3
        AND {where}

-- name: look
-- $4 facts to count at most.
SELECT count(*) AS facts
FROM (
    SELECT
    -- include: of_organization
    LIMIT $4
) AS looked

-- name: totals_of_facts
-- $5 fields, $6 rows at most.
SELECT
    date_trunc($4::text, fact.time, 'UTC') AS begins, {keys} AS keys, wanted.field, count(*) FILTER (
        WHERE wanted.field = '' OR number.value IS NOT NULL
    ) AS facts,
    sum(number.value) AS total, min(number.value) AS least, max(number.value) AS greatest
FROM (
    SELECT fact.*
    -- include: of_organization
) AS fact
CROSS JOIN unnest($5::text []) AS wanted (field)
CROSS JOIN LATERAL (SELECT octavo.analytics_number(fact.fields, wanted.field) AS value) AS number
GROUP BY 1, 2, 3
LIMIT $6

-- name: classes_of_facts
-- $5 fields.
SELECT
    date_trunc($4::text, fact.time, 'UTC') AS begins, {keys} AS keys, wanted.field,
    octavo.analytics_class(octavo.analytics_number(fact.fields, wanted.field)) AS class, count(*) AS facts
FROM (
    SELECT fact.*
    -- include: of_organization
) AS fact
CROSS JOIN unnest($5::text []) AS wanted (field)
WHERE octavo.analytics_number(fact.fields, wanted.field) IS NOT NULL
GROUP BY 1, 2, 3, 4

-- name: uniques_of_facts
-- $5 what is counted once.
SELECT
    date_trunc($4::text, fact.time, 'UTC') AS begins, {keys} AS keys, who.dimension,
    count(DISTINCT who.member) AS members
FROM (
    SELECT fact.*
    -- include: of_organization
) AS fact
CROSS JOIN LATERAL (VALUES ('actor', fact.actor), ('session', fact.session)) AS who (dimension, member)
WHERE who.dimension = ANY($5::text []) AND who.member <> ''
GROUP BY 1, 2, 3

-- fragment: rolled
    WHERE
        fact.organization_id = $1::octavo.organization
        AND fact.grain = $5
        AND fact.begins >= $2
        AND fact.begins < $3
        AND {where}

-- name: totals_rolled
-- $5 grain, $6 fields, $7 rows at most.
SELECT
    date_trunc($4::text, fact.begins, 'UTC') AS begins, {keys} AS keys, fact.field, sum(fact.facts)::bigint AS facts,
    sum(fact.total) AS total, min(fact.least) AS least, max(fact.greatest) AS greatest
FROM octavo.analytics_total AS fact
-- include: rolled
    AND fact.field = ANY($6::text [])
GROUP BY 1, 2, 3
LIMIT $7

-- name: classes_rolled
-- $5 grain, $6 fields.
SELECT
    date_trunc($4::text, fact.begins, 'UTC') AS begins, {keys} AS keys, fact.field, fact.class,
    sum(fact.facts)::bigint AS facts
FROM octavo.analytics_classed AS fact
-- include: rolled
    AND fact.field = ANY($6::text [])
GROUP BY 1, 2, 3, 4

-- name: uniques_rolled
-- $5 grain, $6 what is counted once.
SELECT
    date_trunc($4::text, fact.begins, 'UTC') AS begins, {keys} AS keys, fact.dimension,
    count(DISTINCT fact.member) AS members
FROM octavo.analytics_member AS fact
-- include: rolled
    AND fact.dimension = ANY($6::text [])
GROUP BY 1, 2, 3

-- name: facts
-- $4 time, $5 epoch, $6 id: newest first behind this place; $7 facts at most.
SELECT
    fact.organization_id, fact.epoch, fact.position_xid, fact.id, fact.time, fact.recorded_at, fact.type, fact.kind,
    fact.stream, fact.document_id, fact.document_type, fact.actor, fact.session, fact.fields
-- include: of_organization
    AND (fact.time, fact.epoch, fact.id) < ($4::timestamptz, $5::integer, $6::bigint)
ORDER BY fact.time DESC, fact.epoch DESC, fact.id DESC
LIMIT $7

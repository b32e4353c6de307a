-- Finding documents. $1 is the organization; the other parameters are numbered by what the filter needs.
-- Each statement finds `candidate` (sort value, id) in octavo.lookup and then reads those documents by key, under
-- row-level security. Its plan is fixed by its form: LIMIT and MATERIALIZED keep the parts apart, so that neither
-- wrong statistics nor a generic plan can make it read a whole organization.
--   {scope}     what the index in question narrows to: namespace, type, the cursor, a range of the sort value
--   {narrowed}  what indexes find, in {scope}             {rest}   what has to be looked at
--   {key}       the sort value   {order}, {key_order}    the order by it and the id, in octavo.lookup and outside
--   {body}      the body, or the wanted fields of it
--   {limit}     documents of the page and one more       {bound}, {most}  one more than may be looked at

-- fragment: unexpired
-- What has expired counts as deleted, also before the sweep has come. So few are due and still there that PostgreSQL
-- looks them up once, and an index that has all that is asked goes on to be enough.
document_id NOT IN (
            SELECT due.id
            FROM octavo.document AS due
            WHERE
                due.organization_id = $1::octavo.organization
                AND due.expires_at <= now()
                AND due.deleted_at IS NULL
        )

-- fragment: page
-- The documents of the page, up to a sum of bytes; LIMIT 1 makes each of them one look by key. Which have expired is
-- known from the heads, which are read anyway; the caller leaves those out.
SELECT
    (SELECT count(*) FROM candidate) AS candidates, key, refused, has_expired,
    id, namespace, type, name, version, created_at, created_by, created_by_kind, updated_at, updated_by,
    updated_by_kind, deleted_at, epoch, position_xid, position_id, metadata, schema_version, body
FROM (
    SELECT
        candidate.key, candidate.document_id, candidate.refused, found.*,
        coalesce(sum(found.bytes) OVER (
            ORDER BY {key_order} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ), 0) AS bytes_before
    FROM candidate
    CROSS JOIN LATERAL (
        SELECT
            head.id, head.namespace, head.type, head.name, head.version, head.created_at, head.created_by,
            head.created_by_kind, head.updated_at, head.updated_by, head.updated_by_kind, head.deleted_at,
            head.epoch, head.position_xid, head.position_id, head.metadata, head.schema_version,
            (head.expires_at <= now()) IS TRUE AS has_expired, body.value AS body, body.bytes
        FROM octavo.document AS head
        LEFT JOIN LATERAL (
            SELECT {body} AS value, stored.bytes
            FROM octavo.body AS stored
            WHERE
                {with_body}
                AND stored.organization_id = $1::octavo.organization
                AND stored.hash = head.body_hash
            LIMIT 1
        ) AS body ON true
        WHERE head.organization_id = $1::octavo.organization AND head.id = candidate.document_id
        LIMIT 1
    ) AS found
) AS page
WHERE page.bytes_before < {page_bytes}
ORDER BY {key_order}

-- fragment: walk
-- Along the index, until the page is full or {bound} is reached; a condition whether to walk at all may follow.
        SELECT key, document_id, refused
        FROM (
            SELECT *, {key} AS key, row_number() OVER (ORDER BY {order}) >= {bound} AS refused
            FROM octavo.lookup
            WHERE
                organization_id = $1::octavo.organization
                AND {scope}

-- fragment: walk_end
            ORDER BY {order}
            LIMIT {bound}
        ) AS walked
        -- No ORDER BY out here: with it PostgreSQL forgets the LIMIT while it plans the inside, and sorts everything.
        WHERE refused OR ({walked})
        LIMIT {limit}

-- name: list_page
-- Nothing to look at: an index has the order and everything asked.
WITH candidate AS MATERIALIZED (
    SELECT {key} AS key, document_id, false AS refused
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND {scope}
    ORDER BY {order}
    LIMIT {limit}
)
-- include: page

-- name: scan_page
-- An index has the order, and no index helps with the filter.
WITH candidate AS MATERIALIZED (
    -- include: walk
    -- include: walk_end
)
-- include: page

-- name: narrow_page
-- An index has the order and another one knows the filter. If one in 20 of the first 64 documents in order holds,
-- the page should be near, and {near} documents are walked. If it was not, or was not likely, the index of the
-- filter finds all there are. Only where that is more than may be looked at, the walk goes on to where they lie.
WITH sample AS MATERIALIZED (
    SELECT count(*) < 64 OR count(*) FILTER (WHERE {walked}) * 20 >= count(*) AS is_common
    FROM (
        SELECT *
        FROM octavo.lookup
        WHERE organization_id = $1::octavo.organization AND {scope}
        ORDER BY {order}
        LIMIT 64
    ) AS beginning
),
near AS MATERIALIZED (
    SELECT key, document_id, refused
    FROM (
        SELECT *, {key} AS key, row_number() OVER (ORDER BY {order}) > {near} AS refused
        FROM octavo.lookup
        WHERE
            organization_id = $1::octavo.organization
            AND {scope}
            AND (SELECT sample.is_common FROM sample)
        ORDER BY {order}
        LIMIT {near} + 1
    ) AS walked
    WHERE refused OR ({walked})
    LIMIT {limit}
),
narrow AS MATERIALIZED (
    SELECT {key} AS key, document_id, ({rest}) AS holds
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND {narrowed}
        AND ((SELECT NOT sample.is_common FROM sample) OR (SELECT coalesce(bool_or(near.refused), false) FROM near))
    LIMIT {most}
),
candidate AS MATERIALIZED (
    (
        SELECT key, document_id, false AS refused
        FROM near
        WHERE (SELECT NOT coalesce(bool_or(near.refused), false) FROM near)
    )
    UNION ALL
    (
        SELECT key, document_id, false AS refused
        FROM narrow
        WHERE holds AND (SELECT count(*) FROM narrow) < {most}
        ORDER BY {key_order}
        LIMIT {limit}
    )
    UNION ALL
    (
        -- include: walk
                AND (SELECT count(*) FROM narrow) >= {most}
        -- include: walk_end
    )
)
-- include: page

-- name: sort_page
-- No index has the order: what indexes find of the filter is sorted, if it is less than {bound}.
WITH narrow AS MATERIALIZED (
    SELECT {key} AS key, document_id, ({rest}) AS holds
    FROM octavo.lookup
    WHERE organization_id = $1::octavo.organization AND {narrowed}
    LIMIT {bound}
),
candidate AS MATERIALIZED (
    SELECT key, document_id, (SELECT count(*) FROM narrow) >= {bound} AS refused
    FROM narrow
    WHERE (holds AND {after}) OR (SELECT count(*) FROM narrow) >= {bound}
    ORDER BY {key_order}
    LIMIT {limit}
)
-- include: page

-- name: count_found
-- Indexes find everything asked.
SELECT count(*) AS total, false AS refused
FROM (
    SELECT
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND {narrowed}
        AND
        -- include: unexpired
    LIMIT {limit}
) AS found

-- name: count_scanned
-- What indexes find has to be looked at.
SELECT count(*) FILTER (WHERE {rest}) AS total, count(*) >= {bound} AS refused
FROM (
    SELECT *
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND {narrowed}
        AND
        -- include: unexpired
    LIMIT {bound}
) AS narrow

-- name: session_page
-- Documents with a version made in the session {session}, by their first such version; `{types}` or null for all.
WITH candidate AS MATERIALIZED (
    SELECT touched.created_at AS key, touched.document_id, false AS refused
    FROM octavo.version AS touched
    WHERE
        touched.organization_id = $1::octavo.organization
        AND touched.session_id = {session}
        AND {after}
        AND touched.number = (
            SELECT earliest.number
            FROM octavo.version AS earliest
            WHERE
                earliest.organization_id = $1::octavo.organization
                AND earliest.document_id = touched.document_id
                AND earliest.session_id = {session}
            ORDER BY earliest.number
            LIMIT 1
        )
        AND (
            SELECT
                head.deleted_at IS NULL
                AND (head.expires_at > now()) IS NOT FALSE
                AND ({types} IS NULL OR head.type = ANY({types}))
            FROM octavo.document AS head
            WHERE head.organization_id = $1::octavo.organization AND head.id = touched.document_id
        )
    ORDER BY touched.created_at, touched.document_id
    LIMIT {limit}
)
-- include: page

-- fragment: unexpired
-- What has expired counts as deleted, also before the sweep has come.
document_id NOT IN (
        SELECT due.id
        FROM octavo.document AS due
        WHERE
            due.organization_id = $1::octavo.organization
            AND due.expires_at <= now()
            AND due.deleted_at IS NULL
    )

-- name: group_documents
-- $1 is the organization; the other parameters are numbered by what the filter and the grouping need.
--   {narrowed}  what indexes find of the filter      {rest}   what has to be looked at, in {bound} documents at most
--   {values}    what is grouped by and added up      {numbers} the numbers among it
--   {keys}      what is grouped by                   {made}   sums and the like
WITH narrow AS MATERIALIZED (
    SELECT {values}, ({rest}) IS TRUE AS holds
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND {narrowed}
        AND
        -- include: unexpired
    LIMIT {bound}
),
grouped AS MATERIALIZED (
    SELECT
        {made}, count(*) AS documents, count(*) OVER () AS total, row_number() OVER (ORDER BY {order}) AS place
    FROM (SELECT {numbers} FROM narrow WHERE narrow.holds) AS looked
    GROUP BY {keys}
    ORDER BY place
    LIMIT {limit}
)
SELECT look.refused, grouped.*
FROM (SELECT coalesce((SELECT count(*) FROM narrow) >= {bound}, false) AS refused) AS look
LEFT JOIN grouped ON NOT look.refused
ORDER BY grouped.place

-- name: raw_table
-- scope: system
CREATE TABLE bench.fact (LIKE octavo.analytics_fact, PRIMARY KEY (organization_id, time, epoch, id))

-- name: raw_count
-- scope: system
-- $1 organization.
INSERT INTO bench.fact
SELECT
    organization_id, recorded_at, epoch, position_xid, id, recorded_at, type, split_part(stream, '-', 1), stream,
    document_id, '', actor_kind || ':' || actor, coalesce(session_id, ''), data
FROM octavo.event
WHERE organization_id = $1

-- name: raw_count_facts
-- scope: system
-- $1 organization.
INSERT INTO bench.fact SELECT * FROM octavo.analytics_fact WHERE organization_id = $1

-- name: many_facts
-- scope: system
-- $1 organization, $2 facts: like one it has, over thirty days; and their sums, as the fold keeps them.
WITH one AS (SELECT * FROM octavo.analytics_fact WHERE organization_id = $1 LIMIT 1),
many AS (
    INSERT INTO octavo.analytics_fact
    SELECT
        organization_id, time - i * interval '8 seconds', epoch, position_xid, id + 1000000000 + i, recorded_at, type,
        kind, stream, document_id, document_type, 'user:' || i % 500, session,
        jsonb_build_object('amount', i % 977 / 8.0, 'channel', (ARRAY['web', 'app', 'door'])[1 + i % 3])
    FROM one, generate_series(1, $2::integer) AS i
    RETURNING *
)
INSERT INTO octavo.analytics_total AS stored (
    organization_id, grain, begins, type, kind, document_type, field, facts, total, least, greatest
)
SELECT
    organization_id, grain, date_trunc(grain, time, 'UTC'), type, kind, document_type, field, count(*),
    sum(CASE WHEN field <> '' THEN (fields ->> field)::numeric END),
    min(CASE WHEN field <> '' THEN (fields ->> field)::numeric END),
    max(CASE WHEN field <> '' THEN (fields ->> field)::numeric END)
FROM many, (VALUES ('hour'), ('day')) AS grains (grain), (VALUES (''), ('amount')) AS names (field)
GROUP BY 1, 2, 3, 4, 5, 6, 7
ON CONFLICT (organization_id, grain, field, begins, type, kind, document_type) DO UPDATE SET
    facts = stored.facts + excluded.facts, total = stored.total + excluded.total

-- name: raw_by_kind
-- scope: system
-- $1 organization, $2 since.
SELECT date_trunc('day', time, 'UTC'), kind, count(*), sum((fields ->> 'amount')::numeric)
FROM bench.fact
WHERE organization_id = $1 AND type = 'ticket.sold' AND time >= $2
GROUP BY 1, 2
ORDER BY 1, 2

-- name: raw_by_channel
-- scope: system
-- $1 organization, $2 since.
SELECT date_trunc('day', time, 'UTC'), fields ->> 'channel', count(*), sum((fields ->> 'amount')::numeric)
FROM bench.fact
WHERE organization_id = $1 AND type = 'ticket.sold' AND time >= $2
GROUP BY 1, 2
ORDER BY 1, 2

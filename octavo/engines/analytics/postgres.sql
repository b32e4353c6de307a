-- The fold: facts, what is added up of them, and the cursor, in one transaction. Serves every organization.

-- name: cursor
-- scope: system
SELECT generation, epoch, position_xid, position_id FROM octavo.analytics_engine

-- name: move
-- scope: system
-- $1 generation, $2 to $4 the cursor as it must be, $5 to $7 as it is to be: epoch, xid, id. Gives a row, unless the
-- cursor is elsewhere; the row stays locked, so one process fills at a time.
UPDATE octavo.analytics_engine
SET epoch = $5, position_xid = $6::xid8, position_id = $7, moved_at = clock_timestamp()
WHERE generation = $1 AND (epoch, position_xid, position_id) = ($2::integer, $3::xid8, $4::bigint)
RETURNING generation

-- name: lock
-- scope: system
SELECT generation FROM octavo.analytics_engine FOR UPDATE

-- fragment: rolled
    -- A row a fact and grain, with its step.
    SELECT added.*, grain.grain, date_trunc(grain.grain, added.time, 'UTC') AS begins
    FROM added
    CROSS JOIN (VALUES ('hour'), ('day')) AS grain (grain)

-- fragment: adding_up
rolled AS MATERIALIZED (
-- include: rolled
),
number AS MATERIALIZED (
    SELECT
        added.organization_id, added.time, added.type, added.kind, added.document_type, field.key AS field,
        CASE WHEN jsonb_typeof(field.value) = 'number' THEN (field.value)::numeric END AS value
    FROM added
    CROSS JOIN LATERAL jsonb_each(added.fields) AS field
    WHERE jsonb_typeof(field.value) = 'number'
),
classed_number AS MATERIALIZED (
    -- Equal numbers of an hour first: what follows is done once for all of them.
    SELECT
        organization_id, date_trunc('hour', time, 'UTC') AS hour, type, kind, document_type, field,
        octavo.analytics_class(value) AS class, count(*) AS facts, sum(value) AS total, min(value) AS least,
        max(value) AS greatest
    FROM number
    GROUP BY organization_id, hour, type, kind, document_type, field, class
),
rolled_number AS MATERIALIZED (
    SELECT classed_number.*, grain.grain, date_trunc(grain.grain, classed_number.hour, 'UTC') AS begins
    FROM classed_number
    CROSS JOIN (VALUES ('hour'), ('day')) AS grain (grain)
),
counted AS (
    INSERT INTO octavo.analytics_total AS stored (
        organization_id, grain, begins, type, kind, document_type, field, facts, total, least, greatest
    )
    SELECT organization_id, grain, begins, type, kind, document_type, '', count(*), NULL::numeric, NULL, NULL
    FROM rolled
    GROUP BY organization_id, grain, begins, type, kind, document_type
    UNION ALL
    SELECT
        organization_id, grain, begins, type, kind, document_type, field, sum(facts)::bigint, sum(total), min(least),
        max(greatest)
    FROM rolled_number
    GROUP BY organization_id, grain, begins, type, kind, document_type, field
    ON CONFLICT (organization_id, grain, field, begins, type, kind, document_type) DO UPDATE SET
        facts = stored.facts + excluded.facts,
        total = stored.total + excluded.total,
        least = least(stored.least, excluded.least),
        greatest = greatest(stored.greatest, excluded.greatest)
),
classed AS (
    INSERT INTO octavo.analytics_classed AS stored (
        organization_id, grain, begins, type, kind, document_type, field, class, facts
    )
    SELECT organization_id, grain, begins, type, kind, document_type, field, class, sum(facts)::bigint
    FROM rolled_number
    GROUP BY organization_id, grain, begins, type, kind, document_type, field, class
    ON CONFLICT (organization_id, grain, field, begins, type, kind, document_type, class) DO UPDATE SET
        facts = stored.facts + excluded.facts
),
remembered AS (
    INSERT INTO octavo.analytics_member (
        organization_id, grain, begins, type, kind, document_type, dimension, member
    )
    SELECT DISTINCT
        rolled.organization_id, rolled.grain, rolled.begins, rolled.type, rolled.kind, rolled.document_type,
        who.dimension, who.member
    FROM rolled
    CROSS JOIN LATERAL (VALUES ('actor', rolled.actor), ('session', rolled.session)) AS who (dimension, member)
    WHERE who.member <> ''
    ON CONFLICT (organization_id, grain, dimension, begins, type, kind, document_type, member) DO NOTHING
)

-- name: fold
-- scope: system
-- The facts, each column an array: $1 organizations, $2 times, $3 epochs, $4 xids, $5 ids, $6 recorded, $7 types,
-- $8 kinds, $9 streams, $10 documents, $11 their types, $12 actors, $13 sessions, $14 fields. What is there already
-- is added to nothing. One process writes at a time, so rows need no order. Gives how many facts are new.
WITH added AS (
    INSERT INTO octavo.analytics_fact (
        organization_id, time, epoch, position_xid, id, recorded_at, type, kind, stream, document_id, document_type,
        actor, session, fields
    )
    SELECT *
    FROM unnest(
        $1::uuid [], $2::timestamptz [], $3::integer [], $4::xid8 [], $5::bigint [], $6::timestamptz [], $7::text [],
        $8::text [], $9::text [], $10::uuid [], $11::text [], $12::text [], $13::text [], $14::jsonb []
    )
    ON CONFLICT (organization_id, time, epoch, id) DO NOTHING
    RETURNING organization_id, time, type, kind, document_type, actor, session, fields
),
-- include: adding_up
SELECT count(*) AS added FROM added

-- name: replace_facts
-- scope: system
-- Columns as for `fold`: what is held otherwise becomes so; its rollups are to be made again.
UPDATE octavo.analytics_fact AS held
SET
    position_xid = told.position_xid, recorded_at = told.recorded_at, type = told.type, kind = told.kind,
    stream = told.stream, document_id = told.document_id, document_type = told.document_type, actor = told.actor,
    session = told.session, fields = told.fields
FROM unnest(
    $1::uuid [], $2::timestamptz [], $3::integer [], $4::xid8 [], $5::bigint [], $6::timestamptz [], $7::text [],
    $8::text [], $9::text [], $10::uuid [], $11::text [], $12::text [], $13::text [], $14::jsonb []
) AS told (
    organization_id, time, epoch, position_xid, id, recorded_at, type, kind, stream, document_id, document_type,
    actor, session, fields
)
WHERE
    held.organization_id = told.organization_id AND held.time = told.time AND held.epoch = told.epoch
    AND held.id = told.id
    AND (
        held.position_xid, held.recorded_at, held.type, held.kind, held.stream, held.document_id,
        held.document_type, held.actor, held.session, held.fields
    ) IS DISTINCT FROM (
        told.position_xid, told.recorded_at, told.type, told.kind, told.stream, told.document_id,
        told.document_type, told.actor, told.session, told.fields
    )

-- name: unpark
-- scope: system
-- $1 organizations, $2 epochs, $3 ids: events of which there is a fact.
DELETE FROM octavo.analytics_parked AS parked
USING unnest($1::uuid [], $2::integer [], $3::bigint []) AS told (organization_id, epoch, id)
WHERE parked.organization_id = told.organization_id AND parked.epoch = told.epoch AND parked.id = told.id

-- name: recorded
-- scope: system
-- $1 organization, $2 day of recording, $3 time, $4 epoch, $5 id of the last one, $6 facts at most.
SELECT time, epoch, position_xid, id, recorded_at
FROM octavo.analytics_fact
WHERE
    organization_id = $1
    AND (time, epoch, id) > ($3::timestamptz, $4::integer, $5::bigint)
    AND (recorded_at AT TIME ZONE 'UTC')::date = $2
ORDER BY time, epoch, id
LIMIT $6

-- name: forget_some
-- scope: system
-- $1 organization, of facts: $2 times, $3 epochs, $4 ids.
DELETE FROM octavo.analytics_fact AS fact
USING unnest($2::timestamptz [], $3::integer [], $4::bigint []) AS gone (time, epoch, id)
WHERE fact.organization_id = $1 AND fact.time = gone.time AND fact.epoch = gone.epoch AND fact.id = gone.id

-- name: days
-- scope: system
-- $1 organization and $2 day of the last one, $3 days at most: those of which there are facts or rollups.
SELECT organization_id, day
FROM (
    SELECT DISTINCT organization_id, (time AT TIME ZONE 'UTC')::date AS day FROM octavo.analytics_fact
    UNION
    SELECT DISTINCT organization_id, (begins AT TIME ZONE 'UTC')::date FROM octavo.analytics_total
) AS held
WHERE (organization_id, day) > ($1::uuid, $2::date)
ORDER BY organization_id, day
LIMIT $3

-- name: forget_totals_of
-- scope: system
-- $1 organization, $2 since, $3 until.
DELETE FROM octavo.analytics_total
WHERE organization_id = $1 AND grain = ANY(ARRAY['hour', 'day']) AND begins >= $2 AND begins < $3

-- name: forget_classes_of
-- scope: system
-- $1 organization, $2 since, $3 until.
DELETE FROM octavo.analytics_classed
WHERE organization_id = $1 AND grain = ANY(ARRAY['hour', 'day']) AND begins >= $2 AND begins < $3

-- name: forget_members_of
-- scope: system
-- $1 organization, $2 since, $3 until.
DELETE FROM octavo.analytics_member
WHERE organization_id = $1 AND grain = ANY(ARRAY['hour', 'day']) AND begins >= $2 AND begins < $3

-- name: roll
-- scope: system
-- $1 organization, $2 since, $3 until: whole days, whose rollups were forgotten in the same transaction.
WITH added AS (
    SELECT organization_id, time, type, kind, document_type, actor, session, fields
    FROM octavo.analytics_fact
    WHERE organization_id = $1 AND time >= $2 AND time < $3
),
-- include: adding_up
SELECT count(*) AS added FROM added

-- name: park
-- scope: system
-- $1 organizations, $2 epochs, $3 xids, $4 ids, $5 recorded, $6 types, $7 codes, $8 messages.
INSERT INTO octavo.analytics_parked (
    organization_id, epoch, position_xid, id, recorded_at, type, code, message
)
SELECT *
FROM unnest(
    $1::uuid [], $2::integer [], $3::xid8 [], $4::bigint [], $5::timestamptz [], $6::text [], $7::text [], $8::text []
)
ON CONFLICT (organization_id, epoch, id) DO NOTHING

-- name: parked
-- scope: system
-- $1 organization or null for all.
SELECT organization_id, epoch, position_xid, id, recorded_at, type, code, message
FROM octavo.analytics_parked
WHERE $1::uuid IS NULL OR organization_id = $1
ORDER BY organization_id, epoch, id
LIMIT 1000

-- name: tallies
-- scope: system
-- $1 epoch, $2 xid, $3 id: what is held up to this position, by organization and day of recording.
SELECT
    organization_id, (recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS events, sum(id) AS ids,
    sum((id % 1000003) * (id % 1000003)) AS squares
FROM (
    SELECT organization_id, recorded_at, epoch, position_xid, id FROM octavo.analytics_fact
    UNION ALL
    SELECT organization_id, recorded_at, epoch, position_xid, id FROM octavo.analytics_parked
) AS held
WHERE (epoch, position_xid, id) <= ($1::integer, $2::xid8, $3::bigint)
GROUP BY organization_id, day

-- fragment: numbers
    (
        SELECT sum((field.value)::numeric)
        FROM jsonb_each(fact.fields) AS field
        WHERE jsonb_typeof(field.value) = 'number'
    )

-- name: totals
-- scope: system
-- $1 epoch, $2 xid, $3 id: facts up to this position, and their numbers, by organization and day of recording.
SELECT
    fact.organization_id, (fact.recorded_at AT TIME ZONE 'UTC')::date AS day, count(*) AS facts, coalesce(sum(
        -- include: numbers
    ), 0) AS total
FROM octavo.analytics_fact AS fact
WHERE (fact.epoch, fact.position_xid, fact.id) <= ($1::integer, $2::xid8, $3::bigint)
GROUP BY fact.organization_id, day

-- name: unrolled
-- scope: system
-- Days whose hours, or whose day, do not add up to their facts and the numbers of these.
SELECT organization_id, day
FROM (
    SELECT
        fact.organization_id, date_trunc('day', fact.time, 'UTC') AS begins, count(*) AS facts, coalesce(sum(
            -- include: numbers
        ), 0) AS total, 0 AS hours, 0 AS of_hours, 0 AS days, 0 AS of_days
    FROM octavo.analytics_fact AS fact
    GROUP BY fact.organization_id, begins
    UNION ALL
    SELECT
        organization_id, date_trunc('day', begins, 'UTC') AS day, 0, 0,
        coalesce(sum(facts) FILTER (WHERE grain = 'hour' AND field = ''), 0),
        coalesce(sum(total) FILTER (WHERE grain = 'hour'), 0),
        coalesce(sum(facts) FILTER (WHERE grain = 'day' AND field = ''), 0),
        coalesce(sum(total) FILTER (WHERE grain = 'day'), 0)
    FROM octavo.analytics_total
    GROUP BY organization_id, day
) AS part
CROSS JOIN LATERAL (SELECT (part.begins AT TIME ZONE 'UTC')::date AS day) AS of
GROUP BY organization_id, day
HAVING (sum(facts), sum(facts), sum(total), sum(total)) <> (sum(hours), sum(days), sum(of_hours), sum(of_days))

-- name: forget_facts
-- scope: system
-- $1 organization.
DELETE FROM octavo.analytics_fact WHERE organization_id = $1

-- name: forget_totals
-- scope: system
-- $1 organization.
DELETE FROM octavo.analytics_total WHERE organization_id = $1

-- name: forget_classes
-- scope: system
-- $1 organization.
DELETE FROM octavo.analytics_classed WHERE organization_id = $1

-- name: forget_members
-- scope: system
-- $1 organization.
DELETE FROM octavo.analytics_member WHERE organization_id = $1

-- name: forget_parked
-- scope: system
-- $1 organization.
DELETE FROM octavo.analytics_parked WHERE organization_id = $1

-- name: forget_sessions_of
-- scope: system
-- $1 organization, $2 actor: the sessions its facts were in leave the rollups, unless somebody else was in them then.
WITH part AS (
    SELECT DISTINCT
        grain.grain, date_trunc(grain.grain, fact.time, 'UTC') AS begins, grain.length, fact.type, fact.kind,
        fact.document_type, fact.session
    FROM octavo.analytics_fact AS fact
    CROSS JOIN (VALUES ('hour', interval '1 hour'), ('day', interval '1 day')) AS grain (grain, length)
    WHERE fact.organization_id = $1 AND fact.actor = $2 AND fact.session <> ''
)
DELETE FROM octavo.analytics_member AS stored
USING part
WHERE
    stored.organization_id = $1 AND stored.grain = part.grain AND stored.dimension = 'session'
    AND stored.begins = part.begins AND stored.type = part.type AND stored.kind = part.kind
    AND stored.document_type = part.document_type AND stored.member = part.session
    AND NOT EXISTS (
        SELECT FROM octavo.analytics_fact AS other
        WHERE
            other.organization_id = $1 AND other.actor <> $2 AND other.session = part.session
            AND other.type = part.type AND other.kind = part.kind AND other.document_type = part.document_type
            AND other.time >= part.begins AND other.time < part.begins + part.length
    )

-- name: rename_member
-- scope: system
-- $1 organization, $2 actor, $3 its new name.
UPDATE octavo.analytics_member SET member = $3
WHERE organization_id = $1 AND dimension = 'actor' AND member = $2

-- name: rename_actor
-- scope: system
-- $1 organization, $2 actor, $3 its new name. Numbers stay; texts go, and what is text in the fields.
UPDATE octavo.analytics_fact
SET
    actor = $3,
    session = '',
    fields = (
        SELECT coalesce(jsonb_object_agg(field.key, field.value), '{}')
        FROM jsonb_each(fields) AS field
        WHERE jsonb_typeof(field.value) = 'number'
    )
WHERE organization_id = $1 AND actor = $2

-- name: forget_everything
-- scope: system
TRUNCATE octavo.analytics_fact, octavo.analytics_total, octavo.analytics_classed, octavo.analytics_member,
octavo.analytics_parked

-- name: begin_generation
-- scope: system
UPDATE octavo.analytics_engine
SET generation = gen_random_uuid(), epoch = 0, position_xid = '0', position_id = 0, moved_at = clock_timestamp()
RETURNING generation, epoch, position_xid, position_id

-- Runs that a limit holds back, and runs that wait for others which have ended: what is looked at beside the claims.

-- fragment: now
now AS MATERIALIZED (
    -- The transaction has its xid before it draws a ticket: what is numbered below can be told to be final.
    SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
)

-- name: admit
-- scope: system
-- Arrays of one length: $1 organizations, $2 lanes, $3 runs at most of each. They go to the queue again; their turn had
-- come before, so they go before those of their priority. Whether there is room is asked anew when they are claimed.
WITH
-- include: now
,
picked AS MATERIALIZED (
    SELECT first.place
    FROM unnest($1::uuid [], $2::text [], $3::integer []) AS wanted (organization_id, lane, runs)
    CROSS JOIN LATERAL (
        SELECT held.ctid AS place
        FROM octavo.run_held AS held
        WHERE held.organization_id = wanted.organization_id AND held.lane = wanted.lane
        ORDER BY held.rank
        LIMIT wanted.runs
        FOR UPDATE SKIP LOCKED
    ) AS first
),
taken AS (
    -- They are locked, and never changed: each is where it was seen.
    DELETE FROM octavo.run_held
    WHERE ctid = ANY(ARRAY(SELECT place FROM picked))
    RETURNING organization_id, run_id, priority, queued_at
),
moved AS (
    UPDATE octavo.run AS stored
    SET ticket = CASE WHEN now.xid IS NOT NULL THEN nextval('octavo.run_ticket') END
    FROM taken, now
    WHERE stored.organization_id = taken.organization_id AND stored.id = taken.run_id
    RETURNING stored.organization_id, stored.id, stored.ticket, taken.priority, taken.queued_at
)
INSERT INTO octavo.run_queue (organization_id, priority, id, run_id, queued_at)
SELECT organization_id, least(priority + 1, 9), ticket, id, queued_at FROM moved
RETURNING run_id

-- name: find_room
-- scope: system
-- $1 organization and $2 lane to look behind, $3 lanes at most, $4 runs at most of one: the lanes in which runs are held
-- back, and how many of each may go on.
WITH RECURSIVE lane (organization_id, name, place) AS (
    (
        SELECT organization_id, lane, 1
        FROM octavo.run_held
        WHERE (organization_id, lane) > ($1, $2::text)
        ORDER BY organization_id, lane
        LIMIT 1
    )
    UNION ALL
    SELECT further.organization_id, further.lane, lane.place + 1
    FROM lane
    CROSS JOIN LATERAL (
        SELECT held.organization_id, held.lane
        FROM octavo.run_held AS held
        WHERE (held.organization_id, held.lane) > (lane.organization_id, lane.name)
        ORDER BY held.organization_id, held.lane
        LIMIT 1
    ) AS further
    WHERE lane.place < $3
)
SELECT
    lane.organization_id, lane.name,
    CASE
        WHEN lane.name = '' THEN (
            SELECT greatest(least(octavo.whole_number(profile.settings, 'max_running') - (
                SELECT count(*) FROM octavo.run_lease WHERE organization_id = lane.organization_id
            ), $4), 0)
            FROM octavo.organization_profile AS profile
            WHERE profile.id = lane.organization_id
        )
        ELSE greatest(least((
            SELECT held.at_most
            FROM octavo.run_held AS held
            WHERE held.organization_id = lane.organization_id AND held.lane = lane.name
            ORDER BY held.rank
            LIMIT 1
        ) - (
            SELECT count(*)
            FROM octavo.run_lease AS lease
            WHERE
                lease.organization_id = lane.organization_id
                AND lease.pipeline_id = CASE WHEN lane.name <> '' THEN left(lane.name, 36)::uuid END
                AND (length(lane.name) = 36 OR lease.concurrency = substr(lane.name, 38))
        ), $4), 0)
    END::integer AS room
FROM lane
ORDER BY lane.place

-- name: find_settled
-- scope: system
-- $1 organization and $2 run to look behind, $3 dependencies at most: the runs that others wait for although they have
-- ended. The first row tells where the next page goes on, if there is more.
WITH page AS MATERIALIZED (
    SELECT organization_id, needs
    FROM octavo.run_dependency
    WHERE (organization_id, needs) > ($1, $2)
    ORDER BY organization_id, needs
    LIMIT $3
),
ended AS (
    SELECT DISTINCT page.organization_id, page.needs
    FROM page
    LEFT JOIN octavo.run AS live ON live.organization_id = page.organization_id AND live.id = page.needs
    WHERE live.id IS NULL
)
SELECT finish.organization_id AS last_organization, finish.needs AS last_run, ended.organization_id, ended.needs
FROM (SELECT) AS one
LEFT JOIN LATERAL (
    SELECT organization_id, needs
    FROM page
    WHERE (SELECT count(*) FROM page) = $3
    ORDER BY organization_id DESC, needs DESC
    LIMIT 1
) AS finish ON true
LEFT JOIN ended ON true

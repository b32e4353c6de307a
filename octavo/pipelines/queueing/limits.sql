-- Limits of how many runs are started and under way: what an organization has set, and how far it is.

-- name: find_limits
-- scope: system
-- $1 name of the organization.
SELECT
    profile.id, profile.name, profile.settings -> 'run_share' AS run_share,
    octavo.whole_number(profile.settings, 'max_running') AS max_running,
    octavo.whole_number(profile.settings, 'runs_per_day') AS runs_per_day,
    octavo.whole_number(profile.settings, 'max_batch_size') AS max_batch_size,
    CASE WHEN jsonb_typeof(profile.settings -> 'allowed_models') = 'array'
        THEN profile.settings -> 'allowed_models' END AS allowed_models,
    (SELECT count(*) FROM octavo.run_lease WHERE organization_id = profile.id) AS running,
    (SELECT count(*) FROM octavo.run_held WHERE organization_id = profile.id) AS held,
    (
        SELECT started
        FROM octavo.run_quota
        WHERE organization_id = profile.id AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
        ORDER BY started DESC
        LIMIT 1
    ) AS started_today
FROM octavo.organization_profile AS profile
WHERE profile.name = $1

-- name: set_limits
-- scope: system
-- $1 name of the organization, $2 what its settings shall say, $3 what they shall not say any more.
UPDATE octavo.organization_profile SET settings = (settings || $2::jsonb) - $3::text [] WHERE name = $1 RETURNING id

-- name: look_for_limits
-- $2 runs that must end before, $3 whether any end of them will do, $4 runs that are to be started: what stood in the
-- way of a start.
SELECT
    octavo.whole_number(profile.settings, 'runs_per_day') AS quota,
    coalesce((
        SELECT started
        FROM octavo.run_quota
        WHERE organization_id = $1::octavo.organization AND day = (clock_timestamp() AT TIME ZONE 'UTC')::date
        ORDER BY started DESC
        LIMIT 1
    ), 0) AS started,
    $4::bigint AS runs,
    (date_trunc('day', clock_timestamp(), 'UTC') + interval '24 hours') AS resets_at,
    refused.id AS refused, refused.state AS refused_state
FROM octavo.organization_profile AS profile
LEFT JOIN LATERAL (
    SELECT before.id, ended.state
    FROM unnest($2::uuid []) AS before (id)
    LEFT JOIN octavo.run_history AS ended
        ON ended.organization_id = $1::octavo.organization AND ended.id = before.id
    WHERE
        NOT EXISTS (
            SELECT FROM octavo.run AS live
            WHERE live.organization_id = $1::octavo.organization AND live.id = before.id
        )
        AND (ended.state IS NULL OR (ended.state <> 'completed' AND NOT $3::boolean))
    LIMIT 1
) AS refused ON true
WHERE profile.id = $1::octavo.organization

-- name: forget_quotas
-- scope: system
-- $1 rows at most: of days that are over.
DELETE FROM octavo.run_quota
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM octavo.run_quota WHERE day < (clock_timestamp() AT TIME ZONE 'UTC')::date - 1 LIMIT $1
))

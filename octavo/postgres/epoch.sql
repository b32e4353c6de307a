-- name: identify
-- scope: system
-- The timeline is read off the file that is written now: the control file learns of it only at a checkpoint.
-- A server that recovers writes none.
SELECT
    life.system_identifier,
    life.timeline,
    life.timeline IS NULL AS recovers,
    coalesce(last.number, 0) AS number,
    (last.system_identifier, last.timeline) IS NOT DISTINCT FROM (life.system_identifier, life.timeline) AS is_same
FROM (
    SELECT
        control.system_identifier,
        CASE WHEN NOT pg_is_in_recovery()
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
        END AS timeline
    FROM pg_control_system() AS control
    OFFSET 0
) AS life
LEFT JOIN (
    SELECT number, system_identifier, timeline FROM octavo.epoch ORDER BY number DESC LIMIT 1
) AS last ON true

-- name: wait_for_writers
-- scope: system
-- Every writer reads the epoch in its statement and keeps that lock until it commits. So when we have this
-- lock, no event of the old epoch can still come, and the next one is of the new.
LOCK TABLE octavo.epoch IN ACCESS EXCLUSIVE MODE

-- name: begin
-- scope: system
INSERT INTO octavo.epoch (number, system_identifier, timeline)
SELECT coalesce(max(number), 0) + 1, $1, $2 FROM octavo.epoch
RETURNING number

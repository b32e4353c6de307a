-- What the upkeep in the background does when, and how its last run ended. Time is the server's alone.

-- name: expect_tasks
-- scope: system
-- $1 tasks, $2 seconds until the first run of each. Those that are known already stay as they are.
INSERT INTO octavo.upkeep (task, due_at)
SELECT wanted.task, clock_timestamp() + make_interval(secs => wanted.seconds)
FROM unnest($1::text [], $2::float8 []) AS wanted (task, seconds)
ON CONFLICT (task) DO NOTHING

-- name: due_tasks
-- scope: system
-- $1 tasks that this process knows.
SELECT task, after FROM octavo.upkeep WHERE task = ANY($1::text []) AND due_at <= clock_timestamp() ORDER BY due_at, task

-- name: note_run
-- scope: system
-- $1 task, $2 seconds it took, $3 seconds until it is due again, $4 examined, $5 changed, $6 where it stopped, $7 what
-- it waits for, $8 error.
INSERT INTO octavo.upkeep AS stored (
    task, due_at, started_at, ended_at, examined, changed, after, waits, error
)
SELECT
    $1, moment + make_interval(secs => $3::float8), moment - make_interval(secs => $2::float8), moment, $4, $5, $6, $7, $8
FROM clock_timestamp() AS moment
ON CONFLICT (task) DO UPDATE SET
    due_at = excluded.due_at,
    started_at = excluded.started_at,
    ended_at = excluded.ended_at,
    examined = excluded.examined,
    changed = excluded.changed,
    after = excluded.after,
    waits = excluded.waits,
    error = excluded.error

-- name: last_runs
-- scope: system
SELECT task, due_at, started_at, ended_at, examined, changed, waits, error FROM octavo.upkeep ORDER BY task

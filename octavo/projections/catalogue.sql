-- Which engines the roles have. Nothing of it belongs to an organization, and everybody may read it.

-- name: entries
-- scope: system
SELECT role, url, state, added_at, changed_at, kept_until, equal_at, equal_position, equal_documents
FROM octavo.engine
ORDER BY role, state = 'live' DESC, added_at, url

-- name: begin
-- scope: system
-- $1 role, $2 URL: the first engine of a role that has none.
INSERT INTO octavo.engine (role, url, state)
SELECT $1, $2, 'live'
WHERE NOT EXISTS (SELECT FROM octavo.engine WHERE role = $1)
ON CONFLICT DO NOTHING

-- name: add
-- scope: system
-- $1 role, $2 URL. One that is kept stays so: it is up to date. One that is being emptied stays so too.
INSERT INTO octavo.engine (role, url, state) VALUES ($1, $2, 'building')
ON CONFLICT (role, url) DO UPDATE SET state = engine.state
RETURNING state

-- name: keep
-- scope: system
-- $1 role, $2 URL that is to serve, $3 seconds to keep the one that served, null for good.
UPDATE octavo.engine AS engine
SET
    state = 'kept', changed_at = clock_timestamp(),
    kept_until = clock_timestamp() + make_interval(secs => $3::float8)
WHERE
    engine.role = $1
    AND engine.state = 'live'
    AND EXISTS (
        SELECT FROM octavo.engine AS next
        WHERE next.role = $1 AND next.url = $2 AND next.state IN ('building', 'kept')
    )
RETURNING engine.url

-- name: serve
-- scope: system
-- $1 role, $2 URL.
UPDATE octavo.engine SET state = 'live', changed_at = clock_timestamp(), kept_until = NULL
WHERE role = $1 AND url = $2 AND state IN ('building', 'kept')

-- name: equal
-- scope: system
-- $1 role, $2 URL, $3 position, $4 documents.
UPDATE octavo.engine
SET equal_at = clock_timestamp(), equal_position = $3, equal_documents = $4
WHERE role = $1 AND url = $2

-- name: rebuilt
-- scope: system
-- $1 role, $2 URL, $3 the longest time in seconds since it was noted.
SELECT rebuilt_to FROM octavo.engine
WHERE role = $1 AND url = $2 AND rebuilt_at > clock_timestamp() - make_interval(secs => $3::float8)

-- name: note_rebuilt
-- scope: system
-- $1 role, $2 URL, $3 how far it is rebuilt, null when all of it is.
UPDATE octavo.engine
SET rebuilt_to = $3, rebuilt_at = CASE WHEN $3::text IS NOT NULL THEN clock_timestamp() END
WHERE role = $1 AND url = $2

-- name: retire
-- scope: system
-- $1 role, $2 URL. The one that serves is never retired.
UPDATE octavo.engine SET state = 'retired', changed_at = clock_timestamp(), kept_until = NULL
WHERE role = $1 AND url = $2 AND state <> 'live'
RETURNING state

-- name: remove
-- scope: system
DELETE FROM octavo.engine WHERE role = $1 AND url = $2 AND state = 'retired'

-- name: overdue
-- scope: system
-- Kept for long enough, or left half emptied.
SELECT role, url FROM octavo.engine
WHERE kept_until < clock_timestamp() OR (state = 'retired' AND changed_at < clock_timestamp() - interval '1 minute')
ORDER BY role, url

-- name: try_lock
-- scope: system
-- Asked again and again instead of waited for: a waiting statement holds a snapshot, and CREATE INDEX
-- CONCURRENTLY of the one who has the lock would wait for that snapshot for ever.
SELECT pg_try_advisory_lock(hashtextextended('octavo.migrate', 0)) AS locked

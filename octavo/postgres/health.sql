-- name: ping
-- scope: system
SELECT current_setting('server_version') AS version

-- name: gate_holders
-- scope: system
-- $1 open for so many seconds at least.
-- The feed shows nothing from the oldest running transaction on, in whatever database of the server it writes.
-- A prepared transaction runs in no process, so pg_stat_activity does not know it.
SELECT pid, prepared, age_seconds, state, application, database, role, query
FROM (
    SELECT
        pid, NULL::text AS prepared, age(backend_xid) AS distance,
        extract(EPOCH FROM clock_timestamp() - xact_start)::float8 AS age_seconds,
        state, application_name AS application, datname AS database, usename AS role,
        CASE WHEN datname = current_database() THEN left(query, 200) END AS query
    FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL
    UNION ALL
    SELECT
        NULL, gid, age(transaction),
        extract(EPOCH FROM clock_timestamp() - prepared)::float8,
        'prepared', NULL, database, owner, NULL
    FROM pg_prepared_xacts
) AS holder
WHERE age_seconds >= $1
ORDER BY distance DESC
